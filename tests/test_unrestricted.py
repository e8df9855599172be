"""Best responses among all policies: against brute force over histories, and their own limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from games import random_game, random_policies, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

from mamex_bench.errors import InputError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import ClassProfile
from mamex_bench.model.unrestricted import (
    best_response,
    markov_response,
    others_tables,
    unrestricted_values,
)


def instance_of(seed, counts=(2, 2), states=2, horizon=2, sparse=False, most=4):
    game = random_game(seed, counts, states, horizon, sparse)
    return Instance(game, random_policies(game, seed, most))


def random_profile(instance, seed, concept):
    rng = np.random.default_rng(seed)
    if concept == "nash":
        x = np.ones(())
        for m in instance.policies.counts:
            x = np.multiply.outer(x, rng.dirichlet(np.ones(m)))
    else:
        x = rng.dirichlet(np.full(instance.policies.size, 0.5))
        x[rng.random(x.size) < 0.3] = 0.0
        x[0] += 0.1
        x = (x / x.sum()).reshape(instance.policies.counts)
    return ClassProfile(instance.policies, x, concept)


def joint(game, agent, own, table):
    """Joint action of an own action and what the others play (own action 0)."""
    return table + own * int(game.strides[agent])


def over_histories(game, agent, draws, weights):
    """The best value by the tree of all histories; `draws` joint tables (H, S), own action 0.

    Nothing is merged: a node of the tree is the whole history, and carries for each draw the
    probability of the others' and chance's part of it.
    """

    def value(h, s, likely):
        if h == game.horizon:
            return 0.0
        best = -np.inf
        for b in range(game.action_counts[agent]):
            total = 0.0
            for a in {joint(game, agent, b, int(draw[h, s])) for draw in draws}:
                here = [
                    p if joint(game, agent, b, int(draw[h, s])) == a else 0.0
                    for p, draw in zip(likely, draws)
                ]
                total += sum(here) * game.reward[agent, h, s, a]
                for t in range(game.states):
                    p = game.transition[h, s, a, t]
                    if p > 0.0:
                        total += value(h + 1, t, [p * each for each in here])
            best = max(best, total)
        return best

    return sum(value(0, s, [p * w for w in weights]) for s, p in enumerate(game.initial) if p > 0.0)


def advice(x, agent, concept):
    rows = np.moveaxis(x, agent, 0).reshape(x.shape[agent], -1)
    return rows if concept == "ce" else rows.sum(axis=0, keepdims=True)


@given(
    seed=seeds,
    concept=st.sampled_from(["nash", "ce", "cce"]),
    counts=st.sampled_from([(2, 2), (3, 2), (2, 2, 2), (2,)]),
    horizon=st.integers(1, 3),
    sparse=st.booleans(),
)
@settings(max_examples=20)
def test_values_against_the_tree_of_all_histories(seed, concept, counts, horizon, sparse):
    instance = instance_of(seed, counts, 2, horizon, sparse, most=3)
    game, policies = instance.game, instance.policies
    profile = random_profile(instance, seed, concept)
    gaps = profile.unrestricted_gaps(instance)
    for i in range(game.agents):
        draws = others_tables(game, policies, i).reshape(-1, *game.table_shape)
        best = sum(
            over_histories(game, i, draws, weights)
            for weights in advice(profile.distribution, i, concept)
        )
        played = float((instance.payoffs[i] * profile.distribution).sum())
        assert gaps[i] == pytest.approx(best - played, abs=1e-12)
    assert (gaps >= profile.gaps(instance) - 1e-12).all()
    assert concept == "cce" or gaps.min() >= -1e-12
    low, high = profile.unrestricted_interval(instance)
    assert (low <= gaps + 1e-12).all()
    assert (gaps <= high + 1e-12).all()


@pytest.mark.parametrize("seed", range(4))
def test_values_against_every_single_deterministic_policy_of_histories(seed):
    """2^9 functions of the histories of two steps, each evaluated draw by draw."""
    instance = instance_of(seed, sparse=seed % 2 == 1)
    game = instance.game
    game = MarkovGame(game.transition, game.reward, game.action_counts)  # starts in state 0
    draws = others_tables(game, instance.policies, 0).reshape(-1, 2, 2)
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(draws)))
    histories = [(), *itertools.product(range(4), range(2))]
    best = -np.inf
    for actions in itertools.product(range(2), repeat=len(histories)):
        policy, total = dict(zip(histories, actions)), 0.0
        for w, draw in zip(weights, draws):
            a = joint(game, 0, policy[()], int(draw[0, 0]))
            total += w * game.reward[0, 0, 0, a]
            for t in range(2):
                second = joint(game, 0, policy[a, t], int(draw[1, t]))
                total += w * game.transition[0, 0, a, t] * game.reward[0, 1, t, second]
        best = max(best, total)
    tables = others_tables(game, instance.policies, 0)
    assert best_response(game, 0, tables, weights).value == pytest.approx(best, abs=1e-12)


def pennies(rounds):
    """Matching pennies, `rounds` times."""
    reward = np.zeros((2, rounds, 1, 4))
    reward[0, :, 0, [0, 3]] = 1.0
    reward[1] = 1.0 - reward[0]
    return MarkovGame(np.ones((rounds, 1, 4, 1)), reward, (2, 2))


def test_a_class_equilibrium_that_everybody_sees_through():
    """Always heads or always tails: no fixed policy gains, whoever watches the first round does."""
    game = pennies(2)
    policies = PurePolicies([[[[0], [0]], [[1], [1]]], [[[0], [0]], [[1], [1]]]])
    instance = Instance(game, policies)
    profile = ClassProfile(policies, np.full((2, 2), 0.25), "nash")
    np.testing.assert_allclose(profile.gaps(instance), 0.0, atol=1e-15)
    np.testing.assert_allclose(profile.unrestricted_gaps(instance), 0.5, atol=1e-15)
    full = PurePolicies.all(game)
    instance = Instance(game, full)
    profile = ClassProfile(full, np.full((4, 4), 1 / 16), "nash")
    np.testing.assert_allclose(profile.unrestricted_gaps(instance), 0.0, atol=1e-15)
    # "ce": told its own policy of the diagonal, an agent knows the other's, and may use it.
    diagonal = ClassProfile(full, np.eye(4) / 4, "ce")
    np.testing.assert_allclose(diagonal.unrestricted_gaps(instance), [0.0, 2.0], atol=1e-15)
    diagonal = ClassProfile(full, np.eye(4) / 4, "cce")
    np.testing.assert_allclose(diagonal.unrestricted_gaps(instance), [-1.0, 1.0], atol=1e-15)


@given(seed=seeds, counts=st.sampled_from([(2, 2), (3, 2), (2, 2, 2)]), sparse=st.booleans())
@settings(max_examples=25)
def test_layered_games_answer_alike(seed, counts, sparse):
    instance = instance_of(seed, counts, 3, 3, sparse)
    layered = instance.game.layered()
    tables = [t.reshape(t.shape[0], -1) for t in instance.policies.tables]
    profile = random_profile(instance, seed, "ce")
    for concept in ("ce", "cce"):
        np.testing.assert_allclose(
            unrestricted_values(layered, PurePolicies(tables), profile.distribution, concept),
            unrestricted_values(instance.game, instance.policies, profile.distribution, concept),
            atol=1e-12,
        )


@given(seed=seeds, sparse=st.booleans(), most=st.integers(1, 8))
@settings(max_examples=25)
def test_what_a_response_gets_against_anybody(seed, sparse, most):
    """Members: together the value. Others: the same as its own description, step by step."""
    instance = instance_of(seed, (2, 3), 3, 3, sparse, most)
    game = instance.game
    rng = np.random.default_rng(seed)
    tables = others_tables(game, instance.policies, 0)
    weights = rng.dirichlet(np.ones(len(tables)))
    response = best_response(game, 0, tables, weights)
    default = rng.integers(2, size=game.rewards.shape[1])
    met = response.against(tables, default)
    assert weights @ met == pytest.approx(response.value, abs=1e-12)
    strangers = rng.integers(3, size=(5, game.rewards.shape[1]))
    nodes = {
        (
            int(response.beliefs.state[k]),
            int(response.beliefs.words[response.beliefs.belief[k], 0]),
        ): k
        for k in range(response.nodes)
    }

    def value(stranger, h, s, left):
        if h == game.horizon:
            return 0.0
        x = h * game.states + s
        if not left:
            b = default[x]
        elif len(left) == 1:
            b = response.alone[left[0], x]
        else:
            b = response.chosen[nodes[x, sum(1 << q for q in left)]]
        a = joint(game, 0, int(b), int(stranger[x]))
        still = [q for q in left if tables[q, x] == stranger[x]]
        total = game.reward[0, h, s, a]
        for t in range(game.states):
            p = game.transition[h, s, a, t]
            if p > 0.0:
                total += p * value(stranger, h + 1, t, still)
        return total

    members = list(range(len(tables)))
    expected = [
        sum(p * value(each, 0, s, members) for s, p in enumerate(game.initial) if p > 0.0)
        for each in strangers
    ]
    np.testing.assert_allclose(response.against(strangers, default), expected, atol=1e-12)


def tree_game(seed, horizon=3, actions=(2, 2)):
    """Every state is reached by one history: what happened, and one of two moves of chance."""
    rng = np.random.default_rng(seed)
    A = int(np.prod(actions))
    sizes = [(2 * A) ** h for h in range(horizon)]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    following, probability, ends = [], [], [0]
    for h in range(horizon - 1):
        for row in range(sizes[h] * A):
            p = rng.uniform(0.1, 0.9)
            following += [offsets[h + 1] + 2 * row, offsets[h + 1] + 2 * row + 1]
            probability += [p, 1.0 - p]
            ends.append(len(following))
    ends += [len(following)] * (sizes[-1] * A)
    reward = rng.random((len(actions), offsets[-1], A))
    from mamex_bench.model.layered import LayeredGame

    return LayeredGame(offsets, ends, following, probability, reward, actions)


@pytest.mark.parametrize("seed", range(6))
def test_one_sweep_is_exact_where_every_state_has_one_history(seed):
    game = tree_game(seed)
    policies = PurePolicies.sample(game, [5, 5], seed)
    tables = others_tables(game, policies, 0)
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(tables)))
    response = best_response(game, 0, tables, weights)
    value, table = markov_response(game, 0, tables, weights)
    assert value == pytest.approx(response.value, abs=1e-12)
    # and the response is a Markov policy there, with that value
    for own in (table, response.table):
        filled = np.where(own < 0, 0, own)
        assert _played(game, tables, weights, filled) == pytest.approx(value, abs=1e-12)


def _played(game, tables, weights, own):
    from mamex_bench.model.evaluation import payoffs

    return float(weights @ payoffs(game, PurePolicies([own[None], tables]))[0, 0])


@given(seed=seeds, most=st.integers(1, 5))
@settings(max_examples=25)
def test_sweeps_end_where_no_layer_can_be_improved(seed, most):
    instance = instance_of(seed, (3, 2), 2, 3, seed % 2 == 1, most)
    game = instance.game
    tables = others_tables(game, instance.policies, 0)
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(tables)))
    value, table = markov_response(game, 0, tables, weights)
    own = np.where(table < 0, 0, table)
    layered = game.layered()
    assert _played(layered, tables, weights, own) == pytest.approx(value, abs=1e-12)
    for x in range(own.size):
        for b in range(3):
            other = own.copy()
            other[x] = b
            assert _played(layered, tables, weights, other) <= value + 1e-12
    assert value <= best_response(game, 0, tables, weights).value + 1e-12
    # from any start: never worse than the start
    start = np.random.default_rng(seed + 1).integers(3, size=own.size)
    better, _ = markov_response(game, 0, tables, weights, start)
    assert better >= _played(layered, tables, weights, start) - 1e-12


def test_the_limit_is_refused_by_name_and_the_interval_holds_the_truth():
    instance = instance_of(3, (3, 3), 3, 4, most=12)
    profile = random_profile(instance, 3, "nash")
    gaps = profile.unrestricted_gaps(instance)
    low, high = profile.unrestricted_interval(instance)
    assert (low <= gaps).all()
    assert (gaps <= high).all()
    assert (high > low).any()
    with pytest.raises(InputError, match=r"agent 1 to 10 joint policies .* more than 5 pairs"):
        profile.unrestricted_gaps(instance, limit=5)
    with pytest.raises(InputError, match="limit is 0"):
        profile.unrestricted_gaps(instance, limit=0)


def test_more_than_one_word_of_members():
    """130 joint policies of the others: sets span three words."""
    game = random_game(0, (2, 2, 2), 2, 3)
    policies = PurePolicies.sample(game, [3, 13, 10], 0)
    instance = Instance(game, policies)
    profile = random_profile(instance, 0, "nash")
    draws = others_tables(game, policies, 0).reshape(-1, *game.table_shape)
    assert len(draws) == 130
    weights = advice(profile.distribution, 0, "nash")[0]
    best = best_response(game, 0, others_tables(game, policies, 0), weights)
    assert best.value == pytest.approx(over_histories(game, 0, draws, weights), abs=1e-12)
