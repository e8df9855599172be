"""Numerical certificates: what a family's docstring proves, measured on one of its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

# Singular values below this share of the largest count as zero.
RANK_TOLERANCE = 1e-9


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
        return (
            f"{self.statement}: {self.measured:.6g} {self.relation} {self.claimed:.6g}, {verdict}"
        )


def numerical_rank(matrix: ArrayLike, tolerance: float = RANK_TOLERANCE) -> int:
    """Number of singular values above `tolerance` times the largest (0 for the zero matrix)."""
    values = np.linalg.svd(np.asarray(matrix, dtype=np.float64), compute_uv=False)
    if values.size == 0 or values[0] == 0.0:
        return 0
    return int((values > tolerance * values[0]).sum())
