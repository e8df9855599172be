"""The best of all policies against a hidden draw, by recursion over what is still possible.

Slow and apart from the fast code: sets of draws are Python's, a set of one is a set like any other,
and nothing is looked up in tables of nodes made beforehand. Many weights go through one recursion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.model.game import Game
from mamex_bench.model.policies import PurePolicies
from mamex_bench.reference.recompute import own_table
from mamex_bench.reference.rows import rows_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NODES = 200_000
BLOCK = 4096  # weights that go through the recursion together


class TooManyError(Exception):
    """More pairs of a state and a set than the recursion is good for."""


class Onlooker:
    """An agent that sees states and actions, while the others play a joint policy drawn once."""

    def __init__(self, game: Game, policies: PurePolicies, agent: int) -> None:
        self.rows, self.agent, self.initial = rows_of(game), agent, game.initial
        self.last = int(self.rows.first[-2])
        counts = [c if j != agent else 1 for j, c in enumerate(policies.counts)]
        # numbers[b, o]: the joint action of own b and what the others play, the o-th in C order
        self.numbers = own_table(game, agent)
        others = np.delete(np.array(game.action_counts), agent)
        self.played = np.empty((int(np.prod(counts)), self.last), dtype=np.int64)
        for q, drawn in enumerate(np.ndindex(*counts)):
            tables = [t[v].reshape(-1) for t, v in zip(policies.tables, drawn)]
            del tables[agent]
            number = np.zeros(self.last, dtype=np.int64)
            for m, table in zip(others, tables):
                number = number * m + table
            self.played[q] = number

    def values(self, weights: Floats) -> Floats:
        """(B,): most that the agent gets, for weights (B, Q) of the others' draws, of any sum."""
        found = np.empty(weights.shape[0])
        for begin in range(0, weights.shape[0], BLOCK):
            part = slice(begin, begin + BLOCK)
            found[part] = self._start(weights[part])
        return found

    def told(self) -> Floats:
        """(Q,): most that the agent gets against each of them, knowing which."""
        return np.array([self.values(row[None])[0] for row in np.eye(self.played.shape[0])])

    def _start(self, weights: Floats) -> Floats:
        self.weights = weights
        self.known: dict[tuple[int, frozenset[int]], Floats] = {}
        everyone = frozenset(np.flatnonzero(weights.any(axis=0)).tolist())
        total = np.zeros(weights.shape[0])
        for s, rho in enumerate(self.initial):
            if rho > 0.0:
                total += rho * self._value(s, everyone)
        return total

    def _value(self, x: int, possible: frozenset[int]) -> Floats:
        """w(C) times the value of the agent's best play from x on, given that q is in C."""
        if x >= self.last or not possible:
            return np.zeros(self.weights.shape[0])
        if (x, possible) in self.known:
            return self.known[x, possible]
        if len(self.known) >= NODES:
            raise TooManyError
        parts: dict[int, list[int]] = {}
        for q in possible:
            parts.setdefault(int(self.played[q, x]), []).append(q)
        best = np.full(self.weights.shape[0], -np.inf)
        for own in self.numbers:
            total = np.zeros(self.weights.shape[0])
            for o, members in parts.items():
                row = x * self.rows.actions + int(own[o])
                share = self.weights[:, members].sum(axis=1)
                total += share * self.rows.reward[self.agent, x, own[o]]
                for e in range(self.rows.starts[row], self.rows.starts[row + 1]):
                    if self.rows.probability[e] > 0.0:
                        after = self._value(int(self.rows.after[e]), frozenset(members))
                        total += self.rows.probability[e] * after
            best = np.maximum(best, total)
        self.known[x, possible] = best
        return best


def advice(distributions: Floats, agent: int, concept: str) -> tuple[Floats, Ints]:
    """(R, Q) weights of the others' draws and (R,) the profile that each row belongs to.

    distributions (B, m_0, ..., m_{n-1}). CE: one row for each own policy that may be told; else
    one for each profile.
    """
    own = np.moveaxis(distributions, agent + 1, 1)
    flat = own.reshape(*own.shape[:2], -1)
    if concept != "ce":
        return flat.sum(axis=1), np.arange(flat.shape[0])
    profile, policy = np.nonzero(flat.any(axis=2))
    return flat[profile, policy], profile
