"""Agglomeration of policy clusters by a quadrature of what they may earn.

A cluster is a row of `heights` (largest error of each group of pairs, -inf where it has none) and
one of `slopes` (least loss). Merging takes maxima and minima.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def earning(
    e0: Floats, m0: Floats, e1: Floats, m1: Floats, points: Floats, weights: Floats
) -> float:
    """sum_j w_j G(t_j), G(t) = max_g [max(e0, e1)_g - t min(m0, m1)_g]_+, of two clusters merged.

    Never below the exact sum over uses when the weights are those of a trapezoid: G is convex.
    """
    G, T = e0.shape[0], points.shape[0]
    top = np.zeros(T)
    for g in range(G):
        height = e0[g] if e0[g] > e1[g] else e1[g]
        slope = m0[g] if m0[g] < m1[g] else m1[g]
        # Elementwise over t, not a reduction, so that it runs at full vector width.
        if height > 0.0:
            for j in range(T):
                value = height - points[j] * slope
                top[j] = value if value > top[j] else top[j]
    total = 0.0
    for j in range(T):
        total += weights[j] * top[j]
    return total


@jit
def agglomerate(
    heights: Floats,
    slopes: Floats,
    points: Floats,
    weights: Floats,
    fewest: int,
    merges: Ints,
    totals: Floats,
) -> None:
    """Merge the pair of clusters that lowers the total earning most, until `fewest` are left.

    heights, slopes (C, G), changed in place: a merged cluster lives in the row of its first part.
    merges (C - fewest, 2); totals (C - fewest + 1,) the total earning after 0, 1, ... merges.
    """
    C = heights.shape[0]
    alive = np.ones(C, np.bool_)
    value = np.empty(C)
    for a in range(C):
        value[a] = earning(heights[a], slopes[a], heights[a], slopes[a], points, weights)
    totals[0] = value.sum()
    gain = np.full((C, C), -np.inf)
    for a in range(C):
        for b in range(a + 1, C):
            merged = earning(heights[a], slopes[a], heights[b], slopes[b], points, weights)
            gain[a, b] = value[a] + value[b] - merged
    for step in range(C - fewest):
        first, second, top = -1, -1, -np.inf
        for a in range(C):
            if alive[a]:
                for b in range(a + 1, C):
                    if alive[b] and gain[a, b] > top:
                        first, second, top = a, b, gain[a, b]
        merges[step, 0] = first
        merges[step, 1] = second
        totals[step + 1] = totals[step] - top
        alive[second] = False
        value[first] = value[first] + value[second] - top
        heights[first] = np.maximum(heights[first], heights[second])
        slopes[first] = np.minimum(slopes[first], slopes[second])
        for b in range(C):
            if alive[b] and b != first:
                merged = earning(
                    heights[first], slopes[first], heights[b], slopes[b], points, weights
                )
                difference = value[first] + value[b] - merged
                gain[min(first, b), max(first, b)] = difference
