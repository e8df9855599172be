"""Exact deviation gains of a Markov joint policy, by dynamic programming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def markov_gaps(
    transition: Floats,
    reward: Floats,
    initial: Floats,
    action_counts: Ints,
    strides: Ints,
    joint: Floats,
    swap: bool,
    out: Floats,
) -> None:
    """Gain of each agent's best deviation among *all* policies, `out (n,)`.

    transition (H, S, A, S); reward (n, H, S, A); initial (S,); joint (H, S, A), stochastic rows.
    With own action c, deviation b and Q_h = r_h + P_h V_{h+1} for the deviator's V:
        V_h(s) = max_b sum_a joint_h(a | s) Q_h(s, (b, a_-i))                (swap False)
        V_h(s) = sum_c max_b sum_{a: a_i = c} joint_h(a | s) Q_h(s, (b, a_-i))   (swap True)
        gap_i  = sum_s initial(s) [V_0(s) - W_0(s)],   W the value of joint itself.
    """
    n, H, S, A = reward.shape
    now = np.zeros(S)
    later = np.zeros(S)
    own_now = np.zeros(S)
    own_later = np.zeros(S)
    action_values = np.empty(A)
    for i in range(n):
        count, stride = action_counts[i], strides[i]
        rows = count if swap else 1
        gains = np.empty((rows, count))
        now[:] = 0.0
        own_now[:] = 0.0
        for h in range(H - 1, -1, -1):
            now, later = later, now
            own_now, own_later = own_later, own_now
            for s in range(S):
                own = 0.0
                for a in range(A):
                    deviating = reward[i, h, s, a]
                    playing = deviating
                    if h + 1 < H:
                        for t in range(S):
                            p = transition[h, s, a, t]
                            deviating += p * later[t]
                            playing += p * own_later[t]
                    action_values[a] = deviating
                    own += joint[h, s, a] * playing
                own_now[s] = own
                gains[:] = 0.0
                for a in range(A):
                    weight = joint[h, s, a]
                    if weight == 0.0:
                        continue
                    c = (a // stride) % count
                    row = c if swap else 0
                    base = a - c * stride
                    for b in range(count):
                        gains[row, b] += weight * action_values[base + b * stride]
                total = 0.0
                for row in range(rows):
                    best = gains[row, 0]
                    for b in range(1, count):
                        best = max(best, gains[row, b])
                    total += best
                now[s] = total
        gap = 0.0
        for s in range(S):
            gap += initial[s] * (now[s] - own_now[s])
        out[i] = gap


@jit
def markov_class_gaps(
    transition: Floats,
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

    tables (sum m_i, H, S) int64, agent i's policies at offsets[i]:offsets[i+1]. The others play
    their marginals w_h(a_-i | s) = sum_c joint_h((c, a_-i) | s), so that each agent faces a
    decision process of its own, computed once for all of its policies v:
        r_h(s, b) = sum w r_h(s, (b, a_-i)),   P_h(s, b) = sum w P_h(s, (b, a_-i)),
        V_h(s) = r_h(s, v_h(s)) + P_h(s, v_h(s)) V_{h+1}.
    """
    n, H, S, A = reward.shape
    own_now = np.zeros(S)
    own_later = np.zeros(S)
    now = np.zeros(S)
    later = np.zeros(S)
    for i in range(n):
        count, stride = action_counts[i], strides[i]
        faced_reward = np.zeros((H, S, count))
        faced = np.zeros((H, S, count, S))
        own_now[:] = 0.0
        for h in range(H - 1, -1, -1):
            own_now, own_later = own_later, own_now
            for s in range(S):
                own = 0.0
                for a in range(A):
                    weight = joint[h, s, a]
                    if weight == 0.0:
                        continue
                    value = reward[i, h, s, a]
                    if h + 1 < H:
                        for t in range(S):
                            value += transition[h, s, a, t] * own_later[t]
                    own += weight * value
                    base = a - (a // stride) % count * stride
                    for b in range(count):
                        cell = base + b * stride
                        faced_reward[h, s, b] += weight * reward[i, h, s, cell]
                        if h + 1 < H:
                            for t in range(S):
                                faced[h, s, b, t] += weight * transition[h, s, cell, t]
                own_now[s] = own
        own_value = 0.0
        for s in range(S):
            own_value += initial[s] * own_now[s]
        best = -np.inf
        for member in range(offsets[i], offsets[i + 1]):
            now[:] = 0.0
            for h in range(H - 1, -1, -1):
                now, later = later, now
                for s in range(S):
                    b = tables[member, h, s]
                    value = faced_reward[h, s, b]
                    if h + 1 < H:
                        for t in range(S):
                            value += faced[h, s, b, t] * later[t]
                    now[s] = value
            total = 0.0
            for s in range(S):
                total += initial[s] * now[s]
            best = max(best, total)
        out[i] = best - own_value
