"""What every registered learner owes, third parties' included."""

from __future__ import annotations

import numpy as np
import pytest
from test_mamex_payoffs import random_game, random_instance

import mamex_bench as mb
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.learners._base import FusedLearner, Learner
from mamex_bench.model.simulator import Simulator

KINDS = ("models", "tabular", "completion", "linear")
CONCEPTS = ("nash", "ce", "cce")
EPISODES = 120


def make(name: str, instance: mb.Instance, concept: str, episodes: int = EPISODES) -> Learner:
    """A learner, eta a number where it has one; a test ends here if it does not apply."""
    options = {"eta": 0.2} if "eta" in mb.learners.options(name) else {}
    try:
        return mb.learners.make(name, instance, concept=concept, episodes=episodes, **options)
    except NotApplicableError as reason:
        pytest.skip(f"does not apply: {reason}")


def same(a: mb.ClassProfile | mb.MarkovProfile, b: mb.ClassProfile | mb.MarkovProfile) -> bool:
    if isinstance(a, mb.ClassProfile):
        return isinstance(b, mb.ClassProfile) and np.array_equal(a.distribution, b.distribution)
    return isinstance(b, mb.MarkovProfile) and np.array_equal(a.joint, b.joint)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("name", mb.learners.names())
def test_runs_repeat_and_the_fused_loop_is_bit_identical(
    name: str, concept: str, kind: str
) -> None:
    instance = random_instance(4, kind)
    learner = make(name, instance, concept)
    first = mb.run(instance, learner, episodes=EPISODES, seed=3)
    again = mb.run(instance, make(name, instance, concept), episodes=EPISODES, seed=3, fused=False)
    assert isinstance(learner, FusedLearner) == hasattr(learner, "advance")
    assert np.array_equal(first.regret, again.regret)
    assert np.array_equal(first.lengths, again.lengths)
    assert all(same(a, b) for a, b in zip(first.profiles, again.profiles, strict=True))
    for key, value in first.diagnostics.items():
        if "seconds" not in key:
            np.testing.assert_equal(again.diagnostics[key], value)
    with pytest.raises(InputError, match="used"):
        mb.run(instance, learner, episodes=EPISODES, seed=3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", mb.learners.names())
def test_runs_with_random_rewards_repeat_too(name: str, kind: str) -> None:
    instance = random_instance(4, kind, random_rewards=True)
    first = mb.run(instance, make(name, instance, "cce"), episodes=EPISODES, seed=3)
    plain, blocks = {"fused": False}, {"block": 7}
    for how in (plain, blocks):
        again = mb.run(instance, make(name, instance, "cce"), episodes=EPISODES, seed=3, **how)
        assert np.array_equal(first.regret, again.regret)
        assert all(same(a, b) for a, b in zip(first.profiles, again.profiles, strict=True))


@pytest.mark.parametrize("random_rewards", [False, True])
@pytest.mark.parametrize("kind", ["models", "tabular", "completion", "linear"])
@pytest.mark.parametrize("name", mb.learners.names())
def test_learners_are_blind_to_the_truth(name: str, kind: str, random_rewards: bool) -> None:
    """Two games with the same hypotheses but other transitions, and other means of rewards where
    these are random; the same data."""
    instance = random_instance(8, kind, random_rewards=random_rewards)
    other = random_game(np.random.default_rng(99), (2, 3), 3, 3)
    game = instance.game
    blind = mb.MarkovGame(
        other.transition,
        other.reward if random_rewards else game.reward,
        game.action_counts,
        game.initial,
        random_rewards=random_rewards,
    )
    classes = instance.hypothesis()
    if isinstance(classes, mb.ModelClass):
        classes = mb.ModelClass(classes.transitions, truth=None, rewards=classes.rewards)
    one = mb.Instance(game, instance.policies, classes)
    two = mb.Instance(blind, instance.policies, classes)
    a, b = make(name, one, "cce", 40), make(name, two, "cce", 40)
    if a.reads_truth:
        pytest.skip("a yardstick, which says that it reads the truth")
    simulator, rng = Simulator(game), np.random.default_rng(0)
    for _ in range(40):
        x = a.choose()
        assert same(x, b.choose())
        trajectory = simulator.play(x.play(game, rng), rng.random(simulator.uniforms))
        a.observe(trajectory)
        b.observe(trajectory)


@pytest.mark.parametrize("name", mb.learners.names())
def test_every_learner_says_what_it_is(name: str) -> None:
    learner = make(name, random_instance(1, "models"), "cce")
    assert learner.name == name
    assert learner.concept == "cce"
    assert learner.episodes == EPISODES
    profile = learner.choose()
    assert profile is learner.choose()
    assert isinstance(profile, mb.ClassProfile) == (learner.profile_kind == "class")
    for episodes in (0, -1, 2.5):
        with pytest.raises(InputError, match="episodes is"):
            make(name, random_instance(1, "models"), "cce", episodes)
    with pytest.raises(InputError, match="unknown concept"):
        make(name, random_instance(1, "models"), "equilibrium")
