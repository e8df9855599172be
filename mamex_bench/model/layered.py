"""Layered games: states differ from step to step and few of them can follow each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mamex_bench.errors import InputError
from mamex_bench.kernels.layers import Layers
from mamex_bench.model._arrays import ROW_TOLERANCE, Floats, Ints, expect_shape, floats, frozen
from mamex_bench.model._arrays import integers as whole
from mamex_bench.model.game import Game, MarkovGame, Units, checked_action_counts, html
from mamex_bench.words import count

DENSE_LIMIT = 50_000_000  # numbers in a dense transition


@dataclass(frozen=True, eq=False, init=False, repr=False)
class LayeredGame(Game):
    """A Markov game whose states differ per step, with sparse rows of transitions.

    The states in which something is decided are numbered across the H layers, N in all. The states
    that follow the last layer are N, N + 1, ...; nothing happens there. Nothing dense is ever
    built. Arrays are copied, checked and made read-only.

    Which states can follow which is known to learners, how likely they are is not.

    Attributes:
        layer_offsets: (H+1,), layer h holds the states layer_offsets[h] .. layer_offsets[h+1]-1;
            layer_offsets[0] = 0 and layer_offsets[H] = N.
        indptr: (N A + 1,), row x * A + a of state x and joint action a is the entries
            indptr[row] .. indptr[row+1]-1. Rows of the last layer may all be empty: then one end
            state N follows.
        next_state: (nnz,), a state of the next layer per entry, ascending within a row.
        probability: (nnz,), rows sum to 1 within 1e-9.
        reward: (n, N, A), in [0, 1].
        action_counts: (A_0, ..., A_{n-1}); agents may have unequal numbers of actions.
        initial: distribution over layer 0; None puts all mass on its first state.
        units: the affine map from returns to the game's own units; identity by default.
        random_rewards: whether `reward` holds the means of unknown 0/1 rewards; see Game.
    """

    layer_offsets: Ints
    indptr: Ints
    next_state: Ints
    probability: Floats
    reward: Floats
    action_counts: tuple[int, ...]
    initial: Floats
    units: Units
    random_rewards: bool

    def __init__(
        self,
        layer_offsets: ArrayLike,
        indptr: ArrayLike,
        next_state: ArrayLike,
        probability: ArrayLike,
        reward: ArrayLike,
        action_counts: Sequence[int],
        initial: ArrayLike | None = None,
        units: Units | None = None,
        *,
        random_rewards: bool = False,
    ) -> None:
        counts = checked_action_counts(action_counts)
        offsets = whole(layer_offsets, "layer_offsets", 1)
        if offsets.size < 2 or offsets[0] != 0 or (np.diff(offsets) < 1).any():
            raise InputError(
                "layer_offsets must begin with 0 and increase: expected (H+1,), no layer empty"
            )
        N, A = int(offsets[-1]), math.prod(counts)
        r = floats(reward, "reward", 3)
        expect_shape(r, "reward", (len(counts), N, A), "(n, N, A)")
        rows = whole(indptr, "indptr", 1)
        expect_shape(rows, "indptr", (N * A + 1,), "(N A + 1,)")
        if rows[0] != 0 or (np.diff(rows) < 0).any():
            raise InputError("indptr must begin with 0 and never decrease")
        following = _plain(next_state, "next_state", "iu", "integers")
        P = _plain(probability, "probability", "iuf", "real numbers")
        for name, array in (("next_state", following), ("probability", P)):
            if array.shape != (rows[-1],):
                raise InputError(
                    f"{name} has shape {array.shape}: expected (nnz,) = ({rows[-1]},), as indptr "
                    "says"
                )
        last = int(offsets[-2]) * A
        if rows[last] == rows[-1]:
            # An end that nobody described: one state, certain.
            rows = rows.copy()
            rows[last:] = rows[last] + np.arange(rows.size - last)
            following = np.concatenate([following, np.full(N * A - last, N)]).astype(np.int64)
            P = np.concatenate([P, np.ones(N * A - last)])
        following, P = whole(following, "next_state", 1), floats(P, "probability", 1)
        _check_rows(offsets, rows, following, P, A)
        set_ = object.__setattr__
        set_(self, "layer_offsets", offsets)
        set_(self, "indptr", frozen(rows))
        set_(self, "next_state", following)
        set_(self, "probability", P)
        self._finish(counts, r, initial, int(offsets[1]), units, random_rewards)

    @property
    def horizon(self) -> int:
        return self.layer_offsets.size - 1

    @property
    def states(self) -> int:
        return int(self.layer_offsets[-1])

    @property
    def table_shape(self) -> tuple[int, ...]:
        return (self.states,)

    @cached_property
    def layers(self) -> Layers:
        ends = max(self.states, int(self.next_state.max())) + 1
        return Layers(
            first=frozen(np.append(self.layer_offsets, ends)),
            rows=self.indptr,
            following=frozen(self.next_state.astype(np.int32)),
            actions=self.actions,
        )

    def numbered(self, states: Ints) -> Ints:
        return states

    def named(self, states: Ints) -> Ints:
        return states

    def dense(self) -> MarkovGame:
        """The same game with S states at every step, S the size of the largest layer.

        State s of step h is state layer_offsets[h] + s; states that fill up a smaller layer are
        never reached, stay where they are and pay nothing.

        Raises:
            InputError: a dense transition of more than 50 million numbers.
        """
        layers, H, A = self.layers, self.horizon, self.actions
        sizes = np.diff(layers.first)
        S = int(sizes.max())
        if H * S * A * S > DENSE_LIMIT:
            raise InputError(
                f"a dense transition of {self!r} has {H * S * A * S:,} numbers: expected at most "
                f"{DENSE_LIMIT:,}"
            )
        transition = np.zeros((H, S, A, S))
        transition[:, np.arange(S), :, np.arange(S)] = 1.0
        reward = np.zeros((self.agents, H, S, A))
        for h in range(H):
            begin, size = int(layers.first[h]), int(sizes[h])
            transition[h, :size] = 0.0
            reward[:, h, :size] = self.reward[:, begin : begin + size]
            for s in range(size):
                for a in range(A):
                    row = (begin + s) * A + a
                    entries = slice(layers.rows[row], layers.rows[row + 1])
                    after = layers.following[entries] - layers.first[h + 1]
                    transition[h, s, a, after] = self.probability[entries]
        initial = np.zeros(S)
        initial[: self.initial.size] = self.initial
        return MarkovGame(
            transition,
            reward,
            self.action_counts,
            initial,
            self.units,
            random_rewards=self.random_rewards,
        )

    def __repr__(self) -> str:
        return (
            f"LayeredGame({count(self.agents, 'agent')}, "
            f"{count(self.states, 'state')} in {count(self.horizon, 'layer')}, "
            f"actions {' x '.join(map(str, self.action_counts))}, "
            f"{count(self.next_state.size, 'transition')}"
            f"{', random rewards' if self.random_rewards else ''})"
        )

    def _repr_html_(self) -> str:
        return html(self, "layered game")


def _check_rows(offsets: Ints, rows: Ints, following: Ints, P: Floats, A: int) -> None:
    """Every row has entries, of the next layer, ascending, with probabilities that sum to 1."""
    sizes = np.diff(rows)

    def where(row: int) -> str:
        return f"of state {row // A}, joint action {row % A}"

    if (sizes == 0).any():
        row = int(np.argmin(sizes))
        raise InputError(f"the row {where(row)} is empty: expected at least one next state")
    row_of = np.repeat(np.arange(sizes.size), sizes)
    layer = np.searchsorted(offsets, row_of // A, side="right") - 1
    low = offsets[layer + 1]
    high = np.append(offsets, np.iinfo(np.int32).max)[layer + 2]
    wrong = (following < low) | (following >= high)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InputError(
            f"next_state[{k}] is {following[k]}, {where(int(row_of[k]))}: expected a state of the "
            f"next layer, from {low[k]} on"
        )
    ends = int(following.max()) - int(offsets[-1]) + 1
    if ends > following.size + offsets[-1]:
        raise InputError(
            f"next_state counts {ends} end states, more than states and entries together: expected "
            "them numbered from N on without large holes"
        )
    disordered = (np.diff(following) <= 0) & (np.diff(row_of) == 0)
    if disordered.any():
        k = int(np.argmax(disordered)) + 1
        raise InputError(f"next_state[{k}] {where(int(row_of[k]))}: expected ascending states")
    if (P < 0.0).any():
        k = int(np.argmax(P < 0.0))
        raise InputError(f"probability[{k}] is {P[k]:g}: expected no negative value")
    totals = np.add.reduceat(P, rows[:-1])
    off = np.abs(totals - 1.0) > ROW_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise InputError(
            f"probability {where(row)} sums to {totals[row]:.12g}: expected 1 within 1e-9"
        )


def _plain(value: ArrayLike, name: str, kinds: str, expected: str) -> NDArray[Any]:
    """An array of one of NumPy's kinds of type, or an InputError."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name} has rows of unequal lengths: expected (nnz,)") from error
    if array.size and array.dtype.kind not in kinds:
        raise InputError(f"{name} has type {array.dtype}: expected {expected}")
    return array
