"""Nash-UCRL: batch regressions from all data agree with it; its radii and sets; reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from linear_games import (
    applicable,
    build,
    case,
    expect_cce,
    extremes,
    minimax_values,
    payoffs_of,
    played,
)

import mamex_bench as mb
from mamex_bench.kernels.nash_ucrl import FIRST, SECOND, radii
from mamex_bench.model.mixture import Mixture


def unit_basis(mixture: Mixture) -> tuple[np.ndarray, float]:
    """(d, H, S, A, S) and B."""
    unit = np.sqrt((np.abs(mixture.basis).sum(axis=-1) ** 2).sum(axis=0)).max()
    return mixture.basis / unit, unit * np.linalg.norm(mixture.weights, axis=-1).max()


def slow_radii(k: int, d: int, H: int, B: float, K: int, delta: float) -> list[float]:
    log, lam = np.log, B**-2.0
    many = log(4 * k**2 * H / delta)
    return [
        16 * np.sqrt(d * log(1 + k / lam) * many) + 8 * np.sqrt(d) * many + np.sqrt(lam) * B,
        16 * np.sqrt(d * H**4 * log(1 + K * H**4 / (d * lam)) * many)
        + 8 * H**2 * many
        + np.sqrt(lam) * B,
        16 * d * np.sqrt(log(1 + k / lam) * many) + 8 * np.sqrt(d) * many + np.sqrt(lam) * B,
    ]


def test_the_radii_are_those_of_the_paper() -> None:
    for k, d, H, B, K, delta in [(1, 2, 2, 1.0, 10, 0.01), (700, 5, 6, 3.5, 10_000, 0.002)]:
        np.testing.assert_allclose(radii(k, d, H, B, K, delta), slow_radii(k, d, H, B, K, delta))


@pytest.mark.parametrize(("game", "scale"), [("mixture", 0.001), ("mixture", 1.0), ("both", 0.003)])
def test_weighted_regression_equals_a_batch_recomputation(game: str, scale: float) -> None:
    instance = case(game)
    mixture, truth = instance.hypothesis().mixture, instance.dense
    H, S, d, K = truth.horizon, truth.states, mixture.dimension, 90
    name = "nash_ucrl" if scale == 1.0 else "nash_ucrl_tuned"
    options = {} if scale == 1.0 else {"scale": scale}
    steps = played(build(name, instance, K, **options), K)
    u = payoffs_of(truth)
    floor, ceiling = (-H, H) if scale == 1.0 else extremes(truth, u)
    basis, B = unit_basis(mixture)
    data: dict[tuple[int, int, int], list[list[float]]] = {}

    def fit(kind: int, i: int, h: int) -> tuple[np.ndarray, np.ndarray]:
        seen = np.array(data.get((kind, i, h), np.zeros((0, d + 2))))
        phi, target, weight = seen[:, :d], seen[:, d], seen[:, d + 1]
        gram = np.eye(d) / B**2 + (weight * phi.T) @ phi
        return gram, np.linalg.solve(gram, phi.T @ (weight * target))

    def norm(gram: np.ndarray, phi: np.ndarray) -> np.ndarray:
        return np.sqrt(np.einsum("...p,...p", phi, np.linalg.solve(gram, phi[..., None])[..., 0]))

    for k, (high, sigma, trajectory) in enumerate(steps, start=1):
        beta = [scale * each for each in slow_radii(k, d, H, B, K, 0.01)]
        value = np.zeros((H + 1, S, 2))
        for h in reversed(range(H)):
            for i in range(2):
                phi = np.einsum("dsat,t->sad", basis[:, h], value[h + 1, :, i])
                gram, theta = fit(FIRST, i, h)
                q = u[h, :, i] + phi @ theta + beta[0] * norm(gram, phi)
                slow = np.clip(q, *(b if np.isscalar(b) else b[h, :, i] for b in (floor, ceiling)))
                # The first step is planned where it starts only.
                seen = truth.initial > 0 if h == 0 and k > 1 else slice(None)
                np.testing.assert_allclose(high[h, seen, i], slow[seen], atol=1e-8)
                value[h, :, i] = (sigma[h] * slow).sum(axis=1)
            expect_cce(high[h], sigma[h], truth.action_counts)
        joint = trajectory.actions @ truth.strides
        for h in range(H - 1):
            s, a, after = trajectory.states[h], joint[h], trajectory.states[h + 1]
            for i in range(2):
                V = value[h + 1, :, i]
                phi, squared = basis[:, h, s, a] @ V, basis[:, h, s, a] @ V**2
                (one, theta), (two, second) = fit(FIRST, i, h), fit(SECOND, i, h)
                error = min(H**2, beta[1] * float(norm(two, squared)))
                error += min(H**2, 2 * H * beta[2] * float(norm(one, phi)))
                spread = np.clip(squared @ second, 0, H**2) - np.clip(phi @ theta, -H, H) ** 2
                variance = max(H**2 / d, spread + error)
                data.setdefault((FIRST, i, h), []).append([*phi, V[after], 1 / variance])
                data.setdefault((SECOND, i, h), []).append([*squared, V[after] ** 2, 1.0])


def test_the_papers_confidence_sets_hold_the_truth_with_room() -> None:
    """Lemma 5.1: |theta - theta*| <= beta in the norms of the regressions, here by far."""
    instance, K = case("mixture", 1), 1000
    models = instance.hypothesis()
    learner = build("nash_ucrl_tuned", instance, K)
    played(learner, K)
    basis, B = unit_basis(models.mixture)
    unit = (models.mixture.basis / basis)[np.abs(basis) > 0].flat[0]
    data, H = learner._evidence, instance.game.horizon
    beta = slow_radii(K, models.mixture.dimension, H, B, K, 0.01)
    for kind, radius in ((FIRST, beta[0]), (SECOND, beta[1]), (FIRST, beta[2])):
        for i in range(2):
            for h in range(H - 1):
                r = (kind * 2 + i) * H + h
                error = data.theta[r] - unit * models.mixture.weights[models.truth, h]
                assert 0.0 < np.sqrt(error @ data.ridge.gram[r] @ error) < 0.01 * radius


def test_theorem_constants_say_nothing_for_long() -> None:
    """One pure profile, and the bounds are H and -H: what the docstring says."""
    learner = build("nash_ucrl", case("mixture"), 500)
    run = mb.run(case("mixture"), learner, 500)
    assert run.lengths.tolist() == [500]
    assert learner.diagnostics()["output_width"] == case("mixture").game.horizon


def test_one_kernel_is_the_known_game() -> None:
    """d = 1: the weight is known but for the ridge, and plans become minimax ones."""
    base = case("mixture").dense
    models = mb.ModelClass(
        base.transition[None], 0, mixture=Mixture(base.transition[None], np.ones((1, 4, 1)))
    )
    instance = mb.Instance(base, case("mixture").policies, models)
    learner = build("nash_ucrl_tuned", instance, 4000, scale=1e-5, growth=1.2)
    run = mb.run(instance, learner, 4000)
    assert run.gaps[-1].sum() < 0.01
    low, high = learner.bounds()
    star = minimax_values(base).reshape(low.shape)
    np.testing.assert_allclose(high[4:], star[4:], atol=0.06)
    np.testing.assert_allclose(low[4:], star[4:], atol=0.06)


def renamed(instance: mb.Instance, order: np.ndarray) -> mb.Instance:
    """The same instance with its base kernels or features in another order."""
    classes = instance.hypothesis("linear" if "linear" in instance.hypotheses else None)
    other: Any
    if isinstance(classes, mb.ModelClass):
        mixture = Mixture(classes.mixture.basis[order], classes.mixture.weights[:, :, order])
        other = mb.ModelClass(classes.transitions, classes.truth, mixture=mixture)
    else:
        other = mb.LinearValueClass(classes.features[..., order])
    return mb.Instance(instance.game, instance.policies, other)


@pytest.mark.parametrize("name", ["nash_ucrl_tuned", "omni_vi_tuned"])
def test_the_order_of_the_basis_changes_nothing(name: str) -> None:
    instance = case(applicable(name))
    d = 4 if name == "nash_ucrl_tuned" else 3
    other = renamed(instance, np.roll(np.arange(d)[::-1], 1))
    one, two = (played(build(name, each, 120), 120) for each in (instance, other))
    for (high, _, t), (same, _, other_t) in zip(one, two, strict=True):
        np.testing.assert_allclose(high, same, atol=1e-9)
        np.testing.assert_array_equal(t.states, other_t.states)
