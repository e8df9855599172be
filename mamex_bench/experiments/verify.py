"""Stored results against slow independent code: gaps, outputs, brackets, bounds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from mamex_bench import bounds, complexity
from mamex_bench.bounds import RegretCurve
from mamex_bench.complexity import Bracket
from mamex_bench.errors import MamexBenchError, ResultsError
from mamex_bench.experiments.suite import Suite, parse_suite
from mamex_bench.experiments.verification import Verification
from mamex_bench.experiments.verify_runs import check_runs, exact_payoffs
from mamex_bench.experiments.verify_statements import check_statements
from mamex_bench.experiments.work import Planned, bound_curve, eta_of, instance_of
from mamex_bench.runs.record import checkpoints
from mamex_bench.runs.results import DONE, NOT_APPLICABLE
from mamex_bench.runs.store import Store, undamaged


def verify(path: str | os.PathLike[str], quiet: bool = False) -> Verification:
    """Recompute what a results file says and print the counts; ResultsError if any differs."""
    found = inspect(path)
    if not quiet:
        print(found)
    if found.findings:
        raise ResultsError(
            f"{str(path)!r}: {len(found.findings)} of {sum(found.counts.values())} comparisons "
            f"disagree, first {found.findings[0]}"
        )
    return found


def inspect(path: str | os.PathLike[str]) -> Verification:
    """Rebuild the instances from the stored suite and recompute everything that is stored of them.

    Gaps of every stored profile, inside the class and against all policies, curves, outputs,
    ranges, brackets, bounds. Many Markov profiles are stored in part, history-dependent outputs
    not: of each cell with such a run the first is run again; the others are counted in the notes.
    """
    found = Verification()
    with Store.open(Path(path)) as store, undamaged(path):
        suite = _suite(store, str(path))
        _check_plan(store, suite, found)
        _check_instances(store, suite, found)
        cells = {key: Planned(key, header["hypotheses"]) for key, header in store.cells().items()}
        brackets = _check_brackets(store, suite, found)
        _check_bounds(store, suite, cells, brackets, found)
        check_statements(store, suite, found)
        check_runs(store, suite, found)
    return found


def _suite(store: Store, path: str) -> Suite:
    meta = store.meta()
    files = {}
    for id, header in store.instances().items():
        if header["family"] == "file":
            files[header["group"]] = store.arrays(f"instance/{id}", ("file",))["file"].tobytes()
    return parse_suite(meta["suite_text"], f"{path}, suite", meta["suite"], Path(), files)


def _check_plan(store: Store, suite: Suite, found: Verification) -> None:
    """The work list against the stored suite; what was not run, or failed, goes into the notes."""
    meta, cells, runs = store.meta(), store.cells(), store.runs()
    for name in ("title", "description", "episodes", "delta"):
        told = getattr(suite, name)
        found.expect(
            "settings", name, meta[name] == told, f"{meta[name]!r}, the suite says {told!r}"
        )
    planned = {(i.id, spec.id, concept): (i, spec) for i, spec, concept in suite.cells()}
    whole = set(planned) == set(cells) and [i.id for i in suite.instances] == [*store.instances()]
    found.expect("settings", "cells", whole, "instances or cells are not those of the suite")
    for key, (instance, spec) in planned.items():
        header = cells.get(key, {})
        expected: dict[str, Any] = {
            "learner_name": spec.name,
            "episodes": instance.episodes,
            "checkpoints": checkpoints(instance.episodes).tolist(),
            "seeds": suite.seeds,
            "expected": spec.expect,
        }
        for name, told in expected.items():
            fine = name in header and header[name] == told
            found.expect("settings", "/".join(key), fine, f"{name} is not what the suite says")
    status = [runs[key]["status"] for key in runs]
    settled = {key for key, header in cells.items() if header["status"] == NOT_APPLICABLE}
    for owner, header in store.prepared().items():
        if header["status"] == NOT_APPLICABLE and owner.startswith("cell/"):
            _, instance_id, learner, concept = owner.split("/")
            settled.add((instance_id, learner, concept))
    missing = (len(cells) - len(settled)) * suite.seeds - len(runs)
    for number, words in ((missing, "are missing"), (len(status) - status.count(DONE), "failed")):
        if number:
            found.notes.append(f"{number:,} runs {words}")


def _check_instances(store: Store, suite: Suite, found: Verification) -> None:
    for id, header in store.instances().items():
        flat = exact_payoffs(suite, id).reshape(header["agents"], -1)
        exact = (flat.max(axis=1) - flat.min(axis=1)).max()
        where = f"instance {id}"
        found.compare("ranges of returns", where, header["return_range"], exact)
        instance, game = instance_of(suite, id), instance_of(suite, id).game
        for name, told in (
            ("agents", game.agents),
            ("states", game.states),
            ("horizon", game.horizon),
            ("action_counts", list(game.action_counts)),
            ("policy_counts", list(instance.policies.counts)),
            ("episodes", suite.instance(id).episodes),
        ):
            found.expect("settings", where, header[name] == told, f"{name} should be {told}")
        known = [value for value, _ in header["known"].values()]
        found.compare("known values", where, known, [v.value for v in instance.known.values()])
        if instance.hypotheses:
            bound = instance.value_bound()
            found.compare("value bounds", where, header["value_bound"], bound)


def _check_brackets(store: Store, suite: Suite, found: Verification) -> dict[str, Bracket]:
    brackets = {}
    for owner, header in store.prepared().items():
        if not owner.startswith("bracket/") or header["status"] != DONE:
            continue
        id = owner.split("/")[1]
        bracket = Bracket.from_arrays(header["bracket"], store.arrays(owner))
        brackets[owner] = bracket
        summary = header["summary"]
        found.compare(
            "bracket ends",
            owner,
            [summary["lower"], summary["upper"]],
            [bracket.lower, bracket.upper],
        )
        told = summary["method"], summary["episodes"]
        fine = told == (bracket.method, suite.instance(id).episodes)
        found.expect("settings", owner, fine, "method or episodes of the summary are others")
        found.compare("bracket ends", owner, summary["per_agent"], bracket.per_agent)
        if "c" in summary:
            K, name = suite.instance(id).episodes, owner.split("/")[2]
            terms = bounds.concentration(instance_of(suite, id), name, episodes=K)
            stored = [summary["c"], summary["U"], summary["R"]]
            found.compare("constants", owner, stored, [terms.c, terms.U(suite.delta), terms.R])
        try:
            complexity.check_bracket(instance_of(suite, id), bracket)
            fine, reason = True, ""
        except MamexBenchError as error:
            fine, reason = False, str(error)
        found.expect("bracket certificates", owner, fine, reason)
    return brackets


def _check_bounds(
    store: Store,
    suite: Suite,
    cells: dict[tuple[str, str, str], Planned],
    brackets: dict[str, Bracket],
    found: Verification,
) -> None:
    etas: dict[tuple[str, str, Any], float] = {}
    curves: dict[tuple[str, str, float], RegretCurve] = {}
    for owner, header in store.prepared().items():
        if not owner.startswith("cell/") or header["eta"] is None:
            continue
        _, id, learner, concept = owner.split("/")
        cell, spec = cells[id, learner, concept], suite.learner(learner)
        name, eta = cell.hypotheses, header["eta"]
        if name is None:
            raise ResultsError(
                f"{str(store.path)!r} is damaged: {owner} has eta without hypotheses"
            )
        coefficient = brackets.get(f"bracket/{id}/{name}", "no bracket is stored")
        chosen = (id, name, spec.options.get("eta", spec.name))
        if chosen not in etas:
            etas[chosen] = eta_of(suite, spec, id, name, coefficient)
        found.compare("values of eta", owner, eta, etas[chosen])
        # The bounds are the same for every concept.
        if (id, name, eta) not in curves:
            curves[id, name, eta] = bound_curve(suite, cell, eta, coefficient)
        curve, stored = curves[id, name, eta], store.arrays(owner)
        for kind in ("explicit", "explicit_probability", "trivial"):
            exact = curve.agents * getattr(curve, kind)
            found.compare("points of bounds", f"{owner} {kind}", stored[kind], exact)
        found.compare("points of bounds", owner, stored["paper_shape"], curve.paper_shape)
        for kind in ("agents", "failure_probability", "nonvacuous_from"):
            told, exact = header["bounds"][kind], getattr(curve, kind)
            as_numbers = [np.nan if v is None else v for v in (told, exact)]
            found.compare("settings", f"{owner} {kind}", *as_numbers)
