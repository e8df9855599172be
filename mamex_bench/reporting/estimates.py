"""Intervals and exponents as the report prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000


@dataclass(frozen=True)
class Fit:
    """Least-squares line through (log K, log mean): slope with interval, and intercept."""

    slope: float
    low: float
    high: float
    intercept: float


def mean_interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval (95 %) of a mean over seeds."""
    values = np.asarray(values, dtype=float)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(values), size=(_RESAMPLES, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def exponent(at: np.ndarray, values: Sequence[np.ndarray], seed: int = 0) -> Fit | None:
    """Slope of log mean against log K, seeds resampled within each K; None without three points."""
    means = np.array([np.mean(v) for v in values])
    if len(at) < 3 or np.any(means <= 0):
        return None
    rng = np.random.default_rng(seed)
    x = np.log(at)
    centred = x - x.mean()
    weights = centred / (centred @ centred)
    resampled = np.empty((_RESAMPLES, len(at)))
    for column, v in enumerate(values):
        picks = rng.integers(0, len(v), size=(_RESAMPLES, len(v)))
        resampled[:, column] = np.asarray(v)[picks].mean(axis=1)
    slope = float(weights @ np.log(means))
    usable = resampled[(resampled > 0).all(axis=1)]
    low, high = np.quantile(np.log(usable) @ weights, [0.025, 0.975])
    return Fit(slope, float(low), float(high), float(np.log(means).mean() - slope * x.mean()))


def exponent_windows(at: np.ndarray, values: np.ndarray) -> list[Fit | None]:
    """Exponents of a curve (N, P) on all points, the upper half, and the last four points."""
    at = np.asarray(at, dtype=float)
    starts = (0, len(at) // 2, max(len(at) - 4, 0))
    return [exponent(at[s:], [values[:, p] for p in range(s, len(at))]) for s in starts]
