"""UCBVI: its tables are those of a slow twin, and optimistic."""

from __future__ import annotations

import numpy as np
import pytest
from games import random_game
from planning_games import feed, instance_of, make

from mamex_bench.learners import _optimistic_planning as planning
from mamex_bench.learners import ucbvi
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference import zero_sum_planning as slow


@pytest.mark.parametrize("form", ["bernstein", "hoeffding"])
def test_ucbvi_equals_the_slow_twin(form: str) -> None:
    game, K = random_game(9, (3,), states=2, horizon=3), 120
    learner = make("ucbvi", instance_of(game), "cce", K, bonus=form)
    log = float(np.log(5 * game.states * game.horizon * game.actions * game.horizon * K / 0.05))
    if form == "bernstein":
        expected = ucbvi.bernstein(game, log)
        assert learner._problem.width.rare == pytest.approx(expected.rare)
        learner._problem = learner._problem._replace(
            width=planning._width(game, ucbvi.bernstein(game, 1e-3))
        )
    else:
        learner._problem = learner._problem._replace(
            width=planning._width(game, ucbvi.hoeffding(game, 1e-2))
        )
    before = np.full((game.horizon, game.states, game.actions), float(game.horizon))
    step = feed(learner, game, K)
    small = 1e-3 if form == "bernstein" else 1e-2
    while (seen := step()) is not None:
        before = slow.ucbvi(game.reward[0], *seen, before, small, form)
        learner.choose()
        found = learner._plan.high.reshape(before.shape)
        np.testing.assert_allclose(found, before, atol=1e-9, rtol=0)
        chosen = learner._plan.joint.reshape(before.shape)
        np.testing.assert_allclose((chosen * before).sum(axis=2), before.max(axis=2), atol=1e-9)
    assert (before < game.horizon - 1e-9).mean() > 0.5


@pytest.mark.parametrize("form", ["bernstein", "hoeffding"])
def test_ucbvi_is_optimistic(form: str) -> None:
    game, K = random_game(6, (3,), states=2, horizon=2), 40_000
    learner = make("ucbvi", instance_of(game), "nash", K, bonus=form)
    simulator, rng = Simulator(game), np.random.default_rng(8)
    V = np.zeros((game.horizon + 1, game.states))
    for h in reversed(range(game.horizon)):
        V[h] = (game.reward[0, h] + game.transition[h] @ V[h + 1]).max(axis=1)
    previous = np.inf
    for _ in range(10):
        learner.choose()
        high = learner._plan.value_high[:4, 0].reshape(2, 2)
        assert (high >= V[:2] - 1e-9).all()
        assert high.sum() <= previous  # falling
        previous = high.sum()
        learner.advance(simulator, rng.random((K // 10, 4 + simulator.uniforms)))
    learner.choose()
    top = game.initial @ learner._plan.value_high[: game.states, 0]
    assert form == "hoeffding" or top < game.horizon - 0.1
