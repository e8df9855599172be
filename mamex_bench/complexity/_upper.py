"""Upper end: clusters of policies, each use of which costs at least its cheapest member.

Split the joint policies into clusters. With M_C(f, pi) = min over q in C of D(q; f, pi), the c-th
use of cluster C earns at most

    G_C((c-1)/mu),   G_C(t) = max over pi in C, f of [e(f, pi) - t M_C(f, pi)]_+ ,

so V(mu) is at most the sum of the K largest of these numbers. Proof: theory/decoupling_bracket.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.kernels import decoupling as kernel
from mamex_bench.model._arrays import Floats, Ints, frozen

CHORD_ROUNDS = 40
CHORD_TOLERANCE = 1e-3


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


def certify(discrepancy: Discrepancy, labels: Ints) -> Partition:
    """The hulls of a partition, from every hypothesis and policy."""
    clusters = int(labels.max()) + 1
    heights: list[Floats] = []
    slopes: list[Floats] = []
    for c in range(clusters):
        members = np.flatnonzero(labels == c)
        e, m = cluster_lines(discrepancy, members)
        heights.append(e)
        slopes.append(m)
    offsets = np.concatenate([[0], np.cumsum([e.size for e in heights])]).astype(np.int64)
    return Partition(
        frozen(labels.astype(np.int64)),
        frozen(np.concatenate(heights)),
        frozen(np.concatenate(slopes)),
        frozen(offsets),
    )


def cluster_lines(discrepancy: Discrepancy, members: Ints) -> tuple[Floats, Floats]:
    """Hull lines (height, slope) of one cluster."""
    if discrepancy.shared:
        e = discrepancy.errors[members].max(axis=0)
        m = discrepancy.losses(members, 0).min(axis=0)
        return hull(e, m)
    e, m = np.empty(0), np.empty(0)
    for policy in members:
        least = discrepancy.losses(members, int(policy)).min(axis=0)
        own = hull(discrepancy.errors[policy], least)
        e, m = hull(np.concatenate([e, own[0]]), np.concatenate([m, own[1]]))
    return e, m


def hull(height: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """The lines of `kernel.upper_hull`."""
    keep = np.empty(height.size, dtype=np.int64)
    kept = keep[: kernel.upper_hull(height, slope, keep)]
    return height[kept], slope[kept]


def own_counts(discrepancy: Discrepancy) -> Partition:
    """The partition into single policies."""
    errors, own = discrepancy.errors, discrepancy.own_losses()
    keep = np.empty(errors.shape, dtype=np.int64)
    sizes = np.empty(errors.shape[0], dtype=np.int64)
    kernel.hulls(errors, own, keep, sizes)
    rows = np.repeat(np.arange(sizes.size), sizes)
    columns = np.concatenate([keep[q, :size] for q, size in enumerate(sizes)])
    return Partition(
        frozen(np.arange(sizes.size)),
        frozen(errors[rows, columns]),
        frozen(own[rows, columns]),
        frozen(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)),
    )


def value(partitions: tuple[Partition, ...], mu: float, episodes: float) -> float:
    """V_up(mu): the least over partitions."""
    return min(p.value(mu, episodes) for p in partitions)


def coefficient(
    partitions: tuple[Partition, ...], grid: Floats, episodes: int, burn: float
) -> tuple[float, str, Floats]:
    """Upper end of sup over mu of V(mu) / (mu + burn), the rule that gave it, the grid in use.

    The least of max(I, E_Sum / burn) per partition and of the chord rule on the grid, which is
    refined where its largest chord lies.
    """
    ends = [(max(p.integral, p.total_height / burn), f"{p.clusters} clusters") for p in partitions]
    points = list(grid)
    values = [value(partitions, mu, episodes) for mu in points]
    for _ in range(CHORD_ROUNDS):
        mus = np.array(points)
        top, where, attained = chord(mus, np.array(values), burn)
        if top <= attained * (1.0 + CHORD_TOLERANCE) or not np.isfinite(top):
            break
        if where == 0:
            new = points[0] / 4.0
        elif where == len(points):
            new = points[-1] * 4.0
        else:
            new = float(np.sqrt(points[where - 1] * points[where]))
        points.insert(where, new)
        values.insert(where, value(partitions, new, episodes))
    mus = np.array(points)
    ends.append((chord(mus, np.array(values), burn)[0], "clusters, chords in 1/mu"))
    best = min(ends)
    return best[0], best[1], frozen(mus)


def chord(mus: Floats, values: Floats, burn: float) -> tuple[float, int, float]:
    """Bound of sup V(mu) / (mu + burn) from values U_j >= V(mu_j) at rising mu_j.

    V is nondecreasing, convex in 1/mu, and V(mu)/mu is nonincreasing. Returns the bound, the
    interval that attains it (0: before the first point, N: after the last) and the largest
    U_j / (mu_j + burn).
    """
    U = np.minimum.accumulate(values[::-1])[::-1]
    U = mus * np.minimum.accumulate(U / mus)
    pieces = [U[0] / burn]
    for j in range(mus.size - 1):
        # V <= alpha - beta / mu between the points.
        beta = max(U[j + 1] - U[j], 0.0) / (1.0 / mus[j] - 1.0 / mus[j + 1])
        alpha = U[j + 1] + beta / mus[j + 1]
        top = (beta + np.sqrt(beta * beta + burn * alpha * beta)) / alpha if alpha > 0.0 else 0.0
        at = min(max(top, mus[j]), mus[j + 1])
        pieces.append((alpha - beta / at) / (at + burn))
    pieces.append(U[-1] / mus[-1])
    where = int(np.argmax(pieces))
    return float(pieces[where]), where, float((U / (mus + burn)).max())
