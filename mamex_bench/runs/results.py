"""Results in memory: what claims judge and reports show."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mamex_bench.bounds import Stated
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.runs.statements import statements
from mamex_bench.runs.store import RunKey, Store, undamaged
from mamex_bench.runs.stored import CURVES, read_curves
from mamex_bench.runs.stored import DONE as DONE
from mamex_bench.words import count, html_table

FAILED, MISSING, NOT_APPLICABLE = "failed", "missing", "not applicable"
EXACT, INTERVAL, NOT_RECORDED = "exact", "interval", "not recorded"


class Verdict(Protocol):
    """What a claim says of a cell; made by the claims, one floor up."""

    @property
    def claim(self) -> str: ...
    @property
    def instance(self) -> str: ...
    @property
    def learner(self) -> str: ...
    @property
    def concept(self) -> str: ...
    @property
    def episodes(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def expected(self) -> str | None: ...
    @property
    def statement(self) -> str: ...
    @property
    def numbers(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, eq=False)
class BoundArrays:
    """Bounds on the signed sum of regrets over agents, at the cell's checkpoints, for its eta.

    Attributes:
        explicit: (P,) on the mean over seeds: every constant proved.
        explicit_probability: (P,) on each seed, failing with at most `failure_probability`.
        paper_shape: (P,) the published leading order, constant 1: no claim at finite K.
        trivial: (P,) n * R_true * K.
        agents: n; a bound per agent is the n-th part of each of these.
        failure_probability: of `explicit_probability`.
        nonvacuous_from: least K at which the explicit bound, its eta tuned to that K, is below the
            trivial one; None when beyond 1e12.
        note: what a reader must know about these numbers.
    """

    explicit: Floats
    explicit_probability: Floats
    paper_shape: Floats
    trivial: Floats
    agents: int
    failure_probability: float
    nonvacuous_from: float | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Cell:
    """One (instance, learner, concept), all its N seeds.

    Attributes:
        instance: id in the suite, "id@K" when the suite lists several numbers of episodes.
        learner: id in the suite.
        learner_name: registered name.
        concept: "nash", "ce" or "cce".
        episodes: K.
        eta: the number in use; None where the learner has none.
        options: the suite's options of this learner, as written.
        status: "done", "missing" (some or all seeds not run yet), "failed" or "not applicable".
        reason: in words, unless done.
        profile_kind: "class" or "markov"; "" when nothing ran.
        expected: "violated" when the suite says that the learner is planted, else None.
        seeds: the N seeds that are there; rows of the arrays follow them.
        checkpoints: (P,) episodes, log-spaced, the last one K.
        regret: (N, P, n) cumulative signed headline gaps per agent: inside the class for class
            profiles, against every policy for Markov profiles.
        class_regret: (N, P, n) the same inside the class.
        positive_regret: (N, P, n) cumulative positive parts of the headline gaps.
        gap: (N, P) max_i headline gap of the profile played at the checkpoint.
        output_gap: (N, P) max_i gap of the output: of the uniform mixture (CCE, CE, class
            profiles), otherwise the mean over episodes of max_i gap, which is the expected gap of
            the profile of a uniformly drawn episode. Where learners offer an output of their own
            after the last episode, its gaps are `diagnostics["output_gap"]`, the upper end where
            only an interval is certified, and `diagnostics["output_gap_lower"]`.
        best_gap: (N, P) least max_i gap among the profiles played so far.
        diagnostics: name -> (N,).
        seconds: (N,) in learner and simulation.
        bounds: at the checkpoints, or None where no bound is proved.
        offered: "class", "markov" or "history", the kind of output that the learner itself offers
            after its last episode (`runs.offered.RULES` has it in words); "" where it has none.
        stated: registered bounds that speak of the learner here, at the checkpoints.
        unrestricted_regret: (2, N, P, n) lower and upper ends of the cumulative signed gaps against
            every policy of the agent that deviates, history-dependent ones included: one scale for
            class and Markov profiles. For "ce" the agent knows its own drawn policy (class), or
            its recommended actions as they come (Markov). None in files that lack it.
        unrestricted_gap: (2, N, P) ends of the largest of these gaps at the checkpoint, or None.
    """

    instance: str
    learner: str
    learner_name: str
    concept: str
    episodes: int
    eta: float | None
    options: Mapping[str, Any]
    status: str
    reason: str
    profile_kind: str
    expected: str | None
    seeds: tuple[int, ...]
    checkpoints: Ints
    regret: Floats
    class_regret: Floats
    positive_regret: Floats
    gap: Floats
    output_gap: Floats
    best_gap: Floats
    diagnostics: Mapping[str, Floats]
    seconds: Floats
    bounds: BoundArrays | None
    offered: str = ""
    stated: tuple[Stated, ...] = ()
    unrestricted_regret: Floats | None = None
    unrestricted_gap: Floats | None = None

    @property
    def unrestricted(self) -> str:
        """How `unrestricted_regret` is known: "exact", "interval" or "not recorded"."""
        if self.unrestricted_regret is None:
            return NOT_RECORDED
        low, high = self.unrestricted_regret
        return EXACT if np.array_equal(low, high) else INTERVAL


@dataclass(frozen=True, eq=False)
class InstanceRecord:
    """An instance of the suite.

    Attributes:
        id: as in the suite, or "id@K".
        group: the id without "@K".
        family: registered name, or "file".
        parameters: as in the suite.
        description: one line.
        agents, states, horizon, action_counts, policy_counts: sizes.
        hypotheses: description of each class, by name.
        known: constants known in advance: name -> (value, source).
        return_range: R_true, widest range of an agent's return inside the class.
        value_bound: R of the default hypotheses; None without hypotheses.
        bracket: of the decoupling coefficient for the default hypotheses: lower, upper, method,
            witness_length, episodes, seconds, c and U of the concentration; None where undefined.
        structure: what is known of its structure, in words.
        episodes: K.
        constant_sum: whether known rewards of two agents, or one, sum to a constant on every path.
    """

    id: str
    group: str
    family: str
    parameters: Mapping[str, Any]
    description: str
    agents: int
    states: int
    horizon: int
    action_counts: tuple[int, ...]
    policy_counts: tuple[int, ...]
    hypotheses: Mapping[str, str]
    known: Mapping[str, tuple[float, str]]
    return_range: float
    value_bound: float | None
    bracket: Mapping[str, Any] | None
    structure: str
    episodes: int
    constant_sum: bool = False


@dataclass(frozen=True, eq=False)
class Results:
    """A suite's results.

    Attributes:
        suite: its name.
        title, description: its own words.
        episodes: the suite's default K.
        delta: failure probability at which bounds are stated.
        instances, cells: in the suite's order.
        verdicts: empty until the claims have been judged.
        provenance: versions, machine type, dates and durations, as words.
        suite_text: the suite file as it was run.
    """

    suite: str
    title: str
    description: str
    episodes: int
    delta: float
    instances: tuple[InstanceRecord, ...]
    cells: tuple[Cell, ...]
    provenance: Mapping[str, str]
    suite_text: str
    verdicts: tuple[Verdict, ...] = field(default=())

    def instance(self, id: str) -> InstanceRecord:
        """The instance with that id; raises InputError when there is none."""
        for record in self.instances:
            if record.id == id:
                return record
        raise InputError(f"results of {self.suite!r} have no instance {id!r}")

    def __repr__(self) -> str:
        done = sum(cell.status == DONE for cell in self.cells)
        return (
            f"Results({self.suite!r}, {count(len(self.instances), 'instance')}, "
            f"{done} of {count(len(self.cells), 'cell')} done, "
            f"{count(len(self.verdicts), 'verdict')})"
        )

    def _repr_html_(self) -> str:
        learners = dict.fromkeys(cell.learner for cell in self.cells)
        statuses = Counter(cell.status for cell in self.cells)
        judged = Counter(verdict.status for verdict in self.verdicts)
        rows = {
            "description": self.description,
            "instances": ", ".join(each.id for each in self.instances),
            "learners": ", ".join(learners),
            "cells": ", ".join(f"{number} {status}" for status, number in statuses.items()),
            "verdicts": ", ".join(f"{number} {status}" for status, number in judged.items())
            or "not judged yet",
        }
        return html_table(self.title or self.suite, rows)


def load_results(path: str | os.PathLike[str]) -> Results:
    """Read a results file; verdicts are left empty.

    Raises ResultsError when the file is missing, damaged or of another schema version.
    """
    with Store.open(Path(path)) as store, undamaged(path):
        return _load(store)


def _load(store: Store) -> Results:
    meta, prepared = store.meta(), store.prepared()
    instances = tuple(_instance(id, header, prepared) for id, header in store.instances().items())
    by_cell: dict[tuple[str, str, str], dict[RunKey, dict[str, Any]]] = {}
    for key, header in store.runs().items():
        by_cell.setdefault((key.instance, key.learner, key.concept), {})[key] = header
    agents = {record.id: record.agents for record in instances}
    cells = tuple(
        _cell(store, key, header, prepared, by_cell.get(key, {}), agents[key[0]])
        for key, header in store.cells().items()
    )
    return Results(
        suite=meta["suite"],
        title=meta["title"],
        description=meta["description"],
        episodes=meta["episodes"],
        delta=meta["delta"],
        instances=instances,
        cells=cells,
        provenance=_provenance(store, cells),
        suite_text=meta["suite_text"],
    )


def _instance(
    id: str, header: dict[str, Any], prepared: Mapping[str, dict[str, Any]]
) -> InstanceRecord:
    values = {f.name: header[f.name] for f in fields(InstanceRecord) if f.name in header}
    values["action_counts"] = tuple(header["action_counts"])
    values["policy_counts"] = tuple(header["policy_counts"])
    values["known"] = {name: (v[0], v[1]) for name, v in header["known"].items()}
    values["bracket"] = None
    for name in header["hypotheses"]:  # the first class with a bracket
        bracket = prepared.get(f"bracket/{id}/{name}")
        if bracket is not None and bracket["status"] == DONE:
            values["bracket"] = {"hypotheses": name, **bracket["summary"]}
            break
    return InstanceRecord(id=id, **{k: v for k, v in values.items() if k != "id"})


def _cell(
    store: Store,
    key: tuple[str, str, str],
    header: dict[str, Any],
    prepared: Mapping[str, dict[str, Any]],
    runs: Mapping[RunKey, dict[str, Any]],
    agents: int,
) -> Cell:
    K = header["episodes"]
    times = np.array(header["checkpoints"], dtype=np.int64)
    done = {k: run for k, run in runs.items() if run["status"] == DONE}
    failed = [(k, run) for k, run in runs.items() if run["status"] != DONE]
    found = [read_curves(store, k, run["profile_kind"], times) for k, run in done.items()]
    owner = "cell/" + "/".join(key)
    plan = prepared.get(owner)
    settled = header if header["status"] == NOT_APPLICABLE else plan
    if settled is not None and settled["status"] == NOT_APPLICABLE:
        status, reason = NOT_APPLICABLE, settled["reason"]
    elif failed:
        status, reason = FAILED, f"seed {failed[0][0].seed}: {failed[0][1]['reason']}"
    elif len(done) < header["seeds"]:
        status, reason = MISSING, f"{len(done)} of {header['seeds']} seeds have been run"
    else:
        status, reason = DONE, ""
    names = sorted({name for run in done.values() for name in run["diagnostics"]})
    return Cell(
        instance=key[0],
        learner=key[1],
        learner_name=header["learner_name"],
        concept=key[2],
        episodes=K,
        eta=None if plan is None else plan["eta"],
        options=header["options"],
        status=status,
        reason=reason,
        profile_kind=next((run["profile_kind"] for run in done.values()), ""),
        expected=header["expected"],
        seeds=tuple(k.seed for k in done),
        checkpoints=times,
        **_stacked(found, times.size, agents),
        diagnostics={
            name: np.array([run["diagnostics"].get(name, np.nan) for run in done.values()])
            for name in names
        },
        seconds=np.array([run["seconds"] for run in done.values()]),
        bounds=None if plan is None else _bounds(store, owner, plan["bounds"]),
        offered=next((run.get("offered", "") for run in done.values()), ""),
        stated=statements(store, owner, plan),
    )


def _stacked(found: Sequence[Mapping[str, Floats]], points: int, agents: int) -> dict[str, Any]:
    """The curves of all N seeds; None for one that some seed lacks."""
    arrays: dict[str, Any] = {}
    for name, (ends, per_agent) in CURVES.items():
        shape = (points, agents) if per_agent else (points,)
        if not found:
            arrays[name] = np.zeros((2, 0, *shape) if ends else (0, *shape))
        elif all(name in curves for curves in found):
            arrays[name] = np.stack([curves[name] for curves in found], axis=ends)
        else:
            arrays[name] = None
    return arrays


def _bounds(store: Store, owner: str, header: dict[str, Any] | None) -> BoundArrays | None:
    if header is None:
        return None
    names = ("explicit", "explicit_probability", "paper_shape", "trivial")
    return BoundArrays(**store.arrays(owner, names), **header)


def _provenance(store: Store, cells: tuple[Cell, ...]) -> dict[str, str]:
    """Versions and machine of the last start, dates of the first and last, total time."""
    events = store.events()
    words: dict[str, str] = {}
    for time, kind, header in events:
        if kind == "started":
            words.setdefault("started", time)
            words.update({name: str(value) for name, value in header.items()})
    words["sessions"] = str(sum(kind == "started" for _, kind, _ in events))
    if events:
        words["last written"] = events[-1][0]
    elapsed = sum(header["seconds"] for _, kind, header in events if kind == "finished")
    words["seconds of finished sessions"] = f"{elapsed:.1f}"
    words["seconds in learners and simulation"] = f"{sum(c.seconds.sum() for c in cells):.1f}"
    return words
