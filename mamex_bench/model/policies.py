"""Finite classes of pure policies, one per agent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import (
    Ints,
    expect_shape,
    frozen,
    integers,
    positive_integer,
    whole_seed,
)
from mamex_bench.model.game import Game
from mamex_bench.words import count

ALL_LIMIT = 1_000_000


@dataclass(frozen=True, eq=False, init=False, repr=False)
class PurePolicies:
    """Deterministic Markov policies: agent i owns m_i tables, an action for each state.

    A joint pure policy is one table per agent; joint policies are numbered in C order over
    (m_0, ..., m_{n-1}).

    Attributes:
        tables: per agent an int64 array (m_i, H, S), or (m_i, N) for a layered game.
    """

    tables: tuple[Ints, ...]

    def __init__(self, tables: Sequence[ArrayLike]) -> None:
        if not isinstance(tables, Iterable):
            raise InputError(f"policies is {tables!r}: expected one array (m_i, H, S) per agent")
        arrays = tuple(integers(t, f"policies[{i}]", 3, 2) for i, t in enumerate(tables))
        if not arrays:
            raise InputError("policies is empty: expected one array (m_i, H, S) per agent")
        for i, array in enumerate(arrays):
            shape = (array.shape[0], *arrays[0].shape[1:])
            expect_shape(array, f"policies[{i}]", shape, "(m_i, H, S)")
            if (array < 0).any():
                raise InputError(f"policies[{i}] holds a negative action")
        object.__setattr__(self, "tables", arrays)

    @property
    def agents(self) -> int:
        return len(self.tables)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """(m_0, ..., m_{n-1})."""
        return tuple(t.shape[0] for t in self.tables)

    @property
    def size(self) -> int:
        """Number of joint pure policies."""
        return math.prod(self.counts)

    @cached_property
    def stacked(self) -> Ints:
        """(sum m_i, H, S) or (sum m_i, N): all tables, agent i's from `offsets[i]` on."""
        return frozen(np.concatenate(self.tables))

    @property
    def flat(self) -> Ints:
        """(sum m_i, N): the same, states numbered across layers."""
        return self.stacked.reshape(self.stacked.shape[0], -1)

    @cached_property
    def offsets(self) -> Ints:
        """(n+1,)."""
        return frozen(np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64))

    def joint_actions(self, game: Game, index: int) -> Ints:
        """(H, S) or (N,): joint action of joint policy `index` in every state."""
        members = np.unravel_index(index, self.counts)
        table = np.zeros(self.tables[0].shape[1:], dtype=np.int64)
        for stride, member, tables in zip(game.strides, members, self.tables):
            table += stride * tables[member]
        return table

    def check(self, game: Game) -> None:
        """Raise InputError unless these are policies of that game."""
        if self.agents != game.agents:
            raise InputError(
                f"policies for {count(self.agents, 'agent')}: the game has {game.agents}"
            )
        for i, table in enumerate(self.tables):
            shape = (table.shape[0], *game.table_shape)
            meaning = "(m_i, H, S)" if len(shape) == 3 else "(m_i, N)"
            expect_shape(table, f"policies[{i}]", shape, meaning)
            if table.max() >= game.action_counts[i]:
                raise InputError(
                    f"policies[{i}] holds action {table.max()}: agent {i} has "
                    f"{game.action_counts[i]} actions"
                )

    @classmethod
    def all(cls, game: Game) -> PurePolicies:
        """Every deterministic Markov policy; refused beyond a million tables per agent."""
        cells = int(np.prod(game.table_shape))
        tables = []
        for i, actions in enumerate(game.action_counts):
            if cells * np.log(actions) > np.log(ALL_LIMIT):
                raise InputError(
                    f"agent {i} has {actions}^{cells} pure policies: more than {ALL_LIMIT:,}; "
                    "use PurePolicies.sample"
                )
            codes = np.arange(actions**cells)[:, None]
            digits = codes // actions ** np.arange(cells - 1, -1, -1) % actions
            tables.append(digits.reshape(-1, *game.table_shape))
        return cls(tables)

    @classmethod
    def sample(cls, game: Game, counts: Sequence[int], seed: int) -> PurePolicies:
        """Distinct uniformly random tables, `counts[i]` for agent i, from a seed.

        All of them when agent i has no more than `counts[i]`.
        """
        if not isinstance(counts, (Sequence, np.ndarray)) or isinstance(counts, str):
            raise InputError(f"counts is {counts!r}: expected {game.agents} whole numbers")
        if len(counts) != game.agents:
            raise InputError(f"counts has {len(counts)} entries: expected {game.agents}, one each")
        seed = whole_seed(seed)
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x706F6C]))
        shape = game.table_shape
        cells = int(np.prod(shape))
        tables = []
        for actions, wanted in zip(game.action_counts, counts):
            count = positive_integer(wanted, "counts")
            if min(cells * np.log(actions), np.log(count)) > np.log(ALL_LIMIT):
                raise InputError(f"counts asks for {count:,} policies: expected <= {ALL_LIMIT:,}")
            if cells * np.log(actions) <= np.log(count):
                every = np.array(list(np.ndindex(*(actions,) * cells)), dtype=np.int64)
                tables.append(every.reshape(-1, *shape))
                continue
            chosen: dict[bytes, Ints] = {}
            while len(chosen) < count:
                table = rng.integers(actions, size=shape)
                chosen.setdefault(table.tobytes(), table)
            tables.append(np.stack(list(chosen.values())))
        return cls(tables)

    def __repr__(self) -> str:
        return f"PurePolicies({' x '.join(map(str, self.counts))})"
