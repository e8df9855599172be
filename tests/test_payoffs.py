"""Exact evaluation against slow loops, enumeration, a stored case and invariances."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from games import games, random_game, random_joint, random_policies, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

from mamex_bench.errors import InputError
from mamex_bench.model.evaluation import (
    best_response_values,
    class_payoffs,
    evaluate,
    occupancy,
    payoffs,
)
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, policy_action_values
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import ClassProfile, MarkovProfile
from mamex_bench.reference import evaluation as slow

GOLDEN = Path(__file__).parent / "data" / "golden_payoffs.json"


def pure_joint(game, policies, index):
    """(H, S, A): one joint pure policy as a Markov joint policy."""
    return np.eye(game.actions)[policies.joint_actions(game, index)]


# --- payoffs of joint pure policies ---


def test_payoffs_of_the_stored_case():
    case = json.loads(GOLDEN.read_text())
    game = MarkovGame(case["transition"], case["reward"], case["action_counts"], case["initial"])
    values = payoffs(game, PurePolicies(case["policies"]))
    assert values.shape == (3, 2, 3, 2)
    np.testing.assert_allclose(values, case["payoffs"], rtol=0, atol=1e-12)


@given(games(), seeds)
def test_payoffs_equal_the_slow_loops(game, seed):
    policies = random_policies(game, seed)
    expected = slow.payoffs(game, policies)
    np.testing.assert_allclose(payoffs(game, policies), expected, rtol=0, atol=1e-12)


@given(games(), seeds, st.sampled_from([1, 3, 8, 9, 65]))
@settings(max_examples=10)
def test_class_payoffs_equal_the_slow_loops_model_by_model(game, seed, models):
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.ones(game.states), size=(models, *game.transition.shape[:-1]))
    P[0] = game.transition
    policies = random_policies(game, seed, most=2)
    values = class_payoffs(game, policies, P)
    assert values.shape == (models, game.agents, policies.size)
    for f in {0, models // 2, models - 1}:
        expected = slow.payoffs(game, policies, P[f]).reshape(game.agents, -1)
        np.testing.assert_allclose(values[f], expected, rtol=0, atol=1e-12)


def test_a_state_that_only_one_model_reaches_counts():
    P = np.zeros((2, 2, 2, 1, 2))
    P[..., 0] = 1.0
    P[1, 0, 0, 0] = (0.25, 0.75)
    reward = np.zeros((1, 2, 2, 1))
    reward[0, 1, 1] = 1.0
    game = MarkovGame(P[0], reward, (1,))
    values = class_payoffs(game, PurePolicies.all(game), P)
    np.testing.assert_array_equal(values[:, 0, 0], [0.0, 0.75])


@given(games(), seeds)
def test_payoffs_follow_a_permutation_of_the_agents(game, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(game.agents)
    policies = random_policies(game, seed)

    def permute(table, axis):
        shaped = table.reshape(*table.shape[:axis], *game.action_counts, *table.shape[axis + 1 :])
        kept = list(range(axis)), list(range(axis + game.agents, shaped.ndim))
        moved = shaped.transpose(*kept[0], *(axis + order), *kept[1])
        return moved.reshape(table.shape)

    other = MarkovGame(
        permute(game.transition, 2),
        permute(game.reward, 3)[order],
        [game.action_counts[i] for i in order],
        game.initial,
    )
    swapped = payoffs(other, PurePolicies([policies.tables[i] for i in order]))
    expected = payoffs(game, policies)[order].transpose(0, *(1 + order))
    np.testing.assert_allclose(swapped, expected, rtol=0, atol=1e-12)


@given(games(), seeds)
def test_payoffs_ignore_the_names_of_states(game, seed):
    order = np.random.default_rng(seed).permutation(game.states)
    policies = random_policies(game, seed)
    renamed = MarkovGame(
        game.transition[:, order][..., order],
        game.reward[:, :, order],
        game.action_counts,
        game.initial[order],
    )
    tables = PurePolicies([t[:, :, order] for t in policies.tables])
    np.testing.assert_allclose(
        payoffs(renamed, tables), payoffs(game, policies), rtol=0, atol=1e-12
    )


def test_rewards_of_one_are_worth_the_horizon():
    game = random_game(0, (2, 2), states=4, horizon=5)
    ones = MarkovGame(game.transition, np.ones_like(game.reward), (2, 2), game.initial)
    np.testing.assert_allclose(payoffs(ones, random_policies(ones, 1)), 5.0, atol=1e-12)


def test_payoffs_never_leave_the_range_of_all_policies():
    game = random_game(3, (2, 2), states=2, horizon=2)
    U = payoffs(game, PurePolicies.all(game)).reshape(2, -1)
    # Deterministic joint policies attain both extremes, so the range is theirs.
    assert (U.max(axis=1) - U.min(axis=1)).max() == pytest.approx(game.return_range, abs=1e-12)


def test_class_payoffs_refuse_broken_models():
    game = random_game(0, (2,), states=2, horizon=2)
    policies = PurePolicies.all(game)
    P = game.transition[None].copy()
    with pytest.raises(InputError, match=r"transitions has shape \(1, 2, 2, 2\)"):
        class_payoffs(game, policies, P[..., 0])
    P[0, 1, 0, 1, 0] = np.nan
    with pytest.raises(InputError, match=r"transitions\[0, 1, 0, 1, 0\] is nan"):
        class_payoffs(game, policies, P)


# --- action values, occupancies ---


@given(games(), seeds)
def test_action_values_average_to_the_value(game, seed):
    policies = random_policies(game, seed)
    index = policies.size // 2
    joint = policies.joint_actions(game, index)
    Q = policy_action_values(game, joint)
    start = Q[:, 0, np.arange(game.states), joint[0]] @ game.initial
    expected = payoffs(game, policies).reshape(game.agents, -1)[:, index]
    np.testing.assert_allclose(start, expected, rtol=0, atol=1e-12)


@given(games(), seeds)
def test_occupancy_equals_the_slow_loops(game, seed):
    policies = random_policies(game, seed)
    joint = policies.joint_actions(game, 0)
    visits = occupancy(game, joint)
    expected = slow.occupancy(game, pure_joint(game, policies, 0))
    np.testing.assert_allclose(visits, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(visits.sum(axis=1), 1.0, rtol=0, atol=1e-12)


# --- Markov joint policies ---


@given(games(), seeds)
def test_values_of_markov_policies_equal_the_slow_loops(game, seed):
    joint = random_joint(game, seed)
    values = evaluate(game, joint)[:, 0] @ game.initial
    expected = [slow.value(game, joint, i) for i in range(game.agents)]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


@given(games(), seeds, st.booleans())
def test_best_responses_equal_the_slow_recursion(game, seed, swap):
    joint = random_joint(game, seed)
    expected = [slow.best_response_value(game, joint, i, swap) for i in range(game.agents)]
    np.testing.assert_allclose(
        best_response_values(game, joint, swap), expected, rtol=0, atol=1e-12
    )


@given(seeds, st.sampled_from([(2,), (2, 2), (2, 1, 2), (3, 2)]), st.booleans())
@settings(max_examples=12)
def test_best_responses_beat_every_single_deviation(seed, counts, sparse):
    game = random_game(seed, counts, states=2, horizon=2, sparse=sparse)
    joint = random_joint(game, seed + 1)
    expected = [slow.best_response_by_enumeration(game, joint, i) for i in range(game.agents)]
    np.testing.assert_allclose(best_response_values(game, joint), expected, rtol=0, atol=1e-12)


@given(seeds, st.sampled_from([(2, 2), (2, 1)]))
@settings(max_examples=6)
def test_swap_responses_beat_every_map_of_recommendations(seed, counts):
    game = random_game(seed, counts, states=2, horizon=2)
    joint = random_joint(game, seed + 1)
    swapped = best_response_values(game, joint, swap=True)
    expected = [
        slow.best_response_by_enumeration(game, joint, i, swap=True) for i in range(game.agents)
    ]
    np.testing.assert_allclose(swapped, expected, rtol=0, atol=1e-12)
    assert (swapped >= best_response_values(game, joint) - 1e-12).all()


def test_swap_beats_fixed_responses_where_the_recommendation_tells_something():
    # Matching pennies played in lockstep: knowing one's own recommendation tells the other's move.
    reward = np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]).reshape(2, 1, 1, 4)
    game = MarkovGame(np.ones((1, 1, 4, 1)), reward, (2, 2))
    joint = np.array([[[0.5, 0.0, 0.0, 0.5]]])
    np.testing.assert_allclose(best_response_values(game, joint), [0.5, 0.5])
    np.testing.assert_allclose(best_response_values(game, joint, swap=True), [1.0, 1.0])


@given(games(most_states=2, most_horizon=2), seeds)
@settings(max_examples=10)
def test_gaps_of_markov_profiles(game, seed):
    policies = random_policies(game, seed)
    instance = Instance(game, policies)
    joint = random_joint(game, seed)
    own = np.array([slow.value(game, joint, i) for i in range(game.agents)])
    profile = MarkovProfile(joint, "cce")
    best = [slow.best_response_value(game, joint, i) for i in range(game.agents)]
    np.testing.assert_allclose(profile.gaps(instance), best - own, rtol=0, atol=1e-12)
    inside = [
        slow.class_deviation_values(game, policies, joint, i).max() for i in range(game.agents)
    ]
    np.testing.assert_allclose(profile.class_gaps(instance), inside - own, rtol=0, atol=1e-12)
    assert (profile.class_gaps(instance) <= profile.gaps(instance) + 1e-12).all()


@given(games(), seeds)
@settings(max_examples=10)
def test_a_pure_profile_has_the_same_class_gaps_in_both_forms(game, seed):
    policies = random_policies(game, seed)
    instance = Instance(game, policies)
    x = np.eye(policies.size)[policies.size - 1].reshape(policies.counts)
    markov = MarkovProfile(pure_joint(game, policies, policies.size - 1), "nash")
    np.testing.assert_allclose(
        ClassProfile(policies, x, "nash").gaps(instance),
        markov.class_gaps(instance),
        rtol=0,
        atol=1e-12,
    )


def test_class_gap_of_a_correlated_profile_is_negative_where_it_should_be():
    # Coordination, uniform on the diagonal: any fixed deviation loses a half (never clipped).
    reward = np.broadcast_to(np.array([1.0, 0.0, 0.0, 1.0]), (2, 1, 1, 4))
    game = MarkovGame(np.ones((1, 1, 4, 1)), reward, (2, 2))
    instance = Instance(game, PurePolicies.all(game))
    joint = np.array([[[0.5, 0.0, 0.0, 0.5]]])
    np.testing.assert_allclose(MarkovProfile(joint, "cce").class_gaps(instance), [-0.5, -0.5])
    diagonal = ClassProfile(instance.policies, np.eye(2) / 2, "cce")
    np.testing.assert_allclose(diagonal.gaps(instance), [-0.5, -0.5])


def test_model_payoffs_are_those_of_the_models():
    game = random_game(5, (2, 2))
    other = random_game(6, (2, 2))
    policies = random_policies(game, 7)
    models = ModelClass([game.transition, other.transition], truth=0)
    instance = Instance(game, policies, models)
    values = instance.model_payoffs()
    np.testing.assert_allclose(values[0].reshape(instance.payoffs.shape), instance.payoffs)
    expected = slow.payoffs(game, policies, other.transition)
    np.testing.assert_allclose(values[1].reshape(expected.shape), expected, atol=1e-12)
    assert instance.model_payoffs() is values
