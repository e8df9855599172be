"""What a run leaves behind: exact gaps of every profile played, in segments of equal profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.history import HistoryProfile
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import ClassProfile, MarkovProfile, Profile
from mamex_bench.runs.archive import Archive
from mamex_bench.runs.offered import Offered
from mamex_bench.words import count, html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHECKPOINTS = 48


def checkpoints(episodes: int, count: int = CHECKPOINTS) -> Ints:
    """At most `count` episode numbers, evenly spaced on a logarithmic scale, the last one last."""
    points = np.rint(np.geomspace(1, episodes, count)).astype(np.int64)
    return np.unique(points)


def cumulative(lengths: Ints, gaps: Floats, times: Ints) -> Floats:
    """(P, n): sum_{k <= t} gap_k at the episodes t of `times`.

    lengths (G,), gaps (G, n): one row per segment of equal profile.
    """
    ends = np.cumsum(lengths)
    totals = np.cumsum(lengths[:, None] * gaps, axis=0)
    segment = np.searchsorted(ends, times)
    return totals[segment] - (ends[segment] - times)[:, None] * gaps[segment]


def curves(
    times: Ints,
    lengths: Ints,
    gaps: Floats,
    class_gaps: Floats,
    unrestricted_gaps: Floats | None,
    output_gap: Floats,
) -> dict[str, Floats]:
    """The curves of one seed at the checkpoints `times`, from its segments.

    lengths (G,), gaps and class_gaps (G, n), unrestricted_gaps (2, G, n), output_gap (P,).
    """
    worst = gaps.max(axis=1)
    segment = np.searchsorted(np.cumsum(lengths), times)
    found = {
        "regret": cumulative(lengths, gaps, times),
        "class_regret": cumulative(lengths, class_gaps, times),
        "positive_regret": cumulative(lengths, np.maximum(gaps, 0.0), times),
        "gap": worst[segment],
        "output_gap": output_gap,
        "best_gap": np.minimum.accumulate(worst)[segment],
    }
    if unrestricted_gaps is not None:
        totals = [cumulative(lengths, end, times) for end in unrestricted_gaps]
        found["unrestricted_regret"] = np.stack(totals)
        found["unrestricted_gap"] = unrestricted_gaps.max(axis=2)[:, segment]
    return found


@dataclass(frozen=True)
class Output:
    """What a learner would hand over after some episodes, and how far from equilibrium it is.

    After the last episode, what the learner itself offers, if it does (`Run.offered`). Otherwise,
    CE and CCE of class profiles: the uniform mixture of what was played; and else (Nash, whose
    mixtures are no product; Markov profiles, whose mixtures are not Markov): the profile of a
    uniformly drawn episode, and its expected gap. That gap also bounds a mixture's from above.

    Attributes:
        rule: "uniform mixture", "uniformly drawn episode", or that of `Offered`.
        gap: max_i gap of the profile, or its mean over the episodes when one is drawn; of a
            history-dependent profile the certified upper end.
        profile: None when an episode is drawn.
        best_episode: the first one whose profile has the least max_i gap so far.
        best_gap: that gap. Seeing it needs the true payoffs.
        lowest_gap: the lower end; `gap` unless the profile is history-dependent.
    """

    rule: str
    gap: float
    profile: ClassProfile | MarkovProfile | HistoryProfile | None
    best_episode: int
    best_gap: float
    lowest_gap: float


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """One learner on one instance with one seed.

    Attributes:
        instance: what was played.
        learner: the learner's registered name.
        concept: "nash", "ce" or "cce".
        episodes: K.
        seed: of the run.
        eta: the number in use; None where the learner has none.
        lengths: (G,) episodes per segment of one profile; they sum to K.
        gaps: (G, n) headline gap of each segment's profile, exact and signed.
        class_gaps: (G, n) the gap over the policy class; equal to `gaps` for class profiles.
        archive: the profiles of the segments (of Markov profiles an evenly spaced part).
        final_profile: the last one played.
        diagnostics: what the learner says about itself.
        seconds: in learner and simulation, without measuring.
        offered: the learner's own output after the last episode; None where it has none.
    """

    instance: Instance
    learner: str
    concept: str
    episodes: int
    seed: int
    eta: float | None
    lengths: Ints
    gaps: Floats
    class_gaps: Floats
    archive: Archive
    final_profile: Profile
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    offered: Offered | None = None

    @cached_property
    def ends(self) -> Ints:
        """(G,): last episode of each segment, counted from 1."""
        return np.cumsum(self.lengths)

    @cached_property
    def unrestricted_gaps(self) -> Floats:
        """(2, G, n): ends of each segment's gaps against every policy of the agent that deviates.

        The two ends are equal where the gap is exact: always for Markov profiles, whose headline
        gap it is, and for class profiles unless the game is large; see `model.all_policies`. A
        deviation may depend on all states and actions seen; for "ce" on the agent's own drawn
        policy (class profiles), or on its recommended actions as they come (Markov profiles).
        """
        if self.archive.kind == "markov":
            return np.stack([self.gaps, self.gaps])
        everything, products = self.instance.all_policies, self.archive.products
        blocks = [everything.gaps(x, self.concept, products) for x in self.archive.blocks()]
        return np.concatenate(blocks, axis=1)

    @property
    def regret(self) -> Floats:
        """(K, n): the gap of each episode's profile, per agent; not cumulative."""
        return np.repeat(self.gaps, self.lengths, axis=0)

    @property
    def profiles(self) -> list[Profile]:
        """The archived profiles; `archive.kept` says which segments they belong to."""
        return [self.archive.profile(j, self.instance.policies) for j in range(len(self.archive))]

    def cumulative(self, at: Any = None) -> Floats:
        """(P, n): Reg_i(t) = sum_{k <= t} gap_i(x_k) at episodes `at` (default: checkpoints)."""
        return cumulative(self.lengths, self.gaps, self._episodes(at))

    def class_cumulative(self, at: Any = None) -> Floats:
        """(P, n): the same with deviations inside the policy class only."""
        return cumulative(self.lengths, self.class_gaps, self._episodes(at))

    def unrestricted_cumulative(self, at: Any = None) -> Floats:
        """(2, P, n): ends of the same against every policy, see `unrestricted_gaps`."""
        times = self._episodes(at)
        return np.stack([cumulative(self.lengths, end, times) for end in self.unrestricted_gaps])

    def played_gaps(self, at: Any = None) -> Floats:
        """(P,): max_i headline gap of the profile played at the episodes `at`."""
        return self.gaps.max(axis=1)[np.searchsorted(self.ends, self._episodes(at))]

    def output_gaps(self, at: Any = None) -> Floats:
        """(P,): the gap of the uniform mixture, or of a uniformly drawn episode, after `at`.

        One rule for all times: what the learner offers at the end is in `offered` alone.
        """
        times = self._episodes(at)
        if not self._mixes:
            worst = self.gaps.max(axis=1, keepdims=True)
            return cumulative(self.lengths, worst, times)[:, 0] / times
        order = np.argsort(times, kind="stable")
        answers = np.empty(times.size)
        payoffs = self.instance.payoffs
        for k, mixture in zip(order, self._mixtures(times[order])):
            answers[k] = mixture.payoff_gaps(payoffs).max()
        return answers

    def curves(self, at: Any = None) -> dict[str, Floats]:
        """Everything that results hold of a run at its checkpoints; see `runs.results.Cell`."""
        times = self._episodes(at)
        gaps = (self.gaps, self.class_gaps, self.unrestricted_gaps)
        return curves(times, self.lengths, *gaps, self.output_gaps(times))

    def output(self, checkpoint: int | None = None) -> Output:
        """The output after `checkpoint` episodes (default: all)."""
        times = self._episodes([self.episodes if checkpoint is None else checkpoint])
        segment = int(np.searchsorted(self.ends, times[0]))
        worst = self.gaps[: segment + 1].max(axis=1)
        best = int(worst.argmin())
        start = int(self.ends[best] - self.lengths[best]) + 1
        least = float(worst[best])
        if self.offered is not None and times[0] == self.episodes:
            own = self.offered
            return Output(own.rule, own.gap, own.profile, start, least, own.lowest_gap)
        gap = float(self.output_gaps(times)[0])
        if not self._mixes:
            return Output("uniformly drawn episode", gap, None, start, least, gap)
        mixture = next(self._mixtures(times))
        return Output("uniform mixture", gap, mixture, start, least, gap)

    def episodes_until(self, epsilon: float) -> int | None:
        """First checkpoint whose `output_gaps` is at most epsilon; None if there is none."""
        times = checkpoints(self.episodes)
        reached = np.flatnonzero(self.output_gaps(times) <= epsilon)
        return int(times[reached[0]]) if reached.size else None

    @property
    def _mixes(self) -> bool:
        return self.archive.kind == "class" and self.concept != "nash"

    def _mixtures(self, times: Ints) -> Iterator[ClassProfile]:
        """Uniform mixture of x_1..x_t for each of the increasing `times`."""
        total = np.zeros(self.archive.shape)
        done = segment = 0
        for t in times:
            while self.ends[segment] < t:
                total += (self.ends[segment] - done) * self.archive.dense(segment)
                done = int(self.ends[segment])
                segment += 1
            total += (t - done) * self.archive.dense(segment)
            done = int(t)
            yield ClassProfile(self.instance.policies, total / total.sum(), self.concept)

    def _episodes(self, at: Any) -> Ints:
        if at is None:
            return checkpoints(self.episodes)
        times = np.atleast_1d(np.asarray(at))
        for t in times:
            if positive_integer(t, "checkpoint") > self.episodes:
                raise InputError(f"checkpoint {t} lies beyond the run's {self.episodes} episodes")
        return times.astype(np.int64)

    def __repr__(self) -> str:
        total = float(self.cumulative([self.episodes]).sum())
        return (
            f"Run({self.learner!r} on {self.instance.name!r}, {self.concept}, "
            f"{self.episodes:,} episodes, seed {self.seed}, regret {total:.6g}, "
            f"{count(self.lengths.size, 'profile')})"
        )

    def _repr_html_(self) -> str:
        per_agent = self.cumulative([self.episodes])[0]
        rows = {
            "learner": f"{self.learner} ({self.concept})",
            "episodes": f"{self.episodes:,}",
            "seed": str(self.seed),
            "η": "—" if self.eta is None else f"{self.eta:.6g}",
            "regret, all agents": f"{per_agent.sum():.6g}",
            "regret per agent": ", ".join(f"{value:.6g}" for value in per_agent),
            "gap of the output": f"{self.output().gap:.3g} ({self.output().rule})",
            "profiles played": f"{self.lengths.size:,}",
            "seconds": f"{self.seconds:.3g}",
        }
        return html_table(self.instance.name, rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Cumulative regret summed over agents against episodes; draws on `ax` or on new axes."""
        import matplotlib.pyplot as plt

        axes = plt.subplots()[1] if ax is None else ax
        times = np.unique(np.append(checkpoints(self.episodes, 400), self.ends[:400]))
        axes.plot(
            times, self.cumulative(times).sum(axis=1), label=f"{self.learner}, {self.concept}"
        )
        axes.set_xscale("log")
        axes.set_xlabel("episodes")
        axes.set_ylabel("regret, sum over agents (return)")
        axes.set_title(self.instance.name)
        return axes
