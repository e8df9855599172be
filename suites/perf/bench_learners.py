"""The rivals of MAMEX: episodes per second, what equilibrium solves take, and regret.

Measuring regret is not timed. What solves take is the learner's own estimate
(`diagnostics()["solve_seconds"]`). Every case is of the reference size: S=8, 3x3 actions, H=4, with
32 policies for each agent; of that size there is a general-sum game, a zero-sum one, one for a
single agent and a linear one. Cells in which a learner does not apply are skipped.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from mamex_bench import catalogue, learners, run
from mamex_bench.errors import NotApplicableError
from mamex_bench.model.simulator import Simulator

EPISODES = 20_000
FEW_EPISODES = 2_000  # where equilibria of 32 x 32 games take most of the time
INSTANCES = {
    "general-sum": ("linear_mixture", {}),
    "zero-sum": ("linear_mixture", {"zero_sum": True}),
    "one agent": ("linear_mixture", {"agents": 1}),
    "linear": ("linear_game", {"zero_sum": True, "states": 8, "actions": 3, "horizon": 4}),
}
TABULAR = ("general-sum", "zero-sum", "one agent")
CONCEPTS = ("nash", "ce", "cce")
PLANNING = (
    "optimistic_vi",
    "optimistic_vi_tuned",
    "optimistic_vi_tuned_lazy",
    "nash_vi",
    "nash_vi_tuned",
    "nash_vi_tuned_lazy",
    "nash_q",
    "nash_q_tuned",
    "ucbvi",
    "ucbvi_tuned",
    "v_learning",
    "v_learning_tuned",
)
FUNCTIONS = (
    "nash_ucrl",
    "nash_ucrl_tuned",
    "omni_vi",
    "omni_vi_tuned",
    "onemg",
    "onemg_tuned",
)
POLICY_SPACE = (
    "explore_then_commit",
    "epsilon_greedy",
    "exp3_self_play",
    "monte_carlo_ucb",
    "monte_carlo_ucb_tuned",
    "double_oracle",
)
BLOCK = 4096


def game_of(kind: str):
    """The instance of that name."""
    family, parameters = INSTANCES[kind]
    return catalogue.make(family, **parameters)


def advance(instance, name: str, concept: str, episodes: int) -> tuple[float, dict[str, float]]:
    """Seconds of the compiled loop, and the learner's counters."""
    learner = learners.make(name, instance, concept=concept, episodes=episodes)
    learner.begin(np.random.default_rng(1))
    simulator, game = Simulator(instance.game), instance.game
    choices = 1 if learner.profile_kind == "class" else game.rewards.shape[1]
    draws = np.random.default_rng(0).random((episodes, choices + simulator.uniforms))
    before = learner.diagnostics()["solve_seconds"]
    started = perf_counter()
    for first in range(0, episodes, BLOCK):
        learner.advance(simulator, draws[first : first + BLOCK])
    seconds, counters = perf_counter() - started, learner.diagnostics()
    counters["solve_seconds"] -= before
    return seconds, counters


def table(names: tuple[str, ...], kinds: tuple[str, ...], episodes: int) -> list[tuple[str, ...]]:
    """Learner, game, concept, episodes/s without and with solves, microseconds per solve, share."""
    rows = []
    for name in names:
        for kind in kinds:
            instance = game_of(kind)
            for concept in CONCEPTS:
                try:
                    advance(instance, name, concept, 500)
                except NotApplicableError:
                    continue
                best = min(
                    (advance(instance, name, concept, episodes) for _ in range(2)),
                    key=lambda result: result[0],
                )
                rows.append((name, kind, concept, *figures(*best, episodes)))
    return rows


def figures(seconds: float, counters: dict[str, float], episodes: int) -> tuple[str, ...]:
    solving = min(counters["solve_seconds"], seconds)
    without = episodes / max(seconds - solving, 1e-9)
    each = 1e6 * solving / max(counters["solves"], 1.0)
    return f"{without:.0f}", f"{episodes / seconds:.0f}", f"{each:.2f}", f"{solving / seconds:.0%}"


class _Learners:
    """Common measurements; `names` of one kind, `episodes` per measurement."""

    episodes = EPISODES
    param_names = ("instance", "learner", "concept")
    timeout = 300
    number = 1
    repeat = 3
    warmup_time = 0

    def setup(self, instance: str, learner: str, concept: str) -> None:
        self.instance = game_of(instance)
        try:
            advance(self.instance, learner, concept, 500)
        except NotApplicableError as reason:
            raise NotImplementedError(str(reason)) from reason

    def time_episodes(self, instance: str, learner: str, concept: str) -> None:
        advance(self.instance, learner, concept, self.episodes)

    def track_episodes_per_second(self, instance: str, learner: str, concept: str) -> float:
        """Solves apart."""
        seconds, counters = advance(self.instance, learner, concept, self.episodes)
        return self.episodes / max(seconds - min(counters["solve_seconds"], seconds), 1e-9)

    track_episodes_per_second.unit = "episodes/s"

    def track_share_of_solves(self, instance: str, learner: str, concept: str) -> float:
        seconds, counters = advance(self.instance, learner, concept, self.episodes)
        return counters["solve_seconds"] / seconds

    track_share_of_solves.unit = "ratio"

    def track_solve_microseconds(self, instance: str, learner: str, concept: str) -> float:
        _, counters = advance(self.instance, learner, concept, self.episodes)
        return 1e6 * counters["solve_seconds"] / max(counters["solves"], 1.0)

    track_solve_microseconds.unit = "microseconds"

    def track_regret(self, instance: str, learner: str, concept: str) -> float:
        """Sum over agents of the positive parts of the headline gaps, summed over episodes."""
        made = learners.make(learner, self.instance, concept=concept, episodes=self.episodes)
        record = run(self.instance, made, episodes=self.episodes, seed=0)
        return float(record.lengths @ np.maximum(record.gaps, 0.0).sum(axis=1))

    track_regret.unit = "return"

    def peakmem_episodes(self, instance: str, learner: str, concept: str) -> None:
        advance(self.instance, learner, concept, self.episodes)


class Tabular(_Learners):
    """Learners that plan or learn state by state."""

    params = (TABULAR, PLANNING, CONCEPTS)


class Functions(_Learners):
    """Learners for zero-sum games with mixtures, linear features or a finite class of models."""

    params = (("zero-sum", "linear"), FUNCTIONS, ("nash", "cce"))


class PolicySpace(_Learners):
    """Learners for which the class is one normal-form game of 32 x 32 policies."""

    episodes = FEW_EPISODES
    params = (TABULAR, POLICY_SPACE, CONCEPTS)


class Laziness:
    """What refreshing plans lazily does to regret and to time."""

    params = (("optimistic_vi_tuned", "nash_vi_tuned"), (1.05, 1.25, 1.5, 2.0), CONCEPTS)
    param_names = ("learner", "growth", "concept")
    timeout = 300

    def setup(self, learner: str, growth: float, concept: str) -> None:
        zero_sum = learner.startswith("nash")
        self.instance = catalogue.make("linear_mixture", zero_sum=zero_sum)

    def track_regret_ratio(self, learner: str, growth: float, concept: str) -> float:
        """Regret over that of a new plan in every episode, on three paired seeds."""
        return np.divide(*self.regrets(learner, growth, concept))

    track_regret_ratio.unit = "ratio"

    def regrets(self, name: str, growth: float, concept: str) -> tuple[float, float]:
        totals = []
        for each, options in ((f"{name}_lazy", {"growth": growth}), (name, {})):
            total = 0.0
            for seed in range(3):
                made = learners.make(
                    each, self.instance, concept=concept, episodes=EPISODES // 2, **options
                )
                record = run(self.instance, made, EPISODES // 2, seed=seed, learner_id="laziness")
                total += float(record.lengths @ np.maximum(record.gaps, 0.0).sum(axis=1))
            totals.append(total)
        return totals[0], totals[1]


if __name__ == "__main__":  # the whole table, as text
    for names, kinds, episodes in (
        (PLANNING, TABULAR, EPISODES),
        (FUNCTIONS, ("zero-sum", "linear"), EPISODES),
        (POLICY_SPACE, TABULAR, FEW_EPISODES),
    ):
        for row in table(names, kinds, episodes):
            print("  ".join(f"{cell:>24}" for cell in row), flush=True)
