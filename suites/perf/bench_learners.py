"""The rivals of MAMEX: episodes per second, what equilibrium solves take, and regret.

Measuring regret is not timed. What solves take is the learner's own estimate
(`diagnostics()["solve_seconds"]`).
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from mamex_bench import catalogue, learners, run
from mamex_bench.model.simulator import Simulator

EPISODES = 20_000
INSTANCES = ("linear_mixture", "combination_lock")
LEARNERS = ("optimistic_vi", "optimistic_vi_tuned", "optimistic_vi_tuned_lazy")


class OptimisticValueIteration:
    """20,000 episodes on the reference instance (S=8, 3x3 actions, H=4) and on the lock."""

    params = (INSTANCES, LEARNERS, ("nash", "ce", "cce"))
    param_names = ("instance", "learner", "concept")
    timeout = 300
    number = 1
    repeat = 3
    warmup_time = 0

    def setup(self, instance: str, learner: str, concept: str) -> None:
        self.instance = catalogue.make(instance)
        self.advance(learner, concept, 500)

    def advance(self, name: str, concept: str, episodes: int):
        learner = learners.make(name, self.instance, concept=concept, episodes=episodes)
        game = self.instance.game
        width = game.horizon * game.states + 1 + game.horizon
        draws = np.random.default_rng(0).random((episodes, width))
        simulator = Simulator(game)
        started = perf_counter()
        learner.advance(simulator, draws)
        return perf_counter() - started, learner.diagnostics()

    def time_episodes(self, instance: str, learner: str, concept: str) -> None:
        self.advance(learner, concept, EPISODES)

    def track_episodes_per_second(self, instance: str, learner: str, concept: str) -> float:
        """Solves included."""
        return EPISODES / self.advance(learner, concept, EPISODES)[0]

    track_episodes_per_second.unit = "episodes/s"

    def track_share_of_solves(self, instance: str, learner: str, concept: str) -> float:
        seconds, diagnostics = self.advance(learner, concept, EPISODES)
        return diagnostics["solve_seconds"] / seconds

    track_share_of_solves.unit = "ratio"

    def track_solve_microseconds(self, instance: str, learner: str, concept: str) -> float:
        _, diagnostics = self.advance(learner, concept, EPISODES)
        return 1e6 * diagnostics["solve_seconds"] / diagnostics["solves"]

    track_solve_microseconds.unit = "microseconds"

    def track_regret(self, instance: str, learner: str, concept: str) -> float:
        """Sum over agents of the positive parts of the headline gaps, summed over episodes."""
        made = learners.make(learner, self.instance, concept=concept, episodes=EPISODES)
        record = run(self.instance, made, episodes=EPISODES, seed=0)
        return float(record.lengths @ np.maximum(record.gaps, 0.0).sum(axis=1))

    track_regret.unit = "return"

    def peakmem_episodes(self, instance: str, learner: str, concept: str) -> None:
        self.advance(learner, concept, EPISODES)
