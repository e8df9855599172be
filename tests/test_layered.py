"""Layered games: the same numbers as their dense form and as slow loops, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from games import games, random_game, random_joint, random_policies, seeds
from hypothesis import given
from layered_games import (
    dense_models,
    dense_policies,
    layered_form,
    layered_games,
    layered_joint,
    layered_models,
    layered_policies,
    random_layered_game,
    two_forms,
)

from mamex_bench import catalogue, complexity
from mamex_bench.complexity._discrepancy import discrepancies, occupancies
from mamex_bench.concentration import concentration
from mamex_bench.errors import InputError
from mamex_bench.model.evaluation import (
    best_response_values,
    class_payoffs,
    dense,
    evaluate,
    occupancy,
    payoffs,
    policy_action_values,
    reachable_states,
    start_values,
)
from mamex_bench.model.game import Units
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, realizable
from mamex_bench.model.layered import LayeredGame
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import MarkovProfile
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference import decoupling as slow_decoupling
from mamex_bench.reference import evaluation as slow
from mamex_bench.reference import markov_gaps as slow_gaps
from mamex_bench.reference import recompute
from mamex_bench.reference.rows import padded, rows_of


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# --- the form itself ---


def parts():
    """One agent with two actions; layers of one and two states, then two ends."""
    return {
        "layer_offsets": [0, 1, 3],
        "indptr": [0, 2, 3, 4, 6, 7, 8],
        "next_state": [1, 2, 2, 3, 3, 4, 4, 3],
        "probability": [0.25, 0.75, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0],
        "reward": np.arange(6.0).reshape(1, 3, 2) / 10,
        "action_counts": [2],
    }


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("layer_offsets must begin with 0 and increase", {"layer_offsets": [0]}),
        ("layer_offsets must begin with 0 and increase", {"layer_offsets": [1, 3]}),
        ("layer_offsets must begin with 0 and increase", {"layer_offsets": [0, 1, 1, 3]}),
        ("layer_offsets has type float64: expected integers", {"layer_offsets": [0.0, 1.0, 3.0]}),
        ("layer_offsets has shape (1, 3): expected 1 dim", {"layer_offsets": [[0, 1, 3]]}),
        ("reward has shape (1, 4, 2): expected (n, N, A) = (1, 3", {"reward": np.ones((1, 4, 2))}),
        ("reward has shape (6,): expected 3 dimensions", {"reward": np.ones(6)}),
        ("reward[0, 0, 0] is 2: expected [0, 1]", {"reward": np.full((1, 3, 2), 2.0)}),
        ("indptr has shape (4,): expected (N A + 1,) = (7,)", {"indptr": [0, 2, 3, 4]}),
        ("indptr must begin with 0 and never decrease", {"indptr": [0, 2, 1, 4, 6, 7, 8]}),
        ("indptr must begin with 0 and never decrease", {"indptr": [1, 2, 3, 4, 6, 7, 8]}),
        ("indptr has type float64: expected integers", {"indptr": np.arange(7.0)}),
        ("next_state has shape (2,): expected (nnz,) = (8,)", {"next_state": [1, 2]}),
        ("next_state has type float64: expected integers", {"next_state": np.ones(8)}),
        ("probability has shape (1,): expected (nnz,) = (8,)", {"probability": [1.0]}),
        (
            "the row of state 0, joint action 1 is empty: expected at least one next state",
            {"indptr": [0, 3, 3, 4, 6, 7, 8]},
        ),
        (
            "the row of state 2, joint action 0 is empty",
            {"indptr": [0, 2, 3, 4, 7, 7, 8]},
        ),
        (
            "next_state[2] is 3, of state 0, joint action 1: expected a state of the next layer",
            {"next_state": [1, 2, 3, 3, 3, 4, 4, 3]},
        ),
        (
            "next_state[0] is 0, of state 0, joint action 0: expected a state of the next layer",
            {"next_state": [0, 2, 2, 3, 3, 4, 4, 3]},
        ),
        (
            "next_state[3] is 2, of state 1, joint action 0: expected a state of the next layer, "
            "from 3 on",
            {"next_state": [1, 2, 2, 2, 3, 4, 4, 3]},
        ),
        (
            "next_state[1] of state 0, joint action 0: expected ascending states",
            {"next_state": [2, 1, 2, 3, 3, 4, 4, 3]},
        ),
        (
            "next_state[5] of state 1, joint action 1: expected ascending states",
            {"next_state": [1, 2, 2, 3, 4, 4, 4, 3]},
        ),
        (
            "probability[1] is -0.25: expected no negative value",
            {"probability": [1.25, -0.25, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0]},
        ),
        (
            "probability of state 1, joint action 1 sums to 0.9: expected 1 within 1e-9",
            {"probability": [0.25, 0.75, 1.0, 1.0, 0.5, 0.4, 1.0, 1.0]},
        ),
        (
            "probability[2] is nan: expected finite",
            {"probability": [0.25, 0.75, np.nan, 1.0, 0.5, 0.5, 1.0, 1.0]},
        ),
        ("action_counts is empty", {"action_counts": []}),
        ("initial has shape (2,): expected one entry per first state", {"initial": [0.5, 0.5]}),
        ("initial sums to 0.5", {"initial": [0.5]}),
        ("units.scale has shape (2,)", {"units": Units(np.ones(2), np.zeros(2))}),
    ],
)
def test_malformed_layered_games_are_refused(message, changes):
    with pytest.raises(InputError) as caught:
        LayeredGame(**(parts() | changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_layered_game_by_hand():
    game = LayeredGame(**parts())
    assert (game.horizon, game.states, game.actions, game.table_shape) == (2, 3, 2, (3,))
    assert repr(game) == "LayeredGame(1 agent, 3 states in 2 layers, actions 2, 8 transitions)"
    policies = PurePolicies.all(game)
    assert policies.counts == (8,)
    # 0.0 + 0.25 * (0.2, 0.3) + 0.75 * (0.4, 0.5) after action 0, else 0.1 + (0.4, 0.5)
    by_hand = [
        0.25 * (0.2 + 0.1 * b) + 0.75 * (0.4 + 0.1 * c) if a == 0 else 0.1 + 0.4 + 0.1 * c
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
    ]
    same(payoffs(game, policies)[0], by_hand)
    assert game.return_range == pytest.approx(max(by_hand) - min(by_hand))
    assert game.largest_value(game.probability[None]) == pytest.approx(0.6)
    same(game.cumulative, [0.25, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        game.probability[0] = 1.0


def test_rows_of_the_last_layer_may_be_left_out():
    silent = {
        "indptr": [0, 2, 3, 3, 3, 3, 3],
        "next_state": [1, 2, 2],
        "probability": [0.25, 0.75, 1],
    }
    game = LayeredGame(**(parts() | silent))
    np.testing.assert_array_equal(game.next_state, [1, 2, 2, 3, 3, 3, 3])
    np.testing.assert_array_equal(game.probability[3:], 1.0)
    whole = LayeredGame(**parts())
    same(payoffs(game, PurePolicies.all(game)), payoffs(whole, PurePolicies.all(whole)))
    last = LayeredGame([0, 1], [0, 0, 0], np.zeros(0, int), np.zeros(0), [[[0.5, 1.0]]], (2,))
    same(payoffs(last, PurePolicies.all(last))[0], [0.5, 1.0])


def test_a_layered_game_keeps_private_copies():
    given_arrays = parts()
    given_arrays["probability"] = np.array(given_arrays["probability"])
    game = LayeredGame(**given_arrays)
    given_arrays["probability"][:] = 0.0
    assert game.probability[0] == 0.25


def test_a_dense_form_too_large_is_refused():
    game = random_layered_game(0, (4, 4), (1, 1500, 1500))
    with pytest.raises(InputError, match="108,000,000 numbers: expected at most 50,000,000"):
        game.dense()


def test_policies_and_models_of_another_shape_are_refused():
    game = LayeredGame(**parts())
    policies = PurePolicies.all(game)
    short, square = (PurePolicies([np.zeros(s, int)]) for s in ((1, 4), (1, 2, 3)))
    half = [0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0]
    cases = [
        ("policies[0] has shape (1, 4): expected (m_i, N)", short, None),
        ("policies[0] has shape (1, 2, 3): expected (m_i, N)", square, None),
        ("transitions has shape (1, 7): expected (F, nnz) = (1, 8)", policies, np.ones((1, 7))),
        ("transitions[0, 0] is -1: expected [0, 1]", policies, -np.ones((1, 8))),
        ("of state 1, joint action 1, sums to 2: expected 1", policies, [half[:4] + [1.0] * 4]),
        ("transitions[0] is named the truth but differs", policies, [half]),
    ]
    for message, own, models in cases:
        with pytest.raises(InputError) as caught:
            Instance(game, own, None if models is None else ModelClass(models))
        assert message in str(caught.value)


# --- evaluation ---


@given(layered_games(), seeds)
def test_payoffs_agree_with_the_dense_form_and_with_slow_loops(game, seed):
    policies, full = layered_policies(game, seed), game.dense()
    found = payoffs(game, policies)
    same(found, payoffs(full, dense_policies(game, policies)))
    same(found, slow.payoffs(game, policies))
    same(found, slow.payoffs(full, dense_policies(game, policies)))
    models = layered_models(game, seed, 9)
    values = class_payoffs(game, policies, models)
    wide = dense_models(game, models)
    same(values, class_payoffs(full, dense_policies(game, policies), wide))
    same(values[5].reshape(found.shape), slow.payoffs(game, policies, models[5]))
    assert game.return_range == pytest.approx(full.return_range, abs=1e-12)
    bound = game.largest_value(models)
    assert bound == pytest.approx(full.largest_value(wide.reshape(9, -1)), abs=1e-12)


@given(layered_games(), seeds)
def test_states_visited_and_action_values_agree(game, seed):
    policies, full = layered_policies(game, seed), game.dense()
    index = policies.size // 2
    joint = policies.joint_actions(game, index)
    visits = occupancy(game, joint)
    wide = padded(game, joint)
    # The padding of a smaller layer is never reached.
    same(padded(game, visits), occupancy(full, wide))
    same(padded(game, visits), slow.occupancy(full, np.eye(full.actions)[wide]))
    inside = padded(game, np.ones(game.states, dtype=bool))
    np.testing.assert_array_equal(padded(game, reachable_states(game)), reachable_states(full))
    Q, broad = policy_action_values(game, joint), policy_action_values(full, wide)
    for own, other in zip(Q, broad):
        same(own, other[inside])
    start = game.initial.size
    means = Q[:, np.arange(start), joint[:start]] @ game.initial
    same(means, payoffs(game, policies).reshape(game.agents, -1)[:, index])
    every, rows = occupancies(Instance(game, policies))
    same(every[index], visits)
    np.testing.assert_array_equal(rows[index], np.arange(game.states) * game.actions + joint)


@given(layered_games(), seeds)
def test_markov_policies_best_responses_and_gaps_agree(game, seed):
    joint, full = layered_joint(game, seed), game.dense()
    wide, policies = padded(game, joint), layered_policies(game, seed)
    wide[wide.sum(axis=-1) == 0.0, 0] = 1.0
    values = evaluate(game, joint)
    same(start_values(game, values), start_values(full, evaluate(full, wide)))
    same(start_values(game, values), [slow.value(full, wide, i) for i in range(game.agents)])
    own, other = Instance(game, policies), Instance(full, dense_policies(game, policies))
    for swap in (False, True):
        expected = [slow.best_response_value(full, wide, i, swap) for i in range(game.agents)]
        same(best_response_values(game, joint, swap), expected)
    for concept in ("cce", "ce"):
        gaps = MarkovProfile(joint, concept).gaps(own)
        same(gaps, MarkovProfile(wide, concept).gaps(other))
        same(gaps, slow_gaps.gaps(full, wide, concept))
        same(gaps, recompute.markov_gaps(game, joint[None], concept)[0])
        same(gaps, recompute.markov_gaps(full, wide[None], concept)[0])
    inside = MarkovProfile(joint, "cce").class_gaps(own)
    same(inside, MarkovProfile(wide, "cce").class_gaps(other))
    same(inside, slow_gaps.class_gaps(full, wide, other.policies))
    same(inside, recompute.markov_class_gaps(game, policies, joint[None])[0])
    same(inside, recompute.markov_class_gaps(full, other.policies, wide[None])[0])


@given(layered_games(), seeds)
def test_the_same_draws_visit_the_same_states(game, seed):
    rng = np.random.default_rng(seed)
    full, policies = game.dense(), layered_policies(game, seed)
    joint = policies.joint_actions(game, policies.size - 1)
    for _ in range(5):
        uniforms = rng.random(game.horizon + 1)
        found = Simulator(game).play(joint, uniforms)
        expected = Simulator(full).play(padded(game, joint), uniforms)
        steps = np.append(game.layer_offsets[:-1], game.states)
        np.testing.assert_array_equal(found.states - steps, expected.states)
        np.testing.assert_array_equal(found.actions, expected.actions)
        np.testing.assert_array_equal(found.rewards, expected.rewards)
        np.testing.assert_array_equal(game.numbered(found.states), found.states)
        numbers = full.numbered(expected.states)
        np.testing.assert_array_equal(full.named(numbers), expected.states)
        np.testing.assert_array_equal(numbers // full.states, np.arange(game.horizon + 1))


@given(games(), seeds)
def test_a_dense_game_is_the_same_in_layers(game, seed):
    own, policies = game.layered(), random_policies(game, seed)
    tables = PurePolicies([table.reshape(len(table), -1) for table in policies.tables])
    assert own.states == game.horizon * game.states
    assert (own.probability > 0.0).all()
    np.testing.assert_array_equal(own.dense().transition[:, :, :, :], dense(game).transition)
    np.testing.assert_array_equal(own.dense().reward, game.reward)
    same(payoffs(own, tables), payoffs(game, policies))
    assert own.return_range == pytest.approx(game.return_range, abs=1e-12)
    joint = random_joint(game, seed)
    flat = joint.reshape(-1, game.actions)
    same(evaluate(own, flat).ravel(), evaluate(game, joint).ravel())
    for concept in ("cce", "ce"):
        narrow, wide = MarkovProfile(flat, concept), MarkovProfile(joint, concept)
        same(narrow.gaps(Instance(own, tables)), wide.gaps(Instance(game, policies)))
        same(narrow.class_gaps(Instance(own, tables)), wide.class_gaps(Instance(game, policies)))


# --- brackets and the constants of bounds ---


def same_brackets(own, other, hypotheses=None, episodes=50):
    found = complexity.decoupling(own, episodes, hypotheses)
    expected = complexity.decoupling(other, episodes, hypotheses)
    np.testing.assert_allclose(found.per_agent, expected.per_agent, rtol=1e-9, atol=1e-12)
    complexity.check_bracket(own, found)
    complexity.check_bracket(other, found)


@pytest.mark.parametrize("kind", ["models", "values"])
@pytest.mark.parametrize("seed", range(3))
def test_brackets_and_constants_agree_with_the_dense_form(seed, kind):
    own, full = two_forms(seed, kind)
    every = np.arange(own.policies.size)
    pairs = zip(discrepancies(own), discrepancies(full))
    for i, (found, expected) in enumerate(pairs):
        definition = slow_decoupling.Definition(own, None, i)
        wide = slow_decoupling.Definition(full, None, i)
        same(found.errors, expected.errors)
        same(found.errors, definition.errors)
        same(found.errors, wide.errors)
        for policy in every:
            losses = found.losses(every, int(policy))
            same(losses, expected.losses(every, int(policy)))
            same(losses, definition.losses(every, int(policy)))
            same(losses, wide.losses(every, int(policy)))
    same_brackets(own, full)
    narrow, broad = concentration(own, None, 100), concentration(full, None, 100)
    assert pytest.approx(broad.R, rel=1e-12) == narrow.R
    assert narrow.return_range == pytest.approx(broad.return_range, rel=1e-12)
    same(narrow.expected_radii(), broad.expected_radii())
    same(narrow.radii(0.05), broad.radii(0.05))
    assert realizable(own)
    assert realizable(full)


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("linear_mixture", {"policies": 4, "models": 12}),
        ("linear_game", {"policies": 2, "distractors": 3, "models": 6}),
        ("combination_lock", {"length": 2}),
        ("hypercube", {"dimension": 2}),
    ],
)
def test_families_have_the_same_bracket_and_constants_in_layers(family, options):
    instance = catalogue.make(family, **options)
    own = layered_form(instance)
    assert own.game.probability.size <= instance.game.probability.size
    for name in instance.hypotheses:
        if name == "linear":
            continue
        same_brackets(own, instance, name)
        narrow, broad = (concentration(x, name, 100) for x in (own, instance))
        same([narrow.R, *narrow.radii(0.1)], [broad.R, *broad.radii(0.1)])
        assert str(narrow) == str(broad)


def test_only_layers_in_which_models_differ_count():
    game = random_layered_game(1, (2, 2), (2, 3, 2, 3))
    models = layered_models(game, 0, 3)
    layer = np.searchsorted(game.layer_offsets, np.arange(game.states), side="right") - 1
    of_entry = np.repeat(np.repeat(layer, game.actions), np.diff(game.indptr))
    alike = np.isin(of_entry, (0, 2))
    models[:, alike] = game.probability[alike]
    instance = Instance(game, layered_policies(game, 0), ModelClass(models))
    assert concentration(instance).steps == 2


def test_a_million_entries_are_evaluated_without_anything_dense():
    """As large as laser tag on 3 x 3 fields over 8 steps."""
    sizes = (1, 57, 450, 900, 1100, 1250, 1298, 1300)
    game = random_layered_game(0, (10, 10), sizes)
    assert game.states == 6356
    policies = PurePolicies.sample(game, (2, 2), seed=0)
    same(payoffs(game, policies), slow.payoffs(game, policies))
    with pytest.raises(InputError, match="dense transition"):
        game.dense()


def test_the_slow_twins_read_the_game_for_themselves():
    game = random_game(0, (2, 2))
    rows, layers = rows_of(game), game.layers
    np.testing.assert_array_equal(rows.first, layers.first)
    np.testing.assert_array_equal(rows.starts, layers.rows)
    np.testing.assert_array_equal(rows.after, layers.following)
    assert padded(game, game.initial) is game.initial


def test_end_states_are_numbered_without_large_holes():
    with pytest.raises(InputError, match="end states, more than states and entries"):
        LayeredGame([0, 1], [0, 1], [10**9], [1.0], np.zeros((1, 1, 1)), (1,))
