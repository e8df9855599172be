"""Runs of which something is not stored, run again: same suite, same seed, same code."""

from __future__ import annotations

from typing import Any

import numpy as np

from mamex_bench.errors import MamexBenchError
from mamex_bench.experiments.provenance import provenance
from mamex_bench.experiments.suite import Suite
from mamex_bench.experiments.verification import Verification
from mamex_bench.experiments.work import instance_of, make_learner
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.history import HistoryProfile
from mamex_bench.model.instance import Instance
from mamex_bench.reference.visits import Visits
from mamex_bench.runs.record import Run
from mamex_bench.runs.run import run
from mamex_bench.runs.store import RunKey, Store
from mamex_bench.runs.stored import StoredRun


class Repeated:
    """A stored run against the same run once more: same suite, same seed, same code.

    Where versions and machine are those of the file it must be the same; elsewhere rounding may
    send a learner another way, and it is told when it does.
    """

    def __init__(
        self,
        store: Store,
        suite: Suite,
        key: RunKey,
        header: dict[str, Any],
        stored: StoredRun,
        found: Verification,
    ) -> None:
        self.store, self.suite, self.key, self.header = store, suite, key, header
        self.stored, self.found = stored, found
        starts = [event for _, kind, event in store.events() if kind == "started"]
        facts = provenance()
        self.at_home = all(all(s.get(name) == facts[name] for name in facts) for s in starts)

    def check(self, times: Ints) -> None:
        found, where = self.found, self.key.owner
        again = Verification()
        try:
            result = self._run()
        except MamexBenchError as error:
            found.expect("repeated runs", where, False, f"cannot be repeated: {error}")
            return
        stored, own = self.stored, result.archive
        again.compare("lengths", where, stored.lengths, result.lengths)
        if not again.findings:
            # How many profiles are kept is no part of the run.
            _, one, other = np.intersect1d(stored.archive.kept, own.kept, return_indices=True)
            for row, repeated in zip(one, other):
                again.compare("profiles", where, stored.archive.row(row), own.row(repeated))
            for name, curve in result.curves(times).items():
                again.compare(f"curve {name}", where, stored.curves.get(name, curve), curve)
        same = not again.findings
        if self.at_home or same:
            found.counts["repeated runs"] = found.counts.get("repeated runs", 0) + 1
            found.findings += [f"{line} when the run is repeated" for line in again.findings]
        else:
            found.notes.append(
                f"{where} took another way when repeated with other versions or on another "
                "machine; what is not stored of it stands as measured"
            )
        if same and result.offered is not None:
            self._check_history(result)

    def _run(self) -> Run:
        learner = make_learner(self.suite, self.key.cell, self.header["eta"])
        return run(
            instance_of(self.suite, self.key.instance),
            learner,
            learner.episodes,
            self.key.seed,
            suite=self.suite.name,
            instance_id=self.key.instance,
            learner_id=self.key.learner,
        )

    def _check_history(self, result: Run) -> None:
        """Both ends of a history-dependent output's gaps, by sums over visits."""
        assert result.offered is not None
        profile = result.offered.profile
        if isinstance(profile, HistoryProfile) and self.header.get("offered", "") == "history":
            ends = self.store.arrays(self.key.owner, ("offered_ends",))["offered_ends"]
            exact = history_ends(profile, result.instance)
            self.found.compare("gaps of learners' own outputs", self.key.owner, ends, exact)


def history_ends(profile: HistoryProfile, instance: Instance) -> Floats:
    """`HistoryProfile.gap_interval` by the slow code.

    But for the values of marginals that are drawn independently ("nash", two agents), which are
    those of `HistoryProfile.values`, and for which deviation the lower end is about.
    """
    visits = Visits(instance.game, profile.paths, profile.strategies)
    n, swap = instance.game.agents, profile.concept == "ce"
    ends = np.empty((2, n))
    for i in range(n):
        ends[0, i] = visits.deviation(i, profile.deviation(instance, i), swap)
        ends[1, i] = visits.told(i, swap)
    ends[0] = np.minimum(ends[0], ends[1])
    if profile.concept != "nash" or n == 1:
        return ends - np.array([visits.value(i) for i in range(n)])
    if profile.affordable(instance):
        return ends - profile.values(instance)
    excess = ends.sum(axis=1) - sum(visits.value(i) for i in range(n))
    return np.repeat([[0.5 * excess[0]], [excess[1]]], n, axis=1)
