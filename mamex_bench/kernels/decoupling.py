"""Losses of every hypothesis under every data policy, and upper hulls of lines.

The hypothesis index is innermost, so that inner loops run over contiguous hypotheses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.values import joint_action, unravel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A Bellman residual this small is rounding. As 0 it can only widen an interval; as 1e-33 in a
# certificate it would be a number that nobody can compute again.
ROUNDING = 1e-12


@jit
def occupancies(
    transition: Floats,
    initial: Floats,
    tables: Ints,
    offsets: Ints,
    strides: Ints,
    visits: Floats,
    cells: Ints,
) -> None:
    """Probability that each joint pure policy visits (h, s), and the cell (h, s, a) it plays there.

    d_{h+1}(t) = sum_s d_h(s) P_h(t | s, pi_h(s)).

    transition (H, S, A, S); visits (M, H, S); cells (M, H, S), the flat index of (h, s, pi_h(s)).
    """
    H, S, A, _ = transition.shape
    members = np.empty(strides.shape[0], np.int64)
    for q in range(visits.shape[0]):
        unravel(q, offsets, members)
        visits[q] = 0.0
        visits[q, 0] = initial
        for h in range(H):
            for s in range(S):
                a = joint_action(tables, offsets, strides, members, h, s)
                cells[q, h, s] = (h * S + s) * A + a
                if h + 1 < H:
                    for t in range(S):
                        visits[q, h + 1, t] += visits[q, h, s] * transition[h, s, a, t]


@jit
def hellinger_squares(models: Floats, truth: Floats, out: Floats) -> None:
    """D_H^2 = (1/2) sum_t (sqrt p_t - sqrt q_t)^2, exactly 0 where the rows agree.

    models (F, C, S), truth (C, S), out (C, F).
    """
    F, C, S = models.shape
    root = np.empty(S)
    for c in range(C):
        for t in range(S):
            root[t] = np.sqrt(truth[c, t])
        for f in range(F):
            total = 0.0
            for t in range(S):
                gap = np.sqrt(models[f, c, t]) - root[t]
                total += gap * gap
            out[c, f] = 0.5 * total


@jit
def bellman_squares(
    values: Floats, reward: Floats, transition: Floats, cells: Ints, out: Floats
) -> None:
    """(f_h - T_h^pi f_{h+1})^2 at every cell, T_h^pi g = r_h + E g(s', pi_{h+1}(s')).

    Residuals up to `ROUNDING` count as 0. values (H, S, A, F), reward (H, S, A),
    transition (H, S, A, S), cells (H, S) of the policy, out (H S A, F).
    """
    H, S, A, F = values.shape
    flat = values.reshape(H * S * A, F)
    for h in range(H):
        for s in range(S):
            for a in range(A):
                c = (h * S + s) * A + a
                for f in range(F):
                    out[c, f] = flat[c, f] - reward[h, s, a]
                if h + 1 < H:
                    for t in range(S):
                        p = transition[h, s, a, t]
                        if p > 0.0:
                            later = flat[cells[h + 1, t]]
                            for f in range(F):
                                out[c, f] -= p * later[f]
                for f in range(F):
                    residual = out[c, f]
                    out[c, f] = residual * residual if abs(residual) > ROUNDING else 0.0


@jit
def losses(visits: Floats, cells: Ints, members: Ints, squares: Floats, out: Floats) -> None:
    """D(q; f) = sum_{h,s} d^q_h(s) squares[(h, s, q_h(s)), f] for q in members; out (m, F).

    visits, cells (M, H S); squares (C, F).
    """
    for k in range(members.shape[0]):
        q = members[k]
        row = out[k]
        row[:] = 0.0
        for x in range(visits.shape[1]):
            weight = visits[q, x]
            if weight > 0.0:
                source = squares[cells[q, x]]
                for f in range(row.shape[0]):
                    row[f] += weight * source[f]


@jit
def upper_hull(height: Floats, slope: Floats, keep: Ints) -> int:
    """Lines e - t m that attain max_k [e_k - t m_k]_+ for some t >= 0, in the order of rising t.

    Writes their indices to `keep` and returns how many there are; none when no height is positive.
    From a line that attains the maximum the next is the one that it meets first:
    t = (e - e') / (m - m') least among m' < m.
    """
    now = -1
    for k in range(height.shape[0]):
        if height[k] > 0.0 and (
            now < 0
            or height[k] > height[now]
            or (height[k] == height[now] and slope[k] < slope[now])
        ):
            now = k
    size = 0
    while now >= 0:
        keep[size] = now
        size += 1
        e, m = height[now], slope[now]
        following = -1
        # Lines that are met where the present one is no longer positive never matter.
        best = e / m if m > 0.0 else np.inf
        for k in range(height.shape[0]):
            if slope[k] < m and height[k] > 0.0:
                t = (e - height[k]) / (m - slope[k])
                if t < best or (t == best and following >= 0 and slope[k] < slope[following]):
                    best = t
                    following = k
        now = following
    return size


@jit
def hulls(heights: Floats, slopes: Floats, keep: Ints, sizes: Ints) -> None:
    """`upper_hull` of every row: heights, slopes (C, F), keep (C, F), sizes (C,)."""
    for c in range(heights.shape[0]):
        sizes[c] = upper_hull(heights[c], slopes[c], keep[c])


@jit
def excess(
    height: Floats, slope: Floats, offsets: Ints, mu: float, episodes: float, level: float
) -> tuple[float, float]:
    """(sum_C sum_c (G_C((c-1)/mu) - level)_+, number of terms above level), c <= episodes.

    Cluster C owns the hull lines offsets[C]:offsets[C+1]; each is active between its crossings
    with its neighbours, where the terms form an arithmetic series.
    """
    total, terms = 0.0, 0.0
    for cluster in range(offsets.shape[0] - 1):
        first = 0.0  # least c - 1 not yet counted
        for k in range(offsets[cluster], offsets[cluster + 1]):
            e, m = height[k] - level, slope[k] / mu
            if e <= 0.0:
                break  # lines fall in height, so the rest earn no more than the level
            last = episodes - 1.0
            if m > 0.0:
                last = min(last, np.floor(e / m))
            if k + 1 < offsets[cluster + 1]:
                crossing = mu * (height[k] - height[k + 1]) / (slope[k] - slope[k + 1])
                last = min(last, np.ceil(crossing) - 1.0)
            if last >= first:
                count = last - first + 1.0
                total += count * (e - m * 0.5 * (first + last))
                terms += count
                first = last + 1.0
    return total, terms


@jit
def largest_sum(height: Floats, slope: Floats, offsets: Ints, mu: float, episodes: float) -> float:
    """Sum of the K largest G_C((c-1)/mu): min over level >= 0 of K level + excess(level).

    Every level gives a valid upper bound; bisection finds the least.
    """
    total, terms = excess(height, slope, offsets, mu, episodes, 0.0)
    if terms <= episodes:
        return total
    low, high = 0.0, 0.0
    for k in range(height.shape[0]):
        high = max(high, height[k])
    for _ in range(64):
        level = 0.5 * (low + high)
        if level <= low or level >= high:
            break
        if excess(height, slope, offsets, mu, episodes, level)[1] > episodes:
            low = level
        else:
            high = level
    return episodes * high + excess(height, slope, offsets, mu, episodes, high)[0]
