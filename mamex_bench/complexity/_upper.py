"""Upper end: clusters of policies, each use of which costs at least its cheapest member.

Split the joint policies into clusters. With M_C(f, pi) = min over q in C of D(q; f, pi), the c-th
use of cluster C earns at most

    G_C((c-1)/mu),   G_C(t) = max over pi in C, f of [e(f, pi) - t M_C(f, pi)]_+ ,

so V(mu) is at most the sum of the K largest of these numbers. Proof: theory/decoupling_bracket.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from mamex_bench.complexity import _clusters
from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.kernels import decoupling as kernel
from mamex_bench.model._arrays import Floats, Ints, frozen
from mamex_bench.words import count

CHORD_ROUNDS = 40
CHORD_TOLERANCE = 1e-3
# Multiply-adds that a certificate may cost; larger clusters are split instead.
WORK_LIMIT = 4e9


@dataclass(frozen=True, eq=False)
class Partition:
    """A partition of the joint policies with the hulls of its functions G_C: a certificate.

    Attributes:
        labels: (M,), cluster of each joint policy, 0 .. C-1.
        height, slope: hull lines e - t m, of falling height and slope inside a cluster.
        offsets: (C+1,); cluster c owns the lines offsets[c]:offsets[c+1].
    """

    labels: Ints
    height: Floats
    slope: Floats
    offsets: Ints
    name = "clusters"

    @property
    def clusters(self) -> int:
        return self.offsets.size - 1

    def value(self, mu: float, episodes: float) -> float:
        """Certified upper bound of V(mu) over sequences of at most `episodes` pairs."""
        return float(kernel.largest_sum(self.height, self.slope, self.offsets, mu, episodes))

    @cached_property
    def total_height(self) -> float:
        """E_Sum: the sum over clusters of the largest error."""
        first = self.offsets[:-1][np.diff(self.offsets) > 0]
        return float(self.height[first].sum())

    @cached_property
    def integral(self) -> float:
        """I: the sum over clusters of the integral of G_C over t >= 0; may be infinite."""
        total = 0.0
        for a, b in zip(self.offsets[:-1], self.offsets[1:]):
            e, m = self.height[a:b], self.slope[a:b]
            if e.size == 0:
                continue
            if m[-1] == 0.0:
                return np.inf
            # Corners: start, crossings of neighbours, zero of the last line.
            t = np.concatenate([[0.0], (e[:-1] - e[1:]) / (m[:-1] - m[1:]), [e[-1] / m[-1]]])
            heights = np.append(e - t[:-1] * m, 0.0)
            total += float((np.diff(t) * 0.5 * (heights[:-1] + heights[1:])).sum())
        return total


@dataclass(frozen=True, eq=False)
class Lines:
    """Hull lines e - t m, with the pairs (policy, hypothesis) that they come from."""

    height: Floats
    slope: Floats
    policies: Ints
    hypotheses: Ints

    def hull(self) -> Lines:
        """Only the lines that attain the maximum somewhere."""
        keep = np.empty(self.height.size, dtype=np.int64)
        kept = keep[: kernel.upper_hull(self.height, self.slope, keep)]
        return Lines(
            self.height[kept], self.slope[kept], self.policies[kept], self.hypotheses[kept]
        )

    @staticmethod
    def join(parts: list[Lines]) -> Lines:
        return Lines(
            np.concatenate([p.height for p in parts]),
            np.concatenate([p.slope for p in parts]),
            np.concatenate([p.policies for p in parts]),
            np.concatenate([p.hypotheses for p in parts]),
        )


def cluster_lines(discrepancy: Discrepancy, members: Ints) -> Lines:
    """The hull of one cluster, from every hypothesis and every policy of it."""
    every = np.arange(discrepancy.hypotheses)
    if discrepancy.shared:
        errors = discrepancy.errors[members]
        best = errors.argmax(axis=0)
        least = discrepancy.losses(members, 0).min(axis=0)
        return Lines(errors[best, every], least, members[best], every).hull()
    parts = []
    for policy in members:
        least = discrepancy.losses(members, int(policy)).min(axis=0)
        own = np.full(every.size, policy)
        parts.append(Lines(discrepancy.errors[policy], least, own, every).hull())
    return Lines.join(parts).hull()


def certify(discrepancy: Discrepancy, labels: Ints) -> tuple[Partition, Lines]:
    """A partition's certificate and the pairs behind its lines."""
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels))
    hulls = [cluster_lines(discrepancy, each) for each in np.split(order, ends[:-1])]
    return _partition(labels, Lines.join(hulls), np.array([each.height.size for each in hulls]))


def own_counts(discrepancy: Discrepancy) -> tuple[Partition, Lines]:
    """The same for the partition into single policies."""
    errors, own = discrepancy.errors, discrepancy.own
    keep = np.empty(errors.shape, dtype=np.int64)
    sizes = np.empty(errors.shape[0], dtype=np.int64)
    kernel.hulls(errors, own, keep, sizes)
    rows = np.repeat(np.arange(sizes.size), sizes)
    columns = np.concatenate([keep[q, :size] for q, size in enumerate(sizes)])
    lines = Lines(errors[rows, columns], own[rows, columns], rows, columns)
    return _partition(np.arange(sizes.size), lines, sizes)


def _partition(labels: Ints, lines: Lines, sizes: Ints) -> tuple[Partition, Lines]:
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    own = frozen(labels.astype(np.int64))
    return Partition(own, frozen(lines.height), frozen(lines.slope), frozen(offsets)), lines


def partitions(
    discrepancy: Discrepancy, grid: Floats, episodes: int, burn: float
) -> tuple[Partition, ...]:
    """Certificates worth keeping: single policies, one cluster, agglomerated ones.

    Agglomeration is done for the mu at which the bound so far is largest, for two mu of the grid
    and, unless nothing new was found, again for the first, knowing the pairs behind the others.
    """
    M = discrepancy.policies
    work = discrepancy.step_cells * discrepancy.hypotheses
    widest = M if work == 0 else max(1, int(WORK_LIMIT // (work * M)))
    own, lines = own_counts(discrepancy)
    found, seen = [own], [lines]
    if widest >= M > 1:
        one, lines = certify(discrepancy, np.zeros(M, dtype=np.int64))
        found.append(one)
        seen.append(lines)
    if M == 1 or lines.height.size == 0:
        return tuple(found)
    for where in (None, 0.25, 0.5, None):
        before = len(found)
        if where is None:
            bounds = [value(tuple(found), mu, episodes) / (mu + burn) for mu in grid]
            mu = float(grid[int(np.argmax(bounds))])
        else:
            mu = float(grid[int(where * grid.size)])
        known = Lines.join(seen)
        pairs = known.policies, known.hypotheses
        labels = _clusters.limit(_clusters.partition(discrepancy, pairs, mu), widest)
        if not any(same_partition(labels, each.labels) for each in found):
            part, lines = certify(discrepancy, labels)
            found.append(part)
            seen.append(lines)
        elif where is not None and len(found) == before == 2:
            break
    return tuple(found)


def same_partition(a: Ints, b: Ints) -> bool:
    """Whether two labellings are one partition."""
    joint = np.unique(a * (int(b.max()) + 1) + b).size
    return joint == np.unique(a).size == np.unique(b).size


class Certificate(Protocol):
    """What bounds V(mu) for every mu and every length, infinite ones included."""

    @property
    def name(self) -> str: ...

    def value(self, mu: float, episodes: float) -> float: ...


def value(certificates: Sequence[Certificate], mu: float, episodes: float) -> float:
    """V_up(mu): the least over certificates."""
    return min(each.value(mu, episodes) for each in certificates)


def coefficient(
    partitions: tuple[Partition, ...],
    grid: Floats,
    episodes: float,
    burn: float,
    others: Sequence[Certificate] = (),
) -> tuple[float, str, Floats]:
    """Upper end of sup over mu of V(mu) / (mu + burn), the rule that gave it, the grid in use.

    The least of max(I, E_Sum / burn) per partition and of the chord rule on the grid, which is
    refined where its largest chord lies. The rule is named after whatever is the least there.
    """
    every = (*partitions, *others)
    ends = [
        (max(p.integral, p.total_height / burn), count(p.clusters, "cluster")) for p in partitions
    ]
    points = list(grid)
    values = [value(every, mu, episodes) for mu in points]
    for _ in range(CHORD_ROUNDS):
        mus = np.array(points)
        top, where, attained, _ = chord(mus, np.array(values), burn)
        if top <= attained * (1.0 + CHORD_TOLERANCE) or not np.isfinite(top):
            break
        if where == 0:
            new = points[0] / 4.0
        elif where == len(points):
            new = points[-1] * 4.0
        else:
            new = float(np.sqrt(points[where - 1] * points[where]))
        points.insert(where, new)
        values.insert(where, value(every, new, episodes))
    mus = np.array(points)
    top, where, _, _ = chord(mus, np.array(values), burn)
    near = float(mus[min(where, mus.size - 1)])
    least = min(every, key=lambda each: each.value(near, episodes))
    ends.append((top, f"{least.name}, chords in 1/mu"))
    best = min(ends)
    return best[0], best[1], frozen(mus)


def chord(mus: Floats, values: Floats, burn: float) -> tuple[float, int, float, float]:
    """Bound of sup V(mu) / (mu + burn) from values U_j >= V(mu_j) at rising mu_j.

    V is nondecreasing, convex in 1/mu, and V(mu)/mu is nonincreasing. Returns the bound, the
    interval that attains it (0: before the first point, N: after the last), the largest
    U_j / (mu_j + burn), and a mu near which the bound is attained.
    """
    U = np.minimum.accumulate(values[::-1])[::-1]
    U = mus * np.minimum.accumulate(U / mus)
    if not np.isfinite(U).all():  # one finite value would bound all the others
        return np.inf, 0, np.inf, float(mus[0])
    pieces, places = [U[0] / burn], [mus[0]]
    for j in range(mus.size - 1):
        # V <= alpha - beta / mu between the points.
        beta = max(U[j + 1] - U[j], 0.0) / (1.0 / mus[j] - 1.0 / mus[j + 1])
        alpha = U[j + 1] + beta / mus[j + 1]
        top = (beta + np.sqrt(beta * beta + burn * alpha * beta)) / alpha if alpha > 0.0 else 0.0
        at = min(max(top, mus[j]), mus[j + 1])
        pieces.append((alpha - beta / at) / (at + burn))
        places.append(at)
    pieces.append(U[-1] / mus[-1])
    places.append(mus[-1])
    where = int(np.argmax(pieces))
    return float(pieces[where]), where, float((U / (mus + burn)).max()), float(places[where])
