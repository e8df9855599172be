"""Optimistic Nash Q-learning: its tables are those of a slow twin; its constants."""

from __future__ import annotations

import numpy as np
import pytest
from planning_games import CONCEPTS, case, choice_of, instance_of, make, zero_sum_game

import mamex_bench as mb
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference import zero_sum_planning as slow


@pytest.mark.parametrize("concept", CONCEPTS)
def test_nash_q_equals_the_slow_twin(concept: str) -> None:
    game, K = zero_sum_game(11, (3, 2)), 200
    learner = make("nash_q", instance_of(game), concept, K)
    learner.begin(np.random.default_rng(5))
    iota = np.log(2 * game.horizon * game.states * game.actions * K / 0.05)
    twin = slow.NashQ(
        game.reward[0],
        lambda h, t: float(np.sqrt(game.horizon**3 * iota / t)),
        choice_of(learner, game),
    )
    simulator, rng = Simulator(game), np.random.default_rng(4)
    for _ in range(K):
        profile = learner.choose()
        np.testing.assert_allclose(profile.joint, twin.joint, atol=1e-9)
        trajectory = simulator.play(profile.play(game, rng), rng.random(simulator.uniforms))
        learner.observe(trajectory)
        twin.learn(trajectory.states, trajectory.actions @ game.strides)
        for field in ("high", "low", "visits"):
            expected = getattr(twin, field)
            found = getattr(learner._tables, field).reshape(expected.shape)
            np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("horizon", [1, 2, 5, 20])
def test_the_weights_of_q_learning_are_as_the_proof_of_its_constant_needs(horizon: int) -> None:
    """sum_i (alpha_t^i)^2 <= 2 H / t, sum_i alpha_t^i = 1, sum_i alpha_t^i / sqrt(i) in
    [1, 2] / sqrt(t)."""
    weights = np.zeros(0)
    for t in range(1, 400):
        alpha = (horizon + 1) / (horizon + t)
        weights = np.append((1.0 - alpha) * weights, alpha)
        bonuses = float(weights @ (1.0 / np.sqrt(np.arange(1, t + 1))))
        assert weights.sum() == pytest.approx(1.0)
        assert (weights**2).sum() <= 2.0 * horizon / t + 1e-12
        assert 1.0 - 1e-12 <= bonuses * np.sqrt(t) <= 2.0


def test_an_unsolved_stage_game_goes_to_the_oracle_in_mid_episode() -> None:
    """Nash Q-learning adopts the answer for that step's state and learns from the steps after."""
    instance = case("random")
    learner = make("nash_q_tuned", instance, "nash", 60)
    mb.run(instance, learner, 60, seed=1)
    tables, H = learner._tables, instance.game.horizon
    x, before = int(tables.states[1]), tables.visits.sum()
    tables.joint[x] = 1.0 / instance.game.actions
    learner._finish(1)  # as if the kernel had stopped at step 1 of the last episode
    assert learner.diagnostics()["fallbacks"] == 1.0
    assert tables.visits.sum() == before + H - 2
    payoffs = np.stack([tables.high[x], -tables.low[x]]).reshape(2, *instance.game.action_counts)
    found = tables.joint[x].reshape(instance.game.action_counts)
    assert mb.equilibria.gaps(payoffs, found, "nash").max() <= 1e-9
    assert tables.value_high[x] == pytest.approx(tables.joint[x] @ tables.high[x], abs=1e-12)
