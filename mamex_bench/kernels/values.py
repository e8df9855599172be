"""Exact values of every joint pure policy under every model of a block.

The model index is innermost, so that the inner loop is a plain multiply-add over contiguous
models: no reduction to reorder, full vector width, and one load of a transition serves all agents.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POLICY_BLOCK = 64


@jit
def joint_action(tables: Ints, offsets: Ints, strides: Ints, members: Ints, x: int) -> int:
    """Joint action in state x when agent i plays its table `members[i]`; tables (sum m_i, N)."""
    action = 0
    for i in range(strides.shape[0]):
        action += strides[i] * tables[offsets[i] + members[i], x]
    return action


@jit
def unravel(index: int, offsets: Ints, members: Ints) -> None:
    """Members of joint policy `index` (C order), written to `members` (n,)."""
    for i in range(members.shape[0] - 1, -1, -1):
        count = offsets[i + 1] - offsets[i]
        members[i] = index % count
        index //= count


@jit
def add_expectation(row: Floats, following: NDArray[np.int32], later: Floats, now: Floats) -> None:
    """now[i, b] += sum_k row[k, b] later[following[k], i, b].

    Four states per pass, so that `now` is loaded and stored a quarter as often.
    row (E, B), following (E,), later (states, n, B), now (n, B).
    """
    n, B = now.shape
    whole = following.shape[0] // 4 * 4
    for k in range(0, whole, 4):
        t, u, v, w = following[k], following[k + 1], following[k + 2], following[k + 3]
        for i in range(n):
            for b in range(B):
                now[i, b] += (row[k, b] * later[t, i, b] + row[k + 1, b] * later[u, i, b]) + (
                    row[k + 2, b] * later[v, i, b] + row[k + 3, b] * later[w, i, b]
                )
    for k in range(whole, following.shape[0]):
        t = following[k]
        for i in range(n):
            for b in range(B):
                now[i, b] += row[k, b] * later[t, i, b]


@jit
def policy_values(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    order: Ints,
    tables: Ints,
    offsets: Ints,
    strides: Ints,
    out: Floats,
) -> None:
    """V^{i,pi}(initial) for all agents, joint policies and models of the block.

    V(x) = r(x, pi(x)) + sum_y P(y | x, pi(x)) V(y), from the last layer to the first.

    probability (nnz, B), models innermost, entries counted from the first state of their layer;
    reward (n, N, A, B), or (n, N, A, 1) that all models share; initial: over the first layer;
    order: the states to look at, descending, the others keep value 0; tables (sum m_i, N), offsets
    (n+1,), strides (n,); out (B, n, M).
    """
    n, A, B = reward.shape[0], layers.actions, probability.shape[1]
    H = layers.first.shape[0] - 2
    widest = (layers.first[1:] - layers.first[:-1]).max()
    members = np.empty(n, np.int64)
    # Two layers at a time, so that they stay in the first-level cache.
    now = np.zeros((widest, n, B))
    later = np.zeros((widest, n, B))
    for policy in range(out.shape[2]):
        unravel(policy, offsets, members)
        k = 0
        for h in range(H - 1, -1, -1):
            now, later = later, now
            first = layers.first[h]
            while k < order.shape[0] and order[k] >= first:
                x = order[k]
                k += 1
                a = joint_action(tables, offsets, strides, members, x)
                value = now[x - first]
                for i in range(n):
                    r = reward[i, x, a]
                    if r.shape[0] == 1:
                        for b in range(B):
                            value[i, b] = r[0]
                    else:
                        for b in range(B):
                            value[i, b] = r[b]
                if h < H - 1:
                    begin, end = layers.rows[x * A + a], layers.rows[x * A + a + 1]
                    following = layers.following[begin:end]
                    add_expectation(probability[begin:end], following, later, value)
        for i in range(n):
            for b in range(B):
                total = 0.0
                for x in range(initial.shape[0]):
                    if initial[x] > 0.0:
                        total += initial[x] * now[x, i, b]
                out[b, i, policy] = total


@jit
def model_values(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    order: Ints,
    tables: Ints,
    offsets: Ints,
    strides: Ints,
    out: Floats,
) -> None:
    """`policy_values` of a single model: probability (nnz,), reward (n, N, A), out (n, M).

    Without an inner loop over models there is nothing to fill vectors with, and plain loops win;
    policies in blocks, so that they share the rows of a state while these are in the cache.
    """
    n, A, M = reward.shape[0], layers.actions, out.shape[1]
    members = np.empty((min(M, POLICY_BLOCK), n), np.int64)
    values = np.zeros((layers.first[layers.first.shape[0] - 1], members.shape[0], n))
    for first in range(0, M, POLICY_BLOCK):
        block = min(POLICY_BLOCK, M - first)
        for b in range(block):
            unravel(first + b, offsets, members[b])
        for x in order:
            for b in range(block):
                a = joint_action(tables, offsets, strides, members[b], x)
                for i in range(n):
                    values[x, b, i] = reward[i, x, a]
                for k in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    for i in range(n):
                        values[x, b, i] += probability[k] * values[layers.following[k], b, i]
        for b in range(block):
            for i in range(n):
                total = 0.0
                for x in range(initial.shape[0]):
                    total += initial[x] * values[x, b, i]
                out[i, first + b] = total


@jit
def extreme_values(
    layers: Layers, probability: Floats, reward: Floats, sign: float, out: Floats
) -> None:
    """Value of the joint policy that is best (sign 1) or worst (-1) for each agent, per model.

    V(x) = pick_a [ r(x, a) + sum_y P(y | x, a) V(y) ].

    probability (F, nnz); reward (F, n, N, A), or (1, n, N, A) that all models share; out
    (F, n, N + ends), zero beyond N.
    """
    F, n, _ = out.shape
    N, A = reward.shape[2], layers.actions
    for f in range(F):
        for i in range(n):
            values = out[f, i]
            for x in range(N - 1, -1, -1):
                best = -np.inf
                for a in range(A):
                    total = reward[min(f, reward.shape[0] - 1), i, x, a]
                    for k in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                        total += probability[f, k] * values[layers.following[k]]
                    best = max(best, sign * total)
                values[x] = sign * best
