"""All that an atlas measured, as plain data; nothing is interpreted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any, Self

from mamex_bench.experiments.atlas.specs import Plan, SweepSpec
from mamex_bench.words import count, html_table

# The coefficient's own id among the measures.
COEFFICIENT = "decoupling"


@dataclass(frozen=True)
class Reading:
    """One measure of one instance: an interval, or the reason why there is none.

    Attributes:
        measure: its id in the plan; `COEFFICIENT` for the coefficient.
        lower, upper: NaN without an interval.
        method: where the ends come from.
        reason: why there is no interval, else empty.
        seconds: what measuring took; no part of any comparison.
    """

    measure: str
    lower: float
    upper: float
    method: str
    reason: str
    seconds: float = field(compare=False)

    @classmethod
    def missing(cls, measure: str, reason: str, seconds: float) -> Self:
        """No interval, for this reason."""
        return cls(measure, nan, nan, "", reason, seconds)

    @property
    def known(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class Coefficient(Reading):
    """The decoupling coefficient at K, and without K.

    Attributes:
        free: the ends of the supremum over K; infinite where some error is never revealed.
        unbounded: whether there is such a pair.
        witness: number of pairs of the sequence behind the lower end.
    """

    free: tuple[float, float] = (nan, nan)
    unbounded: bool = False
    witness: int = 0


@dataclass(frozen=True)
class RelationRow:
    """What became of a relation: `words` is a sentence."""

    name: str
    outcome: str
    words: str


@dataclass(frozen=True)
class GameRow:
    """One hypothesis class of one game.

    Attributes:
        id, family, parameters: of the game.
        coefficient: at the plan's K.
        hypotheses: the class; "" where the game could not be built.
        facts: its sizes, see `tasks.instances.facts`; empty where it could not be built.
        readings: neighbours, by id.
        relations: outcomes of every relation.
        verified: None where it was not tried, else whether slow independent code found both ends.
        regret: final regrets by seed of the plan's learner, summed over agents; empty if none.
        regret_reason: why there is none.
    """

    id: str
    family: str
    parameters: Mapping[str, Any]
    coefficient: Coefficient
    hypotheses: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    readings: Mapping[str, Reading] = field(default_factory=dict)
    relations: tuple[RelationRow, ...] = ()
    verified: bool | None = None
    regret: tuple[float, ...] = ()
    regret_reason: str = "not asked for"

    @property
    def label(self) -> str:
        """The game, and the class where it has several."""
        several = len(self.facts.get("classes", {})) > 1
        return f"{self.id}, {self.hypotheses.replace('_', ' ')}" if several else self.id

    @property
    def first(self) -> bool:
        """Whether it is the game's first class, the one that learners take."""
        return self.hypotheses == next(iter(self.facts.get("classes", {"": None})))


@dataclass(frozen=True)
class SweepPoint:
    """One instance of a sweep: `value` as in the plan, `at` on the axis; bounds of seed 0 alone."""

    value: Any
    seed: int
    at: float
    coefficient: Coefficient
    readings: Mapping[str, Reading]
    bounds: Mapping[str, float]


@dataclass(frozen=True)
class Sweep:
    """A measured sweep: points by value, then seed; `axis` in words.

    `tied`: K is swept and the family ties its game to K, so that every K has a game of its own.
    """

    spec: SweepSpec
    axis: str
    points: tuple[SweepPoint, ...]
    missing: tuple[str, ...]
    tied: bool = False


@dataclass(frozen=True)
class Atlas:
    """All that was measured."""

    plan: Plan
    games: tuple[GameRow, ...]
    sweeps: tuple[Sweep, ...]
    provenance: Mapping[str, str] = field(compare=False)
    seconds: float = field(compare=False)

    def __repr__(self) -> str:
        games, sweeps = count(len(self.games), "game"), count(len(self.sweeps), "sweep")
        return f"Atlas({self.plan.name!r}, {games}, {sweeps})"

    def _repr_html_(self) -> str:
        rows = {
            "games": ", ".join(row.id for row in self.games),
            "sweeps": ", ".join(sweep.spec.id for sweep in self.sweeps),
            "seconds": f"{self.seconds:.3g}",
        }
        return html_table(self.plan.title or self.plan.name, rows)
