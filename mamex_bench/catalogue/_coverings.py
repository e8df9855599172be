"""Covering and bracketing numbers of finite classes of models: intervals by greedy algorithms.

**Covering number** at scale eps: the least number of members such that every member is within eps
of one of them, in the metric d of `_nets` (or any distance matrix). Members that are pairwise
farther apart than 2 eps need a centre each; a greedy cover shows that so many suffice. Chosen
again and again is the member that covers most of what is not yet covered, so that the upper end is
at most 1 + log |F| times the number itself (Johnson 1974).

**Bracketing number** at scale eps. A bracket [l, u], l <= u entry by entry, holds the models P with
l <= P <= u, and its width is max_{h,s,a} sum_s' (u - l): L1 brackets as for maximum likelihood in
Liu, Chung, Szepesvari and Jin (2022), on rows (van de Geer 2000, chapter 3, for densities). Rows of
width eps give brackets of whole trajectories, of any policy, of width at most (1 + eps)^H - 1. The
narrowest bracket of a set of models is its minimum and maximum. Two models whose rows differ
somewhere by more than eps in L1 share none; first-fit shows that so many suffice.

For a finite class log |F| is at least the logarithm of either number, at every scale.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.catalogue._generators import within
from mamex_bench.model._arrays import Floats, Ints


def doubted_rows(models: Floats) -> Floats:
    """(F, N, S): rows (h, s, a) in which the models are not all equal; at least one row."""
    F, *_, S = models.shape
    rows = models.reshape(F, -1, S)
    doubted = np.ptp(rows, axis=0).max(axis=1) > 0.0
    doubted[0] |= not doubted.any()
    return np.ascontiguousarray(rows[:, doubted])


def distances(models: Floats) -> Floats:
    """(F, F): d(P_f, P_g), the largest Hellinger distance over rows; models (F, H, S, A, S).

    One product of matrices per row; distances below 1e-7 count as 0.
    """
    roots = np.sqrt(np.moveaxis(doubted_rows(models), 1, 0))
    closest = np.ones((len(models), len(models)))
    for row in roots:
        np.minimum(closest, row @ row.T, out=closest)
    # D_H^2 = 1 - sum sqrt(p q)
    squared = 1.0 - closest
    return np.sqrt(np.where(squared < 1e-14, 0.0, squared))


def row_variations(models: Floats) -> Floats:
    """(F, F): max_{h,s,a} |P_f - P_g|_1."""
    rows = doubted_rows(models)
    return np.stack([np.abs(rows - each).sum(axis=2).max(axis=1) for each in rows])


def packing(matrix: Floats, scale: float) -> Ints:
    """Members pairwise farther apart than `scale`: farthest first, a maximal set."""
    chosen, nearest = [0], matrix[0].copy()
    while nearest.max() > scale:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, matrix[chosen[-1]])
    return np.array(chosen, dtype=np.int64)


def cover(matrix: Floats, scale: float) -> Ints:
    """Members within `scale` of which every member is: greedy."""
    within_reach = matrix <= scale
    left, chosen = np.ones(len(matrix), dtype=bool), []
    while left.any():
        chosen.append(int(within_reach[:, left].sum(axis=1).argmax()))
        left &= ~within_reach[chosen[-1]]
    return np.array(chosen, dtype=np.int64)


def covering_number(models: Floats, scale: float) -> tuple[int, int]:
    """(lower, upper) of the covering number of models (F, H, S, A, S) at a scale in [0, 1]."""
    epsilon, matrix = within(scale, "scale", 0.0, 1.0), distances(models)
    return packing(matrix, 2.0 * epsilon).size, cover(matrix, epsilon).size


def brackets(rows: Floats, scale: float) -> list[tuple[Floats, Floats]]:
    """Pairs (l, u) of width at most `scale` that together hold all models: first-fit.

    rows (F, N, S), of models; they come in the order of their distance from the first.
    """
    order = np.argsort(np.abs(rows - rows[0]).sum(axis=(1, 2)), kind="stable")
    found: list[tuple[Floats, Floats]] = []
    for model in rows[order]:
        for k, (low, high) in enumerate(found):
            grown = np.minimum(low, model), np.maximum(high, model)
            if (grown[1] - grown[0]).sum(axis=-1).max() <= scale + 1e-12:
                found[k] = grown
                break
        else:
            found.append((model, model))
    return found


def bracketing_number(models: Floats, scale: float) -> tuple[int, int]:
    """(lower, upper) of the bracketing number of models (F, H, S, A, S) at a scale in [0, 2]."""
    epsilon = within(scale, "scale", 0.0, 2.0)
    apart = packing(row_variations(models), epsilon + 1e-12)
    return apart.size, len(brackets(doubted_rows(models), epsilon))
