"""Nash-UCRL and OMNI-VI: their bounds hold, and treat the agents alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from linear_games import applicable, build, case, minimax_values, payoffs_of, played

import mamex_bench as mb
from mamex_bench.model.mixture import Mixture
from mamex_bench.model.simulator import Simulator


def best_responses(game: mb.MarkovGame, sigma: np.ndarray) -> np.ndarray:
    """(H, S, 2, A): Q of either agent's best response to the other's marginal of sigma."""
    u, counts = payoffs_of(game), game.action_counts
    Q = np.empty_like(u)
    value = np.zeros((game.states, 2))
    for h in reversed(range(game.horizon)):
        Q[h] = u[h] + np.einsum("sat,ti->sia", game.transition[h], value)
        table, x = Q[h].reshape(-1, 2, *counts), sigma[h].reshape(-1, *counts)
        value[:, 0] = np.einsum("sac,sc->sa", table[:, 0], x.sum(axis=1)).max(axis=1)
        value[:, 1] = np.einsum("sac,sa->sc", table[:, 1], x.sum(axis=2)).max(axis=1)
    return Q


@pytest.mark.parametrize(
    ("name", "game", "episodes", "options"),
    [
        ("omni_vi", "arms", 4000, {}),
        ("omni_vi", "linear", 3000, {}),
        ("nash_ucrl", "mixture", 300, {}),
        ("nash_ucrl_tuned", "mixture", 1000, {"scale": 0.02}),
        ("nash_ucrl_tuned", "dummy", 1000, {"scale": 0.05}),
    ],
)
def test_bounds_hold(name: str, game: str, episodes: int, options: dict[str, float]) -> None:
    """Qbar >= Q of the best response >= Q* >= that of the other agent >= Qunder."""
    instance = case(game)
    truth, learner = instance.dense, build(name, instance, episodes, **options)
    star = minimax_values(truth)
    steps = played(learner, episodes)
    for high, sigma, _ in steps[:: episodes // 50]:
        best = best_responses(truth, sigma)
        assert (best[:, :, 0] >= star - 1e-9).all()
        assert (high[1:] >= best[1:] - 1e-9).all()
        start = truth.initial > 0
        assert (high[0, start] >= best[0, start] - 1e-9).all()
    gaps = learner.output_profile().gaps(instance)
    assert gaps.sum() <= learner.diagnostics()["output_width"] + 1e-9
    low, high_bound = learner.bounds()
    assert (low <= high_bound + 1e-9).all()


def mirrored(instance: mb.Instance) -> mb.Instance:
    """The same instance with the agents' names exchanged."""
    game = instance.dense
    A, B = game.action_counts
    swap = np.arange(A * B).reshape(A, B).T.reshape(-1)
    new = mb.MarkovGame(
        game.transition[:, :, swap], game.reward[::-1][..., swap], (B, A), game.initial
    )
    policies = mb.PurePolicies(instance.policies.tables[::-1])
    classes = instance.hypothesis("linear" if "linear" in instance.hypotheses else None)
    other: Any
    if isinstance(classes, mb.ModelClass):
        mixture = Mixture(classes.mixture.basis[:, :, :, swap], classes.mixture.weights)
        other = mb.ModelClass(classes.transitions[:, :, :, swap], classes.truth, mixture=mixture)
    else:
        other = mb.LinearValueClass(classes.features[:, :, swap])
    return mb.Instance(new, policies, other)


@pytest.mark.parametrize("name", ["nash_ucrl_tuned", "omni_vi_tuned"])
def test_agents_are_treated_alike(name: str) -> None:
    """The same data, agents exchanged: the bounds are exchanged, as long as no tie decides."""
    instance = case(applicable(name))
    other = mirrored(instance)
    one, two = build(name, instance, 60), build(name, other, 60)
    A, B = instance.game.action_counts
    swap = np.arange(A * B).reshape(A, B).T.reshape(-1)
    simulator, rng = Simulator(instance.game), np.random.default_rng(2)
    for _ in range(60):
        joint = rng.integers(A * B, size=instance.game.table_shape)
        trajectory = simulator.play(joint, rng.random(simulator.uniforms))
        one.observe(trajectory)
        flipped = mb.Trajectory(
            trajectory.states, trajectory.actions[:, ::-1], trajectory.rewards[::-1]
        )
        two.observe(flipped)
    (low, high), (other_low, other_high) = one.bounds(), two.bounds()
    np.testing.assert_allclose(other_high, -low[:, swap], atol=1e-9)
    np.testing.assert_allclose(other_low, -high[:, swap], atol=1e-9)
