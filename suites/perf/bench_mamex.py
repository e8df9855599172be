"""Model-based MAMEX on the reference and the hard instance.

Speed claims are ratios measured side by side in one run: `track_speedup_over_plain` against a
NumPy and linprog script, `track_late_over_early` for the cost of late against early episodes.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from mamex_bench import catalogue, learners, run
from mamex_bench.learners.mamex import resolve_eta
from mamex_bench.model.simulator import Simulator

from .plain_mamex import PlainMamex

EPISODES = 100_000


def instance(name: str):
    parameters = {"episodes": EPISODES} if "episodes" in catalogue.parameters(name) else {}
    return catalogue.make(name, **parameters)


# The published eta discards near duplicates at once; the tuned one, far smaller, keeps them alive.
ETA = {"linear_mixture": "paper", "near_duplicates": "tuned"}


class Mamex:
    """100,000 episodes for a CCE."""

    params = ("linear_mixture", "near_duplicates")
    param_names = ("instance",)
    timeout = 300
    number = 1
    repeat = 3
    warmup_time = 0

    def setup(self, name: str) -> None:
        self.instance = instance(name)
        self.eta = resolve_eta(self.instance, EPISODES, ETA[name], "models")
        self.advance(self.learner(1_000), 1_000)

    def learner(self, episodes: int = EPISODES):
        return learners.make("mamex", self.instance, concept="cce", eta=self.eta, episodes=episodes)

    def advance(self, learner, episodes: int) -> float:
        draws = np.random.default_rng(0).random((episodes, self.instance.game.horizon + 2))
        started = perf_counter()
        learner.advance(Simulator(self.instance.game), draws)
        return perf_counter() - started

    def time_run(self, name: str) -> None:
        run(self.instance, self.learner(), episodes=EPISODES, seed=0)

    def peakmem_run(self, name: str) -> None:
        run(self.instance, self.learner(), episodes=EPISODES, seed=0)

    def track_regret(self, name: str) -> float:
        return float(run(self.instance, self.learner(), episodes=EPISODES, seed=0).regret.sum())

    track_regret.unit = "sum of gaps over agents"

    def track_solves(self, name: str) -> float:
        return run(self.instance, self.learner(), episodes=EPISODES, seed=0).diagnostics["solves"]

    track_solves.unit = "equilibria solved"

    def track_live_at_half(self, name: str) -> float:
        learner = self.learner()
        self.advance(learner, EPISODES)
        return learner.diagnostics()["live_at_half"]

    track_live_at_half.unit = "models not pruned at K/2"

    def track_late_over_early(self, name: str) -> float:
        """Cost of episodes 90,000-100,000 over that of episodes 1,000-11,000."""
        learner = self.learner()
        self.advance(learner, 1_000)
        early = self.advance(learner, 10_000)
        self.advance(learner, 79_000)
        return self.advance(learner, 10_000) / early

    track_late_over_early.unit = "ratio"

    def track_speedup_over_plain(self, name: str) -> float:
        """Seconds per episode of the plain script, timed on 200 episodes, over ours on all."""
        plain = PlainMamex(self.instance, self.eta, seed=0)
        started = perf_counter()
        for _ in range(200):
            plain.step()
        per_episode = (perf_counter() - started) / 200
        return per_episode * EPISODES / self.advance(self.learner(), EPISODES)

    track_speedup_over_plain.unit = "ratio"


class ModelFree:
    """2,000 episodes of the model-free forms on the linear Markov game."""

    number = 1
    repeat = 3

    def setup(self) -> None:
        self.instance = catalogue.make("linear_game")
        for name in self.instance.hypotheses:
            self.play(name, 10)

    def play(self, hypotheses: str, episodes: int) -> None:
        learner = learners.make(
            "mamex",
            self.instance,
            concept="cce",
            eta="paper",
            episodes=episodes,
            hypotheses=hypotheses,
        )
        run(self.instance, learner, episodes=episodes, seed=0)

    def time_all_classes(self) -> None:
        for name in self.instance.hypotheses:
            self.play(name, 2_000)
