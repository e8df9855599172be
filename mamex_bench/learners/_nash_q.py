"""The learner behind optimistic Nash Q-learning: two-sided bounds on Q, no model.

After each step (x, a) -> y of an episode, t visits of (x, a) so far, alpha_t = (H + 1) / (H + t):

    high(x, a) <- min{ (1 - alpha_t) high + alpha_t (r + V_high(y) + bonus_h / sqrt(t)), ceiling }
    low(x, a)  <- max{ (1 - alpha_t) low  + alpha_t (r + V_low(y)  - bonus_h / sqrt(t)), floor }
    pi(. | x)  <- NASH, CE or CCE of (high(x), -low(x)),      V(x) <- E_pi Q(x) for both bounds.

Before the first visit of x, pi is uniform, or an equilibrium of the bounds that are known. Ties in
a stage game are broken by lot, see `StageGames`.
Bounds are those of the first of two players whose rewards sum to a constant.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.kernels import nash_q as kernel
from mamex_bench.kernels.plans import SOLVES
from mamex_bench.kernels.stage_games import stage_equilibria
from mamex_bench.learners._planner import Planner, in_states
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.instance import Instance
from mamex_bench.model.simulator import Simulator


class NashQLearning(Planner):
    """Plays an equilibrium of (high, -low) in every state.

    Args:
        instance, concept, episodes: see Learner.
        name: the registered name.
        start: values of high and low before any data, each (N, A).
        limits: what high is never above, and low never below, each (N, A).
        bonus: (H,), at one visit.
        uniform: whether policies are uniform before the first visit, or equilibria of `start`.
    """

    def __init__(
        self,
        instance: Instance,
        concept: str,
        episodes: int,
        name: str,
        start: tuple[Floats, Floats],
        limits: tuple[Floats, Floats],
        bonus: Floats,
        uniform: bool,
    ) -> None:
        super().__init__(instance, concept, episodes, name)
        self._uniform = uniform
        game = instance.game
        (N, A), ends = start[0].shape, int(game.layers.first[-1])
        self._problem = kernel.Problem(
            layers=game.layers,
            reward=np.ascontiguousarray(game.rewards[0]),
            ceiling=np.ascontiguousarray(limits[0]),
            floor=np.ascontiguousarray(limits[1]),
            bonus=in_states(game, bonus),
            action_counts=self._games.counts,
            concept_code=self._games.code,
        )
        self._tables = kernel.Tables(
            visits=np.zeros((N, A), dtype=np.int64),
            high=np.array(start[0]),
            low=np.array(start[1]),
            value_high=np.zeros(ends),
            value_low=np.zeros(ends),
            joint=np.zeros((N, A)),
            order=self._games.order,
            states=np.zeros(game.horizon + 1, dtype=np.int64),
            actions=np.zeros(game.horizon, dtype=np.int64),
            solved=self._games.recent,
            counters=np.zeros(4, dtype=np.int64),
        )
        self._joint, self._counters = self._tables.joint, self._tables.counters
        self._start()

    def interval(self) -> tuple[float, float]:
        """Bounds (low, high) on the first agent's value of the game at the start."""
        start, tables = self.instance.game.initial, self._tables
        low, high = tables.value_low[: start.size], tables.value_high[: start.size]
        return float(start @ low), float(start @ high)

    def diagnostics(self) -> dict[str, float]:
        """As `StageGames.diagnostics`; width: V_high - V_low at the start."""
        low, high = self.interval()
        return super().diagnostics() | {"width": high - low}

    # --- what a planner does ---

    def _start(self) -> None:
        """Policies and values before any data."""
        tables = self._tables
        N, A = tables.joint.shape
        answers = np.full((N, A), 1.0 / A)
        if not self._uniform:
            games, status = np.empty((N, 2, A)), np.empty(N, dtype=np.int64)
            for x in range(N):
                kernel.stage_game(tables, x, games[x])
            stage_equilibria(games, self._games.counts, self._games.code, answers, status)
            for unsolved in np.flatnonzero(status):
                answers[unsolved] = self._games.fall_back(games[unsolved])
            self._games.remember(games)
            tables.counters[SOLVES] = N
        for x in range(N):
            kernel.settle(tables, x, answers[x])
        self._profile = self._fresh_profile()

    def _complete(self) -> None:
        """Policies are up to date after every episode."""

    def _learn(self, states: Ints, actions: Ints, rewards: Floats) -> None:
        self._tables.states[:] = states
        self._tables.actions[:] = actions
        self._finish(kernel.learn(self._problem, self._tables, 0))

    def _play(self, simulator: Simulator, draws: Floats) -> int:
        count, unsolved = kernel.advance(
            self._problem,
            self._tables,
            simulator.cumulative,
            simulator.cumulative_initial,
            draws,
            self._snapshots,
            self._lengths,
        )
        self._finish(unsolved)
        return count

    def _finish(self, unsolved: int) -> None:
        """Learn the rest of an episode whose stage game at step `unsolved` the kernel left."""
        while unsolved != kernel.LEARNT:
            x = int(self._tables.states[unsolved])
            game = np.empty(self._games.recent.shape[1:])
            kernel.stage_game(self._tables, x, game)
            kernel.settle(self._tables, x, self._games.fall_back(game))
            unsolved = kernel.learn(self._problem, self._tables, unsolved + 1)
