"""Nash-VI: its tables are those of a slow twin; reductions."""

from __future__ import annotations

import numpy as np
import pytest
from planning_games import CONCEPTS, case, choice_of, feed, instance_of, make, zero_sum_game

import mamex_bench as mb
from mamex_bench.learners import _optimistic_planning as planning
from mamex_bench.learners import nash_vi
from mamex_bench.reference import zero_sum_planning as slow

Planner = planning.OptimisticValueIteration


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("concept", CONCEPTS)
def test_nash_vi_equals_the_slow_twin(concept: str, tuned: bool) -> None:
    game, K = zero_sum_game(7, (2, 3)), 90
    learner = make("nash_vi_tuned" if tuned else "nash_vi", instance_of(game), concept, K)
    learner.begin(np.random.default_rng(5))
    H, S, A = game.horizon, game.states, game.actions
    reward, later = game.reward[0], np.arange(H)
    if tuned:
        iota = np.log(H * S * A * K / 0.05)
        left = [sum(float(np.ptp(reward[g])) for g in range(h + 1, H)) for h in range(H)]
        tops = [sum(float(reward[g].max()) for g in range(h + 1, H)) for h in range(H)]
        bottoms = [sum(float(reward[g].min()) for g in range(h + 1, H)) for h in range(H)]
        bounds = tuple(reward + np.array(ends)[:, None, None] for ends in (tops, bottoms))
        constants = (0.25, 0.25, 0.25**2 * np.array(left))
    else:
        iota = np.log(4 * (S + 1) * H * S * A * K / 0.05)
        top = np.broadcast_to((H - later)[:, None, None], reward.shape).astype(float)
        bounds = (top, np.zeros(reward.shape))
        constants = (1.5, 2.0, np.full(H, S * H**2 + H**2 / 2 + 14 * (S + 1) * H / 3))
        width = learner._problem.width
        assert width.relative == pytest.approx(1.5 / H)
        assert width.deviation == pytest.approx(2.0 * np.sqrt(iota))
        np.testing.assert_allclose(width.linear[::S, 0], constants[2] * iota)
        # Shrunk, or every bound would be clipped; the statement is about the formula.
        learner._problem = learner._problem._replace(
            width=width._replace(
                linear=width.linear / 8000, deviation=width.deviation / 20, relative=0.1 / H
            )
        )
        constants = (0.1, 0.1, constants[2] / 8000)
    step, episode = feed(learner, game, K), 0
    while (seen := step()) is not None:
        episode += 1
        if episode % 10 == 0:
            solve = choice_of(learner, game)
            twin = slow.nash_vi(reward, seen[0], bounds, constants, float(iota), solve)
            for field in ("high", "low", "value_high", "value_low", "joint"):
                expected = getattr(twin, field)
                found = getattr(learner._plan, field).reshape(expected.shape)
                np.testing.assert_allclose(found, expected, atol=1e-9, rtol=0)
    inside = (learner._plan.high < learner._problem.ceiling - 1e-9).mean()
    assert inside > 0.3  # the widths decide, not the clipping


def test_with_hoeffding_widths_two_players_share_what_each_would_have() -> None:
    """high of the second agent is H - h less low of the first: the same plans as optimistic_vi."""
    game, K = zero_sum_game(13, (3, 3)), 400
    instance = instance_of(game)
    bonus = np.full((2, game.horizon), 0.3)
    top = np.broadcast_to(
        np.repeat(game.horizon - np.arange(game.horizon), game.states)[:, None],
        game.rewards.shape[1:],
    ).astype(float)
    own = planning.Confidence(np.stack([top, top]), np.zeros(game.rewards.shape), bonus)
    shared = planning.Confidence(top[None], np.zeros((1, *top.shape)), bonus[:1])
    both = Planner(instance, "nash", K, "own", own)
    one = nash_vi.NashValueIteration(instance, "nash", K, "shared", shared)
    steps = [feed(learner, game, K) for learner in (both, one)]
    for _ in range(K):
        for step in steps:
            step()
    np.testing.assert_allclose(both.choose().joint, one.choose().joint, atol=1e-9)
    np.testing.assert_allclose(both._plan.high[:, 0], one._plan.high[:, 0], atol=1e-9)
    np.testing.assert_allclose(both._plan.low[:, 0], one._plan.low[:, 0], atol=1e-9)
    np.testing.assert_allclose(both._plan.high[:, 1], top - one._plan.low[:, 0], atol=1e-9)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_marginals_of_the_output_are_nearly_nash(concept: str) -> None:
    """Within the certified width, which the plan's own gaps respect too."""
    instance = case("random")
    learner = make("nash_vi_tuned", instance, concept, 4_000)
    mb.run(instance, learner, 4_000)
    output = learner.output_profile()
    plan = output.joint.reshape(-1, *instance.game.action_counts)
    product = plan.sum(axis=2)[:, :, None] * plan.sum(axis=1)[:, None, :]
    np.testing.assert_allclose(plan, product, atol=1e-12)
    nash = mb.MarkovProfile(output.joint, "nash").gaps(instance)
    assert nash.sum() <= 0.02
    assert learner.diagnostics()["output_width"] <= 0.05
