"""Nash-VI, UCBVI and optimistic Nash Q-learning on the games that they apply to, where universal
tests use general-sum games; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from games import random_game
from planning_games import (
    CONCEPTS,
    ONE_AGENT,
    ZERO_SUM,
    feed,
    instance_of,
    make,
    random_rewards,
    zero_sum_game,
)

import mamex_bench as mb
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.learners import _planner
from mamex_bench.model.simulator import Simulator


@pytest.mark.parametrize("name", ["nash_vi", "nash_vi_tuned", "ucbvi", "ucbvi_tuned"])
def test_what_was_not_computed_again_would_not_have_changed(name: str) -> None:
    """Every cell backed up and every value recomputed in every episode: the same bits."""
    one = name.startswith("ucbvi")
    game = random_game(2, (3,)) if one else zero_sum_game(2)
    lazy, full = (make(name, instance_of(game), "nash", 150) for _ in range(2))
    for learner in (lazy, full):
        learner.begin(np.random.default_rng(8))
    if name == "ucbvi":  # so that visits of the next states matter
        for learner in (lazy, full):
            width = learner._problem.width._replace(rare=30.0)
            learner._problem = learner._problem._replace(width=width)
    steps = [feed(learner, game, 150) for learner in (lazy, full)]
    for _ in range(150):
        for step in steps:
            step()
        full._data.stale[:] = full._data.visits > 0
        full._data.fresh[:] = True
        assert np.array_equal(lazy.choose().joint, full.choose().joint)
        for field in ("high", "low", "value_high", "value_low"):
            assert np.array_equal(getattr(lazy._plan, field), getattr(full._plan, field))


@pytest.mark.parametrize("name", ["nash_vi_tuned", "nash_q_tuned", "ucbvi_tuned"])
@pytest.mark.parametrize("concept", CONCEPTS)
def test_one_step_with_known_rewards_leaves_nothing_to_learn(name: str, concept: str) -> None:
    game = random_game(3, (4,), 2, 1) if "ucb" in name else zero_sum_game(3, (3, 4), 2, 1)
    instance = instance_of(game)
    run = mb.run(instance, make(name, instance, concept, 50), 50)
    assert run.lengths.tolist() == [50]
    np.testing.assert_allclose(run.gaps.sum(axis=1), 0.0, atol=1e-9)


@pytest.mark.parametrize("name", [*ZERO_SUM, *ONE_AGENT])
@pytest.mark.parametrize("concept", CONCEPTS)
def test_runs_repeat_and_the_fused_loop_is_bit_identical(
    name: str, concept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_planner, "SNAPSHOTS", 8)  # so that blocks end inside
    game = random_game(4, (3,)) if name in ONE_AGENT else zero_sum_game(4)
    instance, K = instance_of(game), 150
    runs = [
        mb.run(instance, make(name, instance, concept, K), K, seed=2, fused=fused, block=block)
        for fused, block in ((True, 4096), (True, 7), (False, 1))
    ]
    for other in runs[1:]:
        np.testing.assert_array_equal(runs[0].regret, other.regret)
        np.testing.assert_array_equal(runs[0].lengths, other.lengths)
        for key, value in runs[0].diagnostics.items():
            if "seconds" not in key:
                assert other.diagnostics[key] == value, key


@pytest.mark.parametrize("name", [*ZERO_SUM, *ONE_AGENT])
def test_learners_are_blind_to_the_truth(name: str) -> None:
    game = random_game(4, (3,)) if name in ONE_AGENT else zero_sum_game(4)
    other = random_game(5, game.action_counts)
    blind = mb.MarkovGame(other.transition, game.reward, game.action_counts, game.initial)
    a, b = (make(name, instance_of(each), "cce", 40) for each in (game, blind))
    simulator, rng = Simulator(game), np.random.default_rng(0)
    for _ in range(40):
        profile = a.choose()
        np.testing.assert_array_equal(profile.joint, b.choose().joint)
        trajectory = simulator.play(profile.play(game, rng), rng.random(simulator.uniforms))
        a.observe(trajectory)
        b.observe(trajectory)


@pytest.mark.parametrize("name", ZERO_SUM)
def test_general_sum_games_do_not_apply(name: str) -> None:
    three = random_game(0, (2, 2, 2), 2, 2)
    for game in (random_game(0), three, random_game(0, (2,)), random_rewards(0)):
        with pytest.raises(
            NotApplicableError, match=f"{name} needs two agents whose known rewards"
        ):
            make(name, instance_of(game), "cce", 10)


@pytest.mark.parametrize("name", ONE_AGENT)
def test_games_of_several_agents_do_not_apply(name: str) -> None:
    with pytest.raises(NotApplicableError, match=f"{name} needs one agent with known rewards"):
        make(name, instance_of(random_game(0)), "cce", 10)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("nash_vi", {"failure": 0.0}, "failure is 0.0"),
        ("nash_vi", {"concept": "nahs"}, "unknown concept 'nahs'"),
        ("nash_vi_tuned", {"scale": -1.0}, "scale is -1.0"),
        ("nash_vi_tuned_lazy", {"growth": 1.0}, "growth is 1.0"),
        ("nash_q", {"episodes": 0}, "episodes is 0"),
        ("nash_q_tuned", {"scale": float("nan")}, "scale is nan"),
        ("nash_q", {"scale": 0.1}, "no option 'scale'"),
        ("ucbvi", {"bonus": "bernoulli"}, "bonus is 'bernoulli'"),
        ("ucbvi_tuned", {"scale": 0.0}, "scale is 0.0"),
    ],
)
def test_bad_options_are_named(name: str, change: dict[str, object], words: str) -> None:
    arguments: dict[str, object] = {"concept": "cce", "episodes": 10, **change}
    game = random_game(0, (2,)) if name in ONE_AGENT else zero_sum_game(0)
    with pytest.raises(InputError, match=words):
        mb.learners.make(name, instance_of(game), **arguments)
