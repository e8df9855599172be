"""Constants of theorems on finite hypothesis classes; how often their sets hold the truth."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from class_games import case, evaluate_pure
from test_mamex_payoffs import random_instance

import mamex_bench as mb
from mamex_bench.learners._confidence_sets import ConfidenceSets
from mamex_bench.learners._maximise_to_explore import MaximiseToExplore
from mamex_bench.model.simulator import Simulator


def test_the_truth_stays_in_the_set() -> None:
    """Failure probability 0.05, over 60 runs; the theorem's radius is far from tight."""
    instance = random_instance(1, "models")
    outside = 0
    for seed in range(60):
        learner = mb.learners.make(
            "optimistic_mle", instance, concept="cce", episodes=40, delta=0.05
        )
        assert isinstance(learner, ConfidenceSets)
        mb.run(instance, learner, 40, seed=seed)
        outside += not learner._evidence.inside[2]
    assert outside <= 6


def test_radius_of_golf_is_the_docstrings_for_tabular_completion() -> None:
    """beta_i = sum_h |X_h| (B_h^2 / 2) log(2 n |X| K |Pi| / delta): 3 steps of 3 x 6 pairs."""
    learner = mb.learners.make("golf", random_instance(5, "tabular"), concept="nash", episodes=40)
    assert isinstance(learner, ConfidenceSets)
    beta = 18 * (9.0 + 4.0 + 1.0) / 2.0 * log(2 * 2 * 54 * 40 * 6 / 0.05)
    np.testing.assert_allclose(learner.radius, [beta, beta], rtol=1e-12)


def test_radius_of_golf_is_the_docstrings_for_linear_completion() -> None:
    instance, K, delta = random_instance(5, "completion"), 40, 0.1
    learner = mb.learners.make("golf", instance, concept="nash", episodes=K, delta=delta)
    assert isinstance(learner, ConfidenceSets)
    classes, d, ridge = instance.hypothesis(), 3, 0.7
    L = max(np.linalg.norm(phi) for phi in classes.features.reshape(-1, d))
    for i, values in enumerate(classes.per_agent):
        beta = 0.0
        for h, B in enumerate((3.0, 2.0, 1.0)):
            flat = classes.features[h].reshape(-1, d)
            theta = [np.linalg.lstsq(flat, f[h].reshape(-1), rcond=None)[0] for f in values]
            spread = d * log(1.0 + K * L**2 / (d * ridge)) + 2.0 * log(2 * 3 * 6 / delta)
            largest = max(np.linalg.norm(each) for each in theta)
            beta += (B / 2.0 * np.sqrt(spread) + np.sqrt(ridge) * largest) ** 2
        assert learner.radius[i] == pytest.approx(beta, rel=1e-9)


def true_values(kind: str) -> mb.Instance:
    """Q^pi of all pi as the class: of two coins, or of a game with linear values."""
    if kind == "linear game":
        whole = case("linear")
        game, policies = whole.game, whole.policies
        completion: object = whole.hypothesis("values_linear").features
    else:
        half = np.full((1, 1, 1, 2), 0.5)
        game = mb.MarkovGame(np.ones((1, 1, 2, 1)), half, (2,), random_rewards=True)
        policies = mb.PurePolicies.all(game)
        completion = "tabular" if kind == "coins" else np.eye(2)[None, None]
    whole = mb.Instance(game, policies)
    Q = [evaluate_pure(whole, k) for k in range(policies.size)]
    own = [np.stack([q[i] for q in Q]) for i in range(game.agents)]
    return mb.Instance(game, policies, mb.ValueClass(own, completion))


@pytest.mark.parametrize("kind", ["coins", "coins by features", "linear game"])
def test_values_of_every_policy_stay_in_their_sets(kind: str) -> None:
    """In all episodes of 10 runs, and by a margin that a radius of 1/40 would not leave."""
    instance, K = true_values(kind), 200
    n, M = instance.game.agents, instance.policies.size
    simulator, worst = Simulator(instance.game), 0.0
    for seed in range(10):
        learner = mb.learners.make("golf", instance, concept="cce", episodes=K)
        assert isinstance(learner, ConfidenceSets)
        rng = np.random.default_rng(seed)
        for _ in range(K):
            table = learner.choose().play(instance.game, rng)
            learner.observe(simulator.play(table, rng.random(simulator.uniforms)))
            losses = learner._evidence.values.losses.reshape(n, M, M)
            own = np.diagonal(losses, axis1=1, axis2=2)
            worst = max(worst, (own / learner.radius[:, None]).max())
    assert 1.0 / 40.0 < worst <= 1.0


def test_alpha_of_vmg_is_its_formula() -> None:
    """alpha = sqrt(log(H |F| / delta) H K / d), here of H = 3, |F| = 6, K = 90."""
    instance = random_instance(2, "models")
    options: tuple[dict[str, object], ...] = ({}, {"d": 1.5}, {"delta": 0.5})
    for given, alpha in zip(options, (16.27497, 32.54994, 12.69875), strict=True):
        learner = mb.learners.make("vmg", instance, concept="cce", episodes=90, **given)
        assert learner.alpha == pytest.approx(alpha, abs=1e-4)


@pytest.mark.parametrize(("kind", "size"), [("models", 6), ("tabular", 4)])
def test_d_of_mex_is_the_number_of_hypotheses(kind: str, size: int) -> None:
    """eta = sqrt(d / (log(H |F| / delta) H K)), d = |F|, H = 3, K = 50."""
    learner = mb.learners.make("mex", random_instance(0, kind, (3,)), concept="nash", episodes=50)
    assert isinstance(learner, MaximiseToExplore)
    eta = np.sqrt(size / (log(3 * size / 0.05) * 3 * 50))
    assert learner.eta == pytest.approx(eta, rel=1e-12)
