"""What a bracket claims in the corners of floating point, and what its checker must not accept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mamex_bench import catalogue, complexity
from mamex_bench.complexity import witness_rank
from mamex_bench.errors import ResultsError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies


def bandit(p, d):
    """Two arms that pay with probabilities near p; the models of an arm differ by d."""
    means = np.array([[p, p], [p + d, p], [p, p + d]]).reshape(3, 1, 1, 1, 2)
    P = np.ones((1, 1, 2, 1))
    game = MarkovGame(P, means[0], (2,), random_rewards=True)
    models = ModelClass(np.stack([P] * 3), truth=0, rewards=means)
    return Instance(game, PurePolicies.all(game), models)


@pytest.mark.parametrize("p", [0.3, 0.5])
@pytest.mark.parametrize("d", [1e-2, 1e-4, 1e-6, 1e-8])
def test_random_rewards_that_hardly_differ_are_checked_without_cancellation(p, d):
    instance = bandit(p, d)
    bracket = complexity.decoupling(instance, episodes=100)
    assert complexity.check_bracket(instance, bracket).lower[0] >= bracket.lower * (1 - 1e-6)


def test_errors_of_rounding_at_an_ignored_step_do_not_make_the_coefficient_infinite():
    P = np.ones((1, 2, 1, 1, 1)) * np.ones((1, 2, 1, 2, 1))
    reward = np.array([[[[0.1, 0.2]], [[0.3, 0.3]]]])
    game = MarkovGame(P[0], reward, (2,))
    policies = PurePolicies.all(game)
    made = catalogue.complete(game, "all", {"values": "all"}).hypothesis()
    noisy = np.concatenate([made.per_agent[0], made.per_agent[0] * (1 + 2e-16)])
    blind = type(made)([noisy], ignored_steps=(0,))
    bracket = complexity.decoupling(Instance(game, policies, blind), episodes=50)
    low, high = bracket.k_free
    assert (low == high == np.inf) or high < np.inf


@pytest.mark.parametrize(
    "change",
    [
        {"upper": np.nan},
        {"lower": np.nan},
        {"lower": 10.0},
        {"largest_error": np.nan},
        {"free": (np.nan, np.nan)},
        {"free": (5.0, 1.0)},
    ],
)
def test_numbers_that_are_none_and_crossed_ends_are_refused(change):
    instance = catalogue.make("needle", arms=3, truth="none")
    bracket = complexity.decoupling(instance, episodes=50)
    broken = replace(bracket, agents=(replace(bracket.agents[0], **change), *bracket.agents[1:]))
    with pytest.raises(ResultsError):
        complexity.check_bracket(instance, broken)


def test_hulls_whose_corners_fall_are_refused():
    instance = catalogue.make("needle", arms=3, truth="none")
    bracket = complexity.decoupling(instance, episodes=50)
    agent = bracket.agents[0]
    part = agent.partitions[0]
    ends = np.concatenate([[0, 3], 3 + np.arange(1, part.clusters)])
    tail = part.height[part.offsets[1] :], part.slope[part.offsets[1] :]
    if tail[0].size != part.clusters - 1:
        pytest.skip("clusters of this member have more lines than one")
    broken = replace(
        part,
        height=np.concatenate([[10.0, 1.0, 5.0], tail[0]]),
        slope=np.concatenate([[10.0, 5.0, 1.0], tail[1]]),
        offsets=ends,
    )
    agents = (replace(agent, partitions=(broken, *agent.partitions[1:])), *bracket.agents[1:])
    with pytest.raises(ResultsError, match="out of order"):
        complexity.check_bracket(instance, replace(bracket, agents=agents))


def test_witness_rank_of_several_agents_keeps_them_apart():
    """Each of two models errs about one agent only; a triangle over both bounds neither."""
    H, S, A = 2, 3, 2
    truth = np.zeros((H, S, A, S))
    truth[:, :, :, 0] = 1.0
    models = np.stack([truth] * 3)
    models[1, 0, 0, 0] = [0.0, 1.0, 0.0]
    models[2, 0, 0, 1] = [0.0, 0.0, 1.0]
    reward = np.zeros((2, H, S, A))
    reward[0, 1, 1], reward[1, 1, 2] = 1.0, 1.0
    game = MarkovGame(truth, reward, (2, 1))
    instance = Instance(game, PurePolicies.all(game), ModelClass(models, truth=0))
    found = witness_rank.measure(instance)
    assert found.lower <= found.upper == 1
    assert all(each.outcome != "violated" for each in complexity.check_relations(instance))
