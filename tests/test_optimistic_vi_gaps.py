"""Gaps of Markov profiles: the compiled dynamic program against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamex_bench.model.game import MarkovGame
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import MarkovProfile
from mamex_bench.reference import markov_gaps as slow

CONCEPTS = ("nash", "ce", "cce")


def random_instance(seed: int, counts: tuple[int, ...]) -> Instance:
    rng = np.random.default_rng(seed)
    H, S, A = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(np.prod(counts))
    game = MarkovGame(
        rng.dirichlet(np.full(S, 0.5), size=(H, S, A)),
        rng.random((len(counts), H, S, A)),
        counts,
        rng.dirichlet(np.ones(S)),
    )
    return Instance(game, PurePolicies.sample(game, (3,) * len(counts), seed))


@given(seed=st.integers(0, 2**32), counts=st.sampled_from([(2,), (2, 3), (3, 3), (2, 1, 3)]))
def test_gaps_match_the_definition(seed: int, counts: tuple[int, ...]) -> None:
    instance = random_instance(seed, counts)
    game = instance.game
    rng = np.random.default_rng(seed + 1)
    joint = rng.dirichlet(np.full(game.actions, 0.3), size=(game.horizon, game.states))
    for concept in CONCEPTS:
        profile = MarkovProfile(joint, concept)
        np.testing.assert_allclose(
            profile.gaps(instance), slow.gaps(game, joint, concept), atol=1e-12
        )
        np.testing.assert_allclose(
            profile.class_gaps(instance),
            slow.class_gaps(game, joint, instance.policies),
            atol=1e-12,
        )


@pytest.mark.parametrize("concept", CONCEPTS)
def test_every_pure_policy_as_a_class_gives_the_best_response(concept: str) -> None:
    instance = random_instance(11, (2, 2))
    game = instance.game
    everything = Instance(game, PurePolicies.all(game))
    rng = np.random.default_rng(5)
    joint = rng.dirichlet(np.ones(game.actions), size=(game.horizon, game.states))
    profile = MarkovProfile(joint, concept)
    headline, fixed = profile.gaps(everything), profile.class_gaps(everything)
    if concept == "ce":  # a swap may use the recommendation, a fixed policy may not
        assert (headline >= fixed - 1e-12).all()
        assert headline.min() >= -1e-12
    else:
        np.testing.assert_allclose(headline, fixed, atol=1e-12)


def test_a_correlated_plan_can_have_a_negative_gap() -> None:
    """Coordination game, half on each diagonal cell: leaving costs 1/2."""
    reward = np.broadcast_to(np.array([1.0, 0.0, 0.0, 1.0]), (2, 1, 1, 4))
    game = MarkovGame(np.ones((1, 1, 4, 1)), reward, (2, 2))
    instance = Instance(game, PurePolicies.all(game))
    diagonal = MarkovProfile(np.array([[[0.5, 0.0, 0.0, 0.5]]]), "cce")
    np.testing.assert_allclose(diagonal.gaps(instance), [-0.5, -0.5])
    np.testing.assert_allclose(diagonal.class_gaps(instance), [-0.5, -0.5])
    swapped = MarkovProfile(diagonal.joint, "ce")
    np.testing.assert_allclose(swapped.gaps(instance), [0.0, 0.0])
