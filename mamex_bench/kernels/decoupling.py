"""Losses of every hypothesis under every data policy, and upper hulls of lines.

The hypothesis index is innermost, so that inner loops run over contiguous hypotheses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.values import joint_action, unravel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A Bellman residual this small is rounding. As 0 it can only widen an interval; as 1e-33 in a
# certificate it would be a number that nobody can compute again.
ROUNDING = 1e-12


@jit
def occupancies(
    layers: Layers,
    probability: Floats,
    initial: Floats,
    tables: Ints,
    offsets: Ints,
    strides: Ints,
    visits: Floats,
    cells: Ints,
) -> None:
    """Probability that each joint pure policy visits state x, and the row x * A + a it plays there.

    d(y) = sum_x d(x) P(y | x, pi(x)).

    probability (nnz,); initial: over the first layer; visits (M, N); cells (M, N) rows.
    """
    N = visits.shape[1]
    last = layers.first[layers.first.shape[0] - 3]
    members = np.empty(strides.shape[0], np.int64)
    for q in range(visits.shape[0]):
        unravel(q, offsets, members)
        visits[q] = 0.0
        visits[q, : initial.shape[0]] = initial
        for x in range(N):
            row = x * layers.actions + joint_action(tables, offsets, strides, members, x)
            cells[q, x] = row
            if x < last and visits[q, x] > 0.0:
                for k in range(layers.rows[row], layers.rows[row + 1]):
                    visits[q, layers.following[k]] += visits[q, x] * probability[k]


@jit
def hellinger_squares(rows: Ints, models: Floats, truth: Floats, out: Floats) -> None:
    """D_H^2 = (1/2) sum_y (sqrt p_y - sqrt q_y)^2, exactly 0 where the rows agree.

    rows (C+1,), entries of row c are rows[c] .. rows[c+1]-1; models (F, nnz), truth (nnz,);
    out (C, F).
    """
    root = np.sqrt(truth)
    for c in range(out.shape[0]):
        for f in range(out.shape[1]):
            total = 0.0
            for k in range(rows[c], rows[c + 1]):
                gap = np.sqrt(models[f, k]) - root[k]
                total += gap * gap
            out[c, f] = 0.5 * total


@jit
def bellman_squares(
    layers: Layers, probability: Floats, reward: Floats, values: Floats, cells: Ints, out: Floats
) -> None:
    """(f - T^pi f)^2 at every row, T^pi g (x, a) = r(x, a) + E g(y, pi(y)).

    Residuals up to `ROUNDING` count as 0. probability (nnz,), reward (N, A), values (N A, F),
    cells (N,) rows that the policy plays, out (N A, F).
    """
    C, F = values.shape
    A = layers.actions
    last = layers.first[layers.first.shape[0] - 3]
    for c in range(C):
        x, a = c // A, c % A
        for f in range(F):
            out[c, f] = values[c, f] - reward[x, a]
        if x < last:
            for k in range(layers.rows[c], layers.rows[c + 1]):
                p = probability[k]
                if p > 0.0:
                    later = values[cells[layers.following[k]]]
                    for f in range(F):
                        out[c, f] -= p * later[f]
        for f in range(F):
            residual = out[c, f]
            out[c, f] = residual * residual if abs(residual) > ROUNDING else 0.0


@jit
def losses(visits: Floats, cells: Ints, members: Ints, squares: Floats, out: Floats) -> None:
    """D(q; f) = sum_x d^q(x) squares[(x, q(x)), f] for q in members; out (m, F).

    visits, cells (M, N); squares (N A, F).
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
    with its neighbours, where the terms form an arithmetic series. K may be infinite: then a line
    that never falls makes the sum so.
    """
    total, terms = 0.0, 0.0
    for cluster in range(offsets.shape[0] - 1):
        first = 0.0  # least c - 1 not yet counted
        for k in range(offsets[cluster], offsets[cluster + 1]):
            e, m = height[k] - level, slope[k] / mu
            if e <= 0.0:
                break  # lines fall in height, so the rest earn no more than the level
            if m <= 0.0 and episodes == np.inf:
                return np.inf, np.inf
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

    Every level gives a valid upper bound; bisection finds the least. K may be infinite.
    """
    total, terms = excess(height, slope, offsets, mu, episodes, 0.0)
    if terms <= episodes or episodes == np.inf:
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
