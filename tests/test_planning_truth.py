"""Nash-VI and optimistic Nash Q-learning: the theorems' bounds enclose the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from planning_games import CONCEPTS, instance_of, make, zero_sum_game
from test_optimistic_vi import minimax_value

import mamex_bench as mb
from mamex_bench.learners import _optimistic_planning as planning
from mamex_bench.learners import nash_vi
from mamex_bench.learners._nash_q import NashQLearning
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference import markov_gaps as slow_gaps


def game_values(game: mb.MarkovGame) -> tuple[np.ndarray, np.ndarray]:
    """Q* (H, S, A) and V* (H, S) of the first agent, by linear programs."""
    shape = (game.horizon, game.states)
    Q, V = np.zeros((*shape, game.actions)), np.zeros((game.horizon + 1, game.states))
    for h in reversed(range(game.horizon)):
        Q[h] = game.reward[0, h] + game.transition[h] @ V[h + 1]
        for s in range(game.states):
            V[h, s] = minimax_value(Q[h, s].reshape(game.action_counts))
    return Q, V[:-1]


def crossings(learner, game: mb.MarkovGame, episodes: int) -> tuple[float, float]:
    """Most that Q* or V* leave the bounds on one run, and the width of V at the start at the end.
    For planners also the best deviations' values."""
    Q, V = game_values(game)
    simulator, rng = Simulator(game), np.random.default_rng(6)
    tables = learner._tables if isinstance(learner, NashQLearning) else learner._plan
    worst = -np.inf
    for _ in range(10):
        joint = learner.choose().joint
        high, low = (np.reshape(t, Q.shape) for t in (tables.high, tables.low))
        N = Q.shape[0] * Q.shape[1]
        up, down = (
            t.reshape(-1)[:N].reshape(V.shape) for t in (tables.value_high, tables.value_low)
        )
        worst = max(worst, (Q - high).max(), (low - Q).max(), (V - up).max(), (down - V).max())
        bottom, top = (float(np.squeeze(end)) for end in learner.interval())
        if not isinstance(learner, NashQLearning):
            swap = learner.concept == "ce"
            best = slow_gaps.best_response_value(game, joint, 0, swap)
            least = game.horizon - slow_gaps.best_response_value(game, joint, 1, swap)
            worst = max(worst, best - top, bottom - least)
        draws = rng.random((episodes // 10, N + simulator.uniforms))
        learner.advance(simulator, draws)
    bottom, top = (float(np.squeeze(end)) for end in learner.interval())
    return worst, top - bottom


@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("name", ["nash_vi", "nash_q"])
def test_theorem_bounds_enclose_the_truth(name: str, concept: str) -> None:
    game, K = zero_sum_game(4, (2, 2), states=2, horizon=2), 30_000
    worst, width = crossings(make(name, instance_of(game), concept, K), game, K)
    assert worst <= 1e-9
    assert width < 1.3  # of H = 2 that are known in advance
    # Without their bonuses the same bounds fail, so that the statement could.
    learner = make(name, instance_of(game), concept, K)
    problem = learner._problem
    if isinstance(learner, NashQLearning):
        learner._problem = problem._replace(bonus=0.0 * problem.bonus)
    else:
        none = nash_vi.theorem_confidence(game, 0.0)
        none = dataclasses.replace(none, relative=0.0)
        learner._problem = problem._replace(width=planning._width(game, none))
    assert crossings(learner, game, K)[0] > 1e-3
