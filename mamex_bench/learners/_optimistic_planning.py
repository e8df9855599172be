"""The learners behind optimistic value iteration: confidence bounds on Q, one stage game per state.

Plan of one episode, backward over the layers h of states x, for every agent i and visited (x, a)
with t visits and Phat the empirical transition:

    high_i(x, a) = min{ r_i + Phat V_high,i + width_i, ceiling_i(x, a) }
    low_i(x, a)  = max{ r_i + Phat V_low,i  - width_i, floor_i(x, a) }
    pi(. | x)    = NASH, CE or CCE of the game high_1(x), ..., high_n(x)
    V = E_pi Q for both bounds; (x, a) never visited: high = ceiling, low = floor.

The width is bonus_ih / sqrt(t) plus what else `Confidence` names. Two players of a zero-sum game
may share the bounds of the first: then the stage game is (high, -low). Rewards that are random
are replaced by the means of those seen. Ties in a stage game are broken by lot, see `StageGames`.

Only cells with new data, or with a successor whose value changed, are computed again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.kernels import optimistic_planning as kernel
from mamex_bench.kernels.plans import DUE, PASSES, PLANNED, SOLVES, adopt
from mamex_bench.kernels.stage_games import stage_equilibria
from mamex_bench.learners._planner import Planner, in_states
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.game import Game
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import MarkovProfile
from mamex_bench.model.simulator import Simulator


@dataclass(frozen=True, eq=False)
class Confidence:
    """Bounds on Q before any data, and the width of an interval after t visits.

    width_i = bonus_ih / sqrt(t) + deviation sqrt((Var_Phat(U_i) + Var(r_i)) / t) + linear_ih / t
              + relative Phat(V_high,i - V_low,i) + sqrt(8 Phat(min(rare / N, cap)) / t),
    U_i = lean V_high,i + (1 - lean) V_low,i; Var(r_i) that of the rewards seen, where they are
    random; and N(y) the visits of the next state y.

    Attributes:
        ceiling, floor: (n, N, A).
        bonus, linear: (n, H); without `linear` it is zero.
    """

    ceiling: Floats
    floor: Floats
    bonus: Floats
    linear: Floats | None = None
    deviation: float = 0.0
    relative: float = 0.0
    lean: float = 0.5
    rare: float = 0.0
    cap: float = 0.0


def log_factor(game: Game, episodes: int, failure: float) -> float:
    """iota = log(N A K / p), N states in all layers, A joint actions, K episodes."""
    if not 0.0 < failure < 1.0:
        raise InputError(f"failure is {failure!r}: expected a probability between 0 and 1")
    return float(np.log(game.rewards.shape[1] * game.actions * episodes / failure))


def remaining_rewards(game: Game) -> tuple[Floats, Floats]:
    """Most and least that the steps after h can pay, each (n, H), from known rewards alone.

    most_ih = sum_{g > h} max of r_i(x, a) over layer g, and least with min; 1 and 0 per step where
    rewards are random.
    """
    most = np.zeros((game.agents, game.horizon))
    least = np.zeros((game.agents, game.horizon))
    for h in range(game.horizon - 2, -1, -1):
        begin, end = game.layers.first[h + 1 : h + 3]
        layer = np.array([0.0, 1.0]) if game.random_rewards else game.rewards[:, begin:end]
        layer = np.broadcast_to(layer, (game.agents, end - begin, layer.shape[-1]))
        most[:, h] = most[:, h + 1] + layer.max(axis=(1, 2))
        least[:, h] = least[:, h + 1] + layer.min(axis=(1, 2))
    return most, least


def reward_bounds(game: Game) -> tuple[Floats, Floats, Floats]:
    """Ceiling and floor of Q, each (n, N, A), and what data must tell, (n, H).

    r + the most and the least that is left; their difference. A random reward counts as left.
    """
    most, least = remaining_rewards(game)
    if game.random_rewards:
        most += 1.0
    now = np.zeros(game.rewards.shape) if game.random_rewards else game.rewards
    ceiling = now + in_states(game, most)[:, :, None]
    floor = now + in_states(game, least)[:, :, None]
    return ceiling, floor, most - least


class OptimisticPlanning(Planner):
    """Plays a stage equilibrium of the upper bounds in every state.

    Args:
        instance, concept, episodes: see Learner.
        name: the registered name.
        confidence: bounds and widths; of the first agent alone if `versus`.
        growth: at least 1; a new plan is made once the visits of some cell reach `growth` times
            what they were at the last plan. 1: after every episode.
        versus: two players of a zero-sum game share the bounds of the first.
        falling: upper bounds never rise again.
    """

    def __init__(
        self,
        instance: Instance,
        concept: str,
        episodes: int,
        name: str,
        confidence: Confidence,
        growth: float = 1.0,
        *,
        versus: bool = False,
        falling: bool = False,
    ) -> None:
        super().__init__(instance, concept, episodes, name)
        if not growth >= 1.0 or not np.isfinite(growth):
            raise InputError(f"growth is {growth!r}: expected a number of at least 1")
        game = instance.game
        n, N, A = confidence.ceiling.shape
        ends = int(game.layers.first[-1])
        self._problem = kernel.Problem(
            layers=game.layers,
            reward=_agents_inside(game.rewards[:n]),
            ceiling=_agents_inside(confidence.ceiling),
            floor=_agents_inside(confidence.floor),
            width=_width(game, confidence),
            unknown=game.random_rewards,
            versus=versus,
            falling=falling,
            action_counts=self._games.counts,
            concept_code=self._games.code,
            initial=game.initial,
            growth=float(growth),
        )
        self._data = kernel.Data(
            visits=np.zeros((N, A), dtype=np.int64),
            planned=np.zeros((N, A), dtype=np.int64),
            support=np.zeros((N, A), dtype=np.int64),
            successor=np.zeros(game.layers.following.size, dtype=np.int64),
            tally=np.zeros(game.layers.following.size),
            paid=np.zeros((N, n, A) if game.random_rewards else (0, 0, 0)),
            met=np.zeros(ends, dtype=np.int64),
            fresh=np.zeros(ends, dtype=np.bool_),
            stale=np.zeros((N, A), dtype=np.bool_),
            half=np.zeros((N, n, A)),
        )
        self._plan = kernel.Plan(
            high=self._problem.ceiling.copy(),
            low=self._problem.floor.copy(),
            value_high=np.zeros((ends, n)),
            value_low=np.zeros((ends, n)),
            between=np.zeros((ends, n)),
            joint=np.zeros((N, A)),
            order=self._games.order,
            moved=np.zeros(ends, dtype=np.bool_),
            narrowest=np.full(1, np.inf),
            best=np.zeros((N, A)),
            solved=self._games.recent,
            counters=np.zeros(4, dtype=np.int64),
        )
        self._joint, self._counters = self._plan.joint, self._plan.counters
        self._resume = PLANNED
        self._start()

    def diagnostics(self) -> dict[str, float]:
        """As `StageGames.diagnostics`; passes: planning passes."""
        return super().diagnostics() | {"passes": float(self._counters[PASSES])}

    # --- what a planner does ---

    def _start(self) -> None:
        """Solve every stage game before any data; later passes touch visited states only."""
        plan, (N, A) = self._plan, self._joint.shape
        games, answers = np.empty((N, *self._games.recent.shape[1:])), np.empty((N, A))
        status = np.empty(N, dtype=np.int64)
        kernel.stage_games(self._problem, plan, games)
        stage_equilibria(games, self._games.counts, self._games.code, answers, status)
        for x in np.flatnonzero(status):
            answers[x] = self._games.fall_back(games[x])
        kernel.adopt_all(self._problem, plan, answers)
        self._games.remember(games)
        self._resume = PLANNED
        plan.narrowest[0] = np.inf
        plan.counters[:] = 0
        plan.counters[[SOLVES, DUE]] = N, 1
        self._profile = self._fresh_profile()

    def _complete(self) -> None:
        while self._counters[DUE]:
            self._resume = kernel.replan(self._problem, self._data, self._plan, self._resume)
            self._fall_back()

    def _learn(self, states: Ints, actions: Ints, rewards: Floats) -> None:
        kernel.record(self._problem, self._data, self._plan, states, actions, rewards)

    def _play(self, simulator: Simulator, draws: Floats) -> int:
        count, self._resume = kernel.advance(
            self._problem,
            self._data,
            self._plan,
            self._resume,
            simulator.cumulative,
            simulator.cumulative_initial,
            simulator.reward,
            draws,
            self._snapshots,
            self._lengths,
        )
        self._fall_back()
        return count

    def _fall_back(self) -> None:
        """Solve the stage game that the last pass stopped at, if any, and adopt the answer."""
        if self._resume == PLANNED:
            return
        game = np.empty(self._games.recent.shape[1:])
        kernel.stage_game(self._problem, self._plan, self._resume, game)
        answer = self._games.fall_back(game)
        adopt(self._plan.order[self._resume], answer, self._joint[self._resume], self._counters)


class OptimisticValueIteration(OptimisticPlanning):
    """Optimistic planning whose lower bounds are bounds: it offers its narrowest plan."""

    def interval(self) -> tuple[Floats, Floats]:
        """Bounds (low, high), each (n,), on the agents' values at the start, of the coming plan.

        When the confidence bounds hold, low is at most what the plan pays and high at least what
        the best deviation from it pays.
        """
        self.choose()
        start = self._problem.initial
        low, high = self._plan.value_low[: start.size], self._plan.value_high[: start.size]
        return start @ low, start @ high

    def output_profile(self) -> MarkovProfile:
        """The plan of least max_i (V_high,i - V_low,i) at the start among those made so far."""
        self.choose()
        return self._markov(self._plan.best)

    def diagnostics(self) -> dict[str, float]:
        """Those of `OptimisticPlanning`; output_width: the certificate of `output_profile`."""
        return super().diagnostics() | {"output_width": float(self._plan.narrowest[0])}


def _width(game: Game, confidence: Confidence) -> kernel.Width:
    root, linear = confidence.bonus, confidence.linear
    return kernel.Width(
        root=np.ascontiguousarray(in_states(game, root).T),
        linear=np.ascontiguousarray(
            in_states(game, np.zeros_like(root) if linear is None else linear).T
        ),
        deviation=float(confidence.deviation),
        relative=float(confidence.relative),
        lean=float(confidence.lean),
        rare=float(confidence.rare),
        cap=float(confidence.cap),
    )


def _agents_inside(array: Floats) -> Floats:
    """(n, N, A) -> (N, n, A), a contiguous copy: one stage game is one block."""
    return np.array(np.moveaxis(array, 0, 1), dtype=np.float64, order="C")
