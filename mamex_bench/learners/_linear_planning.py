"""The learner behind Nash-UCRL and OMNI-VI: optimistic planning in two-player zero-sum games.

Payoffs are u_0 = 2 r_0 - 1 in [-1, 1] per step and u_1 = -u_0. Before every episode, backward over
the steps h and for every state x, from upper bounds high_i on Q of either agent

    sigma(. | x) = CCE of the game high_0(x), high_1(x),     V_i = E_sigma high_i;

in the papers' terms Qbar = high_0 and Qunder = -high_1. For "cce" sigma is played, for "nash" the
product of its marginals. As sum_i U_i is constant, the sum of both agents' gaps is for either the
duality gap of sigma's marginals, which is what the papers' regret adds up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels import linear_planning as kernel
from mamex_bench.kernels.layers import reach
from mamex_bench.kernels.plans import DUE, PASSES, PLANNED, REVISED
from mamex_bench.learners._optimistic_planning import remaining_rewards
from mamex_bench.learners._planner import Planner, in_states
from mamex_bench.learners._zero_sum import insist_on_two_players
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.game import Game
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import MarkovProfile
from mamex_bench.model.simulator import Simulator


class LinearPlanning(Planner):
    """Plays a stage CCE of both agents' upper bounds in every state.

    Args:
        instance, concept, episodes: see Learner; checked by `zero_sum_payoffs` before.
        name: the registered name.
        evidence: a named tuple that `kernels.linear_planning` knows.
        growth: at least 1; a new plan is made once the determinant of some Gram matrix reaches
            `growth` times what it was at the last plan. 1: after every episode.
        rounding: payoffs of stage games are rounded to its multiples; 0: they are not.
    """

    def __init__(
        self,
        instance: Instance,
        concept: str,
        episodes: int,
        name: str,
        evidence: Any,
        growth: float = 1.0,
        rounding: float = 0.0,
    ) -> None:
        super().__init__(instance, concept, episodes, name, solved="cce")
        if not growth >= 1.0 or not np.isfinite(growth):
            raise InputError(f"growth is {growth!r}: expected a number of at least 1")
        if not rounding >= 0.0 or not np.isfinite(rounding):
            raise InputError(f"rounding is {rounding!r}: expected a number of at least 0")
        game = instance.game
        _, N, A = game.rewards.shape
        ends = int(game.layers.first[-1])
        reached = np.zeros(ends, dtype=np.bool_)
        reached[: game.initial.size] = game.initial > 0.0
        reach(game.layers, np.ones(game.layers.following.size, dtype=np.bool_), reached)
        self._evidence = evidence
        self._problem = kernel.Problem(
            layers=game.layers,
            action_counts=self._games.counts,
            initial=game.initial,
            idle=~reached[:N],
            independent=concept == "nash",
            rounding=float(rounding),
            growth=float(growth),
        )
        self._plan = kernel.Plan(
            high=np.zeros((N, 2, A)),
            order=self._games.order,
            stage=np.empty((N, 2, A)),
            value=np.zeros((ends, 2)),
            sigma=np.zeros((N, A)),
            joint=np.full((N, A), 1.0 / A),
            narrowest=np.empty(1),
            best=np.zeros((N, A)),
            solved=self._games.recent,
            counters=np.zeros(4, dtype=np.int64),
        )
        self._joint, self._counters = self._plan.joint, self._plan.counters
        self._resume = PLANNED
        self._start()
        self._profile = self._markov(self._joint)

    def bounds(self) -> tuple[Floats, Floats]:
        """(Qunder, Qbar) of the coming plan, each (N, A): agent 0's action values in units u."""
        self.choose()
        return -self._plan.high[:, 1], self._plan.high[:, 0].copy()

    def output_profile(self) -> MarkovProfile:
        """What was played at the least Vbar - Vunder at the start among the plans made so far."""
        self.choose()
        return self._markov(self._plan.best)

    def diagnostics(self) -> dict[str, float]:
        """As `StageGames.diagnostics`; passes: planning passes; output_width: Vbar - Vunder of
        `output_profile` in the game's rewards, which bounds the sum of both agents' gaps while the
        confidence bounds hold."""
        return super().diagnostics() | {
            "passes": float(self._counters[PASSES]),
            "output_width": float(self._plan.narrowest[0]) / 2.0,
        }

    # --- what a planner does ---

    def _start(self) -> None:
        """Have every stage game solved anew."""
        self._plan.stage[:] = np.nan
        self._plan.narrowest[0] = np.inf
        self._counters[:] = 0
        self._counters[[REVISED, DUE]] = 1

    def _complete(self) -> None:
        while self._counters[DUE]:
            self._resume = kernel.replan(self._problem, self._evidence, self._plan, self._resume)
            self._fall_back()

    def _learn(self, states: Ints, actions: Ints, rewards: Floats) -> None:
        kernel.record(self._problem, self._evidence, self._plan, states, actions)

    def _play(self, simulator: Simulator, draws: Floats) -> int:
        count, self._resume = kernel.advance(
            self._problem,
            self._evidence,
            self._plan,
            self._resume,
            simulator.cumulative,
            simulator.cumulative_initial,
            draws,
            self._snapshots,
            self._lengths,
        )
        self._fall_back()
        return count

    def _fall_back(self) -> None:
        """Solve the stage game that the last pass stopped at, if any, and adopt the answer."""
        if self._resume != PLANNED:
            answer = self._games.fall_back(self._plan.stage[self._resume])
            kernel.adopt(self._problem, self._plan, self._resume, answer)


def zero_sum_payoffs(instance: Instance, concept: str, name: str) -> Floats:
    """u (N, 2, A): u_0 = 2 r_0 - 1 and u_1 = -u_0, where that changes no gap.

    Raises:
        NotApplicableError: not two agents whose known rewards have the same sum along every path;
            or the concept is "ce".
    """
    if concept == "ce":
        raise NotApplicableError(
            f"{name} plays coarse correlated equilibria of its stage games and has no form for "
            f"'ce', asked for on instance {instance.name!r}"
        )
    insist_on_two_players(name, instance)
    own = 2.0 * instance.game.rewards[0] - 1.0
    return np.ascontiguousarray(np.stack([own, -own], axis=1))


def theorem_range(payoff: Floats, horizon: int) -> tuple[Floats, Floats]:
    """Floor and ceiling -H and H, each (N, 2, A), as in both papers."""
    return np.full(payoff.shape, -float(horizon)), np.full(payoff.shape, float(horizon))


def known_range(game: Game, payoff: Floats) -> tuple[Floats, Floats]:
    """Floor and ceiling from the known rewards: u, and the least or most that later steps pay."""
    most, least = (in_states(game, each)[0] for each in remaining_rewards(game))
    later = in_states(game, np.arange(game.horizon - 1.0, -1.0, -1.0))
    high, low = 2.0 * most - later, 2.0 * least - later
    ceiling = payoff + np.stack([high, -low], axis=1)[:, :, None]
    floor = payoff + np.stack([low, -high], axis=1)[:, :, None]
    return np.ascontiguousarray(floor), np.ascontiguousarray(ceiling)


def empty_ridge(count: int, dimension: int, ridge: float) -> kernel.Ridge:
    """`count` regressions without data."""
    return kernel.Ridge(
        gram=np.tile(ridge * np.eye(dimension), (count, 1, 1)),
        inverse=np.tile(np.eye(dimension) / ridge, (count, 1, 1)),
        response=np.zeros((count, dimension)),
        volume=np.zeros(count),
        planned=np.zeros(count),
        updates=np.zeros(count, dtype=np.int64),
    )
