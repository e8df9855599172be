"""Learners for which a policy class is one big normal-form game with unknown payoffs.

They know which joint pure policy was run and what it paid, and look at nothing inside an episode:
no states, no transitions, no hypotheses. What is known in advance is the interval of returns that
the known rewards allow ([0, H] where rewards are random).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from time import perf_counter

import numpy as np

from mamex_bench.equilibria import Equilibrium, solve
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels.monte_carlo import play_until_due
from mamex_bench.learners._base import FusedLearner
from mamex_bench.learners._evidence import joint_table
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.game import Trajectory
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import ClassProfile, Profile
from mamex_bench.model.returns import return_bounds
from mamex_bench.model.simulator import Simulator

NEVER = np.iinfo(np.int64).max


def number(value: object, name: str, valid: Callable[[float], bool], expected: str) -> float:
    """An option as a float, or InputError that says what was expected."""
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        real = float(value)
        if np.isfinite(real) and valid(real):
            return real
    raise InputError(f"{name} is {value!r}: expected {expected}")


def positive(value: object, name: str) -> float:
    return number(value, name, lambda x: x > 0.0, "a positive number")


def at_least_one(value: object, name: str) -> float:
    return number(value, name, lambda x: x >= 1.0, "a number of at least 1")


class PolicyGame(FusedLearner):
    """Plays joint pure policies of the class and knows which one was drawn.

    Raises:
        NotApplicableError: two policies of an agent that are the same table.
    """

    def __init__(self, instance: Instance, concept: str, episodes: int, name: str) -> None:
        super().__init__(instance, concept, episodes)
        self.name = name
        self.low, self.high = return_bounds(instance.game)
        self._joint = joint_table(instance)
        self._rows: list[dict[bytes, int]] = []
        policies = instance.policies
        for i, tables in enumerate(policies.tables):
            self._rows.append({table.tobytes(): v for v, table in enumerate(tables)})
            if len(self._rows[i]) < policies.counts[i]:
                raise NotApplicableError(
                    f"{name} needs distinct policies, but two of agent {i} in instance "
                    f"{instance.name!r} are the same"
                )

    def drawn(self, trajectory: Trajectory) -> int:
        """Flat index of the joint pure policy that was run.

        Raises:
            InputError: the trajectory does not say, or names a policy outside the class.
        """
        game, table = self.instance.game, trajectory.policy
        if table is None:
            raise InputError(f"{self.name} needs trajectory.policy, the joint policy that was run")
        flat = 0
        for i, (stride, m) in enumerate(zip(game.strides, self.instance.policies.counts)):
            own = table.reshape(self.instance.policies.tables[i].shape[1:])
            own = own // stride % game.action_counts[i]
            if own.tobytes() not in self._rows[i]:
                raise InputError(f"trajectory.policy is none of the policies of agent {i}")
            flat = flat * m + self._rows[i][own.tobytes()]
        return flat

    def earned(self, trajectory: Trajectory) -> Floats:
        """(n,): returns, summed step by step as the compiled loop does."""
        self.steps(trajectory)
        totals = np.zeros(self.instance.game.agents)
        for step in trajectory.rewards.T:
            totals += step
        return totals


class MonteCarlo(PolicyGame):
    """Keeps the mean return of every joint pure policy; `decide` says what to play on it.

    Attributes:
        plays: (M,), how often each joint policy was run.
        sums: (n, M), its returns.
        due: (M,); a decision is due once a joint policy was played this often.
    """

    def __init__(self, instance: Instance, concept: str, episodes: int, name: str) -> None:
        super().__init__(instance, concept, episodes, name)
        M = instance.policies.size
        self.plays: Ints = np.zeros(M, dtype=np.int64)
        self.sums = np.zeros((instance.game.agents, M))
        self.due: Ints = np.full(M, NEVER, dtype=np.int64)
        self._profile: ClassProfile | None = None
        self._left = 0
        self._last: Equilibrium | None = None
        self._solves = 0
        self._solve_seconds = 0.0
        self._worst = 0.0

    @abstractmethod
    def decide(self) -> tuple[Floats, int]:
        """Distribution (m_0, ...) to play now, and for how many episodes at most, at least one."""

    def means(self) -> Floats:
        """(n, m_0, ...): mean returns; never played: the mean of all episodes of that agent."""
        overall = self.sums.sum(axis=1, keepdims=True) / max(self.plays.sum(), 1)
        seen = self.sums / np.maximum(self.plays, 1)
        return self.shaped(np.where(self.plays > 0, seen, overall))

    def shaped(self, payoffs: Floats) -> Floats:
        return payoffs.reshape(-1, *self.instance.policies.counts)

    def equilibrium(self, payoffs: Floats) -> Floats:
        """An equilibrium (m_0, ...) of payoffs (n, m_0, ...), found from the last one."""
        started = perf_counter()
        previous = self._last
        if previous is not None and previous.distribution.shape != payoffs.shape[1:]:
            previous = None
        self._last = solve(payoffs, self.concept, start=previous)
        self._solve_seconds += perf_counter() - started
        self._solves += 1
        self._worst = max(self._worst, self._last.gap)
        return self._last.distribution

    def choose(self) -> Profile:
        if self._left == 0:
            distribution, self._left = self.decide()
            held = self._profile
            if held is None or not np.array_equal(held.distribution, distribution):
                self._profile = ClassProfile(self.instance.policies, distribution, self.concept)
        assert self._profile is not None
        return self._profile

    def observe(self, trajectory: Trajectory) -> None:
        policy, returns = self.drawn(trajectory), self.earned(trajectory)
        self.choose()
        self.plays[policy] += 1
        self.sums[:, policy] += returns
        self._after(1, bool(self.plays[policy] >= self.due[policy]))

    def advance(self, simulator: Simulator, draws: Floats) -> list[tuple[Profile, int]]:
        played: list[tuple[Profile, int]] = []
        done = 0
        while done < draws.shape[0]:
            profile = self.choose()
            assert isinstance(profile, ClassProfile)
            count = play_until_due(
                simulator.layers,
                simulator.cumulative,
                simulator.cumulative_initial,
                simulator.reward,
                self._joint,
                profile.cumulative,
                draws[done : done + self._left],
                self.due,
                self.plays,
                self.sums,
            )
            played.append((profile, count))
            done += count
            self._after(count, bool((self.plays >= self.due).any()))
        return played

    def diagnostics(self) -> dict[str, float]:
        """Solves and their seconds, the worst gap of a solve, and joint policies ever played."""
        return {
            "solves": float(self._solves),
            "solve_seconds": self._solve_seconds,
            "worst_solver_gap": self._worst,
            "joint_policies_played": float((self.plays > 0).sum()),
        }

    def _after(self, count: int, due: bool) -> None:
        self.episode += count
        self._left = 0 if due else self._left - count
