"""Exact values of every joint pure policy under every model of a block.

The model index is innermost, so that the inner loop is a plain multiply-add over contiguous
models: no reduction to reorder, full vector width, and one load of a transition serves all agents.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def joint_action(tables: Ints, offsets: Ints, strides: Ints, members: Ints, h: int, s: int) -> int:
    """Joint action at (h, s) when agent i plays its table `members[i]`."""
    action = 0
    for i in range(strides.shape[0]):
        action += strides[i] * tables[offsets[i] + members[i], h, s]
    return action


@jit
def unravel(index: int, offsets: Ints, members: Ints) -> None:
    """Members of joint policy `index` (C order), written to `members` (n,)."""
    for i in range(members.shape[0] - 1, -1, -1):
        count = offsets[i + 1] - offsets[i]
        members[i] = index % count
        index //= count


@jit
def add_expectation(rows: Floats, following: Ints, later: Floats, now: Floats) -> None:
    """now[i, b] += sum_t rows[t, b] later[t, i, b] over the states `following`.

    Four states per pass, so that `now` is loaded and stored a quarter as often.
    rows (S, B), later (S, n, B), now (n, B).
    """
    n, B = now.shape
    whole = following.shape[0] // 4 * 4
    for k in range(0, whole, 4):
        t, u, v, w = following[k], following[k + 1], following[k + 2], following[k + 3]
        for i in range(n):
            for b in range(B):
                now[i, b] += (rows[t, b] * later[t, i, b] + rows[u, b] * later[u, i, b]) + (
                    rows[v, b] * later[v, i, b] + rows[w, b] * later[w, i, b]
                )
    for k in range(whole, following.shape[0]):
        t = following[k]
        for i in range(n):
            for b in range(B):
                now[i, b] += rows[t, b] * later[t, i, b]


@jit
def policy_values(
    transition: Floats,
    reward: Floats,
    initial: Floats,
    reachable: NDArray[np.bool_],
    tables: Ints,
    offsets: Ints,
    strides: Ints,
    out: Floats,
) -> None:
    """V^{i,pi}(initial) for all agents, joint policies and models of the block.

    V_h(s) = r_h(s, pi_h(s)) + sum_s' P_h(s' | s, pi_h(s)) V_{h+1}(s').

    transition (H, S, A, S, B), model innermost; reward (n, H, S, A); initial (S,);
    reachable (H, S): states that some model of the class can visit, the others keep value 0;
    tables (sum m_i, H, S), offsets (n+1,), strides (n,); out (B, n, M).
    """
    H, S, _, _, B = transition.shape
    n = reward.shape[0]
    M = out.shape[2]
    members = np.empty(n, np.int64)
    now = np.zeros((S, n, B))
    later = np.zeros((S, n, B))
    visited = np.empty((H, S), np.int64)
    count = np.zeros(H, np.int64)
    for h in range(H):
        for s in range(S):
            if reachable[h, s]:
                visited[h, count[h]] = s
                count[h] += 1
    for policy in range(M):
        unravel(policy, offsets, members)
        for h in range(H - 1, -1, -1):
            now, later = later, now
            for k in range(count[h]):
                s = visited[h, k]
                a = joint_action(tables, offsets, strides, members, h, s)
                for i in range(n):
                    r = reward[i, h, s, a]
                    for b in range(B):
                        now[s, i, b] = r
                if h < H - 1:
                    following = visited[h + 1, : count[h + 1]]
                    add_expectation(transition[h, s, a], following, later, now[s])
        for i in range(n):
            for b in range(B):
                total = 0.0
                for k in range(count[0]):
                    s = visited[0, k]
                    total += initial[s] * now[s, i, b]
                out[b, i, policy] = total
