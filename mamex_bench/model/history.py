"""Policies that remember: the certified output of V-learning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.kernels import history as kernel
from mamex_bench.kernels.independent_history import independent_value
from mamex_bench.kernels.values import extreme_values
from mamex_bench.model._arrays import Floats, Ints, expect_shape, floats, integers, stochastic
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.game import Game

if TYPE_CHECKING:
    from mamex_bench.model.instance import Instance

SWEEPS = 20
PAIRS = 1 << 29  # of visits, in the value of independent marginals: some 20 seconds
HELD_PAIRS = 1 << 26  # of those in two layers, 512 MB


@dataclass(frozen=True, eq=False, repr=False)
class HistoryProfile:
    """The certified policy of K recorded episodes (Jin et al. 2021, Song, Mei and Bai 2021).

    It draws an episode k uniformly. Then, in every state x that it comes to, it counts the visits
    t of x in the episodes before k, draws one of them, the l-th with probability alpha_t^l, sets k
    to that visit's episode, and plays the product of the strategies met there. Agents share k and
    l: "cce", "ce". For "nash", two agents whose rewards sum to a constant, each draws k and l for
    itself: the marginals. From a state with t = 0 on it plays uniformly.

        alpha_t = (H + 1) / (H + t),    alpha_t^l = alpha_l prod_{l < j <= t} (1 - alpha_j).

    What is played depends on all states before. With V(x, t) the value from x on, given t,

        V(x, t) = sum_l alpha_t^l W(x, l) = (1 - alpha_t) V(x, t - 1) + alpha_t W(x, t),
        W(x, l) = E_{a ~ strategies of visit l} [ r(x, a) + sum_y P(y | x, a) V(y, t_l(y)) ],

    t_l(y) the visits of y in the episodes before that of visit l: K values in every layer.

    Where two agents draw for themselves ("nash") there is a value for each (x, t_0, t_1): of the
    order of K^2 / S in every layer. It is computed up to 2^29 of them (2^26 in two layers).

    **Upper end of an agent's gap.** Tell the deviating agent t in every state (besides all states
    and actions so far and, for "ce", its own recommended action). Given (x, t), l is drawn afresh:
    neither the others' actions nor the next pair (y, t_l(y)) depends on anything earlier, so (x, t)
    is the state of a decision process that the agent observes, and the recursion above with a
    maximum over its answers in each (x, t) is the value of its best policy there, history-dependent
    ones included. Every deviation without the hint is one with the hint that ignores it: the gain
    with the hint is an upper bound. It is the quantity that the theorems bound.

    **Lower end.** The exact value of one deviation, by the same recursion: a Markov one (for "ce":
    a Markov map of own recommended actions), first the best answer to the averaged strategies,
    then improved by policy iteration until no pass raises its value.

    Attributes:
        paths: (K, H) ints, the state visited in each layer, numbered across layers.
        strategies: (K, H, sum m_i), each agent's strategy there, agent after agent.
        action_counts: (m_0, ..., m_{n-1}).
        concept: "nash", "ce" or "cce"; says which deviations are meant.
    """

    paths: Ints
    strategies: Floats
    action_counts: tuple[int, ...]
    concept: str

    def __post_init__(self) -> None:
        concept_code(self.concept)
        paths = integers(self.paths, "paths", 2)
        if (paths < 0).any():
            raise InputError(f"paths holds the state {paths.min()}: expected at least 0")
        strategies = floats(self.strategies, "strategies", 3)
        shape = (*paths.shape, sum(self.action_counts))
        expect_shape(strategies, "strategies", shape, "(K, H, sum of action_counts)")
        for i, own in enumerate(self._split(strategies)):
            stochastic(own, f"strategies of agent {i}")
        if (np.diff(paths, axis=1) <= 0).any():
            raise InputError("paths holds a path that does not lead from layer to layer")
        if self.concept == "nash" and len(self.action_counts) > 2:
            raise InputError(
                f"a history profile for nash has {len(self.action_counts)} agents: expected at "
                "most two"
            )
        object.__setattr__(self, "paths", paths)
        object.__setattr__(self, "strategies", strategies)

    def sample(self, rng: np.random.Generator) -> Walk:
        """One episode's worth of play: ask its `act` in the states as they come."""
        return Walk(self, rng)

    def values(self, instance: Instance) -> Floats:
        """(n,): exact values.

        Raises:
            InputError: "nash" of two agents with too many pairs of visits, or another game.
        """
        record = self._record(instance)
        own = self._starts(record, self._own(record, instance))
        if not self._independent:
            return own
        _expect_constant_sum(instance.game)
        if not self._affordable(record):
            raise InputError(
                f"the value of independent marginals after {len(self.paths):,} episodes takes more "
                f"than {PAIRS:,} pairs of visits, or {HELD_PAIRS:,} at once: take gap_interval"
            )
        return self._marginal_values(record, instance, own)

    def gaps(self, instance: Instance) -> Floats:
        """(n,): certified upper ends of the gaps; `gap_interval` has both ends."""
        return self.gap_interval(instance)[1]

    def gap_interval(self, instance: Instance) -> Floats:
        """(2, n): lower and upper ends of the gain of each agent's best deviation, see above.

        "nash" with two agents, where the value takes too many pairs of visits: with U_i and L_i the
        ends of what agent i's best answer to the other's marginal gets and c what rewards sum to,
        the gaps add up to something in [L_0 + L_1 - c, U_0 + U_1 - c], whatever the marginals get.
        No gap is negative, so that this upper end and half the lower one are ends of the larger
        gap: both columns hold them.
        """
        record = self._record(instance)
        if self._independent:
            _expect_constant_sum(instance.game)
        own = self._starts(record, self._own(record, instance))
        ends = np.empty((2, instance.game.agents))
        for i in range(instance.game.agents):
            ends[1, i], ends[0, i], _ = self._deviations(record, instance, i)
        # Where a hint is worth nothing, rounding alone tells the ends apart.
        ends[0] = np.minimum(ends[0], ends[1])
        if not self._independent:
            return ends - own
        if self._affordable(record):
            return ends - self._marginal_values(record, instance, own)
        excess = ends.sum(axis=1) - own.sum()  # the values of any policy add up to c
        return np.repeat([[0.5 * excess[0]], [excess[1]]], 2, axis=1)

    def deviation(self, instance: Instance, agent: int) -> Ints:
        """The deviation whose value is the lower end: answers (N, m_i) to own actions for "ce".

        (N, 1) otherwise: an action for every state.
        """
        return self._deviations(self._record(instance), instance, agent)[2]

    def affordable(self, instance: Instance) -> bool:
        """Whether `values` are to be had."""
        return not self._independent or self._affordable(self._record(instance))

    # --- inside ---

    @property
    def _independent(self) -> bool:
        return self.concept == "nash" and len(self.action_counts) > 1

    def _split(self, strategies: Floats) -> list[Floats]:
        return np.split(strategies, np.cumsum(self.action_counts)[:-1], axis=-1)

    def _record(self, instance: Instance) -> kernel.Record:
        game = instance.game
        N, ends = int(game.layers.first[-2]), int(game.layers.first[-1])
        if game.action_counts != self.action_counts or game.horizon != self.paths.shape[1]:
            raise InputError(f"a history profile of another game than {game!r}")
        low, high = game.layers.first[:-2], game.layers.first[1:-1]
        if ((self.paths < low) | (self.paths >= high)).any():
            raise InputError(f"paths holds a state outside its layer in {game!r}")
        visits = np.bincount(self.paths.reshape(-1), minlength=ends)
        visits[N:] = 0
        layers, probability = game.possible
        return kernel.Record(
            layers=layers,
            probability=probability,
            initial=game.initial,
            counts=game.counts,
            strides=game.strides,
            paths=self.paths,
            strategies=self.strategies,
            start=np.concatenate([[0], np.cumsum(visits + 1)]).astype(np.int64),
        )

    @staticmethod
    def _affordable(record: kernel.Record) -> bool:
        first = record.layers.first
        pairs = np.diff(record.start).astype(float) ** 2
        layers = np.array([pairs[x:y].sum() for x, y in pairwise(first)])
        held = np.append(layers[1:], 0.0)  # the first layer is not held
        return bool(layers.sum() <= PAIRS and (held[:-1] + held[1:]).max() <= HELD_PAIRS)

    @staticmethod
    def _marginal_values(record: kernel.Record, instance: Instance, own: Floats) -> Floats:
        """(2,): exact values of independent marginals; the values of any policy add up to c."""
        value = independent_value(record, instance.game.rewards[0])
        return np.array([value, own.sum() - value])

    @staticmethod
    def _own(record: kernel.Record, instance: Instance) -> Floats:
        values = np.empty((instance.game.agents, int(record.start[-1])))
        kernel.own_values(record, instance.game.rewards, values)
        return values

    @staticmethod
    def _starts(record: kernel.Record, values: Floats) -> Floats:
        """Expected values at the first step of rows of values (rows, places)."""
        weights = np.empty(int(record.start[-1]))
        kernel.start_weights(record, weights)
        return values @ weights

    def _deviations(
        self, record: kernel.Record, instance: Instance, agent: int
    ) -> tuple[float, float, Ints]:
        """Most that a hint lets the agent get, and a Markov deviation with its value.

        No pass of policy iteration improves that deviation (at most 20 passes).
        """
        reward = instance.game.rewards[agent]
        rows = self.action_counts[agent] if self.concept == "ce" else 1
        answer = np.empty((reward.shape[0], rows), dtype=np.int64)
        values = np.empty(int(record.start[-1]))
        kernel.told_values(record, reward, agent, values, answer)
        told = float(self._starts(record, values[None])[0])
        weights, best, found = np.empty(values.size), -np.inf, answer
        for _ in range(SWEEPS):
            before = answer.copy()
            kernel.spread(record, agent, answer, weights)
            kernel.improve(record, reward, agent, weights, answer, values)
            value = float(self._starts(record, values[None])[0])
            if value > best:
                best, found = value, answer.copy()
            if np.array_equal(answer, before):
                break
        return told, best, found

    @cached_property
    def _visits(self) -> tuple[Ints, Ints]:
        """Episodes of the visits, state after state, and the states of these."""
        flat = self.paths.T.reshape(-1)
        order = np.argsort(flat, kind="stable")
        return order % self.paths.shape[0], flat[order]

    @cached_property
    def _log_tails(self) -> Floats:
        """(K+1,): log prod_{1 < j <= t} (1 - alpha_j), at t from 0 on."""
        K, H = self.paths.shape
        j = np.arange(2, K + 1)
        tails = np.cumsum(np.log((j - 1.0) / (H + j)))
        return np.concatenate([[0.0, 0.0], tails])

    def _visited(self, x: int, k: int) -> Ints:
        """Episodes before k that visited x."""
        episodes, states = self._visits
        mine = episodes[np.searchsorted(states, x) : np.searchsorted(states, x, side="right")]
        return mine[: np.searchsorted(mine, k)]

    def __repr__(self) -> str:
        K, H = self.paths.shape
        return f"HistoryProfile({self.concept}, {K:,} episodes, horizon {H})"


def _expect_constant_sum(game: Game) -> None:
    """InputError unless the rewards add up to the same whatever is played."""
    extremes = []
    for sign in (1.0, -1.0):
        values = np.zeros((1, 1, int(game.layers.first[-1])))
        total = game.rewards.sum(axis=0)[None, None]
        extreme_values(game.layers, game.probability[None], total, sign, values)
        extremes.append(float(game.initial @ values[0, 0, : game.initial.size]))
    if not extremes[0] - extremes[1] <= 1e-9:
        raise InputError(
            f"the agents' returns add up to between {extremes[1]:g} and {extremes[0]:g}: gaps of "
            "independent marginals need a constant"
        )


class Walk:
    """One episode of a HistoryProfile: `act` is asked once in every state, as they come."""

    def __init__(self, profile: HistoryProfile, rng: np.random.Generator) -> None:
        self._profile, self._rng = profile, rng
        agents = len(profile.action_counts)
        K = profile.paths.shape[0]
        shared = not profile._independent
        drawn = [int(rng.integers(K)) for _ in range(1 if shared else agents)]
        self._episode: list[int | None] = [drawn[0]] * agents if shared else [*drawn]

    def act(self, state: int) -> int:
        """Joint action in a state, numbered across layers."""
        joint = 0
        for own, strategy in zip(self._profile.action_counts, self._strategies(int(state))):
            cumulative = np.cumsum(strategy)
            action = int(np.searchsorted(cumulative, self._rng.random() * cumulative[-1], "right"))
            joint = joint * own + min(action, own - 1)
        return joint

    def _strategies(self, x: int) -> list[Floats]:
        profile = self._profile
        visits: list[int | None] = []
        if profile._independent:
            visits = [self._draw_visit(x, k) for k in self._episode]
        else:
            visits = [self._draw_visit(x, self._episode[0])] * len(self._episode)
        self._episode = visits
        met = []
        for i, (k, own) in enumerate(zip(visits, profile.action_counts)):
            if k is None:
                met.append(np.full(own, 1.0 / own))
            else:
                h = int(np.flatnonzero(profile.paths[k] == x)[0])
                met.append(profile._split(profile.strategies[k, h])[i])
        return met

    def _draw_visit(self, x: int, k: int | None) -> int | None:
        """The episode of a visit of x before episode k; None where there is none."""
        visited = () if k is None else self._profile._visited(x, k)
        t = len(visited)
        if not t:
            return None
        # P(L <= l) = prod_{l < j <= t} (1 - alpha_j)
        tails = self._profile._log_tails
        below = np.exp(tails[t] - tails[1 : t + 1])
        return int(visited[np.searchsorted(below, self._rng.random(), "right")])
