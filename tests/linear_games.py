"""Games and data for the tests of Nash-UCRL and OMNI-VI."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from test_optimistic_vi import minimax_value

import mamex_bench as mb
from mamex_bench.learners._linear_planning import LinearPlanning
from mamex_bench.model.simulator import Simulator

NAMES = ("nash_ucrl", "nash_ucrl_tuned", "omni_vi", "omni_vi_tuned")
SMALL = {"zero_sum": True, "states": 4, "actions": 2, "policies": 4, "models": 16}


def arms(chances: tuple[float, ...] = (0.4, 0.5, 0.6, 0.9)) -> mb.Instance:
    """Agent 0 picks an arm, which wins or loses the second step; one-hot features, 3 states."""
    A = len(chances)
    transition = np.zeros((2, 3, A, 3))
    transition[:, 1, :, 1] = transition[:, 2, :, 2] = transition[1, 0, :, 0] = 1.0
    transition[0, 0, :, 1], transition[0, 0, :, 2] = chances, 1.0 - np.array(chances)
    reward = np.full((2, 2, 3, A), 0.5)
    reward[0, 1, 1], reward[0, 1, 2] = 1.0, 0.0
    reward[1] = 1.0 - reward[0]
    game = mb.MarkovGame(transition, reward, (A, 1))
    features = np.zeros((2, 3, A, A + 3))
    features[:, :, :, A:] = np.eye(3)[:, None]
    features[0, 0] = np.eye(A, A + 3)
    policies = mb.PurePolicies.sample(game, [2, 1], 0)
    return mb.Instance(game, policies, mb.LinearValueClass(features), name="arms")


GAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "mixture": ("linear_mixture", SMALL),
    "dummy": (
        "hypercube",
        {"zero_sum": True, "dimension": 3, "total_deviation": 1.0, "episodes": 100},
    ),
    "both": ("two_sided_hypercube", {"total_deviation": 1.0, "episodes": 200}),
    "linear": ("linear_game", {"zero_sum": True}),
    "signals": (
        "linear_game",
        {"zero_sum": True, "features": "independent", "signals": 2, "dimension": 2},
    ),
}


@cache
def case(game: str, seed: int = 0) -> mb.Instance:
    if game == "arms":
        return arms()
    family, parameters = GAMES[game]
    return mb.catalogue.make(family, seed=seed, **parameters)


def applicable(name: str) -> str:
    return "mixture" if name.startswith("nash") else "linear"


def build(name: str, instance: mb.Instance, episodes: int, **options: Any) -> LinearPlanning:
    concept = options.pop("concept", "cce")
    learner = mb.learners.make(name, instance, concept=concept, episodes=episodes, **options)
    assert isinstance(learner, LinearPlanning)
    return learner


def uniform_gap(instance: mb.Instance, concept: str) -> float:
    shape = (*instance.game.table_shape, instance.game.actions)
    uniform = mb.MarkovProfile(np.full(shape, 1.0 / instance.game.actions), concept)
    return float(uniform.gaps(instance).sum())


Step = tuple[np.ndarray, np.ndarray, mb.Trajectory]


def played(learner: LinearPlanning, episodes: int, seed: int = 5) -> list[Step]:
    """Per episode the plan's upper bounds (H, S, 2, A), sigma (H, S, A) and the trajectory."""
    game = learner.instance.game
    learner.begin(np.random.default_rng(seed + 1))
    simulator, rng = Simulator(game), np.random.default_rng(seed)
    steps = []
    for _ in range(episodes):
        profile = learner.choose()
        high = learner._plan.high.reshape(*game.table_shape, 2, -1).copy()
        sigma = learner._plan.sigma.reshape(*game.table_shape, -1).copy()
        trajectory = simulator.play(profile.play(game, rng), rng.random(simulator.uniforms))
        steps.append((high, sigma, trajectory))
        learner.observe(trajectory)
    return steps


def expect_cce(high: np.ndarray, sigma: np.ndarray, counts: tuple[int, ...]) -> None:
    """sigma (..., A) is a CCE of the games high (..., 2, A), to rounding."""
    x = sigma.reshape(-1, *counts)
    U = np.moveaxis(high.reshape(-1, 2, *counts), 1, 0)
    value = (U * x).sum(axis=(2, 3))
    first = np.einsum("bac,bc->ba", U[0], x.sum(axis=1)).max(axis=1)
    second = np.einsum("bac,ba->bc", U[1], x.sum(axis=2)).max(axis=1)
    assert max((first - value[0]).max(), (second - value[1]).max()) <= 1e-8


def payoffs_of(game: mb.MarkovGame) -> np.ndarray:
    """(H, S, 2, A)."""
    own = 2.0 * game.reward[0] - 1.0
    return np.stack([own, -own], axis=2)


def extremes(game: mb.MarkovGame, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Floor and ceiling (H, S, 2, A) from u and the least and most of every later step."""
    low, high = u.copy(), u.copy()
    for h in range(game.horizon):
        for later in range(h + 1, game.horizon):
            low[h] += u[later].min(axis=(0, 2))[:, None]
            high[h] += u[later].max(axis=(0, 2))[:, None]
    return low, high


def minimax_values(game: mb.MarkovGame) -> np.ndarray:
    """(H, S, A): Q* of agent 0 in units u, every stage game by a linear program of its own."""
    u, Q, value = payoffs_of(game), np.empty_like(game.reward[0]), np.zeros(game.states)
    for h in reversed(range(game.horizon)):
        Q[h] = u[h, :, 0] + game.transition[h] @ value
        value = np.array([minimax_value(q.reshape(game.action_counts)) for q in Q[h]])
    return Q
