"""One agent's best response to a hidden draw of the others' policies, over (state, belief) nodes.

The others' joint pure policy q is drawn once, by known weights, and then shows itself by what it
plays. A belief is a set C of the q that are still consistent with it; `model.unrestricted` proves
that (state, C) is all that a best response depends on. Sets of two and more are bit masks, numbered
as they are met; so are their nodes, layer by layer, and hash tables of open addressing look them
up. A set of one needs no node: from there on q is known, and a plain dynamic program answers it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Numbers = NDArray[np.int32]

FULL = -1  # room for more sets, nodes or branches is needed


class Beliefs(NamedTuple):
    """Room for what `expand` finds, and what it finds.

    words (sets, W): the members of each set, 64 to a word; set_slots, node_slots: hash tables, a
    power of two in size, -1 where empty; state, belief (nodes,): those of each node; branch
    (nodes+1,): branches of node k are branch[k] .. branch[k+1]-1; action, child (branches,): what
    the others play in a branch, and the set of those that do, or -1-q if that is q alone.
    """

    words: Words
    set_slots: Numbers
    node_slots: Numbers
    state: Numbers
    belief: Numbers
    branch: Ints
    action: Numbers
    child: Numbers


@jit
def scramble(key: np.uint64) -> np.uint64:
    """The finaliser of splitmix64."""
    z = key
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit
def set_slot(beliefs: Beliefs, members: Words) -> int:
    """Where in set_slots the set is, or would be."""
    key = np.uint64(0)
    for w in range(members.shape[0]):
        key = scramble(key ^ members[w])
    mask = beliefs.set_slots.shape[0] - 1
    slot = np.int64(key & np.uint64(mask))
    while beliefs.set_slots[slot] >= 0:
        same = True
        for w in range(members.shape[0]):
            same = same and beliefs.words[beliefs.set_slots[slot], w] == members[w]
        if same:
            break
        slot = (slot + 1) & mask
    return int(slot)


@jit
def node_slot(beliefs: Beliefs, x: int, c: int) -> int:
    """Where in node_slots the node (state x, set c) is, or would be."""
    mask = beliefs.node_slots.shape[0] - 1
    key = scramble((np.uint64(x) << np.uint64(32)) | np.uint64(c))
    slot = np.int64(key & np.uint64(mask))
    while beliefs.node_slots[slot] >= 0:
        k = beliefs.node_slots[slot]
        if beliefs.state[k] == x and beliefs.belief[k] == c:
            break
        slot = (slot + 1) & mask
    return int(slot)


@jit
def holds(beliefs: Beliefs, c: int, q: int) -> bool:
    """Whether q is a member of set c."""
    return (beliefs.words[c, q // 64] >> np.uint64(q % 64)) & np.uint64(1) == np.uint64(1)


@jit
def expand(
    layers: Layers,
    probability: Floats,
    initial: Floats,
    count: int,
    stride: int,
    others: Ints,
    beliefs: Beliefs,
) -> int:
    """All nodes that can be met, whatever the agent does: their number, or FULL.

    others (Q, N): joint action of each q in every state, the agent's own action 0; `count` and
    `stride` of its actions.
    """
    Q, W = others.shape[0], beliefs.words.shape[1]
    last = layers.first[layers.first.shape[0] - 3]
    most = min(Q, layers.actions)
    groups = np.full(layers.actions, -1, np.int64)
    played = np.empty(most, np.int64)
    members = np.empty(most, np.int64)
    latest = np.empty(most, np.int64)
    parts = np.zeros((most, W), np.uint64)
    beliefs.branch[0] = 0
    if Q == 1:
        return 0
    for q in range(Q):
        beliefs.words[0, q // 64] |= np.uint64(1) << np.uint64(q % 64)
    beliefs.set_slots[set_slot(beliefs, beliefs.words[0])] = 0
    sets, nodes, branches, k = 1, 0, 0, 0
    for x in range(initial.shape[0]):
        if initial[x] > 0.0:
            if nodes == beliefs.state.shape[0]:
                return FULL
            beliefs.node_slots[node_slot(beliefs, x, 0)] = nodes
            beliefs.state[nodes], beliefs.belief[nodes] = x, 0
            nodes += 1
    while k < nodes:
        x, c = beliefs.state[k], beliefs.belief[k]
        size = 0
        for q in range(Q):
            if holds(beliefs, c, q):
                g = groups[others[q, x]]
                if g < 0:
                    g = size
                    size += 1
                    groups[others[q, x]] = g
                    played[g], members[g], parts[g] = others[q, x], 0, 0
                parts[g, q // 64] |= np.uint64(1) << np.uint64(q % 64)
                members[g] += 1
                latest[g] = q
        if branches + size > beliefs.action.shape[0] or sets + size > beliefs.words.shape[0]:
            return FULL
        for g in range(size):
            groups[played[g]] = -1
            child = -1 - latest[g]
            if members[g] > 1:
                slot = set_slot(beliefs, parts[g])
                child = beliefs.set_slots[slot]
                if child < 0:
                    child = sets
                    sets += 1
                    beliefs.words[child] = parts[g]
                    beliefs.set_slots[slot] = child
            beliefs.action[branches], beliefs.child[branches] = played[g], child
            branches += 1
            if x >= last or child < 0:
                continue
            for b in range(count):
                row = x * layers.actions + played[g] + b * stride
                for e in range(layers.rows[row], layers.rows[row + 1]):
                    if probability[e] > 0.0:
                        y = layers.following[e]
                        slot = node_slot(beliefs, y, child)
                        if beliefs.node_slots[slot] < 0:
                            if nodes == beliefs.state.shape[0]:
                                return FULL
                            beliefs.node_slots[slot] = nodes
                            beliefs.state[nodes], beliefs.belief[nodes] = y, child
                            nodes += 1
        k += 1
        beliefs.branch[k] = branches
    return nodes


@jit
def answers(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    count: int,
    stride: int,
    others: Ints,
    values: Floats,
    alone: NDArray[np.int16],
) -> None:
    """Best response to each q on its own, `alone (Q, N)`, and its `values (Q, N + ends)`.

    V_q(x) = max_b r(x, b, q(x)) + sum_y P(y | x, b, q(x)) V_q(y), ties to the lowest action.
    """
    Q, N = others.shape
    A = layers.actions
    for q in range(Q):
        for x in range(N - 1, -1, -1):
            best = -np.inf
            for b in range(count):
                a = others[q, x] + b * stride
                total = reward[x, a]
                for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    total += probability[e] * values[q, layers.following[e]]
                if total > best:
                    best = total
                    alone[q, x] = b
            values[q, x] = best


@jit
def respond(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    count: int,
    stride: int,
    weights: Floats,
    others: Ints,
    beliefs: Beliefs,
    chosen: NDArray[np.int16],
    alone: NDArray[np.int16],
    votes: Floats,
) -> float:
    """The value of a best response, over the nodes of `expand`, and its actions.

    With w(C) the weight of a set and C_u its members that play u in x,

        W(x, C) = max_b sum_u [ w(C_u) r(x, b, u) + sum_y P(y | x, b, u) W(y, C_u) ],

    ties to the lowest action. reward (N, A), the agent's; weights (Q,), positive; chosen (nodes,):
    the action of each node; alone (Q, N): of a state in which q is known; votes (2, N, count): how
    likely the response is in the state with that action, and below it the weight of the sets with
    which it would take that action there.
    """
    Q, N, A, nodes = weights.shape[0], others.shape[1], layers.actions, chosen.shape[0]
    ends = layers.first[layers.first.shape[0] - 1]
    last = layers.first[layers.first.shape[0] - 3]
    known = np.zeros((Q, ends))
    answers(layers, probability, reward, count, stride, others, known, alone)
    sizes = np.full(beliefs.words.shape[0], -1.0)
    values = np.zeros(nodes)
    gains = np.empty(count)
    for k in range(nodes - 1, -1, -1):
        x = beliefs.state[k]
        gains[:] = 0.0
        total = 0.0
        for j in range(beliefs.branch[k], beliefs.branch[k + 1]):
            child = beliefs.child[j]
            if child < 0:
                weight = weights[-1 - child]
            else:
                if sizes[child] < 0.0:
                    sizes[child] = 0.0
                    for q in range(Q):
                        if holds(beliefs, child, q):
                            sizes[child] += weights[q]
                weight = sizes[child]
            total += weight
            for b in range(count):
                a = beliefs.action[j] + b * stride
                gains[b] += weight * reward[x, a]
                if x >= last:
                    continue
                for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    if probability[e] > 0.0:
                        y = layers.following[e]
                        if child < 0:
                            gains[b] += probability[e] * weight * known[-1 - child, y]
                        else:
                            slot = node_slot(beliefs, y, child)
                            gains[b] += probability[e] * values[beliefs.node_slots[slot]]
        chosen[k] = np.argmax(gains)
        values[k] = gains[chosen[k]]
        votes[1, x, chosen[k]] += total
    # How likely chance and the response are to make a history that leads to the node; for a q that
    # is known, and to the state.
    mass, entered = np.zeros(nodes), np.zeros((Q, ends))
    result = 0.0
    for x in range(initial.shape[0]):
        if initial[x] > 0.0:
            if Q == 1:
                entered[0, x] = initial[x]
                result += initial[x] * weights[0] * known[0, x]
            else:
                k = beliefs.node_slots[node_slot(beliefs, x, 0)]
                mass[k] = initial[x]
                result += initial[x] * values[k]
    for k in range(nodes):
        if mass[k] > 0.0:
            x = beliefs.state[k]
            for j in range(beliefs.branch[k], beliefs.branch[k + 1]):
                a, child = beliefs.action[j] + chosen[k] * stride, beliefs.child[j]
                weight = weights[-1 - child] if child < 0 else sizes[child]
                votes[0, x, chosen[k]] += mass[k] * weight
                if x >= last:
                    continue
                for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    if probability[e] > 0.0:
                        y = layers.following[e]
                        if child < 0:
                            entered[-1 - child, y] += mass[k] * probability[e]
                        else:
                            slot = node_slot(beliefs, y, child)
                            mass[beliefs.node_slots[slot]] += mass[k] * probability[e]
    for q in range(Q):
        for x in range(N):
            b = alone[q, x]
            votes[1, x, b] += weights[q]
            if entered[q, x] > 0.0:
                votes[0, x, b] += entered[q, x] * weights[q]
                a = others[q, x] + b * stride
                for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    entered[q, layers.following[e]] += entered[q, x] * probability[e]
    return result


@jit
def against(
    layers: Layers,
    probability: Floats,
    reward: Floats,
    initial: Floats,
    stride: int,
    beliefs: Beliefs,
    chosen: NDArray[np.int16],
    alone: NDArray[np.int16],
    members: Ints,
    others: Ints,
    default: Ints,
    out: Floats,
) -> None:
    """What a response to `members (Q, N)` gets against each of `others`, members or not; out.

    From where none of the members is consistent with what was played on, it plays `default (N,)`.
    """
    A, nodes, Q = layers.actions, chosen.shape[0], members.shape[0]
    N, ends = default.shape[0], layers.first[layers.first.shape[0] - 1]
    last = layers.first[layers.first.shape[0] - 3]
    plain = np.zeros(ends)
    mass, entered = np.empty(nodes), np.zeros((Q, ends))
    used = np.empty(Q, np.bool_)
    for i in range(others.shape[0]):
        own = others[i]
        # The value of `default` against it.
        for x in range(N - 1, -1, -1):
            a = own[x] + default[x] * stride
            total = reward[x, a]
            for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                total += probability[e] * plain[layers.following[e]]
            plain[x] = total
        mass[:] = 0.0
        used[:] = False
        total = 0.0
        for x in range(initial.shape[0]):
            if initial[x] > 0.0:
                if Q == 1:
                    entered[0, x] = initial[x]
                    used[0] = True
                else:
                    mass[beliefs.node_slots[node_slot(beliefs, x, 0)]] = initial[x]
        for k in range(nodes):
            if mass[k] == 0.0:
                continue
            x = beliefs.state[k]
            a = own[x] + chosen[k] * stride
            total += mass[k] * reward[x, a]
            if x >= last:
                continue
            met, child = False, -1
            for j in range(beliefs.branch[k], beliefs.branch[k + 1]):
                if beliefs.action[j] == own[x]:
                    met, child = True, beliefs.child[j]
            for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                if probability[e] == 0.0:
                    continue
                y = layers.following[e]
                if not met:
                    total += mass[k] * probability[e] * plain[y]
                elif child < 0:
                    entered[-1 - child, y] += mass[k] * probability[e]
                    used[-1 - child] = True
                else:
                    mass[beliefs.node_slots[node_slot(beliefs, y, child)]] += (
                        mass[k] * probability[e]
                    )
        for q in range(Q):
            if not used[q]:
                continue
            for x in range(N):
                if entered[q, x] == 0.0:
                    continue
                a = own[x] + alone[q, x] * stride
                total += entered[q, x] * reward[x, a]
                same = own[x] == members[q, x]
                for e in range(layers.rows[x * A + a], layers.rows[x * A + a + 1]):
                    if same:
                        entered[q, layers.following[e]] += entered[q, x] * probability[e]
                    else:
                        total += entered[q, x] * probability[e] * plain[layers.following[e]]
            entered[q] = 0.0
        out[i] = total
