"""Learners on finite hypothesis classes: cases that are other learners or leave no regret."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from class_games import case, evaluate_pure, played
from test_mamex_payoffs import random_instance

import mamex_bench as mb
from mamex_bench.learners._confidence_sets import ConfidenceSets
from mamex_bench.learners._maximise_to_explore import MaximiseToExplore


def test_a_set_of_radius_zero_is_certainty_equivalence() -> None:
    instance = random_instance(9, "models")
    one = mb.learners.make("optimistic_mle", instance, concept="cce", episodes=50, beta=0.0)
    two = mb.learners.make("certainty_equivalence", instance, concept="cce", episodes=50)
    assert isinstance(one, ConfidenceSets)
    assert isinstance(two, MaximiseToExplore)
    for trajectory in played(one, instance, 20):
        two.observe(trajectory)
    np.testing.assert_allclose(one.optimistic_payoffs(), two.optimistic_payoffs(), atol=1e-12)
    wide = mb.learners.make("optimistic_mle", instance, concept="cce", episodes=50, beta=1e9)
    played(wide, instance, 20)
    assert isinstance(wide, ConfidenceSets)
    largest = instance.model_payoffs().max(axis=0)
    np.testing.assert_allclose(wide.optimistic_payoffs().reshape(2, -1), largest, atol=1e-12)


@pytest.mark.parametrize("name", ["posterior_sampling", "optimistic_mle", "vmg", "e2d"])
def test_one_model_that_is_true_leaves_no_regret(name: str) -> None:
    whole = case("grid")
    truth = mb.ModelClass(whole.game.transition[None])
    instance = mb.Instance(whole.game, whole.policies, truth)
    concept = "cce" if name == "e2d" else "nash"
    learner = mb.learners.make(name, instance, concept=concept, episodes=60)
    regret = mb.run(instance, learner, 60).regret
    assert regret.max() <= 1e-7
    if name != "e2d":
        assert regret.min() >= -1e-9


def test_values_of_the_truth_alone_leave_no_regret() -> None:
    whole = case("chicken")
    Q = [evaluate_pure(whole, k) for k in range(whole.policies.size)]
    values = mb.ValueClass([np.stack([q[i] for q in Q])[:1] for i in range(2)])
    instance = mb.Instance(whole.game, whole.policies, values)
    learner = mb.learners.make("golf", instance, concept="nash", episodes=60)
    # One step: an action value does not depend on the policy, so one hypothesis is the truth.
    assert whole.game.horizon == 1
    np.testing.assert_allclose(mb.run(instance, learner, 60).regret, 0.0, atol=1e-9)


def test_mex_chooses_what_mamex_does_at_the_same_eta() -> None:
    for game in ("alone", "lock alone"):
        instance, K = case(game), 300
        mex = mb.learners.make("mex", instance, concept="nash", episodes=K, d=3.0, delta=0.1)
        F, H = instance.hypothesis().size, instance.game.horizon
        eta = np.sqrt(3.0 / (log(H * F / 0.1) * H * K))
        assert mex.eta == pytest.approx(eta, rel=1e-12)
        mamex = mb.learners.make("mamex", instance, concept="nash", episodes=K, eta=mex.eta)
        one, two = (mb.run(instance, each, K, learner_id="one") for each in (mex, mamex))
        np.testing.assert_array_equal(one.lengths, two.lengths)
        np.testing.assert_array_equal(one.regret, two.regret)
        # Before any data: the greatest value of any model.
        fresh = mb.learners.make("mex", instance, concept="nash", episodes=K)
        best = instance.model_payoffs().max(axis=(0, 1))
        assert fresh.choose().distribution[best.argmax()] == 1.0


@pytest.mark.parametrize("name", ["posterior_sampling", "optimistic_mle", "optimistic_mle_tuned"])
def test_the_order_of_the_models_does_not_help(name: str) -> None:
    """The truth is often the first of its class: reversing the class must change nothing."""
    whole = case("random")
    models = whole.hypothesis()
    mirrored = mb.ModelClass(models.transitions[::-1], models.size - 1 - models.truth)
    other = mb.Instance(whole.game, whole.policies, mirrored, whole.name)
    regrets = []
    for instance in (whole, other):
        each = []
        for seed in range(12 if name == "posterior_sampling" else 1):
            learner = mb.learners.make(name, instance, concept="nash", episodes=150)
            each.append(mb.run(instance, learner, 150, seed=seed).regret.sum())
        regrets.append(np.mean(each))
    if name == "posterior_sampling":
        assert abs(regrets[0] - regrets[1]) <= 0.5 * max(regrets)
    else:
        assert regrets[0] == pytest.approx(regrets[1], abs=1e-9)
