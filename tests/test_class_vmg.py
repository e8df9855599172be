"""VMG: the model that its objective names, ties, and what its alpha is for."""

from __future__ import annotations

import numpy as np
import pytest
from class_games import case, played, values_by_hand
from test_mamex_payoffs import random_instance

import mamex_bench as mb
from mamex_bench.learners.vmg import ValueIncentivised
from mamex_bench.reference.regularised_payoffs import model_losses


@pytest.mark.parametrize("concept", ["nash", "cce"])
def test_vmg_fits_the_model_that_its_objective_names(concept: str) -> None:
    instance = random_instance(2, "models")
    learner = mb.learners.make("vmg", instance, concept=concept, episodes=90, alpha=2.0)
    assert isinstance(learner, ValueIncentivised)
    values = values_by_hand(instance).reshape(6, 2, *instance.policies.counts)
    seen: list[mb.Trajectory] = []
    for _ in range(20):
        before = learner.fitted
        pi = learner.choose().distribution
        losses = model_losses(instance.game, instance.hypothesis(), seen)
        best = [values[:, 0] @ pi.sum(axis=0), np.moveaxis(values[:, 1], 1, 2) @ pi.sum(axis=1)]
        objective = losses - 2.0 * (best[0].max(axis=1) + best[1].max(axis=1))
        assert learner.fitted == objective.argmin()
        if before >= 0:
            expected = mb.equilibria.solve(values[before], concept).distribution
            np.testing.assert_allclose(pi, expected, atol=1e-9)
        seen += played(learner, instance, 1)
        for i in range(2):
            x = learner.choose().distribution
            answer = best[i][learner.fitted].argmax()
            expected = np.zeros_like(pi)
            if i == 0:
                expected[answer] = pi.sum(axis=0)
            else:
                expected[:, answer] = pi.sum(axis=1)
            np.testing.assert_allclose(x, expected, atol=1e-12)
            seen += played(learner, instance, 1)
    assert learner.diagnostics()["rounds"] == 20


def test_vmg_breaks_ties_at_random() -> None:
    """Before any data, all arms of a needle but the first guess look alike."""
    fitted = set()
    for seed in range(30):
        learner = mb.learners.make("vmg", case("needle"), concept="nash", episodes=10)
        assert isinstance(learner, ValueIncentivised)
        learner.begin(np.random.default_rng(seed))
        learner.choose()
        fitted.add(learner.fitted)
    assert len(fitted) > 4


def scouted(m: int = 16) -> mb.Instance:
    """One agent: action 0 leads to m cells of reward 0.4, action 1 to 1 with probability 0.9.

    Of the m + 2 models the last but one is true: cells are equally likely. Others tilt them by 30 %
    to one cell, which fits better for long whatever was seen, and hold that action 1 is bad; the
    last promises 1 of action 2, which is bad: it is what is tried first without any weight on data.
    """
    P = np.zeros((m + 2, 2, m + 2, 3, m + 2))
    P[..., m + 1] = 1.0
    cells = np.full((m + 2, m), 1.0 / m)
    cells[:m] = (1.0 - 1.3 / m) / (m - 1)
    cells[range(m), range(m)] = 1.3 / m
    P[:, 0, 0, 0] = np.pad(cells, ((0, 0), (0, 2)))
    P[m, 0, 0, 1, m:] = 0.9, 0.1
    P[: m + 1, 0, 0, 2, m:] = 0.1, 0.9
    P[m + 1, 0, 0, 2, m:] = 1.0, 0.0
    reward = np.zeros((1, 2, m + 2, 3))
    reward[0, 1, :m], reward[0, 1, m] = 0.4, 1.0
    game = mb.MarkovGame(P[m], reward, (3,), np.eye(m + 2)[0])
    actions = np.zeros((3, 2, m + 2), dtype=int)
    actions[:, 0] = np.arange(3)[:, None]
    return mb.Instance(game, mb.PurePolicies([actions]), mb.ModelClass(P, m))


def test_vmg_finds_what_the_likeliest_models_deny_and_its_inverse_alpha_does_not() -> None:
    instance, K = scouted(), 600
    np.testing.assert_allclose(instance.payoffs, [[0.4, 0.9, 0.1]])
    for seed in range(4):
        left = []
        for invert in (False, True):
            learner = mb.learners.make("vmg", instance, concept="nash", episodes=K)
            assert isinstance(learner, ValueIncentivised)
            if invert:
                learner.alpha = 1.0 / learner.alpha
            run = mb.run(instance, learner, K, seed=seed)
            left.append(np.repeat(run.gaps[:, 0], run.lengths)[K // 2 :].mean())
        assert left == pytest.approx([0.0, 0.5], abs=1e-9)
