"""Optimistic value iteration where rewards are random."""

from __future__ import annotations

import numpy as np
import pytest
from planning_games import CONCEPTS, instance_of, make, random_rewards

import mamex_bench as mb
from mamex_bench.learners import _optimistic_planning as planning
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference import markov_gaps as slow_gaps


@pytest.mark.parametrize("concept", CONCEPTS)
def test_random_rewards_are_learnt_too(concept: str) -> None:
    instance = instance_of(random_rewards(5))
    finals = []
    for seed in range(8):
        learner = make("optimistic_vi_tuned", instance, concept, 4_000)
        finals.append(mb.run(instance, learner, 4_000, seed=seed).gaps[-1].max())
    assert np.median(finals) < 0.06
    theorem = make("optimistic_vi", instance, concept, 3_000)
    simulator, rng = Simulator(instance.game), np.random.default_rng(5)
    for _ in range(10):
        joint = theorem.choose().joint
        low, high = theorem.interval()
        for i in range(2):
            best = slow_gaps.best_response_value(instance.game, joint, i, concept == "ce")
            assert high[i] >= best - 1e-9
            assert low[i] <= slow_gaps.policy_value(instance.game, joint, i) + 1e-9
        theorem.advance(simulator, rng.random((300, 4 + simulator.uniforms)))
    assert theorem.diagnostics()["output_width"] < 1.9


def test_means_of_random_rewards_are_those_of_the_episodes() -> None:
    game = random_rewards(2)
    learner = make("optimistic_vi_tuned", instance_of(game), "cce", 50)
    sums = np.zeros((4, 2, 4))
    simulator, rng = Simulator(game), np.random.default_rng(0)
    for _ in range(50):
        table = learner.choose().play(game, rng)
        trajectory = simulator.play(table, rng.random(simulator.uniforms))
        learner.observe(trajectory)
        for h in range(2):
            x, a = 2 * h + trajectory.states[h], trajectory.actions[h] @ game.strides
            sums[x, :, a] += trajectory.rewards[:, h]
    np.testing.assert_array_equal(learner._data.paid, sums)
    top = learner._plan.high.max()
    assert top <= 2.0  # nothing but [0, 1] per step is known


def test_widths_know_the_noise_of_rewards() -> None:
    """At the last step nothing else is unknown: c standard errors of a mean, and c^2 / t."""
    game, K = random_rewards(3), 200
    learner = make("optimistic_vi_tuned", instance_of(game), "cce", K)
    simulator, rng = Simulator(game), np.random.default_rng(1)
    for _ in range(K):
        table = rng.integers(4, size=(2, 2))
        learner.observe(simulator.play(table, rng.random(simulator.uniforms)))
    learner.choose()
    data, plan, c = learner._data, learner._plan, 0.25 * np.sqrt(np.log(4 * 4 * K / 0.05))
    visits = data.visits[2:, None, :]
    mean = data.paid[2:] / visits
    width = c * np.sqrt(mean * (1.0 - mean) / visits) + c**2 / visits
    np.testing.assert_allclose(plan.high[2:], np.minimum(mean + width, 1.0), atol=1e-12)
    np.testing.assert_allclose(plan.low[2:], np.maximum(mean - width, 0.0), atol=1e-12)
    assert (plan.high[2:] < 1.0).any()


def test_no_run_is_stuck_that_a_width_blind_to_noise_leaves_stuck() -> None:
    """Four arms that pay 0 or 1: below half a standard error bad luck at first is never mended."""
    reward = np.array([0.2, 0.4, 0.6, 0.8])[None, None, None]
    game = mb.MarkovGame(np.ones((1, 1, 4, 1)), reward, (4,), random_rewards=True)
    instance, K = instance_of(game), 2_000

    def mean_gap(blind: bool) -> float:
        gaps = []
        for seed in range(40):
            learner = make("optimistic_vi_tuned", instance, "nash", K)
            if blind:
                root = 0.05 * np.sqrt(planning.log_factor(game, K, 0.05))
                width = learner._problem.width._replace(
                    root=np.full((1, 1), root), linear=np.zeros((1, 1)), deviation=0.0
                )
                learner._problem = learner._problem._replace(width=width)
            gaps.append(mb.run(instance, learner, K, seed=seed).gaps[-1].max())
        return float(np.mean(gaps))

    assert mean_gap(blind=False) <= 0.02
    assert mean_gap(blind=True) > 0.06
