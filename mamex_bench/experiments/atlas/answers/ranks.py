"""Ranks and their correlation, of one sample and of many resampled ones at once."""

from __future__ import annotations

import numpy as np

from mamex_bench.model._arrays import Floats


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN when one side is constant."""
    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0.0 else float("nan")


def weighted_spearman(first: Floats, second: Floats, weights: Floats) -> Floats:
    """(R,): `spearman` of samples that hold entry i weights[r, i] times; NaN when constant."""
    a, b = _weighted_ranks(first, weights), _weighted_ranks(second, weights)
    size = weights.sum(axis=1, keepdims=True)
    a = a - (weights * a).sum(axis=1, keepdims=True) / size
    b = b - (weights * b).sum(axis=1, keepdims=True) / size
    scale = (weights * a * a).sum(axis=1) * (weights * b * b).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > 0.0, (weights * a * b).sum(axis=1) / np.sqrt(scale), np.nan)


def _weighted_ranks(values: Floats, weights: Floats) -> Floats:
    """(R, N): mean ranks in the samples; a value's are from those below it to its last copy."""
    distinct, inverse = np.unique(_rounded(values), return_inverse=True)
    copies = np.zeros((len(weights), distinct.size))
    for place, group in enumerate(inverse):
        copies[:, group] += weights[:, place]
    mean_ranks = np.cumsum(copies, axis=1) - (copies - 1.0) / 2.0
    return mean_ranks[:, inverse]


def ranks(values: Floats) -> Floats:
    """Ranks from 1, ties at their mean; values that agree to twelve digits tie."""
    _, inverse, counts = np.unique(_rounded(values), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[inverse]


def _rounded(values: Floats) -> Floats:
    finite = values[np.isfinite(values)]
    unit = max(float(np.abs(finite).max(initial=0.0)), 1e-300)
    return np.round(values / unit, 12)
