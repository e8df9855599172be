"""Learners on finite hypothesis classes do what their definitions say, from all data replayed."""

from __future__ import annotations

import itertools
from math import log

import numpy as np
import pytest
from class_games import played, values_by_hand
from test_mamex_payoffs import random_instance

import mamex_bench as mb
from mamex_bench.kernels.posterior import posterior_draw
from mamex_bench.learners._confidence_sets import ConfidenceSets
from mamex_bench.learners.posterior_sampling import PosteriorSampling
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference.regularised_payoffs import model_losses


@pytest.mark.parametrize("random_rewards", [False, True])
def test_the_posterior_is_bayes_rule_on_all_data(random_rewards: bool) -> None:
    instance = random_instance(3, "models", random_rewards=random_rewards)
    learner = mb.learners.make("posterior_sampling", instance, concept="nash", episodes=100)
    assert isinstance(learner, PosteriorSampling)
    learner.begin(np.random.default_rng(11))
    twin = np.random.default_rng(11)
    values = values_by_hand(instance)
    seen: list[mb.Trajectory] = []
    simulator, rng = Simulator(instance.game), np.random.default_rng(5)
    for _ in range(30):
        losses = model_losses(instance.game, instance.hypothesis(), seen)
        weights = np.exp(losses.min() - losses)
        posterior = weights / weights.sum()
        np.testing.assert_allclose(learner.posterior, posterior, atol=1e-10)
        profile = learner.choose()
        assert profile is learner.choose()
        model = int(np.searchsorted(np.cumsum(posterior), twin.random(), side="right"))
        payoffs = values[model].reshape(2, *instance.policies.counts)
        expected = mb.equilibria.solve(payoffs, "nash").distribution
        np.testing.assert_allclose(profile.distribution, expected, atol=1e-9)
        table = profile.play(instance.game, rng)
        seen.append(simulator.play(table, rng.random(simulator.uniforms)))
        learner.observe(seen[-1])


def test_models_are_drawn_as_often_as_their_weights_say() -> None:
    losses = np.array([0.0, 1.0, 5.0, 1e150])
    uniforms = (np.arange(20_000) + 0.5) / 20_000
    drawn = [posterior_draw(losses, u) for u in uniforms]
    weights = np.exp(-losses)
    np.testing.assert_allclose(
        np.bincount(drawn, minlength=4) / 20_000, weights / weights.sum(), atol=1e-4
    )


@pytest.mark.parametrize("random_rewards", [False, True])
@pytest.mark.parametrize("beta", [0.5, None])
def test_optimistic_values_of_models_are_those_of_the_set(
    beta: float | None, random_rewards: bool
) -> None:
    instance = random_instance(4, "models", random_rewards=random_rewards)
    values, F = values_by_hand(instance), 6
    learner = mb.learners.make(
        "optimistic_mle", instance, concept="cce", episodes=60, delta=0.1, beta=beta
    )
    assert isinstance(learner, ConfidenceSets)
    radius = log(F / 0.1) if beta is None else beta
    sizes = set()
    for count in (0, 3, 7, 20):
        seen = played(learner, instance, count)
        history = seen if count == 0 else [*history, *seen]  # noqa: F821
        losses = model_losses(instance.game, instance.hypothesis(), history)
        inside = losses <= losses.min() + radius
        sizes.add(int(inside.sum()))
        np.testing.assert_allclose(
            learner.optimistic_payoffs().reshape(2, -1), values[inside].max(axis=0), atol=1e-12
        )
        profile = learner.choose()
        gaps = profile.payoff_gaps(learner.optimistic_payoffs())
        assert (gaps <= 1.0 / 60).all()
    assert len(sizes) > 1


def value_losses(instance: mb.Instance, seen: list[mb.Trajectory], i: int, index: int) -> list:
    """L^i(f, pi) of every hypothesis of an agent: per step, cell means or a ridge regression."""
    game, classes = instance.game, instance.hypothesis()
    pi, losses = instance.policies.joint_actions(game, index), []
    for f in classes.per_agent[i]:
        total = 0.0
        for h in range(game.horizon):
            rows = []
            for t in seen:
                a = int(np.ravel_multi_index(t.actions[h], game.action_counts))
                after = t.states[h + 1]
                onward = f[h + 1, after, pi[h + 1, after]] if h + 1 < game.horizon else 0.0
                rows.append((t.states[h], a, t.rewards[i, h] + onward))
            if classes.features is None:
                for cell in {(s, a) for s, a, _ in rows}:
                    y = np.array([y for s, a, y in rows if (s, a) == cell])
                    own = f[(h, *cell)]
                    total += ((own - y) ** 2).sum() - ((y.mean() - y) ** 2).sum()
                continue
            phi = np.array([classes.features[h, s, a] for s, a, _ in rows])
            y = np.array([y for *_, y in rows])
            d = classes.features.shape[-1]
            flat = classes.features[h].reshape(-1, d)
            theta = np.linalg.lstsq(flat, f[h].reshape(-1), rcond=None)[0]

            def ridge(w: np.ndarray) -> float:
                return float(((phi @ w - y) ** 2).sum() + classes.ridge * w @ w)  # noqa: B023

            best = np.linalg.solve(phi.T @ phi + classes.ridge * np.eye(d), phi.T @ y)
            total += ridge(theta) - ridge(best)
        losses.append(total)
    return losses


@pytest.mark.parametrize("kind", ["tabular", "completion"])
def test_optimistic_values_of_action_values_are_those_of_the_sets(kind: str) -> None:
    instance = random_instance(5, kind)
    game, classes = instance.game, instance.hypothesis()
    emptied = kept = 0
    for beta in (5.0, 60.0, 100.0):
        learner = mb.learners.make("golf", instance, concept="nash", episodes=40, beta=beta)
        assert isinstance(learner, ConfidenceSets)
        seen = played(learner, instance, 12)
        found = learner.optimistic_payoffs().reshape(2, -1)
        for i, index in itertools.product(range(2), range(instance.policies.size)):
            losses = np.array(value_losses(instance, seen, i, index))
            pi = instance.policies.joint_actions(game, index)
            start = [
                sum(game.initial[s] * f[0, s, pi[0, s]] for s in range(game.states))
                for f in classes.per_agent[i]
            ]
            inside = losses <= max(beta, losses.min() + 1e-9)
            emptied += losses.min() > beta
            kept += inside.sum() > 1
            assert found[i, index] == pytest.approx(max(np.array(start)[inside]), abs=1e-9)
    assert emptied
    assert kept
