"""The learner behind optimistic value iteration: confidence bounds on Q, one stage game per state.

Plan of one episode, backward over the layers h of states x, for every agent i and visited (x, a)
with t visits and Phat the empirical transition:

    high_i(x, a) = min{ r_i + Phat V_high,i + bonus_ih / sqrt(t), ceiling_i(x, a) }
    low_i(x, a)  = max{ r_i + Phat V_low,i  - bonus_ih / sqrt(t), floor_i(x, a) }
    pi(. | x)    = NASH, CE or CCE of the game high_1(x), ..., high_n(x)
    V = E_pi Q for both bounds; (x, a) never visited: high = ceiling, low = floor.

Only cells with new data, or with a successor whose value changed, are computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from mamex_bench.equilibria import solve
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels import optimistic_planning as kernel
from mamex_bench.kernels.stage_games import stage_equilibria
from mamex_bench.learners._base import FusedLearner
from mamex_bench.model._arrays import Floats
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.game import Game, Trajectory
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import MarkovProfile, Profile
from mamex_bench.model.simulator import Simulator

SNAPSHOTS = 512
SNAPSHOT_NUMBERS = 1 << 24  # in all snapshots together, 128 MB
TIMED_GAMES = 64


@dataclass(frozen=True, eq=False)
class Confidence:
    """Bounds on Q before any data, and how wide an interval is after one visit.

    Attributes:
        ceiling, floor: (n, N, A).
        bonus: (n, H).
    """

    ceiling: Floats
    floor: Floats
    bonus: Floats


def log_factor(game: Game, episodes: int, failure: float) -> float:
    """iota = log(N A K / p), N states in all layers, A joint actions, K episodes."""
    if not 0.0 < failure < 1.0:
        raise InputError(f"failure is {failure!r}: expected a probability between 0 and 1")
    return float(np.log(game.rewards.shape[1] * game.actions * episodes / failure))


def remaining_rewards(game: Game) -> tuple[Floats, Floats]:
    """Most and least that the steps after h can pay, each (n, H), from the known rewards alone.

    most_ih = sum_{g > h} max of r_i(x, a) over layer g, and least with min.
    """
    most = np.zeros((game.agents, game.horizon))
    least = np.zeros((game.agents, game.horizon))
    for h in range(game.horizon - 2, -1, -1):
        begin, end = game.layers.first[h + 1 : h + 3]
        layer = game.rewards[:, begin:end]
        most[:, h] = most[:, h + 1] + layer.max(axis=(1, 2))
        least[:, h] = least[:, h + 1] + layer.min(axis=(1, 2))
    return most, least


def in_states(game: Game, per_step: Floats) -> Floats:
    """(..., H) -> (..., N): the number of each state's layer."""
    return np.repeat(per_step, np.diff(game.layers.first)[:-1], axis=-1)


class OptimisticValueIteration(FusedLearner):
    """Plays a stage equilibrium of the upper bounds in every state.

    Args:
        instance, concept, episodes: see Learner.
        name: the registered name.
        confidence: bounds and bonus.
        growth: at least 1; a new plan is made once the visits of some cell reach `growth` times
            what they were at the last plan. 1: after every episode.
    """

    profile_kind = "markov"

    def __init__(
        self,
        instance: Instance,
        concept: str,
        episodes: int,
        name: str,
        confidence: Confidence,
        growth: float = 1.0,
    ) -> None:
        super().__init__(instance, concept, episodes)
        if instance.game.random_rewards:
            raise NotApplicableError(
                f"{name} needs known rewards, but those of instance {instance.name!r} are random"
            )
        if not growth >= 1.0 or not np.isfinite(growth):
            raise InputError(f"growth is {growth!r}: expected a number of at least 1")
        self.name = name
        game = instance.game
        n, N, A = game.rewards.shape
        ends = int(game.layers.first[-1])
        self._problem = kernel.Problem(
            layers=game.layers,
            reward=_agents_inside(game.rewards),
            ceiling=_agents_inside(confidence.ceiling),
            floor=_agents_inside(confidence.floor),
            bonus=np.ascontiguousarray(in_states(game, confidence.bonus).T),
            action_counts=np.array(game.action_counts, dtype=np.int64),
            concept_code=concept_code(concept),
            initial=game.initial,
            growth=float(growth),
        )
        self._data = kernel.Data(
            visits=np.zeros((N, A), dtype=np.int64),
            planned=np.zeros((N, A), dtype=np.int64),
            support=np.zeros((N, A), dtype=np.int64),
            successor=np.zeros(game.layers.following.size, dtype=np.int64),
            tally=np.zeros(game.layers.following.size, dtype=np.int64),
            met=np.zeros(N, dtype=np.bool_),
            stale=np.zeros((N, A), dtype=np.bool_),
        )
        self._plan = kernel.Plan(
            high=self._problem.ceiling.copy(),
            low=self._problem.floor.copy(),
            value_high=np.zeros((ends, n)),
            value_low=np.zeros((ends, n)),
            joint=np.zeros((N, A)),
            moved=np.zeros(ends, dtype=np.bool_),
            narrowest=np.full(1, np.inf),
            best=np.zeros((N, A)),
            solved=np.zeros((TIMED_GAMES, n, A)),
            counters=np.zeros(4, dtype=np.int64),
        )
        count = min(SNAPSHOTS, max(SNAPSHOT_NUMBERS // (N * A), 2))
        self._snapshots = np.empty((count, N, A))
        self._lengths = np.empty(count, dtype=np.int64)
        self._fallbacks = 0
        self._fallback_seconds = 0.0
        self._worst_stage_gap = 0.0
        self._kernel_seconds = 0.0
        self._timed_solves = 0
        self._resume = kernel.PLANNED
        self._first_plan()
        self._profile = self._fresh_profile()

    # --- the protocol ---

    def choose(self) -> Profile:
        plan = self._plan
        while plan.counters[kernel.DUE]:
            self._resume = kernel.replan(self._problem, self._data, plan, self._resume)
            self._fall_back()
        if plan.counters[kernel.REVISED]:
            self._profile = self._fresh_profile()
        return self._profile

    def observe(self, trajectory: Trajectory) -> None:
        states, actions, _ = self.steps(trajectory)
        self.choose()
        kernel.record(self._problem, self._data, self._plan, states, actions)
        self.episode += 1
        if self.episode % 256 == 0:
            self._time_solves()

    def advance(self, simulator: Simulator, draws: Floats) -> list[tuple[Profile, int]]:
        """Play draws.shape[0] episodes; draws (B, N + 1 + H): per episode the uniforms of the plan
        (state by state), of the first state and of the transitions."""
        played: list[tuple[Profile, int]] = []
        done = 0
        while done < draws.shape[0]:
            count, self._resume = kernel.advance(
                self._problem,
                self._data,
                self._plan,
                self._resume,
                simulator.cumulative,
                simulator.cumulative_initial,
                draws[done:],
                self._snapshots,
                self._lengths,
            )
            for segment in range(int((self._lengths >= 0).sum())):
                if segment:
                    self._profile = self._markov(self._snapshots[segment])
                if self._lengths[segment]:
                    played.append((self._profile, int(self._lengths[segment])))
            self._fall_back()
            self._time_solves()
            done += count
            self.episode += count
        return played

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
        """What planning took.

        solves, passes: stage games solved; planning passes. solve_seconds: an estimate: now and
        then the last 64 stage games are solved once more against the clock.
        fallbacks: stage games that the compiled solver could not certify and that went to
        `equilibria.solve`; fallback_seconds; worst_stage_gap: the largest gap left, in the units
        of the stage game. output_width: the certificate of `output_profile`.
        """
        self._time_solves()
        return {
            "solves": float(self._plan.counters[kernel.SOLVES]),
            "passes": float(self._plan.counters[kernel.PASSES]),
            "solve_seconds": self._kernel_seconds + self._fallback_seconds,
            "fallbacks": float(self._fallbacks),
            "fallback_seconds": self._fallback_seconds,
            "worst_stage_gap": self._worst_stage_gap,
            "output_width": float(self._plan.narrowest[0]),
        }

    # --- inside ---

    def _first_plan(self) -> None:
        """Solve every stage game before any data; later passes touch visited states only."""
        plan = self._plan
        games, N = plan.high, plan.joint.shape[0]
        status = np.empty(N, dtype=np.int64)
        counts, code = self._problem.action_counts, self._problem.concept_code
        stage_equilibria(games, counts, code, plan.joint, status)
        plan.counters[kernel.SOLVES] = N
        for x in range(N):
            plan.solved[x % TIMED_GAMES] = games[x]
            if status[x]:
                self._resume = x
                self._fall_back()
            kernel.settle(plan, x)
        self._resume = kernel.PLANNED
        self._plan.counters[kernel.DUE] = 1

    def _fresh_profile(self) -> MarkovProfile:
        self._plan.counters[kernel.REVISED] = 0
        return self._markov(self._plan.joint)

    def _markov(self, joint: Floats) -> MarkovProfile:
        """The profile of a plan (N, A), in the shape of the game's tables."""
        return MarkovProfile(joint.reshape(*self.instance.game.table_shape, -1), self.concept)

    def _fall_back(self) -> None:
        """Solve the stage game that the last pass stopped at, if any, and adopt the answer."""
        if self._resume == kernel.PLANNED:
            return
        x, started = self._resume, perf_counter()
        payoffs = self._plan.high[x].reshape(-1, *self.instance.game.action_counts)
        equilibrium = solve(payoffs, self.concept)
        kernel.adopt(self._plan, x, np.ascontiguousarray(equilibrium.distribution).reshape(-1))
        self._fallbacks += 1
        self._worst_stage_gap = max(self._worst_stage_gap, float(equilibrium.gaps.max()))
        self._fallback_seconds += perf_counter() - started

    def _time_solves(self) -> None:
        """Add to the estimate what the solves since the last call are likely to have taken."""
        fresh = int(self._plan.counters[kernel.SOLVES]) - self._timed_solves
        if not fresh:
            return
        self._timed_solves += fresh
        games = self._plan.solved[: self._timed_solves]
        answers = np.empty((games.shape[0], games.shape[2]))
        status = np.empty(games.shape[0], dtype=np.int64)
        counts, code = self._problem.action_counts, self._problem.concept_code
        started = perf_counter()
        stage_equilibria(games, counts, code, answers, status)
        self._kernel_seconds += fresh * (perf_counter() - started) / games.shape[0]


def _agents_inside(array: Floats) -> Floats:
    """(n, N, A) -> (N, n, A), a contiguous copy: one stage game is one block."""
    return np.array(np.moveaxis(array, 0, 1), dtype=np.float64, order="C")
