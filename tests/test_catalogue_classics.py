"""The classics are worth what the literature says: exactly, by the oracle, and inside the class."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import comb, sqrt

import numpy as np
import pytest
from games import random_game
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import mamex_bench as mb
from mamex_bench import catalogue
from mamex_bench.catalogue._classics import population, reduced_policies, relabelled, shifts
from mamex_bench.catalogue.matrix_game import CLASSICS
from mamex_bench.equilibria import CONCEPTS, backward_induction, gaps, solve
from mamex_bench.errors import InputError
from mamex_bench.model.evaluation import payoffs
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import realizable
from mamex_bench.model.policies import PurePolicies

# (family, parameters, value to agent 0 in own units), the numbers worked out elsewhere.
VALUES = [
    *[("big_match", {"horizon": H}, Fraction(H, 2)) for H in (1, 2, 5, 20)],
    *[("everett", {"horizon": H}, Fraction(H, H + 1)) for H in (1, 2, 5, 20)],
    ("golden_ratio", {"horizon": 1}, Fraction(1, 2)),
    ("golden_ratio", {"horizon": 2}, Fraction(3, 5)),
    ("golden_ratio", {"horizon": 5}, Fraction(55, 89)),
    ("golden_ratio", {"horizon": 20}, Fraction(102334155, 165580141)),
    ("dresher_inspection", {"stages": 2, "inspections": 1}, Fraction(-1, 3)),
    ("dresher_inspection", {"stages": 3, "inspections": 1}, Fraction(-1, 2)),
    ("dresher_inspection", {"stages": 4, "inspections": 2}, Fraction(-3, 11)),
    ("dresher_inspection", {"stages": 8, "inspections": 3}, Fraction(-35, 93)),
    ("dresher_inspection", {"stages": 3, "inspections": 0}, Fraction(-1)),
    ("dresher_inspection", {"stages": 3, "inspections": 4}, Fraction(0)),
    ("purgatory", {"terraces": 1, "horizon": 10}, Fraction(10, 11)),
    ("purgatory", {"terraces": 2, "horizon": 10}, 0.5845409895307302),
    ("purgatory", {"terraces": 3, "horizon": 2}, Fraction(0)),
    ("purgatory", {"terraces": 3, "horizon": 3}, Fraction(1, 8)),
]
IDS = [f"{family}-{'-'.join(map(str, p.values()))}" for family, p, _ in VALUES]


def minimax(a, b, c, d):
    """Value of [[a, b], [c, d]] to the row player, exactly."""
    lower, upper = max(min(a, b), min(c, d)), min(max(a, c), max(b, d))
    return lower if lower == upper else (a * d - b * c) / (a + d - b - c)


def exact_value(game):
    """Value to agent 0 in own units: backward induction in whole fractions, two actions each."""
    H, S = game.horizon, game.states
    scale = Fraction(game.units.scale[0])
    later = [Fraction(0)] * S
    for h in range(H - 1, -1, -1):
        stage = [
            [
                Fraction(game.reward[0, h, s, a])
                + sum(Fraction(p) * v for p, v in zip(game.transition[h, s, a], later) if p)
                for a in range(4)
            ]
            for s in range(S)
        ]
        later = [minimax(*row) for row in stage]
    return scale * later[0] + Fraction(game.units.offset[0])


def check_value(instance, expected):
    """The known value, the exact one and the oracle's for every concept."""
    assert abs(instance.known["value"].value - float(expected)) <= 1e-12
    assert abs(float(exact_value(instance.game)) - float(expected)) <= 1e-12
    for concept in CONCEPTS:
        found = backward_induction(instance.game, concept)
        np.testing.assert_allclose(
            found.value, [float(expected), -float(expected)], rtol=0, atol=1e-9
        )
        assert found.gaps.max() <= 1e-9


@pytest.mark.parametrize(("family", "parameters", "expected"), VALUES, ids=IDS)
def test_known_values(family, parameters, expected):
    instance = catalogue.make(family, **parameters)
    check_value(instance, expected)
    with pytest.raises(AssertionError):
        check_value(instance, float(expected) + 1e-8)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("big_match", {}),
        ("everett", {"horizon": 8}),
        ("golden_ratio", {"horizon": 8}),
        ("dresher_inspection", {}),
        ("dresher_inspection", {"stages": 3, "inspections": 1}),
        ("purgatory", {}),
    ],
)
def test_the_default_class_holds_an_equilibrium_of_the_whole_game(family, parameters):
    """Of its normal form over pure policies, which knows nothing of stages."""
    instance = catalogue.make(family, **parameters)
    found = solve(instance.payoffs, "nash")
    value = instance.game.units.to_own(found.value)
    assert value[0] == pytest.approx(instance.known["value"].value, abs=1e-9)
    assert value.sum() == pytest.approx(0.0, abs=1e-9)


def test_formulas_obey_the_recursions_of_their_docstrings():
    def inspection(n, m):
        return Fraction(-comb(n - 1, m), sum(comb(n, i) for i in range(m + 1)))

    for n in range(2, 9):
        for m in range(1, n):
            v1, v2 = inspection(n - 1, m - 1), inspection(n - 1, m)
            assert v1 <= v2
            assert inspection(n, m) == minimax(v1, Fraction(1), v2, Fraction(-1))

    def value(family, **parameters):
        return catalogue.make(family, policies=1, **parameters).known["value"].value

    golden = [0.0, *(value("golden_ratio", horizon=t) for t in range(1, 31))]
    for before, after in pairwise(golden):
        assert after == pytest.approx((1 + before) / (2 + before), abs=1e-15)
    assert golden[-1] == pytest.approx((sqrt(5) - 1) / 2, abs=1e-12)
    climb = [value("purgatory", terraces=2, horizon=t) for t in (2, 5, 10, 30)]
    assert climb == sorted(climb)
    assert climb[-1] < 1.0
    assert value("purgatory", terraces=1, horizon=7) == pytest.approx(value("everett", horizon=7))


@pytest.mark.parametrize("family", ["big_match", "everett"])
def test_to_play_uniformly_is_an_equilibrium_of_the_class(family):
    U = catalogue.make(family).payoffs
    np.testing.assert_allclose(gaps(U, np.full(U.shape[1:], 1 / U[0].size), "nash"), 0, atol=1e-12)


def test_big_match_stops_with_the_inverse_of_the_time_left():
    joint = backward_induction(catalogue.make("big_match").game, "nash").policy.joint
    stage = joint[:, 0].reshape(5, 2, 2)
    np.testing.assert_allclose(stage.sum(axis=2)[:, 1], 1 / np.arange(6, 1, -1), atol=1e-9)


# --- matrix games ---

MIXED = {
    "stag_hunt": ([1 / 2, 1 / 2], [1 / 2, 1 / 2]),
    "chicken": ([2 / 3, 1 / 3], [2 / 3, 1 / 3]),
    "chicken_dare": ([1 / 2, 1 / 2], [1 / 2, 1 / 2]),
    "battle_of_sexes": ([3 / 5, 2 / 5], [2 / 5, 3 / 5]),
    "matching_pennies": ([1 / 2, 1 / 2], [1 / 2, 1 / 2]),
    "biased_rps": ([1 / 16, 10 / 16, 5 / 16], [1 / 16, 10 / 16, 5 / 16]),
    "shapley": ([1 / 3] * 3, [1 / 3] * 3),
    "jordan": ([1 / 2] * 2, [1 / 2] * 2, [1 / 2] * 2),
}
CE_WELFARE = {
    "prisoners_dilemma": 2,
    "stag_hunt": 4,
    "chicken": 10.5,
    "chicken_dare": 16 / 3,
    "battle_of_sexes": 5,
}
CE_WELFARE_LEAST = {"prisoners_dilemma": 2, "stag_hunt": 2}
ALONE = {"prisoners_dilemma": 1, "shapley": 1 / 3, "jordan": 1 / 2}
EACH = {"stag_hunt": 1, "chicken": 14 / 3, "chicken_dare": 2, "battle_of_sexes": 6 / 5}


def matrix_game(name, **parameters):
    return catalogue.make("matrix_game", game=name, **parameters)


def test_the_list_of_matrix_games_and_what_is_known_of_them():
    assert set(CLASSICS) == set(MIXED) | {"prisoners_dilemma"}
    for name in CLASSICS:
        known = {key: each.value for key, each in matrix_game(name, repeated=3).known.items()}
        expected = {
            "nash_value": ALONE,
            "mixed_value": EACH,
            "ce_welfare": CE_WELFARE,
            "ce_welfare_least": CE_WELFARE_LEAST,
        }
        wanted = {key: 3 * table[name] for key, table in expected.items() if name in table}
        assert known == pytest.approx(wanted or {"value": 0.0})


@pytest.mark.parametrize("H", [1, 2, 3])
@pytest.mark.parametrize("name", MIXED)
def test_the_mixed_equilibrium_repeated(name, H):
    """Independent mixing at every step, as a distribution over sequences of actions."""
    instance = matrix_game(name, repeated=H)
    assert instance.policies.counts[0] == len(MIXED[name][0]) ** H
    x = np.ones(1)
    for own, tables in zip(MIXED[name], instance.policies.tables):
        x = np.multiply.outer(x, np.array(own)[tables[:, :, 0]].prod(axis=1))
    x = x[0]
    np.testing.assert_allclose(gaps(instance.payoffs, x, "nash"), 0, atol=1e-12)
    axes = tuple(range(1, x.ndim + 1))
    value = instance.game.units.to_own((instance.payoffs * x).sum(axis=axes))
    known = {key: each.value for key, each in instance.known.items() if "ce_" not in key}
    (expected,) = known.values()
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("H", [1, 3])
@pytest.mark.parametrize("name", CE_WELFARE)
@pytest.mark.parametrize("concept", ["ce", "cce"])
def test_greatest_welfare_of_correlated_equilibria(name, concept, H):
    instance = matrix_game(name, repeated=H)
    welfare = H * CE_WELFARE[name]
    by_stages = backward_induction(instance.game, concept).value.sum()
    at_once = instance.game.units.to_own(solve(instance.payoffs, concept).value).sum()
    assert by_stages == pytest.approx(welfare, abs=1e-9)
    assert at_once == pytest.approx(welfare, abs=1e-7)
    assert instance.known["ce_welfare"].value == pytest.approx(welfare, abs=1e-12)


@pytest.mark.parametrize("name", CE_WELFARE_LEAST)
def test_least_welfare_of_correlated_equilibria(name):
    """A linear program over all pairs, written down from the definition."""
    U = CLASSICS[name].payoffs
    rows = []
    for i, a, b in np.ndindex(2, 2, 2):
        own = np.moveaxis(U[i], i, 0)
        part = np.zeros((2, 2))
        part[a] = own[b] - own[a]
        rows.append(np.moveaxis(part, 0, i).ravel())
    found = linprog(U.sum(axis=0).ravel(), rows, np.zeros(8), np.ones((1, 4)), [1.0])
    assert found.fun == pytest.approx(CE_WELFARE_LEAST[name], abs=1e-9)


@pytest.mark.parametrize("H", [1, 5, 20])
def test_repeated_games_with_one_equilibrium(H):
    for name, each in ALONE.items():
        game = matrix_game(name, repeated=H, policies=2).game
        concepts = CONCEPTS if name == "prisoners_dilemma" else ["nash"]
        for concept in concepts:
            value = backward_induction(game, concept).value
            np.testing.assert_allclose(value, H * each, rtol=0, atol=1e-7)
    for name in ("matching_pennies", "biased_rps"):
        game = matrix_game(name, repeated=H, policies=2).game
        for concept in CONCEPTS:
            np.testing.assert_allclose(backward_induction(game, concept).value, 0, atol=1e-7)


@pytest.mark.parametrize(("name", "H"), [("chicken", 1), ("shapley", 2), ("jordan", 2)])
def test_value_hypotheses_are_relabelled_tables(name, H):
    instance = matrix_game(name, repeated=H)
    assert realizable(instance, "values")
    U = CLASSICS[name].payoffs
    last = (U - U.min()) / (U.max() - U.min())
    for i, values in enumerate(instance.hypothesis("values").per_agent):
        moved = {
            np.roll(last[i], shift, axis=tuple(range(U.ndim - 1))).tobytes()
            for shift in np.ndindex(*U.shape[1:])
        }
        assert {table.reshape(U.shape[1:]).tobytes() for table in values[:, -1]} == moved
        assert values.max() <= H


def test_a_learner_finds_out_which_table_it_plays():
    instance = matrix_game("chicken", repeated=2)
    options = {"hypotheses": "values", "eta": "paper", "episodes": 200}
    learner = mb.learners.make("mamex", instance, concept="nash", **options)
    regret = mb.run(instance, learner, episodes=200, seed=0).regret.sum(axis=1)
    assert regret.sum() > 0.1
    np.testing.assert_allclose(regret[-50:], 0.0, atol=1e-9)


# --- what they share ---


def payoff_rows(game, tables, agent):
    """Distinct rounded payoffs of an agent's policies against all policies of the others."""
    every = list(PurePolicies.all(game).tables)
    every[agent] = tables
    U = np.moveaxis(payoffs(game, PurePolicies(every)), 1 + agent, 0)
    return np.unique(np.round(U.reshape(len(tables), -1), 9), axis=0)


@given(st.integers(0, 10**6), st.sampled_from([(2, 2), (2, 3), (2, 1, 2)]))
@settings(max_examples=15)
def test_reduced_policies_lose_nothing(seed, counts):
    game = random_game(seed, counts, states=2, horizon=2, sparse=True)
    for i in range(len(counts)):
        reduced = reduced_policies(game, i, 100)
        rows = payoff_rows(game, PurePolicies.all(game).tables[i], i)
        np.testing.assert_array_equal(payoff_rows(game, reduced, i), rows)
        assert len(reduced) <= counts[i] ** 4


def test_reduced_policies_of_the_classics():
    sizes = {"everett": (4, 4), "golden_ratio": (4, 4), "big_match": (4, 8)}
    for family, expected in sizes.items():
        instance = catalogue.make(family, horizon=3)
        assert instance.policies.counts == expected
        every = instance.game if family != "big_match" else catalogue.make(family, horizon=2).game
        for i in range(2):
            reduced = reduced_policies(every, i, 100)
            rows = payoff_rows(every, PurePolicies.all(every).tables[i], i)
            np.testing.assert_array_equal(payoff_rows(every, reduced, i), rows)
            assert len(rows) == len(reduced)
    assert reduced_policies(instance.game, 1, 7) is None


def test_a_sample_holds_an_equilibrium_where_payoffs_are_linear_in_marginals():
    instance = catalogue.make("big_match", horizon=8, policies=12)
    assert instance.policies.counts == (9, 12)
    value = instance.game.units.to_own(solve(instance.payoffs, "nash").value)
    np.testing.assert_allclose(value, [4.0, -4.0], atol=1e-9)
    for name in CLASSICS:
        H = 6
        instance = matrix_game(name, repeated=H, policies=9)
        assert max(instance.policies.counts) <= 9
        by_stages = backward_induction(instance.game, "nash")
        x = quantile_weights(instance, by_stages.policy.joint)
        np.testing.assert_allclose(gaps(instance.payoffs, x, "nash"), 0, atol=1e-8)
        axes = tuple(range(1, x.ndim + 1))
        value = instance.game.units.to_own((instance.payoffs * x).sum(axis=axes))
        np.testing.assert_allclose(value, by_stages.value, atol=1e-6)


def quantile_weights(instance, joint):
    """The product of the agents' quantile tables, each weighted by its interval of u."""
    game, x = instance.game, np.ones(1)
    H, n = game.horizon, game.agents
    shaped = joint.reshape(H, *game.action_counts)
    for i, tables in enumerate(instance.policies.tables):
        own = shaped.sum(axis=tuple(1 + j for j in range(n) if j != i))
        edges = np.cumsum(own, axis=1)
        cuts = np.unique(np.round([0.0, *edges.reshape(-1), 1.0], 9))
        weights = np.zeros(len(tables))
        for low, high in pairwise(cuts):
            wanted = (edges < (low + high) / 2).sum(axis=1)
            weights[np.flatnonzero((tables[:, :, 0] == wanted).all(axis=1))[0]] += high - low
        x = np.multiply.outer(x, weights)
    return x[0]


def test_samples_are_distinct_and_follow_the_seed():
    def tables(seed):
        return catalogue.make("purgatory", horizon=6, seed=seed, policies=40).policies.tables

    for own, again, other in zip(tables(1), tables(1), tables(2)):
        np.testing.assert_array_equal(own, again)
        assert not np.array_equal(own, other)
        assert len(np.unique(own.reshape(40, -1), axis=0)) == 40
    game = catalogue.make("purgatory", horizon=6).game
    with pytest.raises(InputError, match="policies is 0"):
        population(game, 0, 0, "purgatory")


@pytest.mark.parametrize("counts", [(2, 2), (3, 3), (2, 2, 2), (2, 3)])
def test_shifts_are_a_group_of_permutations(counts):
    table = shifts(counts)
    A = int(np.prod(counts))
    np.testing.assert_array_equal(table[0], np.arange(A))
    np.testing.assert_array_equal(np.sort(table, axis=0), np.arange(A)[:, None].repeat(A, 1))
    np.testing.assert_array_equal(np.sort(table, axis=1), np.arange(A)[None].repeat(A, 0))


@pytest.mark.parametrize(
    ("family", "count"), [("big_match", 4), ("everett", 4), ("golden_ratio", 4), ("purgatory", 16)]
)
def test_models_differ_in_what_the_actions_do(family, count):
    instance = catalogue.make(family)
    models = instance.hypothesis()
    assert models.size == count
    assert len(np.unique(models.transitions.reshape(count, -1), axis=0)) == count
    np.testing.assert_array_equal(models.transitions[models.truth], instance.game.transition)
    rows = np.sort(instance.game.transition, axis=2)
    for transition in models.transitions:
        np.testing.assert_array_equal(np.sort(transition, axis=2), rows)


def test_many_models_are_sampled_with_the_truth():
    game = catalogue.make("dresher_inspection").game
    assert relabelled(game, 3, 64, 0, "here").size == 32  # idle inspections coincide
    models = relabelled(game, 3, 10, 0, "here")
    assert isinstance(models, ModelClass)
    assert 2 <= models.size <= 10
    np.testing.assert_array_equal(models.transitions[models.truth], game.transition)


@pytest.mark.parametrize(
    ("message", "family", "parameters"),
    [
        ("game is 'go': choose one of prisoners_dilemma", "matrix_game", {"game": "go"}),
        ("repeated is 0: expected a whole number of at least 1", "matrix_game", {"repeated": 0}),
        ("policies is 0", "matrix_game", {"policies": 0}),
        ("horizon is 0: expected a whole number of at least 1", "big_match", {"horizon": 0}),
        ("horizon is 0", "everett", {"horizon": 0}),
        ("horizon is 0", "golden_ratio", {"horizon": 0}),
        ("policies is 0", "everett", {"policies": 0}),
        ("stages is 0: expected at least 1", "dresher_inspection", {"stages": 0}),
        ("inspections is -1: expected at least 0", "dresher_inspection", {"inspections": -1}),
        ("models is 0", "dresher_inspection", {"models": 0}),
        ("terraces is 0: expected at least 1", "purgatory", {"terraces": 0}),
        ("horizon is 0", "purgatory", {"horizon": 0}),
    ],
)
def test_wrong_parameters_are_refused_in_one_sentence(message, family, parameters):
    with pytest.raises(InputError) as caught:
        catalogue.make(family, **parameters)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
