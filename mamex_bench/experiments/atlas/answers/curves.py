"""A measure along a sweep: whether it certainly grows, falls or stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.experiments.atlas.data import COEFFICIENT, Reading, Sweep
from mamex_bench.model._arrays import Floats

# A measure grows along a sweep when its last value is certainly at least so many times its first,
# and is flat when no two of its values can differ by more than this factor.
GROWS, FLAT = 2.0, 1.25
# Values this close are one number.
ROUNDING = 1e-9
# What a linear program leaves of a 0.
PROGRAM_ZERO = 1e-12


@dataclass(frozen=True)
class Curve:
    """A measure along a sweep: ends (N, P) by seed and place, NaN where it is missing.

    `free`: it is the coefficient without K.
    """

    measure: str
    at: Floats
    lower: Floats
    upper: Floats
    free: bool = False

    @property
    def growth(self) -> tuple[float, float]:
        """Ends of last value / first value, means over seeds; NaN if one is missing."""
        low, high = self._means()
        return ratio(low[-1], high[0]), ratio(high[-1], low[0])

    @property
    def verdict(self) -> str:
        """ "grows", "flat", "falls", "neither", or "missing"."""
        low, high = self._means()
        if np.isnan(low).any() or np.isnan(high).any():
            return "missing"
        if ratio(low[-1], high[0]) >= GROWS:
            return "grows"
        if ratio(low[0], high[-1]) >= GROWS:
            return "falls"
        return "flat" if ratio(float(high.max()), float(low.min())) <= FLAT else "neither"

    def ends_of(self, place: int) -> tuple[float, float]:
        """Both ends at a place, means over seeds."""
        low, high = self._means()
        return float(low[place]), float(high[place])

    def _means(self) -> tuple[Floats, Floats]:
        """Arithmetic means over seeds, so that no single seed's 0 makes them 0."""
        return self.lower.mean(axis=0), self.upper.mean(axis=0)

    @property
    def touches_zero(self) -> bool:
        """Whether its mean may be 0 somewhere, up to rounding."""
        return bool((self._means()[0] <= ROUNDING).any())


def ratio(top: float, bottom: float) -> float:
    """top / bottom, 0 / 0 being 1: nothing has changed."""
    if np.isnan(top) or np.isnan(bottom):
        return float("nan")
    if bottom == 0.0 or np.isinf(bottom):
        return 1.0 if top == bottom else (float("inf") if bottom == 0.0 else 0.0)
    return float(top / bottom)


def curve(sweep: Sweep, measure: str = COEFFICIENT, free: bool = False) -> Curve:
    """A measure along a sweep, places in increasing order; `free`: the coefficient without K."""
    values = list(dict.fromkeys(point.at for point in sweep.points))
    at = np.array(sorted(values))
    seeds = sorted({point.seed for point in sweep.points})
    lower, upper = (np.full((len(seeds), at.size), np.nan) for _ in range(2))
    for point in sweep.points:
        place = seeds.index(point.seed), int(np.flatnonzero(at == point.at)[0])
        found: Reading = point.coefficient if measure == COEFFICIENT else point.readings[measure]
        if not found.known:
            continue
        ends = point.coefficient.free if free else (found.lower, found.upper)
        lower[place], upper[place] = ends
    for each in (lower, upper):
        each[np.abs(each) <= PROGRAM_ZERO] = 0.0
    return Curve(measure, at, lower, upper, free)
