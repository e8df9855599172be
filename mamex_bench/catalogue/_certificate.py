"""Numerical certificates: what a family's docstring proves, measured on one of its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mamex_bench.model.structure import RANK_TOLERANCE, numerical_rank

__all__ = ["RANK_TOLERANCE", "Check", "numerical_rank"]


@dataclass(frozen=True)
class Check:
    """One structural statement about an instance, measured.

    Attributes:
        statement: what is measured, in words, for example "rank of the models, stacked".
        measured: the number found.
        relation: how it must stand to `claimed`.
        claimed: the number that the family's proof gives.
        tolerance: absolute rounding error allowed.
    """

    statement: str
    measured: float
    relation: Literal["<=", "==", ">="]
    claimed: float
    tolerance: float = 1e-9

    @property
    def holds(self) -> bool:
        # NaN satisfies none of them.
        excess = self.measured - self.claimed
        if self.relation == "<=":
            return excess <= self.tolerance
        return excess >= -self.tolerance if self.relation == ">=" else abs(excess) <= self.tolerance

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "FAILS"
        return f"{self.statement}: {self.comparison}, {verdict}"

    @property
    def comparison(self) -> str:
        """The numbers side by side, with the rounding allowed where it is made use of."""
        numbers = f"{self.measured:.6g} {self.relation} {self.claimed:.6g}"
        used = self.measured != self.claimed and abs(self.measured - self.claimed) <= self.tolerance
        return f"{numbers} within {self.tolerance:.0e}" if used else numbers
