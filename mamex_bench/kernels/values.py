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
    for policy in range(M):
        unravel(policy, offsets, members)
        for h in range(H - 1, -1, -1):
            now, later = later, now
            for s in range(S):
                if not reachable[h, s]:
                    for i in range(n):
                        for b in range(B):
                            now[s, i, b] = 0.0
                    continue
                a = joint_action(tables, offsets, strides, members, h, s)
                for i in range(n):
                    r = reward[i, h, s, a]
                    for b in range(B):
                        now[s, i, b] = r
                if h == H - 1:
                    continue
                for t in range(S):
                    if not reachable[h + 1, t]:
                        continue
                    row = transition[h, s, a, t]
                    for i in range(n):
                        target = now[s, i]
                        source = later[t, i]
                        for b in range(B):
                            target[b] += row[b] * source[b]
        for i in range(n):
            for b in range(B):
                total = 0.0
                for s in range(S):
                    total += initial[s] * now[s, i, b]
                out[b, i, policy] = total
