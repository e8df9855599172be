"""Improving one agent's pure Markov policy against a mixture of the others' pure policies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def visits(
    layers: Layers,
    probability: Floats,
    initial: Floats,
    count: int,
    stride: int,
    others: Ints,
    table: Ints,
    out: Floats,
) -> None:
    """Probability that each state is visited against each q, `out (Q, N + ends)`.

    others (Q, N), the agent's own action 0. The agent plays `table (N,)`; where that is negative,
    all of its `count` actions alike.
    """
    Q, N = others.shape
    A = layers.actions
    for q in range(Q):
        out[q] = 0.0
        for x in range(initial.shape[0]):
            out[q, x] = initial[x]
        for x in range(N):
            if out[q, x] == 0.0:
                continue
            for b in range(count):
                if table[x] >= 0 and table[x] != b:
                    continue
                share = out[q, x] if table[x] >= 0 else out[q, x] / count
                row = x * A + others[q, x] + b * stride
                for e in range(layers.rows[row], layers.rows[row + 1]):
                    out[q, layers.following[e]] += share * probability[e]


@jit
def sweep(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    count: int,
    stride: int,
    others: Ints,
    weights: Floats,
    visited: Floats,
    slack: float,
    table: Ints,
) -> float:
    """Choose the agent's actions again, from the last layer to the first; their value.

    In state x the action b of greatest

        sum_q w(q) d_q(x) [ r(x, b, q(x)) + sum_y P(y | x, b, q(x)) V_q(y) ]

    replaces table[x] if it is better by more than `slack`, d_q = visited (Q, N + ends), V_q the
    value of the actions already chosen. When `visited` is that of `table` no choice lowers the
    value: d_q(x) does not depend on choices in x's layer or later, nor V_q(y) on those before y.
    Where every d_q(x) is 0 the action stays.
    """
    Q, N = others.shape
    A = layers.actions
    values = np.zeros((Q, layers.first[layers.first.shape[0] - 1]))
    gains = np.empty(count)
    for x in range(N - 1, -1, -1):
        gains[:] = 0.0
        seen = False
        for q in range(Q):
            weight = weights[q] * visited[q, x]
            if weight == 0.0:
                continue
            seen = True
            for b in range(count):
                a = others[q, x] + b * stride
                total = reward[x, a]
                for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    total += probability[e] * values[q, layers.following[e]]
                gains[b] += weight * total
        if seen:
            best = np.argmax(gains)
            if table[x] < 0 or gains[best] > gains[table[x]] + slack:
                table[x] = best
        own = max(table[x], 0)
        for q in range(Q):
            a = others[q, x] + own * stride
            total = reward[x, a]
            for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                total += probability[e] * values[q, layers.following[e]]
            values[q, x] = total
    result = 0.0
    for q in range(Q):
        for x in range(initial.shape[0]):
            result += weights[q] * initial[x] * values[q, x]
    return result
