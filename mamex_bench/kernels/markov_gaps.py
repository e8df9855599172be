"""Exact values and deviation gains of a Markov joint policy, by dynamic programming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def markov_values(
    layers: Layers, probability: Floats, reward: Floats, joint: Floats, out: Floats
) -> None:
    """V(x) = sum_a joint(a | x) [ r(x, a) + sum_y P(y | x, a) V(y) ] of every agent.

    probability (nnz,); reward (n, N, A); joint (N, A); out (n, N + ends), zero beyond N.
    """
    n, N, A = reward.shape
    for i in range(n):
        values = out[i]
        for x in range(N - 1, -1, -1):
            total = 0.0
            for a in range(A):
                if joint[x, a] != 0.0:
                    total += joint[x, a] * action_value(
                        layers, probability, reward[i], values, x, a
                    )
            values[x] = total


@jit
def action_value(
    layers: Layers, probability: Floats, reward: Floats, values: Floats, x: int, a: int
) -> float:
    """r(x, a) + sum_y P(y | x, a) V(y); reward (N, A), values (N + ends,)."""
    total = reward[x, a]
    for k in range(layers.rows[x * layers.actions + a], layers.rows[x * layers.actions + a + 1]):
        total += probability[k] * values[layers.following[k]]
    return total


@jit
def deviation_values(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    joint: Floats,
    count: int,
    stride: int,
    swap: bool,
    out: Floats,
) -> None:
    """Value of one agent's best deviation among *all* policies, `out (N + ends,)`, zero beyond N.

    reward (N, A), the agent's; joint (N, A), stochastic rows; `count`, `stride` of its actions.
    With own action c, deviation b and Q = r + P V for the deviator's V:
        V(x) = max_b sum_a joint(a | x) Q(x, (b, a_-i))                        (swap False)
        V(x) = sum_c max_b sum_{a: a_i = c} joint(a | x) Q(x, (b, a_-i))       (swap True)
    """
    N, A = reward.shape
    gains = np.empty((count if swap else 1, count))
    action_values = np.empty(A)
    for x in range(N - 1, -1, -1):
        for a in range(A):
            action_values[a] = action_value(layers, probability, reward, out, x, a)
        gains[:] = 0.0
        for a in range(A):
            weight = joint[x, a]
            if weight == 0.0:
                continue
            c = (a // stride) % count
            row = c if swap else 0
            base = a - c * stride
            for b in range(count):
                gains[row, b] += weight * action_values[base + b * stride]
        total = 0.0
        for row in range(gains.shape[0]):
            total += gains[row].max()
        out[x] = total


@jit
def markov_gaps(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    action_counts: Ints,
    strides: Ints,
    joint: Floats,
    swap: bool,
    out: Floats,
) -> None:
    """Gain of each agent's best deviation among *all* policies, `out (n,)`.

    gap_i = sum_x initial(x) [V_i(x) - W_i(x)], V of `deviation_values`, W the value of joint.
    """
    n = reward.shape[0]
    ends = layers.first[layers.first.shape[0] - 1]
    own = np.zeros((n, ends))
    deviating = np.zeros(ends)
    markov_values(layers, probability, reward, joint, own)
    for i in range(n):
        deviation_values(
            layers,
            probability,
            reward[i],
            joint,
            action_counts[i],
            strides[i],
            swap,
            deviating,
        )
        gap = 0.0
        for x in range(initial.shape[0]):
            gap += initial[x] * (deviating[x] - own[i, x])
        out[i] = gap


@jit
def markov_class_gaps(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    action_counts: Ints,
    strides: Ints,
    joint: Floats,
    tables: Ints,
    offsets: Ints,
    out: Floats,
) -> None:
    """Gain of each agent's best fixed deviation inside its policy class, signed, `out (n,)`.

    tables (sum m_i, N) int64, agent i's policies at offsets[i]:offsets[i+1]. The others play
    their marginals w(a_-i | x) = sum_c joint((c, a_-i) | x), so that each agent faces a decision
    process of its own, computed once for all of its policies v:
        r(x, b) = sum w r(x, (b, a_-i)),   P(x, b) = sum w P(x, (b, a_-i)),
        V(x) = r(x, v(x)) + P(x, v(x)) V.
    """
    n, N, _ = reward.shape
    ends = layers.first[layers.first.shape[0] - 1]
    own = np.zeros((n, ends))
    markov_values(layers, probability, reward, joint, own)
    values = np.zeros(ends)
    for i in range(n):
        count = action_counts[i]
        rows = np.zeros(N * count + 1, np.int64)
        following = np.empty(layers.following.shape[0], np.int32)
        weights = np.empty(layers.following.shape[0])
        rewards = np.zeros((N, count))
        faced(layers, probability, reward[i], joint, strides[i], rows, following, weights, rewards)
        best = -np.inf
        for member in range(offsets[i], offsets[i + 1]):
            for x in range(N - 1, -1, -1):
                b = tables[member, x]
                value = rewards[x, b]
                for k in range(rows[x * count + b], rows[x * count + b + 1]):
                    value += weights[k] * values[following[k]]
                values[x] = value
            total = 0.0
            for x in range(initial.shape[0]):
                total += initial[x] * values[x]
            best = max(best, total)
        played = 0.0
        for x in range(initial.shape[0]):
            played += initial[x] * own[i, x]
        out[i] = best - played


@jit
def faced(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    joint: Floats,
    stride: int,
    rows: Ints,
    following: NDArray[np.int32],
    weights: Floats,
    rewards: Floats,
) -> None:
    """The decision process that one agent faces; reward (N, A), the agent's.

    Writes rows (N * count + 1,), following and weights (nnz of the game suffice), rewards
    (N, count): entries of row x * count + b hold P(x, b), in the order in which they are met.
    """
    N, count = rewards.shape
    A = layers.actions
    others = np.empty(A)
    place = np.full(layers.first[layers.first.shape[0] - 1], -1, np.int64)
    size = 0
    for x in range(N):
        # w(a_-i | x), at the joint action in which the agent plays 0
        others[:] = 0.0
        for a in range(A):
            others[a - (a // stride) % count * stride] += joint[x, a]
        for b in range(count):
            begin = size
            for base in range(A):
                weight = others[base]
                if weight == 0.0 or (base // stride) % count != 0:
                    continue
                a = base + b * stride
                rewards[x, b] += weight * reward[x, a]
                for k in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    t = layers.following[k]
                    if place[t] < begin:
                        place[t] = size
                        following[size] = t
                        weights[size] = 0.0
                        size += 1
                    weights[place[t]] += weight * probability[k]
            rows[x * count + b + 1] = size
