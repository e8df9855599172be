"""Gaps of many class profiles against every policy of the deviating agent.

`model.unrestricted` proves what a best response depends on, and computes one. Here many profiles of
one class are measured: which pairs of a state and a set of policies still possible can be met is
found once, for all policies that may be drawn, and the value is then a maximum of linear forms in
their weights (`kernels.response_forms`), exact for each profile.

Where that takes more than the limits, it is done for the policies that are drawn with positive
probability, if these sets are not too many. Where that is still too much there is an interval. With
w the weights of the others' joint policies q,

    max_d sum_q w(q) V(d, q)  <=  value  <=  sum_q w(q) max_pi V(pi, q):

on the left deviations that are fixed in advance, the class and the best response to every q; on the
right those of an agent that is told q. Both ends meet where a single q is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mamex_bench.errors import InputError
from mamex_bench.kernels import response_forms as kernel
from mamex_bench.kernels.beliefs import FULL, answers, expand
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.game import Game
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.unrestricted import others_tables, room_for

NODES = 20_000
ENTRIES = 1_000_000  # of the forms: about half a millisecond for a profile
SUPPORTS = 256  # sets of draws that are looked at by themselves, of the profiles given at once
CACHED = 64  # forms that are kept
FIXED = 200_000_000  # states that may be visited to value the fixed deviations


@dataclass(frozen=True, eq=False)
class Forms:
    """What an agent's best response is worth, as a function of the weights of the others' draws.

    Attributes:
        count: forms to a node, one for each of the agent's actions.
        starts, place, coefficient: the forms, see `kernels.response_forms.write_forms`.
    """

    count: int
    starts: Ints
    place: NDArray[np.int32]
    coefficient: Floats

    def values(self, weights: Floats) -> Floats:
        """(B,) for weights (B, Q), nonnegative, of any sum."""
        out = np.empty(weights.shape[0])
        w = np.ascontiguousarray(weights)
        kernel.evaluate(self.count, self.starts, self.place, self.coefficient, w, out)
        return out


@dataclass(frozen=True, eq=False)
class AllPolicies:
    """Every policy of each agent, history-dependent ones included, against class profiles.

    Attributes:
        game, policies: what is played.
        payoffs: (n, m_0, ..., m_{n-1}), exact values of the joint pure policies.
        nodes, entries: most pairs of a state and a set, and most entries of the forms, up to which
            values are exact; beyond there are intervals.
        supports: most sets of draws with forms of their own, of profiles that are given together.
    """

    game: Game
    policies: PurePolicies
    payoffs: Floats
    nodes: int = NODES
    entries: int = ENTRIES
    supports: int = SUPPORTS
    _forms: dict[tuple[int, bytes], Forms | None] = field(default_factory=dict)
    _others: dict[int, Ints] = field(default_factory=dict)
    _ends: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)

    def gaps(self, distributions: Floats, concept: str, products: bool = False) -> Floats:
        """(2, B, n): lower and upper ends of gaps, equal where they are exact.

        distributions (B, m_0, ..., m_{n-1}). For "ce" an agent is told its own pure policy before
        it deviates. `products` says that agents draw independently: what they are told is then no
        news, and need not be gone through.
        """
        concept_code(concept)
        x = np.asarray(distributions, dtype=np.float64)
        if x.shape[1:] != self.policies.counts:
            raise InputError(
                f"distributions has shape {x.shape}: expected (B, "
                f"{', '.join(map(str, self.policies.counts))})"
            )
        B, n = x.shape[0], self.game.agents
        ends = np.empty((2, B, n))
        for i in range(n):
            own = np.moveaxis(x, i + 1, 1).reshape(B, self.policies.counts[i], -1)
            if concept == "ce" and not products:
                told = own.any(axis=2)
                profile, _ = np.nonzero(told)
                values = self._values(i, own[told])
                for end, part in zip(ends[..., i], values):
                    end[:] = np.bincount(profile, part, B)
            else:
                ends[..., i] = self._values(i, own.sum(axis=1))
            ends[..., i] -= (x * self.payoffs[i]).reshape(B, -1).sum(axis=1)
        return ends

    def _values(self, agent: int, weights: Floats) -> Floats:
        """(2, B): ends of what the agent's best response gets, weights (B, Q)."""
        everyone = np.ones(weights.shape[1], dtype=np.bool_)
        forms = self._forms_of(agent, everyone)
        if forms is not None:
            return np.repeat(forms.values(weights)[None], 2, axis=0)
        values = np.empty((2, weights.shape[0]))
        drawn, group = np.unique(weights > 0.0, axis=0, return_inverse=True)
        for g, support in enumerate(drawn):
            members = np.flatnonzero(group.reshape(-1) == g)
            forms = self._forms_of(agent, support) if len(drawn) <= self.supports else None
            if forms is not None:
                values[:, members] = forms.values(weights[members][:, support])
            else:
                fixed, told = self._ends_of(agent)
                values[0, members] = (weights[members] @ fixed.T).max(axis=1)
                values[1, members] = weights[members] @ told
        return values

    def _tables(self, agent: int) -> Ints:
        if agent not in self._others:
            self._others[agent] = others_tables(self.game, self.policies, agent)
        return self._others[agent]

    def _forms_of(self, agent: int, support: NDArray[np.bool_]) -> Forms | None:
        """Of the draws in `support` (Q,); None beyond the limits."""
        key = (agent, np.packbits(support).tobytes())
        if key in self._forms:
            forms = self._forms.pop(key)  # and goes to the end, as the latest
        else:
            forms = self._write(agent, self._tables(agent)[support])
        self._forms[key] = forms
        if len(self._forms) > CACHED:
            del self._forms[next(iter(self._forms))]
        return forms

    def _write(self, agent: int, others: Ints) -> Forms | None:
        game, Q = self.game, others.shape[0]
        stride, count = int(game.strides[agent]), game.action_counts[agent]
        common = (game.layers, game.probability)
        beliefs = room_for(self.nodes, Q)
        nodes = expand(*common, game.initial, count, stride, others, beliefs)
        if nodes == FULL:
            return None
        known, _ = self._known(agent, others)
        starts = np.empty(nodes * count + 2, dtype=np.int64)
        reward = game.rewards[agent]
        size = 0
        for _ in range(2):  # first to count
            place, coefficient = np.empty(size, dtype=np.int32), np.empty(size)
            size = kernel.write_forms(
                *common,
                reward,
                game.initial,
                count,
                stride,
                others,
                beliefs,
                nodes,
                known,
                starts,
                place,
                coefficient,
            )
            if size > self.entries:
                return None
        return Forms(count, starts, place, coefficient)

    def _known(self, agent: int, others: Ints) -> tuple[Floats, NDArray[np.int16]]:
        """(Q, ends) and (Q, N): values and actions of the best responses to each q."""
        game = self.game
        known = np.zeros((others.shape[0], int(game.layers.first[-1])))
        alone = np.empty(others.shape, dtype=np.int16)
        reward, stride = game.rewards[agent], int(game.strides[agent])
        count = game.action_counts[agent]
        answers(game.layers, game.probability, reward, count, stride, others, known, alone)
        return known, alone

    def _ends_of(self, agent: int) -> tuple[Floats, Floats]:
        """(D, Q) what fixed deviations get, and (Q,) what an agent that is told q gets."""
        if agent not in self._ends:
            game, others = self.game, self._tables(agent)
            known, alone = self._known(agent, others)
            own = np.moveaxis(self.payoffs[agent], agent, 0)
            fixed = own.reshape(own.shape[0], -1)
            if others.shape[0] * others.size <= FIXED:
                values = np.empty((others.shape[0], others.shape[0]))
                kernel.fixed_values(
                    game.layers,
                    game.probability,
                    game.rewards[agent],
                    game.initial,
                    int(game.strides[agent]),
                    alone,
                    others,
                    values,
                )
                fixed = np.concatenate([fixed, values])
            self._ends[agent] = fixed, known[:, : game.initial.size] @ game.initial
        return self._ends[agent]
