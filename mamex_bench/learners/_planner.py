"""What learners share that play a table of stage equilibria kept by compiled code."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from mamex_bench.kernels.plans import REVISED, SOLVES
from mamex_bench.learners._base import FusedLearner
from mamex_bench.learners._stage_games import StageGames
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.game import Game, Trajectory
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import MarkovProfile, Profile
from mamex_bench.model.simulator import Simulator

SNAPSHOTS = 512
SNAPSHOT_NUMBERS = 1 << 24  # in all snapshots together, 128 MB
CLOCK = 256  # episodes between two looks at the clock of stage games


class Planner(FusedLearner):
    """Plays a joint distribution in every state, and gives a new profile whenever it has changed.

    Args:
        instance, concept, episodes: see Learner.
        name: the registered name.
        solved: the concept of the stage games, if it is another one.

    Attributes, of the class that inherits:
        _joint: (N, A), what is played; the kernel's array.
        _counters: (4,), see `kernels.plans`.
    """

    profile_kind = "markov"
    _joint: Floats
    _counters: Ints

    def __init__(
        self,
        instance: Instance,
        concept: str,
        episodes: int,
        name: str,
        solved: str | None = None,
    ) -> None:
        super().__init__(instance, concept, episodes)
        self.name = name
        self._games = StageGames(instance.game, solved or concept)
        _, N, A = instance.game.rewards.shape
        count = min(SNAPSHOTS, max(SNAPSHOT_NUMBERS // (N * A), 2))
        self._snapshots = np.empty((count, N, A))
        self._lengths = np.empty(count, dtype=np.int64)
        self._profile: MarkovProfile

    def begin(self, rng: np.random.Generator) -> None:
        super().begin(rng)
        self._games.shuffle(rng)
        self._start()

    def choose(self) -> Profile:
        self._complete()
        if self._counters[REVISED]:
            self._profile = self._fresh_profile()
        return self._profile

    def observe(self, trajectory: Trajectory) -> None:
        states, actions, rewards = self.steps(trajectory)
        self.choose()
        self._learn(states, actions, rewards)
        self.episode += 1
        if self.episode % CLOCK == 0:
            self._games.clock(self._solves)

    def advance(self, simulator: Simulator, draws: Floats) -> list[tuple[Profile, int]]:
        """Play draws.shape[0] episodes; draws (B, N + simulator.uniforms): per episode the uniforms
        of the plan, state by state, then the simulator's."""
        played: list[tuple[Profile, int]] = []
        done = 0
        while done < draws.shape[0]:
            count = self._play(simulator, draws[done:])
            for segment in range(int((self._lengths >= 0).sum())):
                if segment:
                    self._profile = self._markov(self._snapshots[segment])
                if self._lengths[segment]:
                    played.append((self._profile, int(self._lengths[segment])))
            self._games.clock(self._solves)
            done += count
            self.episode += count
        return played

    def diagnostics(self) -> dict[str, float]:
        """As `StageGames.diagnostics`."""
        return self._games.diagnostics(self._solves)

    # --- of the class that inherits ---

    @abstractmethod
    def _start(self) -> None:
        """Plan anew on no data, ties broken as `_games` now says; before the first episode."""

    @abstractmethod
    def _complete(self) -> None:
        """Make the coming episode's plan, if it is due."""

    @abstractmethod
    def _learn(self, states: Ints, actions: Ints, rewards: Floats) -> None:
        """Take in one episode: states (H+1,), joint actions (H,), rewards (n, H)."""

    @abstractmethod
    def _play(self, simulator: Simulator, draws: Floats) -> int:
        """Play up to draws.shape[0] episodes and say how many; fills `_snapshots`, `_lengths`."""

    # --- inside ---

    @property
    def _solves(self) -> int:
        return int(self._counters[SOLVES])

    def _fresh_profile(self) -> MarkovProfile:
        self._counters[REVISED] = 0
        return self._markov(self._joint)

    def _markov(self, joint: Floats) -> MarkovProfile:
        """The profile of a plan (N, A), in the shape of the game's tables.

        A copy, and no check: each row is an equilibrium that was certified.
        """
        shape = *self.instance.game.table_shape, -1
        return MarkovProfile.trusted(joint.copy().reshape(shape), self.concept)


def in_states(game: Game, per_step: Floats) -> Floats:
    """(..., H) -> (..., N): the number of each state's layer."""
    return np.repeat(per_step, np.diff(game.layers.first)[:-1], axis=-1)
