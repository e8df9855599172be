"""Matrices behind the structural classes, by loops over states, actions and next states."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from games import random_game, random_policies

from mamex_bench.catalogue._generators import model_net, value_class_of
from mamex_bench.errors import InputError
from mamex_bench.model import structure
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass
from mamex_bench.model.instance import Instance, policy_action_values


def slow_visits(game, table):
    """[h][s] -> chance, by pushing mass forward."""
    visits = [dict(enumerate(game.initial))]
    for h in range(game.horizon - 1):
        after = dict.fromkeys(range(game.states), 0.0)
        for s, mass in visits[-1].items():
            for t in range(game.states):
                after[t] += mass * game.transition[h, s, table[h, s], t]
        visits.append(after)
    return visits


def slow_error(instance, agent, classes, f, pi, q, h, kind):
    """One mean Bellman error."""
    game, S = instance.game, instance.game.states
    if isinstance(classes, ModelClass):
        P = classes.transitions[f]
        world = MarkovGame(P, game.reward, game.action_counts, game.initial)
        values = policy_action_values(world, pi)[agent]
    else:
        values = classes.per_agent[agent][f]
    total = 0.0
    for s, mass in slow_visits(game, q)[h].items():
        a = q[h, s] if kind == "Q" else pi[h, s]
        target = game.reward[agent, h, s, a]
        if h + 1 < game.horizon:
            target += sum(
                game.transition[h, s, a, t] * values[h + 1, t, pi[h + 1, t]] for t in range(S)
            )
        total += mass * (values[h, s, a] - target)
    return total


@pytest.fixture
def mixed():
    game = random_game(3, (2, 2), states=3, horizon=3)
    policies = random_policies(game, 5, most=3)
    classes = {
        "models": model_net(game, 3, 1, (0.1, 0.4)),
        "values": value_class_of(game, policies, 2, 1),
    }
    return Instance(game, policies, classes)


@pytest.mark.parametrize("kind", ["Q", "V"])
@pytest.mark.parametrize("name", ["models", "values"])
def test_mean_bellman_errors_are_those_of_the_definition(mixed, name, kind):
    tables, classes = structure.policy_tables(mixed), mixed.hypothesis(name)
    M = len(tables)
    for agent in range(2):
        errors = structure.mean_bellman_errors(mixed, agent, name, kind)
        F = classes.size if name == "models" else classes.sizes[agent]
        assert [e.shape for e in errors] == [(M, F * M)] * 3
        rng = np.random.default_rng(0)
        for _ in range(12):
            q, pi, f, h = (int(rng.integers(k)) for k in (M, M, F, 3))
            slow = slow_error(mixed, agent, classes, f, tables[pi], tables[q], h, kind)
            assert errors[h][q, f * M + pi] == pytest.approx(slow, abs=1e-13)


@pytest.mark.parametrize("name", ["models", "values"])
def test_mean_bellman_errors_add_up_to_the_prediction_error(mixed, name):
    # V_f^pi - V^pi = sum over steps of the errors under q = pi, of either kind.
    M = mixed.policies.size
    for agent in range(2):
        truth = mixed.payoffs[agent].reshape(-1)
        by_kind = {
            kind: sum(structure.mean_bellman_errors(mixed, agent, name, kind)) for kind in "QV"
        }
        if name == "models":
            predicted = mixed.model_payoffs("models")[:, agent]
        else:
            tables, start = structure.policy_tables(mixed)[:, 0], np.arange(mixed.game.states)
            values = mixed.hypothesis(name).per_agent[agent][:, 0]
            predicted = values[:, start, tables] @ mixed.game.initial
        for total in by_kind.values():
            found = total.reshape(M, -1, M)[np.arange(M), :, np.arange(M)].T
            np.testing.assert_allclose(found, predicted - truth, atol=1e-12)


def test_ranks_are_those_of_the_whole_matrices(mixed):
    for name, kind in itertools.product(("models", "values"), "QV"):
        whole = [structure.mean_bellman_errors(mixed, i, name, kind) for i in range(2)]
        expected = max(np.linalg.matrix_rank(B, tol=1e-10) for own in whole for B in own)
        assert structure.bellman_rank(mixed, name, kind) == expected


def test_numerical_rank_knows_zero_and_noise():
    rng = np.random.default_rng(0)
    low = rng.normal(size=(9, 2)) @ rng.normal(size=(2, 7))
    assert structure.numerical_rank(low) == 2
    assert structure.numerical_rank(low + 1e-6 * rng.normal(size=(9, 7))) == 7
    assert structure.numerical_rank(1e-15 * rng.normal(size=(9, 7))) == 0
    assert structure.numerical_rank(np.zeros((0, 3))) == 0


def test_occupancies_are_distributions_that_the_loops_find(mixed):
    visits = structure.state_occupancies(mixed)
    both = structure.state_action_occupancies(mixed).reshape(3, -1, 3, 4)
    for q, table in enumerate(structure.policy_tables(mixed)):
        slow = slow_visits(mixed.game, table)
        for h in range(3):
            np.testing.assert_allclose(visits[h, q], list(slow[h].values()), atol=1e-14)
            for s in range(3):
                assert both[h, q, s, table[h, s]] == visits[h, q, s]
    np.testing.assert_allclose(both.sum(axis=(2, 3)), 1.0, atol=1e-12)


def test_witnessed_misfits_are_suprema_over_all_zero_one_tests(mixed):
    # g(context, label) over all corners of [0, span]: 2 contexts x 2 labels.
    context = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]])
    tests = [structure.WitnessTests(context, np.array([0, 1, 1]), 1.5)]
    misfits = structure.witnessed_misfits(mixed, tests, "models")
    rolls = structure.state_action_occupancies(mixed).reshape(3, -1, 3, 4)
    models = mixed.hypothesis("models").transitions
    for h, q, f in itertools.product(range(3), (0, 1), range(3)):
        change = models[f, h] - mixed.game.transition[h]
        best = -np.inf
        for corner in itertools.product((0.0, 1.5), repeat=4):
            g = np.reshape(corner, (2, 2))[context[:, :, None], tests[0].label]
            best = max(best, float((rolls[h, q][:, :, None] * change * g).sum()))
        assert misfits[h][q, f] == pytest.approx(best, abs=1e-13)


def test_free_tests_give_the_expected_total_variation(mixed):
    tests = [structure.WitnessTests.everything(mixed, 2.0)]
    models = mixed.hypothesis("models").transitions
    for h, misfit in enumerate(structure.witnessed_misfits(mixed, tests, "models")):
        variation = np.abs(models[:, h] - mixed.game.transition[h]).sum(axis=-1) / 2
        rolls = structure.state_action_occupancies(mixed)[h]
        np.testing.assert_allclose(misfit, 2.0 * rolls @ variation.reshape(3, -1).T, atol=1e-12)


def test_matrices_refuse_what_they_cannot_list(mixed, monkeypatch):
    features = np.ones((3, 3, 4, 1))
    linear = Instance(mixed.game, mixed.policies, LinearValueClass(features))
    with pytest.raises(InputError, match="expected a finite class"):
        structure.mean_bellman_errors(linear, 0)
    with pytest.raises(InputError, match="are not a class of models"):
        structure.witnessed_misfits(mixed, [], "values")
    with pytest.raises(InputError, match="kind is 'q': expected 'Q' or 'V'"):
        structure.bellman_rank(mixed, kind="q")
    with pytest.raises(InputError, match="features has shape"):
        structure.expected_features(mixed, features[:2])
    monkeypatch.setattr(structure, "ENTRY_LIMIT", 10)
    with pytest.raises(InputError, match="entries: expected at most 10, so take fewer"):
        structure.bellman_rank(mixed)
