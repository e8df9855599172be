"""Laws: slopes on logarithmic axes that hold for every value between certified ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mamex_bench.experiments.atlas.answers.curves import ROUNDING, curve
from mamex_bench.experiments.atlas.data import COEFFICIENT, Sweep
from mamex_bench.model._arrays import Floats
from mamex_bench.runs.seeds import entropy
from mamex_bench.statistics import bootstrap_mean

# With fewer seeds than these a slope's interval spans the seeds; no bootstrap is drawn from them.
FEW_SEEDS = 10
LEVEL = 0.95


@dataclass(frozen=True)
class Slope:
    """Least-squares slope of a logarithm against a logarithm.

    Attributes:
        low, high: every slope that values between the ends allow, over all seeds where there are
            fewer than `FEW_SEEDS`, else widened by the bootstrap over seeds.
        lower_end, upper_end: slope of each end by itself.
        points: values on the axis that were used; those without a positive interval are left out.
        seeds: instances per value.
    """

    low: float
    high: float
    lower_end: float
    upper_end: float
    points: int
    seeds: int

    def holds(self, exponent: float) -> bool:
        """Whether the interval holds an exponent, up to rounding."""
        return self.low - ROUNDING <= exponent <= self.high + ROUNDING


def slope(at: Floats, lower: Floats, upper: Floats, seed: int | Sequence[int]) -> Slope | None:
    """The slope of intervals (N, P), N seeds, against `at` (P,); None below two usable places.

    With weights w_j = (x_j - mean x) / sum (x - mean x)^2, x = log at, a seed's slope is
    sum_j w_j log d_j. Over all d_j in [lower_j, upper_j] it is least with the lower end where
    w_j > 0 and the upper end where w_j < 0, greatest the other way round. With few
    seeds the interval runs from the least of the least slopes to the greatest of the greatest, else
    from the 2.5 % quantile of resampled means of the least to the 97.5 % quantile of the others'.
    """
    usable = (lower > 0.0).all(axis=0) & np.isfinite(upper).all(axis=0)
    x = np.log(at[usable])
    if np.unique(x).size < 2:
        return None
    w = (x - x.mean()) / np.square(x - x.mean()).sum()
    low, high = np.log(lower[:, usable]), np.log(upper[:, usable])
    least = np.where(w > 0.0, low, high) @ w
    greatest = np.where(w > 0.0, high, low) @ w
    if len(lower) < FEW_SEEDS:
        ends = float(least.min()), float(greatest.max())
    else:
        resampled = [bootstrap_mean(each, seed, LEVEL) for each in (least, greatest)]
        ends = resampled[0].low, resampled[1].high
    return Slope(
        *ends,
        float((low @ w).mean()),
        float((high @ w).mean()),
        int(usable.sum()),
        len(lower),
    )


def bound_factors(sweep: Sweep, bound: str) -> list[float]:
    """A structural bound over the coefficient's upper end, instance by instance.

    Both are of the same instance; points without a positive coefficient or a bound are left out.
    """
    return [
        point.bounds[bound] / point.coefficient.upper
        for point in sweep.points
        if point.bounds.get(bound, 0.0) > 0.0 and 0.0 < point.coefficient.upper < np.inf
    ]


def bound_curve(sweep: Sweep, bound: str) -> tuple[Floats, Floats]:
    """(at, value) of a structural bound of the first seed's instance, where it is known."""
    places: dict[float, list[float]] = {}
    for point in sweep.points:
        if bound in point.bounds and point.bounds[bound] > 0.0:
            places.setdefault(point.at, []).append(point.bounds[bound])
    at = np.array(sorted(places))
    return at, np.array([float(np.exp(np.mean(np.log(places[x])))) for x in at])


def law(sweep: Sweep, measure: str = COEFFICIENT, free: bool = False) -> Slope | None:
    """The slope of a measure along a sweep."""
    found = curve(sweep, measure, free)
    complete = ~(np.isnan(found.lower) | np.isnan(found.upper)).any(axis=0)
    if complete.sum() < 2:
        return None
    seed = entropy("atlas", "slope", sweep.spec.id, measure)
    return slope(found.at[complete], found.lower[:, complete], found.upper[:, complete], seed)
