"""Results in memory: what claims judge and reports show. Plain data, nothing computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mamex_bench.model._arrays import Floats, Ints

if TYPE_CHECKING:
    from mamex_bench.claims._verdict import Verdict

DONE, FAILED, MISSING, NOT_APPLICABLE = "done", "failed", "missing", "not applicable"


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
            the profile of a uniformly drawn episode.
        best_gap: (N, P) least max_i gap among the profiles played so far.
        diagnostics: name -> (N,).
        seconds: (N,) in learner and simulation.
        bounds: at the checkpoints, or None where no bound is proved.
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
        """The instance with that id."""
        return next(record for record in self.instances if record.id == id)

    def __repr__(self) -> str:
        done = sum(cell.status == DONE for cell in self.cells)
        return (
            f"Results({self.suite!r}, {len(self.instances)} instances, "
            f"{done} of {len(self.cells)} cells done, {len(self.verdicts)} verdicts)"
        )
