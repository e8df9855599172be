"""Sparse layered transitions: the one form of a game that every kernel works on.

States are numbered across layers: layer h = 0..H-1 holds the states in which step h is decided,
layer H those in which an episode ends. A row is a pair of a state x and a joint action a, number
x * A + a; its entries are the states that may follow, ascending, all in the next layer. A dense
game has every state of the next layer in every row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Layers(NamedTuple):
    """Where states lie and what may follow them; N states in the layers 0..H-1.

    first (H+2,): layer h holds the states first[h] .. first[h+1]-1; first[H] = N;
    rows (N A + 1,): entries of row r are rows[r] .. rows[r+1]-1, at least one;
    following (nnz,): the states that follow; actions: number A of joint actions.
    """

    first: Ints
    rows: Ints
    following: NDArray[np.int32]
    actions: int


@jit
def position(layers: Layers, row: int, state: int) -> int:
    """The entry of a row at which `state` follows, or -1."""
    low, high = layers.rows[row], layers.rows[row + 1] - 1
    # In a row without holes the distance of the states is that of the entries.
    guess = low + state - layers.following[low]
    if low <= guess <= high and layers.following[guess] == state:
        return guess
    while low < high:
        middle = (low + high) // 2
        if layers.following[middle] < state:
            low = middle + 1
        else:
            high = middle
    return low if layers.following[low] == state else -1


@jit
def foreign_step(layers: Layers, states: Ints, actions: Ints) -> int:
    """The first step h at which a trajectory is none of this game, or -1.

    states (H+1,), numbered across layers; actions (H,), joint.
    """
    for h in range(actions.shape[0]):
        x, a = states[h], actions[h]
        inside = layers.first[h] <= x < layers.first[h + 1] and 0 <= a < layers.actions
        if not inside or position(layers, x * layers.actions + a, states[h + 1]) < 0:
            return h
    return -1


@jit
def cumulate(rows: Ints, probability: Floats, out: Floats) -> None:
    """Running sums within each row, exactly 1 from the last positive entry on; out (nnz,).

    So that a uniform draw in [0, 1) never lands on an entry of probability zero.
    """
    for r in range(rows.shape[0] - 1):
        total = 0.0
        last = rows[r]
        for k in range(rows[r], rows[r + 1]):
            total += probability[k]
            out[k] = total
            if probability[k] > 0.0:
                last = k
        for k in range(last, rows[r + 1]):
            out[k] = 1.0


@jit
def reach(layers: Layers, possible: NDArray[np.bool_], reached: NDArray[np.bool_]) -> None:
    """Mark the states that entries marked `possible` (nnz,) lead to, from those marked before.

    reached (N + ends,): on entry the possible first states.
    """
    for x in range(layers.first[layers.first.shape[0] - 2]):
        if reached[x]:
            for k in range(layers.rows[x * layers.actions], layers.rows[(x + 1) * layers.actions]):
                if possible[k]:
                    reached[layers.following[k]] = True
