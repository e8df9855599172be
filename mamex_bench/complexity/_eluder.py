"""Distributional eluder dimensions as intervals: exact search where it is short, else two ends.

The lower end is a sequence, found greedily at several scales. Upper ends: the number of points;
the number of functions, since none can witness twice (when g witnesses that x is independent, later
sums of g hold g(x)^2 > eps^2); and, with the means of rank d, the dimension that d-dimensional
linear functions allow (`catalogue._dimensions.linear_eluder_bound`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.catalogue._dimensions import (
    EluderSequence,
    SearchTooLarge,
    distributional_eluder_dimension,
    linear_eluder_bound,
)
from mamex_bench.model._arrays import Floats

# Comparisons of an exact search, a second or a few, and numbers of the largest table tried.
LIMIT = 12_000_000
TABLE_LIMIT = 2_000_000
# Numbers of the table in which sequences are sought greedily.
GREEDY_LIMIT = 400_000
SCALES = 8


@dataclass(frozen=True)
class Ends:
    """An interval for one dimension, with the sequence behind its lower end.

    Attributes:
        lower, upper: the ends.
        sequence: points and scale of the lower end.
        method: of both.
    """

    lower: int
    upper: int
    sequence: EluderSequence
    method: str


def dimension(
    means: Floats, scale: float, limit: int = LIMIT, linear: tuple[int, float] | None = None
) -> Ends:
    """dim_DE of functions on points, `means` (G, M), as an interval.

    linear: (d, reach) when the means are inner products in d dimensions, |x| |w| <= reach.
    """
    size = np.abs(means)
    points = np.flatnonzero((size > scale).any(axis=0))
    functions = np.flatnonzero((size > scale).any(axis=1))
    if points.size == 0:
        return Ends(0, 0, EluderSequence((), scale), "no mean exceeds the scale")
    size = size[np.ix_(functions, points)]
    if size.size <= TABLE_LIMIT:
        try:
            found = distributional_eluder_dimension(size, scale, limit)
        except SearchTooLarge:
            pass
        else:
            sequence = EluderSequence(tuple(int(points[x]) for x in found.points), found.scale)
            return Ends(found.dimension, found.dimension, sequence, "exact search over sets")
    ceilings = {"number of points": points.size, "number of functions": functions.size}
    if linear is not None and linear[0] > 0:
        ceilings[f"rank {linear[0]}"] = linear_eluder_bound(*linear, scale)
    least = min(ceilings, key=lambda name: ceilings[name])
    found = longest_found(size, scale)
    sequence = EluderSequence(tuple(int(points[x]) for x in found.points), found.scale)
    return Ends(found.dimension, ceilings[least], sequence, f"greedy sequence; {least}")


def longest_found(size: Floats, scale: float) -> EluderSequence:
    """The longest of greedy sequences at several scales; size (G, M) absolute means."""
    if size.size > GREEDY_LIMIT:
        kept = max(1, GREEDY_LIMIT // size.shape[1])
        order = np.argsort(-size.max(axis=1), kind="stable")
        size = size[np.sort(order[np.linspace(0, len(order) - 1, kept).astype(np.int64)])]
    largest = float(size.max())
    best = EluderSequence((), scale)
    if largest <= scale:
        return best
    for each in np.geomspace(scale, largest, SCALES, endpoint=False):
        points = _greedy(size, float(each))
        if len(points) > best.dimension:
            best = EluderSequence(points, float(each))
    return best


def _greedy(size: Floats, scale: float) -> tuple[int, ...]:
    """Next comes the independent point that leaves most functions able to witness."""
    squares, sums = np.square(size), np.zeros(len(size))
    chosen: list[int] = []
    while True:
        alive = sums <= scale**2
        squares, size, sums = squares[alive], size[alive], sums[alive]
        able = (size > scale).any(axis=0) if len(size) else np.zeros(0, dtype=bool)
        if not able.any():
            return tuple(chosen)
        candidates = np.flatnonzero(able)
        left = (sums[:, None] + squares[:, candidates] <= scale**2).sum(axis=0)
        x = int(candidates[left.argmax()])
        chosen.append(x)
        sums = sums + squares[:, x]
