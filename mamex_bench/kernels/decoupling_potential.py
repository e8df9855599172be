"""Groups of pairs (f, pi) under one positive semidefinite kernel: the inner loops.

A pair r has an error e_r > 0 and belongs to a group g; the kernel P over groups is admissible if
D(pi_r; r') >= e_r e_r' P[g(r), g(r')] for all pairs r, r'.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def tighten(
    table: Floats,
    begin: Ints,
    source: Ints,
    source_error: Floats,
    hypothesis: Ints,
    target: Ints,
    target_error: Floats,
    out: Floats,
) -> None:
    """out[g, g'] = min(out[g, g'], D(q; t) / (e_q e_t)) over data policies q and pairs t.

    table (M, F) losses of the targets' hypotheses; policy q is a source in the groups
    source[begin[q]:begin[q+1]], with the largest error there; target t is a pair of the group
    target[t] with error target_error[t].
    """
    for q in range(table.shape[0]):
        for t in range(hypothesis.shape[0]):
            loss = table[q, hypothesis[t]] / target_error[t]
            column = target[t]
            for k in range(begin[q], begin[q + 1]):
                ratio = loss / source_error[k]
                if ratio < out[source[k], column]:
                    out[source[k], column] = ratio


@jit
def assign(rows: Floats, own: Floats, kernel: Floats, groups: Ints, slack: Floats) -> None:
    """The group that each pair fits best: the largest min over g' of rows[r, g'] / P[g, g'].

    rows (R, G) what a pair and the representative of g' cost one another, over their errors; own
    (R,) what it costs itself. Entries P <= 0 ask for nothing.
    """
    G = kernel.shape[0]
    for r in range(rows.shape[0]):
        best, top = 0, -1.0
        for g in range(G):
            least = np.inf
            if kernel[g, g] > 0.0:
                least = own[r] / kernel[g, g]
            for b in range(G):
                if least <= top:
                    break
                if kernel[g, b] > 0.0:
                    least = min(least, rows[r, b] / kernel[g, b])
            if least > top:
                best, top = g, least
        groups[r] = best
        slack[r] = top


@jit
def ascend(kernel: Floats, weight: Floats, mu: float, x: Floats, sweeps: int) -> None:
    """Coordinate ascent on <weight, x> - x'Px / (2 mu) over x >= 0, from x, in place."""
    G = x.shape[0]
    push = np.zeros(G)
    for g in range(G):
        if x[g] != 0.0:
            for b in range(G):
                push[b] += x[g] * kernel[g, b]
    for _ in range(sweeps):
        largest, moved = 0.0, 0.0
        for g in range(G):
            if kernel[g, g] <= 0.0:
                continue
            new = max(0.0, x[g] + (mu * weight[g] - push[g]) / kernel[g, g])
            step = new - x[g]
            if step != 0.0:
                for b in range(G):
                    push[b] += step * kernel[g, b]
                x[g] = new
            moved = max(moved, abs(step))
            largest = max(largest, new)
        if moved <= 1e-7 * largest:
            break


@jit
def levied(
    push: Floats, weight: Floats, tops: Floats, square: float, idle: float, episodes: float
) -> float:
    """min over levies of  tau^2 |y|^2 mu / 2 + K levy,  tau the least that makes y admissible.

    y is admissible if tau push_g >= weight_g - levy / tops_g for all groups, and the levy covers
    `idle`. push_g = <Z_g, y>, square = mu |y|^2 / 2. Every levy gives a valid bound.
    """
    low, high = idle, idle
    for g in range(push.shape[0]):
        need = weight[g] * tops[g]
        high = max(high, need)
        if push[g] <= 0.0:
            low = max(low, need)
    best = episodes * high if high > 0.0 else 0.0
    for step in range(81):
        if step == 80:
            a, b = low, low
        else:
            a, b = low + (high - low) / 3.0, high - (high - low) / 3.0
        at_a, at_b = 0.0, 0.0
        for g in range(push.shape[0]):
            if push[g] > 0.0:
                at_a = max(at_a, (weight[g] - a / tops[g]) / push[g])
                at_b = max(at_b, (weight[g] - b / tops[g]) / push[g])
        at_a = at_a * at_a * square + (episodes * a if a > 0.0 else 0.0)
        at_b = at_b * at_b * square + (episodes * b if b > 0.0 else 0.0)
        best = min(best, at_a, at_b)
        if at_a <= at_b:
            high = b
        else:
            low = a
    return best
