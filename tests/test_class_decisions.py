"""Estimation-to-decisions: its programs against whole ones, its certificate, its gamma."""

from __future__ import annotations

import itertools
from math import log

import numpy as np
import pytest
from class_games import case, played, values_by_hand
from test_mamex_payoffs import random_instance

import mamex_bench as mb
from mamex_bench.complexity import _offset
from mamex_bench.complexity._offset import OffsetGame, matrix_game
from mamex_bench.complexity.decision_estimation import hellinger
from mamex_bench.errors import NotApplicableError
from mamex_bench.learners._estimation_to_decisions import EstimationToDecisions
from mamex_bench.reference.regularised_payoffs import model_losses


def whole_program(
    values: np.ndarray, counts: tuple[int, ...], penalty: np.ndarray, concept: str
) -> float:
    """The offset form with all its rows, as one linear program."""
    from scipy.optimize import linprog

    F, n, M = values.shape
    members = np.indices(counts).reshape(n, M)
    rows, column = [], 0
    sums: list[list[int]] = [[] for _ in range(F)]
    for f, i in itertools.product(range(F), range(n)):
        own = values[f, i].reshape(counts)
        for c in range(counts[i]) if concept == "ce" else (None,):
            for v in range(counts[i]):
                gain = (np.take(own, [v], axis=i) - own).reshape(M)
                rows.append((gain if c is None else gain * (members[i] == c), column))
            sums[f].append(column)
            column += 1
    size = M + column + 1
    A = np.zeros((len(rows) + F, size))
    for k, (gain, t) in enumerate(rows):
        A[k, :M], A[k, M + t] = gain, -1.0
    for f in range(F):
        A[len(rows) + f, :M] = -penalty[f]
        A[len(rows) + f, [M + t for t in sums[f]]] = 1.0
        A[len(rows) + f, -1] = -1.0
    total = np.r_[np.ones(M), np.zeros(column + 1)][None]
    bounds = [(0, None)] * (size - 1) + [(None, None)]
    goal = np.eye(size)[-1]
    return float(linprog(goal, A, np.zeros(len(A)), total, [1.0], bounds).fun)


@pytest.mark.parametrize("concept", ["ce", "cce"])
@pytest.mark.parametrize("counts", [(3, 4), (2, 2, 3), (4,)])
def test_growing_sets_of_answers_solve_the_whole_program(
    concept: str, counts: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(len(counts))
    M = int(np.prod(counts))
    values = rng.random((7, len(counts), M)).round(1)
    game, last = OffsetGame(values, counts, concept), None
    for scale in (0.0, 0.1, 1.0, 20.0):
        penalty = scale * rng.random((7, M))
        last = game.solve(penalty, 1e-9, last)
        assert last.upper - last.lower <= 1e-9
        assert last.upper == pytest.approx(
            whole_program(values, counts, penalty, concept), abs=1e-7
        )
        p = last.distribution
        assert p.min() >= 0.0
        assert p.sum() == pytest.approx(1.0, abs=1e-12)
        assert (game.gains(p)[0] - penalty @ p).max() == pytest.approx(last.upper, abs=1e-12)
        some = game.solve(penalty, 1e-9, last, np.array([1, 4]))
        few = whole_program(values[[1, 4]], counts, penalty[[1, 4]], concept)
        assert some.upper == pytest.approx(few, abs=1e-7)


def test_a_program_listed_as_a_whole_has_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    values, penalty = rng.random((5, 2, 12)), rng.random((5, 12))
    game = OffsetGame(values, (3, 4), "ce")
    expected = game.solve(penalty, 1e-10)
    monkeypatch.setattr(_offset, "PATIENCE", 0)
    for presolved in (20_000, 0):
        monkeypatch.setattr(_offset, "PRESOLVED", presolved)
        found = game.solve(penalty, 1e-10)
        assert found.upper == pytest.approx(expected.upper, abs=1e-8)


def test_a_search_may_stop_at_what_is_enough() -> None:
    rng = np.random.default_rng(3)
    values, penalty = rng.random((5, 2, 12)), 0.1 * rng.random((5, 12))
    for concept in ("ce", "cce"):
        game = OffsetGame(values, (3, 4), concept)
        value = game.solve(penalty, 1e-10).lower
        found = game.solve(penalty, 1e-10, enough=value - 1e-3)
        assert value - 1e-3 <= found.lower <= value + 1e-9 <= found.upper + 2e-9
        loose = game.solve(penalty, 1e-10, relative=0.5)
        assert loose.lower <= value + 1e-9 <= loose.upper + 2e-9
        assert loose.upper - loose.lower <= 0.5 * loose.upper + 1e-9


def test_gains_of_decisions_are_what_the_certificate_of_equilibria_says() -> None:
    rng = np.random.default_rng(0)
    values, p = rng.random((4, 2, 12)), rng.dirichlet(np.ones(12))
    for concept in ("ce", "cce"):
        gains, _ = OffsetGame(values, (3, 4), concept).gains(p)
        for f in range(4):
            tensor = values[f].reshape(2, 3, 4)
            each = mb.equilibria.gaps(tensor, p.reshape(3, 4), concept)
            assert gains[f] == pytest.approx(np.maximum(each, 0.0).sum(), abs=1e-12)
    pure = OffsetGame(values, (3, 4), "nash").gains(p)[0]
    by_hand = [
        sum(
            p[k] * np.maximum(mb.equilibria.gaps(U.reshape(2, 3, 4), one, "nash"), 0.0).sum()
            for k, one in enumerate(np.eye(12).reshape(-1, 3, 4))
        )
        for U in values
    ]
    np.testing.assert_allclose(pure, by_hand, atol=1e-12)


def test_matrix_games_have_their_values() -> None:
    for seed in range(20):
        A = np.random.default_rng(seed).normal(size=(1 + seed % 5, 1 + seed % 7)).round(1)
        x, y = matrix_game(A)
        assert (A @ y).max() - (x @ A).min() <= 1e-11
    x, y = matrix_game(np.ones((2, 3)))
    assert x.sum() == y.sum() == 1.0


@pytest.mark.parametrize("concept", ["ce", "cce"])
@pytest.mark.parametrize("name", ["e2d", "e2d_tuned"])
def test_estimation_to_decisions_attains_the_program_of_all_data(name: str, concept: str) -> None:
    instance = random_instance(6, "models")
    K, gamma = 60, 0.7
    learner = mb.learners.make(name, instance, concept=concept, episodes=K, gamma=gamma)
    assert isinstance(learner, EstimationToDecisions)
    values, counts = values_by_hand(instance), instance.policies.counts
    models = instance.hypothesis().transitions
    D = np.stack([hellinger(instance, None, P) for P in models])
    np.testing.assert_allclose(learner.distances, D, atol=1e-12)
    np.testing.assert_allclose(D, D.transpose(1, 0, 2), atol=1e-12)
    seen: list[mb.Trajectory] = []
    spent = 2.0 * gamma * log(6)
    game = OffsetGame(values, counts, concept)
    for _ in range(25):
        p = learner.choose().distribution.reshape(-1)
        losses = model_losses(instance.game, instance.hypothesis(), seen)
        w = np.exp((losses.min() - losses) / 2.0)
        penalty = gamma * np.tensordot(w / w.sum(), D, axes=1)
        live = np.flatnonzero(losses <= losses.min() + (np.inf if name == "e2d" else log(6 / 0.05)))
        best = whole_program(values[live], counts, penalty[live], concept)
        attained = (game.gains(p)[0] - penalty @ p)[live].max()
        assert best - 1e-9 <= attained <= best + 1.0 / K + 1e-9
        spent += attained
        seen += played(learner, instance, 1)
    assert learner.diagnostics()["certified_regret"] == pytest.approx(spent, abs=1e-6)


def test_regret_of_estimation_to_decisions_is_certified_on_average() -> None:
    for game in ("needle", "random"):
        instance, K = case(game), 150
        U, counts = instance.payoffs.reshape(1, 2, -1), instance.policies.counts
        truth = OffsetGame(U, counts, "cce")
        regret, certified = [], []
        for seed in range(5):
            learner = mb.learners.make("e2d", instance, concept="cce", episodes=K, gamma=1.0)
            run = mb.run(instance, learner, K, seed=seed)
            gains = [truth.gains(p.distribution.reshape(-1))[0][0] for p in run.profiles]
            regret.append(float(run.lengths @ np.array(gains)))
            certified.append(learner.diagnostics()["certified_regret"])
        assert np.mean(regret) <= np.mean(certified)


def test_gamma_of_e2d_is_the_best_of_its_rule() -> None:
    """K max_g dec_gamma(g) + 2 gamma log |F|, each coefficient by one whole linear program.

    It is at least its second term, so gammas beyond those looked at here are worse.
    """
    instance, F = random_instance(6, "models"), 6
    values, counts = values_by_hand(instance), instance.policies.counts
    D = np.stack([hellinger(instance, None, P) for P in instance.hypothesis().transitions])
    grid = 2.0 ** np.arange(-8, 3)
    worst = np.array(
        [
            max(whole_program(values, counts, gamma * D[g], "cce") for g in range(F))
            for gamma in grid
        ]
    )
    chosen = []
    for K in (10, 40, 60, 150):
        total = K * worst + 2.0 * grid * log(F)
        assert total.min() < 2.0 * 2.0 * grid[-1] * log(F)
        learner = mb.learners.make("e2d", instance, concept="cce", episodes=K)
        assert isinstance(learner, EstimationToDecisions)
        assert total[grid == learner.gamma].item() <= 1.025 * total.min()
        chosen.append(learner.gamma)
        scaled = mb.learners.make("e2d_tuned", instance, concept="cce", episodes=K, scale=0.3)
        assert isinstance(scaled, EstimationToDecisions)
        assert scaled.gamma == pytest.approx(0.3 * learner.gamma, rel=1e-12)
    assert len(set(chosen)) == 3


def test_large_and_partly_ignored_classes_are_refused_by_e2d() -> None:
    with pytest.raises(NotApplicableError, match="all pairs of models"):
        mb.learners.make("e2d", mb.catalogue.make("linear_mixture"), concept="cce", episodes=10)
    with pytest.raises(NotApplicableError, match="for 'ce' that of"):
        mb.learners.make("e2d", mb.catalogue.make("combination_lock"), concept="ce", episodes=10)
    with pytest.raises(NotApplicableError, match="ignores steps"):
        mb.learners.make("e2d", mb.catalogue.make("blind_step"), concept="cce", episodes=10)
    instance = random_instance(0, "models", random_rewards=True)
    with pytest.raises(NotApplicableError, match="known rewards"):
        mb.learners.make("e2d", instance, concept="cce", episodes=10)
    bare = mb.Instance(instance.game, instance.policies)
    with pytest.raises(NotApplicableError, match="no hypotheses"):
        mb.learners.make("vmg", bare, concept="cce", episodes=10)
    alone = random_instance(0, "linear", (3,))
    with pytest.raises(NotApplicableError, match="finite class of hypotheses"):
        mb.learners.make("mex", alone, concept="nash", episodes=10)
