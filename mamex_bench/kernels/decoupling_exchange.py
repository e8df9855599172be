"""Local search over sequences of K plays: plays go from one row to another, rows to better places.

A row r is a pair (f, pi) with error `error[r]`; D(pi_a; f_b, pi_b) = table[policy[a], b]. With n_r
plays, fractions allowed, and c(a, b) what the later of two rows pays for the earlier,

    A - B / mu = <n, e> - [sum_{a < b} n_a n_b c(a, b) + sum_a n_a (n_a - 1) c(a, a) / 2] / mu .
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def place(policy: Ints, table: Floats, rank: Floats, counts: Floats) -> None:
    """Rows with plays in turn, then those without, each to its cheapest place among the former.

    rank (R,), in place: rows with plays 1, 2, ..., others between them.
    """
    R = rank.shape[0]
    order = np.argsort(rank)
    used = np.empty(R, np.int64)
    size = 0
    for k in range(R):
        if counts[order[k]] > 0.0:
            used[size] = order[k]
            size += 1
    for turn in range(R):
        r = order[turn]
        cost = 0.0
        for k in range(size):
            if used[k] != r:
                cost += counts[used[k]] * table[policy[r], used[k]]
        least, here, best, where, passed = cost, cost, 0, -1, 0
        for k in range(size):
            b = used[k]
            if b == r:
                where, here = k, cost
                continue
            cost += counts[b] * (table[policy[b], r] - table[policy[r], b])
            passed += 1
            if cost < least:
                least, best = cost, passed
        if where < 0:
            rank[r] = best + 0.5
        elif least < here - 1e-12 * abs(here):
            for k in range(where, size - 1):
                used[k] = used[k + 1]
            for k in range(size - 1, best, -1):
                used[k] = used[k - 1]
            used[best] = r
    for k in range(size):
        rank[used[k]] = k + 1.0


@jit
def slopes(
    error: Floats, policy: Ints, table: Floats, mu: float, rank: Floats, counts: Floats, out: Floats
) -> None:
    """out[r]: what one more play of row r adds, to first order."""
    for r in range(out.shape[0]):
        out[r] = error[r] + table[policy[r], r] * (0.5 - counts[r]) / mu
    for b in range(out.shape[0]):
        if counts[b] > 0.0:
            for r in range(out.shape[0]):
                if r != b:
                    out[r] -= counts[b] * cost(policy, table, rank, r, b) / mu


@jit
def cost(policy: Ints, table: Floats, rank: Floats, a: int, b: int) -> float:
    """D of whichever comes first for the other; of a row for itself where a = b."""
    if rank[a] < rank[b] or (rank[a] == rank[b] and a < b):
        return float(table[policy[a], b])
    return float(table[policy[b], a])


@jit
def exchange(
    error: Floats,
    policy: Ints,
    table: Floats,
    mu: float,
    episodes: float,
    rank: Floats,
    counts: Floats,
    moves: int,
) -> None:
    """Move plays from the row that gains least to the one that gains most, K plays at most.

    The best step of each move is exact; counts (R,) in place, real numbers.
    """
    R = error.shape[0]
    slope = np.empty(R)
    slopes(error, policy, table, mu, rank, counts, slope)
    used = counts.sum()
    for _ in range(moves):
        up, down = 0, -1
        for r in range(R):
            if slope[r] > slope[up]:
                up = r
            if counts[r] > 0.0 and (down < 0 or slope[r] < slope[down]):
                down = r
        own = cost(policy, table, rank, up, up)
        alone = slope[up] > 0.0 and used < episodes
        drop = down >= 0 and slope[down] < 0.0 and -slope[down] > slope[up]
        if drop:
            back = cost(policy, table, rank, down, down)
            step = counts[down] if back <= 0.0 else min(counts[down], -slope[down] * mu / back)
            up, alone = -1, False
        elif alone:
            step = episodes - used if own <= 0.0 else min(episodes - used, slope[up] * mu / own)
            down = -1
        else:
            if down < 0 or up == down or slope[up] - slope[down] <= 1e-9 * abs(error[up]):
                break
            bend = own + cost(policy, table, rank, down, down)
            bend -= 2.0 * cost(policy, table, rank, up, down)
            step = counts[down]
            if bend > 0.0:
                step = min(step, (slope[up] - slope[down]) * mu / bend)
        if step <= 0.0:
            break
        if up >= 0:
            counts[up] += step
            used += step
            for r in range(R):
                slope[r] -= step * cost(policy, table, rank, r, up) / mu
        if down >= 0:
            counts[down] = max(counts[down] - step, 0.0)
            used -= step
            for r in range(R):
                slope[r] += step * cost(policy, table, rank, r, down) / mu
