"""Games for learners on finite hypothesis classes, play on them, and values computed by hand."""

from __future__ import annotations

from functools import cache

import numpy as np

import mamex_bench as mb
from mamex_bench.learners._base import Learner
from mamex_bench.model.evaluation import evaluate
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference.regularised_payoffs import policy_value

GAMES: dict[str, tuple[str, dict[str, object]]] = {
    "random": ("random_game", {"models": 32}),
    "grid": ("gridworld", {}),
    "needle": ("needle", {}),
    "lock": ("combination_lock", {"length": 3, "policies": 8}),
    "concepts": ("three_concepts", {}),
    "chicken": ("matrix_game", {"game": "chicken"}),
    "rps": ("matrix_game", {"game": "biased_rps"}),
    "incomplete": ("incomplete_values", {}),
    "eluder": ("small_eluder", {}),
    "link": ("generalised_linear", {"policies": 2}),
    "linear": ("linear_game", {"policies": 2}),
    "inspection": ("dresher_inspection", {}),
    "golden": ("golden_ratio", {}),
    "goofspiel": ("goofspiel", {}),
    "alone": ("random_game", {"agents": 1, "actions": (3,), "interests": "common", "models": 32}),
    "mixture": ("linear_mixture", {"agents": 1, "policies": 8, "models": 32}),
    "lock alone": ("combination_lock", {"agents": 1, "length": 3}),
    "zero-sum": ("random_game", {"interests": "zero_sum", "models": 16}),
}


@cache
def case(game: str) -> mb.Instance:
    family, parameters = GAMES[game]
    return mb.catalogue.make(family, **parameters)


def played(learner: Learner, instance: mb.Instance, episodes: int) -> list[mb.Trajectory]:
    simulator, rng = Simulator(instance.game), np.random.default_rng(5)
    seen = []
    for _ in range(episodes):
        table = learner.choose().play(instance.game, rng)
        seen.append(simulator.play(table, rng.random(simulator.uniforms)))
        learner.observe(seen[-1])
    return seen


def values_by_hand(instance: mb.Instance) -> np.ndarray:
    """(F, n, M): policy evaluation one by one."""
    game, classes = instance.game, instance.hypothesis("models")
    means = classes.rewards if classes.rewards is not None else [game.reward] * classes.size
    tables = [instance.policies.joint_actions(game, k) for k in range(instance.policies.size)]
    return np.array(
        [
            [[policy_value(P, r[i], game.initial, t) for t in tables] for i in range(game.agents)]
            for P, r in zip(classes.transitions, means)
        ]
    )


def evaluate_pure(instance: mb.Instance, index: int) -> np.ndarray:
    game = instance.game
    values = evaluate(game, np.eye(game.actions)[instance.policies.joint_actions(game, index)])
    later = np.concatenate([values[:, 1:], np.zeros_like(values[:, :1])], axis=1)
    return game.reward + np.einsum("hsat,iht->ihsa", game.transition, later)
