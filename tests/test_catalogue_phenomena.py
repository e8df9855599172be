"""Phenomena and classics: certificates that hold and that can fail, and mathematics done again."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import mamex_bench as mb
from mamex_bench import bounds, catalogue
from mamex_bench.catalogue._losses import discrepancies, prediction_errors
from mamex_bench.catalogue._misspecified import misspecify, unlikely_support
from mamex_bench.catalogue.matrix_game import CLASSICS
from mamex_bench.catalogue.random_game import INTERESTS
from mamex_bench.catalogue.three_concepts import TABLE, nash_equilibria
from mamex_bench.equilibria import backward_induction, gaps
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass, ValueClass
from mamex_bench.model.instance import Instance, Known, realizable
from mamex_bench.reference import evaluation as slow

seeds = st.integers(0, 1000)

MEMBERS = {
    "combination_lock": [{}, {"length": 8}, {"slip": 0.2}, {"actions": [3, 2], "models": 40}],
    "needle": [{}, {"truth": "none"}, {"arms": 5, "truth": 2, "success": 0.3}],
    "random_game": [
        {"interests": each, **sizes}
        for each in INTERESTS
        for sizes in ({}, {"agents": 3, "actions": 2, "policies": 4, "branching": 1})
    ],
    "near_duplicates": [{"models": 24, "policies": 6, "own": w} for w in (0.0, 0.3)],
    "gridworld": [{"policies": 3}, {"policies": 3, "slip": 0.3, "width": 2}],
    "matrix_game": [{"game": each, "repeated": H} for each in CLASSICS for H in (1, 2)],
    "big_match": [{}, {"horizon": 7}],
    "everett": [{}, {"horizon": 7}],
    "golden_ratio": [{}, {"horizon": 7}],
    "dresher_inspection": [{}, {"stages": 3, "inspections": 1}],
    "purgatory": [{}, {"terraces": 1, "horizon": 6}],
    "goofspiel": [{}, {"returns": "win"}, {"order": "ascending", "cards": 2}],
    "three_concepts": [{}, {"noise": 0.9}, {"models": 4}],
    "misspecified": [{}, {"base": "linear_mixture", "parameters": {"models": 12, "policies": 3}}],
    "incomplete_values": [{}, {"miss": 0.02}],
}


@pytest.mark.parametrize("family", MEMBERS)
def test_certificates_hold_on_ten_random_members(family):
    for seed, parameters in zip(
        range(max(10, len(MEMBERS[family]))), itertools.cycle(MEMBERS[family])
    ):
        instance = catalogue.make(family, seed=seed, **parameters)
        checks = catalogue.certify(family, instance)
        assert len(checks) >= 2
        assert not [str(check) for check in checks if not check.holds]


# --- planted faults: (family, parameters, what is changed) ---


def changed(instance, transition=None, reward=None, models=None, known=None):
    """The instance with other arrays; the class follows the truth when that moves."""
    game, classes = instance.game, dict(instance.hypotheses)
    P = game.transition if transition is None else transition
    r = game.reward if reward is None else reward
    for name, each in classes.items():
        if isinstance(each, ModelClass):
            members = (each.transitions if models is None else models).copy()
            if each.truth is not None:
                members[each.truth] = P
            classes[name] = ModelClass(members, each.truth)
    moved = MarkovGame(P, r, game.action_counts, game.initial, game.units)
    constants = {**instance.known, **(known or {})}
    return Instance(moved, instance.policies, classes, instance.name, constants)


def poorer(instance):
    """Every reward a little smaller."""
    return changed(instance, reward=0.99 * instance.game.reward)


def one_entry(instance):
    """One agent's first reward table is no longer what it was."""
    reward = instance.game.reward.copy()
    reward[0, 0, :, 0] = 0.5 * reward[0, 0, :, 0] + 0.013
    return changed(instance, reward=reward)


def blurred_truth(instance):
    P = instance.game.transition
    return changed(instance, transition=0.99 * P + 0.01 / P.shape[-1])


def blurred_models(instance):
    models = instance.hypothesis().transitions
    return changed(instance, models=0.99 * models + 0.01 / models.shape[-1])


FAULTS = [
    ("combination_lock", {}, poorer),
    ("combination_lock", {}, blurred_models),
    ("needle", {}, poorer),
    ("needle", {"truth": "none"}, blurred_models),
    ("random_game", {}, blurred_truth),
    *[("random_game", {"interests": each}, one_entry) for each in ("common", "zero_sum")],
    ("random_game", {"interests": "potential"}, one_entry),
    ("random_game", {"interests": "anti_correlated", "own": 0.0}, one_entry),
    ("near_duplicates", {"models": 24, "policies": 6}, blurred_models),
    ("near_duplicates", {"models": 24, "policies": 6, "own": 0.0}, one_entry),
    ("gridworld", {}, poorer),
    *[("matrix_game", {"game": each}, poorer) for each in CLASSICS],
    *[(each, {}, poorer) for each in ("big_match", "everett", "golden_ratio", "purgatory")],
    ("dresher_inspection", {}, poorer),
    ("goofspiel", {}, one_entry),
    ("three_concepts", {}, poorer),
    ("three_concepts", {}, blurred_truth),
    ("misspecified", {}, blurred_models),
    ("incomplete_values", {}, one_entry),
    ("incomplete_values", {}, blurred_truth),
]


@pytest.mark.parametrize(
    ("family", "parameters", "fault"),
    FAULTS,
    ids=[f"{family}-{k}-{fault.__name__}" for k, (family, _, fault) in enumerate(FAULTS)],
)
def test_certificates_fail_on_members_that_are_none(family, parameters, fault):
    instance = catalogue.make(family, seed=2, **parameters)
    broken = fault(instance)
    assert not all(check.holds for check in catalogue.certify(family, broken))


@pytest.mark.parametrize("family", MEMBERS)
def test_certificates_notice_wrong_constants(family):
    instance = catalogue.make(family, seed=1, **MEMBERS[family][-1])
    noticed = 0
    for key, known in instance.known.items():
        for value in (known.value * 0.9 - 0.01, known.value * 1.1 + 0.01):
            wrong = changed(instance, known={key: Known(value, known.source)})
            if key == "equilibrium":
                continue
            noticed += not all(check.holds for check in catalogue.certify(family, wrong))
    assert noticed >= 1


# --- the lock and the needle ---


def regret(instance, name, K, concept="nash", eta="tuned", seed=0):
    learner = mb.learners.make(name, instance, concept=concept, episodes=K, eta=eta)
    return mb.run(instance, learner, episodes=K, seed=seed).regret.sum(axis=1)


@pytest.mark.parametrize("length", range(2, 9))
def test_the_lock_opens_for_mamex_and_never_without_optimism(length):
    K, instance = 200, catalogue.make("combination_lock", length=length, seed=length)
    assert instance.known["decoupling"].value == 3 * length / 2
    found = regret(instance, "mamex", K, eta=0.01)
    np.testing.assert_array_equal(found, np.arange(K) < length)
    np.testing.assert_array_equal(regret(instance, "planted_no_optimism", K, eta=0.01), 1.0)


@pytest.mark.parametrize("concept", ["ce", "cce"])
def test_every_concept_opens_the_lock_as_proved(concept):
    instance = catalogue.make("combination_lock", length=3, actions=[2, 3], policies=27)
    assert regret(instance, "mamex", 60, concept, eta=0.01).sum() == 3 * 2


@given(seeds, st.integers(2, 40), st.sampled_from([(12, 1024), (40, 30), (2, 9)]))
@settings(max_examples=10)
def test_long_locks_hold_the_right_sequences_and_their_codes(seed, length, sizes):
    policies, models = sizes
    instance = catalogue.make(
        "combination_lock", seed=seed, length=length, policies=policies, models=models
    )
    counts = instance.policies.counts
    assert counts == (min(policies, 2**length),) * 2
    assert instance.hypothesis().size == min(models, counts[0] * counts[1])
    codes = instance.hypothesis().transitions[:, :length, 0, :, 0]
    assert len(np.unique(codes, axis=0)) == len(codes)
    assert (instance.payoffs[0] == 1.0).sum() == 1
    for tables in instance.policies.tables:
        assert len(np.unique(tables[:, :, 0], axis=0)) == len(tables)


def test_sampled_sequences_first_err_at_every_step_in_turn():
    instance = catalogue.make("combination_lock", length=8, policies=12, seed=5)
    right = np.argwhere(instance.payoffs[0] == 1.0)[0]
    for tables, k in zip(instance.policies.tables, right):
        wrong = np.delete(tables[:, :8, 0], k, axis=0) != tables[k, :8, 0]
        counts = np.bincount(wrong.argmax(axis=1), minlength=8)
        np.testing.assert_array_equal(counts, [2, 2, 2, 1, 1, 1, 1, 1])
        assert (wrong.sum(axis=1) == 1).sum() >= 8


@cache
def needle_bracket(arms, K):
    return mb.complexity.decoupling(catalogue.make("needle", arms=arms, truth="none"), K)


@pytest.mark.parametrize("arms", [2, 6])
def test_the_needles_coefficient_tends_to_half_the_arms(arms):
    ends = [needle_bracket(arms, K) for K in (100, 10_000)]
    assert ends[0].upper < ends[1].lower <= ends[1].upper <= arms / 2 + 1e-9
    assert ends[1].lower > 0.98 * arms / 2


@pytest.mark.parametrize("arms", [1, 2, 5, 12])
def test_the_needles_regret_is_the_number_of_empty_arms(arms):
    instance = catalogue.make("needle", arms=arms)
    assert regret(instance, "mamex", 60, eta=0.1).sum() == arms - 1
    assert instance.known["decoupling"].value == (arms - 1) / 2


def test_the_needle_without_its_first_step_has_no_coefficient():
    """One pair used K times costs nothing: d(K) >= K e / (6 H), and the planted learner pays it."""
    instance, K = catalogue.make("needle", arms=3), 120
    assert discrepancies(instance, ignored_step=0).max() == 0.0
    assert discrepancies(instance, ignored_step=1).max() == 1.0
    assert prediction_errors(instance).max() == 1.0
    assert regret(instance, "planted_ignored_step", K, eta=0.1).sum() > K / (6 * 2)


# --- interests ---


@given(seeds)
@settings(max_examples=6)
def test_every_deviation_changes_payoff_and_potential_alike(seed):
    instance = catalogue.make(
        "random_game", seed=seed, interests="potential", agents=3, actions=2, policies=3, models=2
    )
    U = slow.payoffs(instance.game, instance.policies)
    # The potential along a path of single deviations from policy 0 of everybody.
    potential = np.zeros(U.shape[1:])
    for joint in np.ndindex(*potential.shape):
        here = [0, 0, 0]
        for i, goal in enumerate(joint):
            before = U[(i, *here)]
            here[i] = goal
            potential[joint] += U[(i, *here)] - before
    for i in range(3):
        own = np.moveaxis(U[i], i, 0)
        gains = own - own[:1]
        moved = np.moveaxis(potential, i, 0)
        np.testing.assert_allclose(gains, moved - moved[:1], atol=1e-12)
    best = np.zeros(potential.shape)
    best[np.unravel_index(potential.argmax(), potential.shape)] = 1.0
    np.testing.assert_allclose(gaps(U, best, "nash"), 0.0, atol=1e-12)
    # Not a game of common interests in disguise.
    assert np.ptp(U[0] - U[1]) > 0.01


def test_interests_on_the_rewards_themselves():
    def rewards(**parameters):
        return catalogue.make("random_game", seed=4, models=2, **parameters).game

    assert np.ptp(rewards(interests="common").reward, axis=0).max() == 0.0
    three = rewards(interests="zero_sum", agents=3, actions=2)
    np.testing.assert_allclose(three.reward.sum(axis=0), 1.5)
    np.testing.assert_allclose(three.units.offset, -1.5)
    first, second = rewards(interests="anti_correlated", states=40, branching=2).reward
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(-0.919, abs=0.02)
    first, second = rewards(interests="general", states=40, branching=2).reward
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


# --- Nash, CE and CCE ---


def greatest_welfare(U, swap):
    """A linear program over all pairs, written down from the definitions."""
    n, m = len(U), U.shape[1]
    rows = []
    for i in range(n):
        own = np.moveaxis(U[i], i, 0)
        for b in range(m):
            loss = own - own[b]
            parts = [loss * np.eye(m)[:, [a]] for a in range(m)] if swap else [loss]
            rows += [-np.moveaxis(part, 0, i).ravel() for part in parts]
    welfare = -U.sum(axis=0).ravel()
    found = linprog(welfare, np.array(rows), np.zeros(len(rows)), np.ones((1, m * m)), [1.0])
    return -found.fun


@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_three_concepts_part(noise):
    instance = catalogue.make("three_concepts", noise=noise)
    U = instance.game.units.to_own(instance.payoffs)
    np.testing.assert_allclose(U, np.stack([TABLE, TABLE.T]), atol=1e-9)
    known = {key: each.value for key, each in instance.known.items()}
    assert greatest_welfare(U, swap=True) == pytest.approx(known["ce_welfare"], abs=1e-8)
    assert greatest_welfare(U, swap=False) == pytest.approx(known["cce_welfare"], abs=1e-8)
    assert known["nash_welfare"] < known["ce_welfare"] < known["cce_welfare"]
    every = nash_equilibria(U)
    assert sorted(round(float(x @ U.sum(axis=0) @ y), 6) for x, y in every) == [9, 9, 9.333333]
    for x, y in every:
        np.testing.assert_allclose(gaps(U, np.outer(x, y), "nash"), 0.0, atol=1e-9)


def test_three_concepts_pay_different_regret():
    instance = catalogue.make("three_concepts")

    def total(concept):
        runs = [regret(instance, "mamex", 1000, concept, 0.005, seed) for seed in range(6)]
        return np.mean([run.sum() for run in runs])

    nash, ce, cce = map(total, ("nash", "ce", "cce"))
    assert cce < -5.0 < 5.0 < min(nash, ce)
    assert abs(nash - ce) > 0.1


def test_enumeration_finds_all_equilibria_of_small_games():
    for name, count in {"battle_of_sexes": 3, "matching_pennies": 1, "biased_rps": 1}.items():
        assert len(nash_equilibria(CLASSICS[name].payoffs)) == count


# --- misspecification ---


@given(seeds, st.floats(0.02, 0.5))
@settings(max_examples=8)
def test_the_nearest_model_is_at_the_stated_distance(seed, zeta):
    whole = catalogue.make("random_game", seed=seed, models=20, states=4, policies=3)
    instance = misspecify(whole, zeta, seed)
    truth, models = whole.game.transition, instance.hypothesis()
    assert models.truth is None
    distance = [
        max(
            np.sqrt(max(1.0 - np.sqrt(p * q).sum(), 0.0))
            for p, q in zip(model.reshape(-1, 4), truth.reshape(-1, 4))
        )
        for model in models.transitions
    ]
    assert min(distance) == pytest.approx(zeta, abs=1e-7)
    nearest = models.transitions[int(np.argmin(distance))]
    assert (nearest[truth > 0.0] > 0.0).all()
    kept = [
        f
        for f in whole.hypothesis().transitions
        if (f == models.transitions).all((1, 2, 3, 4)).any()
    ]
    assert len(kept) == models.size - 1
    assert "covering_radius" not in instance.known


def test_rows_beyond_doubt_stay_and_bounds_do_not_apply():
    instance = catalogue.make("misspecified", base="combination_lock", zeta=0.2)
    truth, models = instance.game.transition, instance.hypothesis()
    moved = np.abs(models.transitions - truth).max(axis=(0, -1)) > 0.0
    assert not moved[:, 1].any()
    assert moved[:-1, 0].all()
    assert instance.known["value"].value == 1.0
    assert "decoupling" not in instance.known
    with pytest.raises(NotApplicableError, match="does not hold the true model"):
        bounds.concentration(instance, episodes=100)
    assert np.isfinite(regret(instance, "mamex", 100, eta=0.01)).all()


def test_another_member_than_the_nearest_may_be_believed_at_any_distance():
    # f_0 explains every empty arm; the neighbour, within 0.06 of every value, does not.
    instance = catalogue.make("misspecified", base="needle", zeta=0.02)
    assert np.sqrt(2.0) * 0.02 * instance.game.horizon * instance.value_bound() < 0.06
    learner = mb.learners.make("certainty_equivalence", instance, concept="nash", episodes=200)
    assert mb.run(instance, learner, episodes=200).regret.sum() == pytest.approx(200.0)


def test_possible_steps_that_the_nearest_model_forgets_are_found():
    whole = catalogue.make("random_game", models=3, distance=[0.3, 0.5], branching=5)
    truth, others = whole.game.transition, whole.hypothesis().transitions[1:]
    cell = np.unravel_index(truth.argmin(), truth.shape)
    forgetful = truth.copy()
    forgetful[cell] = 0.0
    forgetful[cell[:-1]] /= forgetful[cell[:-1]].sum()
    # Near the truth, and the others give the forgotten step a chance.
    models = ModelClass(np.stack([forgetful, *others]), truth=None)
    assert others[(slice(None), *cell)].min() > 0.0
    assert unlikely_support(whole, models) == 0.0
    assert unlikely_support(whole, ModelClass(others, truth=None)) > 0.0


@pytest.mark.parametrize("base", ["three_concepts", "linear_mixture", "gridworld"])
def test_what_was_known_of_the_class_is_forgotten(base):
    whole = catalogue.make(base)
    left = set(misspecify(whole, 0.1).known) - {"misspecification"}
    assert left == {key for key in whole.known if "welfare" in key or key == "equilibrium"}


def test_what_cannot_be_misspecified_is_refused():
    whole = catalogue.make("random_game", models=2)
    with pytest.raises(InputError, match="no class of models that holds the truth"):
        misspecify(misspecify(whole, 0.1), 0.1)
    with pytest.raises(InputError, match="no class of models that holds the truth"):
        misspecify(catalogue.make("incomplete_values"), 0.1)


# --- incomplete values ---


@pytest.mark.parametrize("miss", [0.125, 0.01])
def test_the_completion_misses_by_the_stated_amount(miss):
    instance = catalogue.make("incomplete_values", miss=miss, seed=3)
    game, classes = instance.game, instance.hypothesis("values_linear")
    assert realizable(instance, "values_linear")
    basis, worst = classes.features[0, 0], 0.0
    for f, values in enumerate(classes.per_agent[0]):
        for b in range(4):
            target = [
                game.reward[0, 0, 0, a]
                + sum(game.transition[0, 0, a, s] * values[1, s, b] for s in (1, 2))
                for a in range(4)
            ]
            # min t such that |basis theta - target| <= t
            A = np.block([[basis, -np.ones((4, 1))], [-basis, -np.ones((4, 1))]])
            cost = np.eye(1, 13, 12)[0]
            b_ub = np.concatenate([target, np.negative(target)])
            found = linprog(cost, A, b_ub, bounds=[(None, None)] * 12 + [(0, None)])
            assert found.fun == pytest.approx(0.0 if f < 4 else miss, abs=1e-8)
            worst = max(worst, found.fun)
    assert worst == pytest.approx(instance.known["completion_gap"].value, abs=1e-8)


def test_bounds_refuse_the_incomplete_class_and_take_the_complete_one():
    instance = catalogue.make("incomplete_values")
    assert isinstance(instance.hypothesis(), ValueClass)
    with pytest.raises(NotApplicableError, match=r"not complete: a target .* 0.1 away"):
        bounds.concentration(instance, episodes=100)
    assert bounds.concentration(instance, "values", episodes=100).c > 0.0


# --- goofspiel ---


def zero_sum_value(table):
    m = len(table)
    A = np.hstack([-np.array(table).T, np.ones((m, 1))])
    found = linprog(
        np.append(np.zeros(m), -1.0), A, np.zeros(m), [[1.0] * m + [0.0]], [1.0],
        bounds=[(0, None)] * m + [(None, None)],
    )  # fmt: skip
    return -found.fun


def goofspiel_value(mine, yours, prizes, lead=0, win=False):
    """What is still to come for the first agent, by the rules and linear programs."""
    if not prizes:
        return float(np.sign(lead)) if win else 0.0
    table = []
    for a in mine:
        row = []
        for b in yours:
            got = prizes[0] * int(np.sign(a - b))
            rest = [c for c in mine if c != a], [c for c in yours if c != b]
            later = goofspiel_value(*rest, prizes[1:], lead + got, win)
            row.append(later if win else got + later)
        table.append(row)
    return zero_sum_value(table)


@pytest.mark.parametrize("order", ["descending", "ascending"])
@pytest.mark.parametrize("returns", ["points", "win"])
def test_goofspiel_is_worth_what_the_rules_say_in_every_state(order, returns):
    game = catalogue.make("goofspiel", order=order, returns=returns).game
    prizes = [3, 2, 1] if order == "descending" else [1, 2, 3]
    win = returns == "win"
    found = backward_induction(game, "nash")
    unit = game.units.scale[0]
    assert found.value == pytest.approx([0.0, 0.0], abs=1e-9)
    # States of the second trick are numbered by first occurrence, own cards slowest.
    hand = [1, 2, 3]
    for k, (a, b) in enumerate(itertools.product(hand, hand)):
        got = prizes[0] * int(np.sign(a - b))
        rest = [c for c in hand if c != a], [c for c in hand if c != b]
        expected = goofspiel_value(*rest, prizes[1:], got, win)
        here = unit * (found.values[0, 1, 1 + k] - 0.5)
        assert here == pytest.approx(expected, abs=1e-7)


def test_goofspiel_has_as_many_states_as_elsewhere():
    """Counts of an enumeration through OpenSpiel 2.0.2, layer by layer."""
    counts = {("descending", 3): 10, ("ascending", 3): 10, ("descending", 4): 135}
    for (order, cards), states in {**counts, ("ascending", 4): 119}.items():
        parameters = {"policies": 2, "models": 1, "returns": "win"}
        instance = catalogue.make("goofspiel", order=order, cards=cards, **parameters)
        assert instance.known["layered_states"].value == instance.game.states == states


# --- errors ---


@pytest.mark.parametrize(
    ("message", "family", "parameters"),
    [
        ("interests is 'selfish': choose one of general,", "random_game", {"interests": "selfish"}),
        (
            "agents is 1: expected at least 2",
            "random_game",
            {"interests": "zero_sum", "agents": 1, "actions": 2},
        ),
        ("own is 1.5: expected a number in [0, 1]", "random_game", {"own": 1.5}),
        ("noise is 1: expected a number in", "three_concepts", {"noise": 1}),
        ("models is 0: expected a whole number", "three_concepts", {"models": 0}),
        ("cards is 5: expected at most 4", "goofspiel", {"cards": 5}),
        ("cards is 1: expected at least 2", "goofspiel", {"cards": 1}),
        ("order is 'random': expected 'descending'", "goofspiel", {"order": "random"}),
        ("returns is 'loss': expected 'points'", "goofspiel", {"returns": "loss"}),
        ("zeta is 0.9: expected a number in (0, 0.7435)", "misspecified", {"zeta": 0.9}),
        ("zeta is 0.0: expected a number in", "misspecified", {"zeta": 0.0}),
        ("unknown game family 'lock'", "misspecified", {"base": "lock"}),
        ("base is 'misspecified': expected a family", "misspecified", {"base": "misspecified"}),
        ("parameters has a seed", "misspecified", {"parameters": {"seed": 1}}),
        ("parameters is 3: expected a table", "misspecified", {"parameters": 3}),
        (
            "needle has no parameter 'arm'",
            "misspecified",
            {"base": "needle", "parameters": {"arm": 3}},
        ),
        ("miss is 0.2: expected a number in", "incomplete_values", {"miss": 0.2}),
        ("length is 0: expected at least 1", "combination_lock", {"length": 0}),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(message, family, parameters):
    with pytest.raises(InputError) as caught:
        catalogue.make(family, **parameters)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
