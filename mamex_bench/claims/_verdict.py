"""What a claim says of one cell, and what all claims share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from mamex_bench.runs.results import DONE, NOT_APPLICABLE, BoundArrays, Cell
from mamex_bench.statistics import Interval

HOLDS, VIOLATED, VACUOUS, INCONCLUSIVE = "holds", "violated", "vacuous", "inconclusive"
STATUSES = (HOLDS, VIOLATED, VACUOUS, INCONCLUSIVE, NOT_APPLICABLE)

# What the bounds take for granted: sum over k of epsilon_k, per agent.
EPSILON_SUM = 1.0


@dataclass(frozen=True)
class Verdict:
    """One claim about one cell (or one instance, where learner and concept are "").

    Attributes:
        claim: the claim's name, that of its file here and of its page in theory/.
        instance, learner: ids of the suite.
        concept: "nash", "ce", "cce" or "".
        episodes: K.
        status: one of `STATUSES`.
        expected: "violated" where a planted learner must be caught (in expectation), or was
            caught (in probability); else None.
        statement: one sentence in words, with the numbers.
        numbers: the same numbers, by name.
    """

    claim: str
    instance: str
    learner: str
    concept: str
    episodes: int
    status: str
    expected: str | None
    statement: str
    numbers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status is {self.status!r}: expected one of {', '.join(STATUSES)}")
        plain = {name: float(value) for name, value in self.numbers.items()}
        object.__setattr__(self, "numbers", MappingProxyType(plain))

    @property
    def as_expected(self) -> bool:
        """A planted learner must be caught, no other may be `violated`."""
        return (self.status == VIOLATED) == (self.expected == VIOLATED)

    def __reduce__(self) -> tuple[type[Verdict], tuple[object, ...]]:
        return Verdict, (
            self.claim,
            self.instance,
            self.learner,
            self.concept,
            self.episodes,
            self.status,
            self.expected,
            self.statement,
            dict(self.numbers),
        )


def of_cell(
    cell: Cell,
    claim: str,
    status: str,
    statement: str,
    numbers: Mapping[str, float] | None = None,
    expected: str | None = None,
) -> Verdict:
    """The verdict `status` of `claim` on this cell."""
    return Verdict(
        claim,
        cell.instance,
        cell.learner,
        cell.concept,
        cell.episodes,
        status,
        expected,
        statement,
        numbers or {},
    )


def obstacle(cell: Cell) -> tuple[str, str] | None:
    """(status, reason) when nothing can be judged of this cell, else None."""
    if cell.status == NOT_APPLICABLE:
        return NOT_APPLICABLE, f"not applicable: {cell.reason}"
    if cell.status != DONE or not cell.seeds:
        return INCONCLUSIVE, f"nothing judged, the cell is {cell.status}: {cell.reason}"
    return None


def bound_obstacle(cell: Cell, bounds: BoundArrays) -> tuple[str, str] | None:
    """The same for a claim that holds a cell against the explicit bounds of its eta."""
    stopped = obstacle(cell)
    if stopped is not None:
        return stopped
    if not np.isfinite(bounds.explicit[-1]):
        return NOT_APPLICABLE, f"no explicit bound: {bounds.note or 'its assumptions fail'}"
    if cell.profile_kind != "class":
        return NOT_APPLICABLE, "the bound speaks of profiles over the policy class only"
    spent = cell.diagnostics.get("epsilon_sum")
    # "not <=", so that a run whose sum is unknown (NaN) is not judged either.
    if spent is not None and not float(np.max(spent)) <= EPSILON_SUM + 1e-6:
        return NOT_APPLICABLE, (
            f"the equilibria were inexact by {float(np.max(spent)):.3g} in sum over the episodes, "
            f"the bound allows {EPSILON_SUM:g}"
        )
    return None


def bounded_cells(cells: Iterable[Cell]) -> list[tuple[Cell, BoundArrays]]:
    """The cells of learners that a regret bound speaks of."""
    return [(cell, cell.bounds) for cell in cells if cell.bounds is not None]


def span(interval: Interval) -> str:
    return f"[{interval.low:.4g}, {interval.high:.4g}]"
