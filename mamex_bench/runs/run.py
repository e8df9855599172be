"""The loop: choose, draw, play, observe, and measure exactly."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.learners._base import FusedLearner, Learner
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import MarkovProfile, Profile
from mamex_bench.model.simulator import Simulator
from mamex_bench.runs.archive import Archivist, array_of
from mamex_bench.runs.offered import measure
from mamex_bench.runs.record import Run
from mamex_bench.runs.seeds import stream

BLOCK = 4096
BLOCK_DRAWS = 1 << 22  # most uniforms in memory at a time, 32 MB


def run(
    instance: Instance,
    learner: Learner,
    episodes: int,
    seed: int = 0,
    *,
    suite: str = "",
    instance_id: str | None = None,
    learner_id: str | None = None,
    progress: Callable[[int], None] | None = None,
    fused: bool = True,
    block: int = BLOCK,
) -> Run:
    """Run a fresh learner for `episodes` episodes; everything is drawn from the seed.

    Each episode uses one row of uniform draws: those that pick the joint pure policy (one for a
    class profile, one per state for a Markov profile), one for the first state, H for the
    transitions, and n H for rewards that are random. A learner with a fused loop (`advance`) gets
    the rows in blocks and must give the same result as choose / play / observe, whatever the size
    of a block.

    Args:
        instance: what is played; the exact gaps are computed on its true payoffs.
        learner: made for this instance and this many episodes, and not used before.
        episodes: K, at least 1.
        seed: at least 0. The stream of the episodes is named (suite, instance, learner, concept,
            seed, "episodes"), that of the learner's own draws ends in "learner".
        suite, instance_id, learner_id: these names; by default none, and their own names.
        progress: called with the number of episodes done.
        fused: False forces the plain loop.
        block: episodes per call of `advance`; fewer where a row of draws is very long.

    Raises:
        InputError: a used learner, or episodes other than those that it was made for.
        MisspecifiedError: from the learner, when no hypothesis explains an observed transition.
    """
    episodes = positive_integer(episodes, "episodes")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed is {seed!r}: expected a whole number of at least 0")
    if learner.episodes != episodes:
        raise InputError(
            f"episodes is {episodes}, but {learner.name!r} was made for {learner.episodes}: "
            "make one for this number"
        )
    if learner.episode:
        raise InputError(
            f"learner {learner.name!r} has already been used for {learner.episode} episodes: "
            "make a new one"
        )
    coordinates = (
        suite,
        instance.name if instance_id is None else instance_id,
        learner.name if learner_id is None else learner_id,
        learner.concept,
        int(seed),
    )
    rng = stream(*coordinates, "episodes")
    learner.begin(stream(*coordinates, "learner"))
    simulator = Simulator(instance.game)
    segments = _Segments(instance)
    started = perf_counter()
    if fused and isinstance(learner, FusedLearner):
        choices = 1 if learner.profile_kind == "class" else instance.game.rewards.shape[1]
        width = choices + simulator.uniforms
        block = min(block, max(BLOCK_DRAWS // width, 1))
        for first in range(0, episodes, block):
            rows = min(block, episodes - first)
            for profile, count in learner.advance(simulator, rng.random((rows, width))):
                segments.add(profile, count)
            if progress is not None:
                progress(first + rows)
    else:
        _plain_loop(instance, learner, simulator, rng, segments, progress)
    if segments.episodes != episodes:
        raise RuntimeError(f"{learner.name!r} played {segments.episodes} of {episodes} episodes")
    seconds = perf_counter() - started - segments.seconds
    return segments.close(learner, int(seed), seconds)


def _plain_loop(
    instance: Instance,
    learner: Learner,
    simulator: Simulator,
    rng: np.random.Generator,
    segments: _Segments,
    progress: Callable[[int], None] | None,
) -> None:
    game = instance.game
    for episode in range(1, learner.episodes + 1):
        profile = learner.choose()
        table = profile.play(game, rng)
        learner.observe(simulator.play(table, rng.random(simulator.uniforms)))
        segments.add(profile, 1)
        if progress is not None and (episode % BLOCK == 0 or episode == learner.episodes):
            progress(episode)


class _Segments:
    """Run-length encoding of what was played: a new segment when the profile changes."""

    def __init__(self, instance: Instance) -> None:
        self.episodes = 0
        self.seconds = 0.0  # spent on measuring
        self._instance = instance
        self._archivist = Archivist()
        self._last: Profile | None = None
        self._lengths: list[int] = []
        self._gaps: list[Floats] = []
        self._class_gaps: list[Floats] = []

    def add(self, profile: Profile, count: int) -> None:
        self.episodes += count
        last = self._last
        if profile is last:
            self._lengths[-1] += count
            return
        started = perf_counter()
        if last is not None and np.array_equal(array_of(profile), array_of(last)):
            self._lengths[-1] += count
            self.seconds += perf_counter() - started
            return
        self._last = profile
        self._lengths.append(count)
        gaps = profile.gaps(self._instance)
        self._gaps.append(gaps)
        if isinstance(profile, MarkovProfile):
            self._class_gaps.append(profile.class_gaps(self._instance))
        else:
            self._class_gaps.append(gaps)
        self._archivist.add(profile)
        self.seconds += perf_counter() - started

    def close(self, learner: Learner, seed: int, seconds: float) -> Run:
        lengths: Ints = np.array(self._lengths, dtype=np.int64)
        assert self._last is not None
        diagnostics = dict(learner.diagnostics())
        offered = measure(learner, self._instance)
        if offered is not None:
            diagnostics |= offered.diagnostics()
        return Run(
            instance=self._instance,
            learner=learner.name,
            concept=learner.concept,
            episodes=self.episodes,
            seed=seed,
            eta=learner.eta,
            lengths=lengths,
            gaps=np.array(self._gaps),
            class_gaps=np.array(self._class_gaps),
            archive=self._archivist.close(),
            final_profile=self._last,
            diagnostics=diagnostics,
            seconds=seconds,
            offered=offered,
        )
