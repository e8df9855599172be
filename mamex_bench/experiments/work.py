"""What one worker process does: prepare an instance's brackets and bounds, run seeds of a cell.

A task carries all that it needs, so that a result does not depend on which process does it, or on
what that process did before.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from mamex_bench import bounds, complexity, learners
from mamex_bench.errors import InputError, MamexBenchError, NotApplicableError, SuiteError
from mamex_bench.experiments.statements import state
from mamex_bench.experiments.suite import InstanceSpec, LearnerSpec, Suite, build
from mamex_bench.learners._base import Learner
from mamex_bench.model.instance import Instance
from mamex_bench.runs.record import checkpoints
from mamex_bench.runs.results import DONE, FAILED, NOT_APPLICABLE
from mamex_bench.runs.run import run
from mamex_bench.runs.store import RunKey, Stored
from mamex_bench.runs.stored import stored_run

CellKey = tuple[str, str, str]
CACHED_INSTANCES = 12


@dataclass(frozen=True)
class Planned:
    """A cell whose learner could be made, and the hypotheses that it chose (None: it has none)."""

    key: CellKey
    hypotheses: str | None


@dataclass(frozen=True)
class Prepare:
    """Bracket the coefficients of one instance, tune eta and compute bounds for its cells."""

    suite: Suite
    cells: tuple[Planned, ...]

    def __call__(self) -> dict[str, Stored]:
        return prepare(self.suite, self.cells)


@dataclass(frozen=True)
class RunSeeds:
    """Run some seeds of one cell with a known eta."""

    suite: Suite
    key: CellKey
    eta: float | None
    seeds: tuple[int, ...]

    def __call__(self) -> list[tuple[RunKey, Stored]]:
        return [run_seed(self.suite, self.key, self.eta, seed) for seed in self.seeds]


_instances: OrderedDict[tuple[str, str], Instance] = OrderedDict()


def instance_of(suite: Suite, id: str) -> Instance:
    """The built instance, kept with its exact payoffs for later tasks."""
    key = (suite.fingerprint, id)
    if key not in _instances:
        _instances[key] = build(suite.instance(id), suite.path)
        while len(_instances) > CACHED_INSTANCES:
            _instances.popitem(last=False)
    _instances.move_to_end(key)
    return _instances[key]


def make_learner(
    suite: Suite, key: CellKey, eta: float | None, episodes: int | None = None
) -> Learner:
    """The cell's learner, its eta as a number where it has one."""
    spec = suite.learner(key[1])
    options = dict(spec.options)
    if eta is not None:
        options["eta"] = eta
    K = suite.instance(key[0]).episodes if episodes is None else episodes
    instance = instance_of(suite, key[0])
    return learners.make(spec.name, instance, concept=key[2], episodes=K, **options)


def has_eta(spec: LearnerSpec) -> bool:
    return "eta" in learners.options(spec.name)


def try_cell(suite: Suite, instance: InstanceSpec, spec: LearnerSpec, concept: str) -> Planned:
    """Make the learner once, before anything runs.

    Raises NotApplicableError with the reason, or SuiteError for what the suite should not ask for.
    """
    key = (instance.id, spec.id, concept)
    chosen = spec.options.get("eta")
    number = 1.0 if has_eta(spec) and not isinstance(chosen, (int, float)) else None
    try:
        learner = make_learner(suite, key, number)
    except InputError as error:
        raise SuiteError(
            f"{suite.path}: [[learner]] {spec.id!r} on [[instance]] {instance.id!r}: {error}"
        ) from error
    return Planned(key, getattr(learner, "hypotheses", None))


def prepare(suite: Suite, cells: tuple[Planned, ...]) -> dict[str, Stored]:
    """Rows for `Store.add_prepared`: brackets by instance and class, eta and bounds by cell."""
    rows: dict[str, Stored] = {}
    brackets: dict[str, complexity.Bracket | str] = {}
    curves: dict[tuple[str, float], bounds.RegretCurve] = {}
    for cell in cells:
        spec, id = suite.learner(cell.key[1]), cell.key[0]
        owner = "cell/" + "/".join(cell.key)
        name = cell.hypotheses
        if not has_eta(spec) or name is None:
            rows[owner] = Stored({"status": DONE, "reason": "", "eta": None, "bounds": None})
            continue
        if name not in brackets:
            brackets[name], rows[f"bracket/{id}/{name}"] = bracket(suite, id, name)
        try:
            eta = eta_of(suite, spec, id, name, brackets[name])
        except NotApplicableError as error:
            header = {"status": NOT_APPLICABLE, "reason": str(error), "eta": None, "bounds": None}
            rows[owner] = Stored(header)
            continue
        if (name, eta) not in curves:
            curves[name, eta] = bound_curve(suite, cell, eta, brackets[name])
        rows[owner] = _stored_bounds(curves[name, eta], eta)
    for cell in cells:
        owner, spec = "cell/" + "/".join(cell.key), suite.learner(cell.key[1])
        if rows[owner].header["status"] == DONE:
            K, instance = suite.instance(cell.key[0]).episodes, instance_of(suite, cell.key[0])
            rows[owner] = state(rows[owner], instance, spec.name, cell.key[2], K, spec.options)
    return rows


def bracket(suite: Suite, id: str, hypotheses: str) -> tuple[complexity.Bracket | str, Stored]:
    """The decoupling bracket of one class (or why there is none), and its row."""
    instance, K = instance_of(suite, id), suite.instance(id).episodes
    started = perf_counter()
    try:
        found = complexity.decoupling(instance, K, hypotheses)
    except NotApplicableError as error:
        return str(error), Stored({"status": NOT_APPLICABLE, "reason": str(error)})
    header, arrays = found.to_arrays()
    _, witness = found.witness
    summary: dict[str, Any] = {
        "lower": found.lower,
        "upper": found.upper,
        "per_agent": found.per_agent,
        "method": found.method,
        "witness_length": witness.length,
        "episodes": K,
        "seconds": perf_counter() - started,
    }
    try:
        constants = bounds.concentration(instance, hypotheses, episodes=K)
        summary |= {"c": constants.c, "U": constants.U(suite.delta), "R": constants.R}
        summary["kind"] = constants.kind
    except NotApplicableError as error:
        summary["kind"] = f"not applicable: {error}"
    row = {"status": DONE, "reason": "", "summary": summary, "bracket": header}
    return found, Stored(row, arrays)


def eta_of(
    suite: Suite, spec: LearnerSpec, id: str, hypotheses: str, found: complexity.Bracket | str
) -> float:
    """The number behind the learner's eta; NotApplicableError when it cannot be tuned."""
    K = suite.instance(id).episodes
    chosen = spec.options.get("eta", learners.options(spec.name)["eta"])
    if chosen == "paper":
        return bounds.paper_eta(K)
    if chosen != "tuned":
        return float(chosen)
    if isinstance(found, str):
        raise NotApplicableError(f"eta cannot be tuned: {found}")
    constants = bounds.concentration(instance_of(suite, id), hypotheses, episodes=K)
    return bounds.tuned_eta(constants, found.upper_value, K)


def bound_curve(
    suite: Suite, cell: Planned, eta: float, found: complexity.Bracket | str
) -> bounds.RegretCurve:
    """The bounds at the cell's checkpoints, for its eta."""
    K = suite.instance(cell.key[0]).episodes
    return bounds.regret_curve(
        instance_of(suite, cell.key[0]),
        concept=cell.key[2],
        checkpoints=checkpoints(K),
        eta=eta,
        coefficient=None if isinstance(found, str) else found,
        delta=suite.delta,
        hypotheses=cell.hypotheses,
    )


def _stored_bounds(curve: bounds.RegretCurve, eta: float) -> Stored:
    # The signed sum over agents has a factor n.
    n = curve.agents
    arrays = {
        "explicit": n * curve.explicit,
        "explicit_probability": n * curve.explicit_probability,
        "paper_shape": curve.paper_shape,
        "trivial": n * curve.trivial,
    }
    header = {
        "agents": n,
        "failure_probability": curve.failure_probability,
        "nonvacuous_from": curve.nonvacuous_from,
        "note": curve.note,
    }
    return Stored({"status": DONE, "reason": "", "eta": eta, "bounds": header}, arrays)


def run_seed(suite: Suite, key: CellKey, eta: float | None, seed: int) -> tuple[RunKey, Stored]:
    """One run, measured, as a row for the store; a failure is recorded with its reason."""
    row = RunKey(*key, seed)
    try:
        learner = make_learner(suite, key, eta)
        result = run(
            instance_of(suite, key[0]),
            learner,
            learner.episodes,
            seed,
            suite=suite.name,
            instance_id=key[0],
            learner_id=key[1],
        )
    except MamexBenchError as error:
        return row, Stored({"status": FAILED, "reason": str(error)})
    return row, stored_run(result)


def warm(suite: Suite, cells: list[Planned]) -> None:
    """Run every kind of learner and bracket once, small, so that kernels are compiled and cached.

    Two cold processes would both compile everything.
    """
    seen: set[tuple[str, ...]] = set()
    for cell in sorted(cells, key=lambda c: instance_of(suite, c.key[0]).payoffs.size):
        instance, spec = instance_of(suite, cell.key[0]), suite.learner(cell.key[1])
        kind = (
            "" if cell.hypotheses is None else type(instance.hypotheses[cell.hypotheses]).__name__
        )
        signature = (spec.name, cell.key[2], kind, str(instance.game.agents))
        if signature in seen:
            continue
        seen.add(signature)
        K = suite.instance(cell.key[0]).episodes
        # What fails here fails again when it counts, and is recorded then.
        with contextlib.suppress(MamexBenchError):
            learner = make_learner(suite, cell.key, 1.0 if has_eta(spec) else None, episodes=8)
            stored_run(run(instance, learner, 8, seed=0))
        if cell.hypotheses is not None and ("bracket", kind) not in seen:
            seen.add(("bracket", kind))
            with contextlib.suppress(MamexBenchError):
                complexity.decoupling(instance, min(K, 1000), cell.hypotheses)
