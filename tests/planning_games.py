"""Games and data for the tests of Nash-VI, UCBVI and optimistic Nash Q-learning."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from games import random_game

import mamex_bench as mb
from mamex_bench.model.simulator import Simulator

CONCEPTS = ("nash", "ce", "cce")
ZERO_SUM = ("nash_vi", "nash_vi_tuned", "nash_vi_tuned_lazy", "nash_q", "nash_q_tuned")
ONE_AGENT = ("ucbvi", "ucbvi_tuned")


def zero_sum_game(
    seed: int, counts: tuple[int, int] = (2, 3), states: int = 3, horizon: int = 3
) -> mb.MarkovGame:
    base = random_game(seed, counts, states=states, horizon=horizon)
    reward = np.stack([base.reward[0], 1.0 - base.reward[0]])
    return mb.MarkovGame(base.transition, reward, counts, base.initial)


def instance_of(game: mb.MarkovGame) -> mb.Instance:
    return mb.Instance(game, mb.PurePolicies.sample(game, (2,) * game.agents, seed=0))


def make(name: str, instance: mb.Instance, concept: str, episodes: int, **options: object):
    return mb.learners.make(name, instance, concept=concept, episodes=episodes, **options)


GAMES: dict[str, Callable[[], mb.Instance]] = {
    "random": lambda: instance_of(zero_sum_game(3)),
    "goofspiel": lambda: mb.catalogue.make("goofspiel"),
    "inspection": lambda: mb.catalogue.make("dresher_inspection"),
    "linear": lambda: mb.catalogue.make("linear_game", zero_sum=True),
    "tiny": lambda: instance_of(zero_sum_game(1, (2, 2), states=1, horizon=2)),
    "skewed": lambda: instance_of(zero_sum_game(9, (3, 2), states=1, horizon=2)),
    "narrow": lambda: instance_of(zero_sum_game(8, (2, 3), states=1, horizon=2)),
    "one random": lambda: mb.catalogue.make("random_game", agents=1, actions=3),
    "one lock": lambda: mb.catalogue.make("combination_lock", agents=1, slip=0.1),
    "one mixture": lambda: mb.catalogue.make("linear_mixture", agents=1, policies=8, models=8),
    "one tiny": lambda: instance_of(random_game(1, (3,), states=1, horizon=2)),
    "one small": lambda: instance_of(random_game(2, (2,), states=2, horizon=2)),
    "one wide": lambda: instance_of(random_game(4, (4,), states=2, horizon=2)),
}


@cache
def case(name: str) -> mb.Instance:
    return GAMES[name]()


def choice_of(learner, game: mb.MarkovGame) -> Callable[[np.ndarray, int, int], np.ndarray]:
    """The learner's own choice among equilibria, once it is seen to be one; ties are many."""

    def answer(payoffs: np.ndarray, h: int, s: int) -> np.ndarray:
        joint = learner.choose().joint[h, s]
        rewards = payoffs[:, None, None]
        stage = mb.MarkovGame(np.ones((1, 1, game.actions, 1)), scaled(rewards), game.action_counts)
        here = mb.MarkovProfile(joint[None, None], learner.concept)
        assert here.gaps(instance_of(stage)).max() <= 1e-9
        return joint

    return answer


def scaled(payoffs: np.ndarray) -> np.ndarray:
    """Into [0, 1], agent by agent, by a common factor."""
    return (payoffs - payoffs.min(axis=(1, 2, 3), keepdims=True)) / max(1.0, np.ptp(payoffs))


def feed(
    learner, game: mb.MarkovGame, episodes: int, seed: int = 1
) -> Callable[[], tuple[np.ndarray, np.ndarray] | None]:
    """Uniform actions, so that much of the table is seen; counts and visits by (step, state)."""
    simulator, rng = Simulator(game), np.random.default_rng(seed)
    counts = np.zeros(game.transition.shape, dtype=np.int64)
    starts = np.zeros((game.horizon + 1, game.states), dtype=np.int64)
    left = [episodes]

    def step() -> tuple[np.ndarray, np.ndarray] | None:
        if not left[0]:
            return None
        left[0] -= 1
        learner.choose()
        table = rng.integers(game.actions, size=(game.horizon, game.states))
        trajectory = simulator.play(table, rng.random(simulator.uniforms))
        for h in range(game.horizon):
            cell = h, trajectory.states[h], trajectory.actions[h] @ game.strides
            counts[(*cell, trajectory.states[h + 1])] += 1
        for h, x in enumerate(trajectory.states):
            starts[h, x] += 1
        learner.observe(trajectory)
        return counts, starts

    return step


def random_rewards(seed: int) -> mb.MarkovGame:
    base = random_game(seed, (2, 2), states=2, horizon=2)
    return mb.MarkovGame(base.transition, base.reward, (2, 2), base.initial, random_rewards=True)
