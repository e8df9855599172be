"""Stored runs against slow code: gaps of profiles, curves, outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from mamex_bench.experiments.suite import Suite
from mamex_bench.experiments.verification import TOLERANCE, Verification
from mamex_bench.experiments.verify_again import Repeated
from mamex_bench.experiments.work import instance_of
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.reference import evaluation, recompute
from mamex_bench.reference.unrestricted import Onlooker, TooManyError, advice
from mamex_bench.runs import offered
from mamex_bench.runs.archive import Archive
from mamex_bench.runs.store import RunKey, Store
from mamex_bench.runs.stored import CURVES, DONE, StoredRun, read_run

TOGETHER = 1 << 20  # numbers in the profiles that go through one recursion, 8 MB

_payoffs: dict[tuple[str, str], Floats] = {}
_onlookers: dict[tuple[str, str, int], Onlooker] = {}


def exact_payoffs(suite: Suite, id: str) -> Floats:
    """Exact payoffs by the slow reference, kept per instance."""
    key = (suite.fingerprint, id)
    if key not in _payoffs:
        instance = instance_of(suite, id)
        _payoffs[key] = evaluation.payoffs(instance.game, instance.policies)
    return _payoffs[key]


def check_runs(store: Store, suite: Suite, found: Verification) -> None:
    """Every run; of each cell one is repeated where something of it is not stored.

    Not stored are history-dependent outputs, and most of many Markov profiles.
    """
    plans, prepared = store.cells(), store.prepared()
    unseen = unmeasured = 0
    done = [(key, header) for key, header in store.runs().items() if header["status"] == DONE]
    for cell, group in groupby(done, lambda row: row[0].cell):
        runs = list(group)
        times, eta = np.array(plans[cell]["checkpoints"]), prepared["cell/" + "/".join(cell)]["eta"]
        kept = [read_run(store, key, header["profile_kind"], times) for key, header in runs]
        exact = _exact(suite, runs[0][0], [each.archive for each in kept])
        repeated = False
        for (key, header), stored, free in zip(runs, kept, exact):
            lengths, K = stored.lengths, suite.instance(key.instance).episodes
            whole = bool((lengths >= 1).all()) and int(lengths.sum()) == K
            found.expect("runs", key.owner, whole, f"segments do not add up to {K} episodes")
            if eta is not None:
                found.compare("values of eta", key.owner, header["eta"], eta)
            check = (
                _ClassRun(suite, key, stored, free, found)
                if stored.archive.kind == "class"
                else _MarkovRun(suite, key, stored, found)
            )
            if check.proper() and whole:
                check.gaps(times)
            left_out = lengths.size - len(stored.archive)
            history = header.get("offered", "") == "history"
            if not repeated and (left_out or history):
                repeated = True
                Repeated(store, suite, key, header, stored, found).check(times)
            else:
                unseen += left_out
                unmeasured += history
            _check_offered(store, suite, key, header, found)
    for number, words in (
        (unmeasured, "history-dependent outputs are not stored"),
        (unseen, "further Markov profiles are not stored"),
    ):
        if number:
            found.notes.append(f"{number:,} {words}; their gaps stand as measured")


def _exact(suite: Suite, key: RunKey, archives: Sequence[Archive]) -> list[Floats]:
    """For each archive (J, n), exact gaps of its class profiles against all policies.

    Those of many runs in one recursion. Infinite where that is beyond the slow code, and for Markov
    profiles, which have theirs anyway.
    """
    U = exact_payoffs(suite, key.instance)
    onlookers = [_onlooker(suite, key.instance, i) for i in range(len(U))]
    found = np.full((sum(map(len, archives)), len(U)), np.inf)
    blocks: list[Floats] = []
    done = 0

    def measure() -> None:
        nonlocal done
        if blocks:
            x = np.concatenate(blocks)
            for i, onlooker in enumerate(onlookers):
                rows, profile = advice(x, i, key.concept)
                own = (U[i] * x).reshape(len(x), -1).sum(axis=1)
                with contextlib.suppress(TooManyError):
                    values = np.bincount(profile, onlooker.values(rows), len(x))
                    found[done : done + len(x), i] = values - own
            done += len(x)
            blocks.clear()

    for archive in archives:
        if archive.kind == "markov":
            continue
        for x in archive.blocks():
            blocks.append(x)
            if sum(block.size for block in blocks) >= TOGETHER:
                measure()
    measure()
    return np.split(found, np.cumsum([len(archive) for archive in archives])[:-1])


class _ClassRun:
    """A run of profiles that are mixtures over the class: everything is stored."""

    def __init__(
        self, suite: Suite, key: RunKey, stored: StoredRun, exact: Floats, found: Verification
    ) -> None:
        self.key, self.stored, self.exact, self.found = key, stored, exact, found
        self.U = exact_payoffs(suite, key.instance)
        self.onlookers = [_onlooker(suite, key.instance, i) for i in range(len(self.U))]

    def proper(self) -> bool:
        archive, nash = self.stored.archive, self.key.concept == "nash"
        fine = np.array_equal(archive.kept, np.arange(self.stored.lengths.size))
        for x in archive.blocks():
            flat = x.reshape(x.shape[0], -1)
            fine &= bool((x >= 0.0).all()) and np.abs(flat.sum(axis=1) - 1.0).max() < TOLERANCE
            if nash and not archive.products:
                fine &= max(float(np.abs(each - _product(each)).max()) for each in x) < TOLERANCE
        words = "a profile is missing or no distribution"
        self.found.expect("sets of profiles", self.key.owner, fine, words)
        return fine

    def gaps(self, times: Ints) -> None:
        """Gaps of all profiles, inside the class and against all policies, and the curves."""
        key, stored, found = self.key, self.stored, self.found
        inside, free = [], []
        mixtures = np.zeros((times.size, self.U[0].size))
        first = np.cumsum(stored.lengths) - stored.lengths
        played = np.clip(times[:, None] - first, 0, stored.lengths) / times[:, None]
        done = 0
        for x in stored.archive.blocks():
            inside += [recompute.class_gaps(self.U, each, key.concept) for each in x]
            mixtures += played[:, done : done + len(x)] @ x.reshape(len(x), -1)
            done += len(x)
            if stored.unrestricted_gaps is not None:
                part = slice(done - len(x), done)
                ends = stored.unrestricted_gaps[:, part]
                free.append(self._unrestricted(x, np.array(inside[part]), self.exact[part], ends))
        gaps = np.array(inside)
        found.compare("gaps of profiles", key.owner, stored.gaps, gaps)
        all_ends: Floats | None = None
        if free:
            all_ends = np.concatenate(free, axis=1)
            kind = "gaps against all policies"
            told = np.array(stored.unrestricted_gaps)
            found.compare(kind, key.owner, told.swapaxes(0, 1), all_ends.swapaxes(0, 1))
        if key.concept == "nash":
            outputs = _mean_of_worst(gaps, stored.lengths, times)
        else:
            shaped = mixtures.reshape(-1, *self.U.shape[1:])
            outputs = np.array([recompute.class_gaps(self.U, x, key.concept).max() for x in shaped])
        _compare_curves(key, stored, gaps, gaps, all_ends, outputs, times, found)

    def _unrestricted(self, x: Floats, inside: Floats, exact: Floats, stored: Floats) -> Floats:
        """(2, B, n): what the stored ends (2, B, n) must be, for distributions x and their gaps.

        Exact ones are recomputed. Of an interval the upper end is recomputed, the lower one must
        lie between the gap inside the class and the exact gap. Where an exact one is beyond the
        slow code it must lie in the interval.
        """
        must = np.nan_to_num(stored, nan=np.inf)
        for i, onlooker in enumerate(self.onlookers):
            low, high = must[..., i]
            interval, known = low != high, np.isfinite(exact[:, i])
            least = np.where(known & ~interval, exact[:, i], inside[:, i])
            most = told = exact[:, i]
            if interval.any() or not known.all():
                rows, profile = advice(x, i, self.key.concept)
                own = (self.U[i] * x).reshape(len(x), -1).sum(axis=1)
                told = np.bincount(profile, rows @ onlooker.told(), len(x)) - own
                most = np.minimum(exact[:, i], told)
            high[:] = np.where(interval, told, np.clip(high, least, most))
            low[:] = np.where(interval, np.clip(low, least, most), high)
        return must


class _MarkovRun:
    """A run of Markov profiles, of which a sample is stored."""

    def __init__(self, suite: Suite, key: RunKey, stored: StoredRun, found: Verification) -> None:
        self.key, self.stored, self.found = key, stored, found
        self.instance = instance_of(suite, key.instance)

    def proper(self) -> bool:
        kept, segments = self.stored.archive.kept, self.stored.lengths.size
        # Every so many segments, from the first, and the last.
        stride = int(kept[1]) if kept.size > 2 else 1
        expected = np.append(np.arange(kept.size - 1) * stride, segments - 1)
        fine = stride > 0 and np.array_equal(kept, expected)
        for joint in self.stored.archive.blocks():
            fine &= bool((joint >= 0.0).all())
            fine &= float(np.abs(joint.sum(axis=-1) - 1.0).max()) < TOLERANCE
        words = "a stored profile is no distribution, or of no segment of its own"
        self.found.expect("sets of profiles", self.key.owner, fine, words)
        return fine

    def gaps(self, times: Ints) -> None:
        """Gaps of the stored profiles; where these are all, the curves."""
        key, stored, found, game = self.key, self.stored, self.found, self.instance.game
        headline, inside = [], []
        for joint in stored.archive.blocks():
            headline.append(recompute.markov_gaps(game, joint, key.concept))
            inside.append(recompute.markov_class_gaps(game, self.instance.policies, joint))
        gaps, class_gaps = np.concatenate(headline), np.concatenate(inside)
        found.compare("gaps of profiles", key.owner, stored.gaps, gaps)
        found.compare("gaps of profiles", key.owner, stored.class_gaps, class_gaps)
        if len(stored.archive) == stored.lengths.size:
            outputs = _mean_of_worst(gaps, stored.lengths, times)
            both = np.stack([gaps, gaps])
            _compare_curves(key, stored, gaps, class_gaps, both, outputs, times, found)


def _check_offered(
    store: Store, suite: Suite, key: RunKey, header: dict[str, Any], found: Verification
) -> None:
    """The output that the learner itself offered: its gaps, and what the header says of them."""
    names = offered.names(header)
    told = [header["diagnostics"].get(name, np.nan) for name in ("output_gap_lower", "output_gap")]
    fine = bool(names) == bool(np.isfinite(told).all())
    found.expect("settings", key.owner, fine, "header and diagnostics differ about the output")
    if not names:
        return
    arrays = store.arrays(key.owner, names)
    ends = arrays["offered_ends"]
    proper = bool((ends[0] <= ends[1] + TOLERANCE).all())
    if "offered_profile" in arrays:
        x, instance = arrays["offered_profile"], instance_of(suite, key.instance)
        if header["offered"] == "class":
            exact = recompute.class_gaps(exact_payoffs(suite, key.instance), x, key.concept)
        else:
            exact = recompute.markov_gaps(instance.game, x[None], key.concept)[0]
        found.compare("gaps of learners' own outputs", key.owner, ends, np.stack([exact, exact]))
        rows = x.reshape(1, -1) if header["offered"] == "class" else x
        proper &= bool((x >= 0.0).all())
        proper &= float(np.abs(rows.sum(axis=-1) - 1.0).max()) < TOLERANCE
    found.expect("learners' own outputs", key.owner, proper, "an output or its gaps are improper")
    found.compare("gaps of learners' own outputs", key.owner, told, ends.max(axis=1))


def _mean_of_worst(gaps: Floats, lengths: Ints, times: Ints) -> Floats:
    """(P,): mean over the first t episodes of max_i gap, episode by episode."""
    worst = np.repeat(gaps.max(axis=1), lengths)
    return np.array([worst[:t].mean() for t in times])


def _compare_curves(
    key: RunKey,
    stored: StoredRun,
    gaps: Floats,
    class_gaps: Floats,
    ends: Floats | None,
    outputs: Floats,
    times: Ints,
    found: Verification,
) -> None:
    """What is stored at the checkpoints against sums over episodes, one by one."""
    episode = np.repeat(np.arange(len(gaps)), stored.lengths)
    worst = gaps.max(axis=1)[episode]
    exact = {
        "regret": _totals(gaps[episode], times),
        "class_regret": _totals(class_gaps[episode], times),
        "positive_regret": _totals(np.where(gaps > 0.0, gaps, 0.0)[episode], times),
        "gap": worst[times - 1],
        "output_gap": outputs,
        "best_gap": np.array([worst[:t].min() for t in times]),
    }
    if ends is not None:
        exact["unrestricted_regret"] = np.stack([_totals(end[episode], times) for end in ends])
        exact["unrestricted_gap"] = ends.max(axis=2)[:, episode[times - 1]]
    for name, curve in exact.items():
        kind = "gaps of outputs" if name == "output_gap" else "points of curves"
        where = key.owner if name == "output_gap" else f"{key.owner} {name}"
        points = CURVES[name][0]  # the axis of the checkpoints: they are counted
        told = np.asarray(stored.curves[name])
        found.compare(kind, where, told.swapaxes(0, points), curve.swapaxes(0, points))


def _totals(per_episode: Floats, times: Ints) -> Floats:
    """(P, n): sums of the first t rows."""
    return np.cumsum(per_episode, axis=0)[times - 1]


def _onlooker(suite: Suite, id: str, agent: int) -> Onlooker:
    """The slow best responses of an agent, kept per instance."""
    key = (suite.fingerprint, id, agent)
    if key not in _onlookers:
        instance = instance_of(suite, id)
        _onlookers[key] = Onlooker(instance.game, instance.policies, agent)
    return _onlookers[key]


def _product(x: Floats) -> Floats:
    """The product of the marginals of a joint distribution."""
    product = np.ones(())
    for i in range(x.ndim):
        marginal = x.sum(axis=tuple(j for j in range(x.ndim) if j != i))
        product = np.multiply.outer(product, marginal)
    return product
