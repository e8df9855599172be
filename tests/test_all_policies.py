"""Gaps against all policies of many profiles at once: certificates, limits, brute force, runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from games import seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from test_runs import Wanderer, small_instance
from test_unrestricted import instance_of, over_histories, pennies, random_profile

import mamex_bench as mb
from mamex_bench.errors import InputError
from mamex_bench.model.all_policies import AllPolicies
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import ClassProfile, MarkovProfile
from mamex_bench.model.unrestricted import others_tables
from mamex_bench.reference.unrestricted import Onlooker, TooManyError, advice
from mamex_bench.runs.run import run

CONCEPTS = st.sampled_from(["nash", "ce", "cce"])


def limited(instance: Instance, nodes: int, entries: int = 10**6) -> AllPolicies:
    return replace(instance.all_policies, nodes=nodes, entries=entries, _forms={}, _ends={})


def point(instance: Instance, index: int, concept: str) -> ClassProfile:
    x = np.zeros(instance.policies.size)
    x[index] = 1.0
    return ClassProfile(instance.policies, x.reshape(instance.policies.counts), concept)


@given(
    seed=seeds,
    concept=CONCEPTS,
    counts=st.sampled_from([(2, 2), (3, 2), (2, 2, 2), (2,)]),
    horizon=st.integers(1, 3),
    sparse=st.booleans(),
)
@settings(max_examples=15)
def test_many_profiles_as_one_by_one_as_slowly_and_as_by_all_histories(
    seed, concept, counts, horizon, sparse
):
    instance = instance_of(seed, counts, 2, horizon, sparse, most=3)
    profiles = [random_profile(instance, seed + k, concept) for k in range(40)]
    x = np.stack([profile.distribution for profile in profiles])
    low, high = instance.all_policies.gaps(x, concept)
    np.testing.assert_array_equal(low, high)
    inside = np.array([profile.gaps(instance) for profile in profiles])
    assert (low >= inside - 1e-12).all()
    for k in (0, 33):  # of two blocks
        np.testing.assert_allclose(low[k], profiles[k].unrestricted_gaps(instance), atol=1e-12)
    game = instance.game
    own = (instance.payoffs * x[:, None]).reshape(len(x), game.agents, -1).sum(axis=2)
    for i in range(game.agents):
        weights, profile = advice(x, i, concept)
        values = Onlooker(game, instance.policies, i).values(weights)
        slow = np.bincount(profile, values, len(x)) - own[:, i]
        np.testing.assert_allclose(low[:, i], slow, atol=1e-12)
        draws = others_tables(game, instance.policies, i).reshape(-1, *game.table_shape)
        best = sum(over_histories(game, i, draws, w) for w in weights[profile == 0])
        assert low[0, i] == pytest.approx(best - own[0, i], abs=1e-12)


@given(seed=seeds, concept=CONCEPTS, nodes=st.sampled_from([1, 4]))
@settings(max_examples=25)
def test_beyond_the_limits_an_interval_holds_the_gap(seed, concept, nodes):
    instance = instance_of(seed, (2, 2), 2, 3, most=4)
    profiles = [random_profile(instance, seed + k, concept) for k in range(6)]
    profiles.append(point(instance, seed % instance.policies.size, concept))
    x = np.stack([profile.distribution for profile in profiles])
    exact, _ = instance.all_policies.gaps(x, concept)
    low, high = limited(instance, nodes).gaps(x, concept)
    assert (low <= exact + 1e-12).all()
    assert (exact <= high + 1e-12).all()
    inside = np.array([profile.gaps(instance) for profile in profiles])
    assert (low >= inside - 1e-12).all()
    # a single draw is no secret
    np.testing.assert_allclose(low[-1], high[-1], atol=1e-12)
    np.testing.assert_allclose(low[-1], exact[-1], atol=1e-12)


def test_the_interval_is_one_and_supports_are_tried_before():
    instance = instance_of(4, (2, 2), 3, 3, most=6)
    x = np.stack([random_profile(instance, k, "nash").distribution for k in range(3)])
    low, high = limited(instance, 2).gaps(x, "nash")
    assert (high > low + 1e-3).any()
    few = np.zeros_like(x[:1])
    few[0, :2, :2] = 0.25
    exact, _ = instance.all_policies.gaps(few, "nash")
    nodes = 20  # two policies take 9, all of them 63 and 45
    everyone = limited(instance, nodes).gaps(x, "nash")
    assert (everyone[1] > everyone[0]).any()
    ends = limited(instance, nodes).gaps(np.concatenate([x, few]), "nash")
    np.testing.assert_allclose(ends[0, -1], exact[0], atol=1e-12)
    np.testing.assert_array_equal(ends[0, -1], ends[1, -1])
    # what a profile's gap is does not hang on what stands beside it
    np.testing.assert_array_equal(ends[:, :-1], everyone)
    # too many supports at once have intervals
    crowd = replace(limited(instance, nodes), supports=1).gaps(np.concatenate([x, few]), "nash")
    assert (crowd[1, -1] > crowd[0, -1]).any()
    # the limit on entries bites as well
    assert (np.diff(limited(instance, 10**5, 10).gaps(x, "nash"), axis=0) > 0.0).any()


@given(seed=seeds, concept=CONCEPTS, index=st.integers(0, 8))
@settings(max_examples=20)
def test_a_point_mass_is_as_far_from_equilibrium_as_its_markov_profile(seed, concept, index):
    instance = instance_of(seed, (3, 2), 3, 3, most=3)
    index %= instance.policies.size
    game = instance.game
    profile = point(instance, index, concept)
    table = instance.policies.joint_actions(game, index)
    markov = MarkovProfile(np.eye(game.actions)[table], concept)
    ends = instance.all_policies.gaps(profile.distribution[None], concept)
    np.testing.assert_allclose(ends[:, 0], [markov.gaps(instance)] * 2, atol=1e-12)


def test_independent_agents_learn_nothing_from_their_own_draw():
    instance = instance_of(7, (3, 2), 2, 3, most=3)
    rng = np.random.default_rng(0)
    own = [[rng.dirichlet(np.ones(m)) for m in instance.policies.counts] for _ in range(5)]
    profiles = [ClassProfile.product(instance.policies, each, "ce") for each in own]
    x = np.stack([profile.distribution for profile in profiles])
    told = instance.all_policies.gaps(x, "ce")
    np.testing.assert_allclose(instance.all_policies.gaps(x, "ce", products=True), told, atol=1e-12)


def test_by_hand_whoever_watches_pennies_wins_all_rounds_but_one():
    game = pennies(2)
    policies = PurePolicies([[[[0], [0]], [[1], [1]]], [[[0], [0]], [[1], [1]]]])
    instance = Instance(game, policies)
    ends = instance.all_policies.gaps(np.full((1, 2, 2), 0.25), "nash")
    np.testing.assert_allclose(ends, 0.5, atol=1e-15)
    # one that is told the draw wins both
    told = AllPolicies(game, policies, instance.payoffs, nodes=1)
    np.testing.assert_allclose(told.gaps(np.full((1, 2, 2), 0.25), "nash")[1], 1.0, atol=1e-15)
    with pytest.raises(InputError, match=r"distributions has shape \(2, 2\): expected \(B, 2, 2\)"):
        instance.all_policies.gaps(np.full((2, 2), 0.25), "nash")


def test_forms_that_are_kept_are_few(monkeypatch):
    instance = instance_of(4, (2, 2), 3, 3, most=6)
    monkeypatch.setattr("mamex_bench.model.all_policies.CACHED", 3)
    measure = limited(instance, 20)
    x = np.stack([point(instance, k, "nash").distribution for k in range(8)])
    ends = measure.gaps(x, "nash")
    assert len(measure._forms) == 3
    np.testing.assert_array_equal(measure.gaps(x, "nash"), ends)
    np.testing.assert_allclose(ends[0], instance.all_policies.gaps(x, "nash")[0], atol=1e-12)


def test_the_slow_code_says_when_it_is_too_much(monkeypatch):
    instance = instance_of(4, (2, 2), 3, 3, most=6)
    onlooker = Onlooker(instance.game, instance.policies, 0)
    monkeypatch.setattr("mamex_bench.reference.unrestricted.NODES", 3)
    with pytest.raises(TooManyError):
        onlooker.values(np.ones((1, instance.policies.counts[1])))


@pytest.mark.parametrize("concept", ["nash", "cce", "ce"])
def test_runs_add_up_gaps_of_every_episode(concept):
    instance, times = small_instance(4), np.array([1, 9, 40])
    result = run(instance, Wanderer(instance, 40, concept), 40, seed=0)
    segment = np.repeat(np.arange(result.lengths.size), result.lengths)
    each = np.array([profile.unrestricted_gaps(instance) for profile in result.profiles])
    totals = np.cumsum(each[segment], axis=0)[times - 1]
    np.testing.assert_allclose(result.unrestricted_cumulative(times), [totals] * 2, atol=1e-12)
    assert (result.unrestricted_gaps >= result.gaps - 1e-12).all()
    at = result.curves(times)
    np.testing.assert_array_equal(at["unrestricted_regret"], result.unrestricted_cumulative(times))
    worst = each.max(axis=1)[segment[times - 1]]
    np.testing.assert_allclose(at["unrestricted_gap"], [worst] * 2, atol=1e-12)


def test_markov_profiles_have_the_gaps_that_they_have():
    instance = small_instance(4)
    result = run(instance, Wanderer(instance, 40, "ce", "markov"), 40, seed=0)
    np.testing.assert_array_equal(result.unrestricted_gaps, [result.gaps] * 2)


def test_a_large_game_is_measured_by_an_interval_and_says_so(monkeypatch):
    instance = small_instance(4)
    monkeypatch.setitem(instance.__dict__, "all_policies", limited(instance, 2))
    learner = mb.learners.make("uniform", instance, concept="cce", episodes=10)
    result = run(instance, learner, 10, seed=0)
    low, high = result.unrestricted_cumulative([10])
    exact = 10.0 * learner.choose().unrestricted_gaps(instance)
    assert (low <= exact).all()
    assert (exact <= high).all()
    assert (low < high).any()
