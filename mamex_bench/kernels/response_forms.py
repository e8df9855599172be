"""The value of a best response as a tree of maxima of linear forms in the weights.

The nodes that `kernels.beliefs.expand` finds depend on which policies may be drawn, not on how
likely they are. With W_k(w) the value of node k = (x, C), not divided by the weight of C,

    W_k(w) = max_b sum_{q in C} w(q) kappa_{k,b}(q) + sum_{u, y} P(y | x, b, u) W_{(y, C_u)}(w),

u over what two members or more play, kappa the reward at x and, where q is alone in playing its
part, what the best response to q gets from there on. Nothing but w changes between profiles: the
forms are made once, and every further value costs one pass over them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.beliefs import Beliefs, holds, node_slot
from mamex_bench.kernels.layers import Layers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]

WIDTH = 32  # weights that go through the forms together


@jit
def write_forms(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    count: int,
    stride: int,
    others: Ints,
    beliefs: Beliefs,
    nodes: int,
    known: Floats,
    starts: Ints,
    place: Numbers,
    coefficient: Floats,
) -> int:
    """The forms of all nodes, the last node's first, and that of the start; number of entries.

    known (Q, ends): values of the best response to each q; starts (nodes count + 2,): form f has
    the entries starts[f] .. starts[f+1]-1. An entry is a coefficient and the place of what it
    multiplies: w(q) is at q, the value of node k at Q + nodes - 1 - k. Entries beyond the room in
    `place` and `coefficient` are counted, not written.
    """
    Q, A, room = others.shape[0], layers.actions, place.shape[0]
    last = layers.first[layers.first.shape[0] - 3]
    top = Q + nodes - 1
    size, form = 0, 0
    child_of = np.empty(A, np.int64)
    for k in range(nodes - 1, -1, -1):
        x, c = beliefs.state[k], beliefs.belief[k]
        for j in range(beliefs.branch[k], beliefs.branch[k + 1]):
            child_of[beliefs.action[j]] = beliefs.child[j]
        for b in range(count):
            starts[form] = size
            form += 1
            for q in range(Q):
                if not holds(beliefs, c, q):
                    continue
                a = others[q, x] + b * stride
                worth = reward[x, a]
                if child_of[others[q, x]] < 0:
                    for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                        worth += probability[e] * known[q, layers.following[e]]
                if worth != 0.0:
                    if size < room:
                        place[size], coefficient[size] = q, worth
                    size += 1
            if x >= last:
                continue
            for j in range(beliefs.branch[k], beliefs.branch[k + 1]):
                if beliefs.child[j] < 0:
                    continue
                row = x * A + beliefs.action[j] + b * stride
                for e in range(layers.rows[row], layers.rows[row + 1]):
                    if probability[e] > 0.0:
                        if size < room:
                            slot = node_slot(beliefs, layers.following[e], beliefs.child[j])
                            place[size] = top - beliefs.node_slots[slot]
                            coefficient[size] = probability[e]
                        size += 1
    starts[form] = size
    for x in range(initial.shape[0]):
        if initial[x] == 0.0:
            continue
        if size < room and Q == 1:
            place[size], coefficient[size] = 0, initial[x] * known[0, x]
        elif size < room:
            place[size] = top - beliefs.node_slots[node_slot(beliefs, x, 0)]
            coefficient[size] = initial[x]
        size += 1
    starts[form + 1] = size
    return size


@jit
def evaluate(
    count: int,
    starts: Ints,
    place: Numbers,
    coefficient: Floats,
    weights: Floats,
    out: Floats,
) -> None:
    """Values, out (B,), for weights (B, Q); `count` forms to a node.

    Each value is computed by the same operations, in the same order, whatever stands beside it.
    """
    B, Q = weights.shape
    nodes = (starts.shape[0] - 2) // count
    values = np.zeros((Q + nodes, WIDTH))
    best, total = np.empty(WIDTH), np.empty(WIDTH)
    for begin in range(0, B, WIDTH):
        size = min(WIDTH, B - begin)
        for t in range(size):
            for q in range(Q):
                values[q, t] = weights[begin + t, q]
        for p in range(nodes):
            for b in range(count):
                total[:] = 0.0
                for e in range(starts[p * count + b], starts[p * count + b + 1]):
                    v, c = values[place[e]], coefficient[e]
                    for t in range(WIDTH):
                        total[t] += c * v[t]
                if b == 0:
                    best[:] = total
                else:
                    for t in range(WIDTH):
                        best[t] = max(best[t], total[t])
            values[Q + p] = best
        total[:] = 0.0
        for e in range(starts[nodes * count], starts[nodes * count + 1]):
            v, c = values[place[e]], coefficient[e]
            for t in range(WIDTH):
                total[t] += c * v[t]
        out[begin : begin + size] = total[:size]


@jit
def fixed_values(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    stride: int,
    tables: NDArray[np.int16],
    others: Ints,
    out: Floats,
) -> None:
    """What Markov policies of the agent, tables (D, N), get against each q, out (D, Q)."""
    N, A = others.shape[1], layers.actions
    values = np.zeros(layers.first[layers.first.shape[0] - 1])
    for d in range(tables.shape[0]):
        for q in range(others.shape[0]):
            for x in range(N - 1, -1, -1):
                a = others[q, x] + tables[d, x] * stride
                total = reward[x, a]
                for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    total += probability[e] * values[layers.following[e]]
                values[x] = total
            total = 0.0
            for x in range(initial.shape[0]):
                total += initial[x] * values[x]
            out[d, q] = total
