"""The search for good partitions of the joint policies; heuristic, certified elsewhere.

It sees a sample of pairs only: those on the hulls of certified partitions. Whatever it returns is
a partition, and every partition gives a valid upper end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.kernels import decoupling_clusters as kernel
from mamex_bench.model._arrays import Floats, Ints

BATCH = 64
LAST_BATCH = 128
FEATURES = 32
QUADRATURE = 12
# Comparisons that one round of agglomerations may cost, about a tenth of a second.
WORK_LIMIT = 1e8


@dataclass(frozen=True, eq=False)
class Sample:
    """Groups of pairs as the search sees them, rows in the order of `members`.

    Attributes:
        members: policies.
        heights: (members, G), error of each group at each policy, -inf where it has none.
        slopes: (members, G), loss of each group under each data policy.
    """

    members: Ints
    heights: Floats
    slopes: Floats


def sample(discrepancy: Discrepancy, members: Ints, pairs: tuple[Ints, Ints], limit: int) -> Sample:
    """The groups behind those of the given pairs (policies, hypotheses) that belong to members.

    Models: a group is a hypothesis. Action values: a group is a pair. The most frequent ones, then
    those of largest error, if there are more than `limit`.
    """
    inside = np.isin(pairs[0], members)
    pi, f = pairs[0][inside], pairs[1][inside]
    F = discrepancy.hypotheses
    code, frequency = np.unique(f if discrepancy.shared else pi * F + f, return_counts=True)
    if code.size > limit:
        size = (
            discrepancy.errors[members].max(axis=0)[code]
            if discrepancy.shared
            else discrepancy.errors[code // F, code % F]
        )
        code = code[np.lexsort((-size, -frequency))[:limit]]
    if discrepancy.shared:
        heights = discrepancy.errors[np.ix_(members, code)]
        return Sample(members, heights, discrepancy.losses(members, 0, code))
    pi, f = code // F, code % F
    heights = np.full((members.size, code.size), -np.inf)
    row = np.searchsorted(members, pi)
    heights[row, np.arange(code.size)] = discrepancy.errors[pi, f]
    slopes = np.empty((members.size, code.size))
    for policy in np.unique(pi):
        mine = np.flatnonzero(pi == policy)
        slopes[:, mine] = discrepancy.losses(members, int(policy), f[mine])
    return Sample(members, heights, slopes)


def partition(discrepancy: Discrepancy, pairs: tuple[Ints, Ints], mu: float) -> Ints:
    """(M,) labels of a partition that is good for V(mu).

    Batches of like clusters are agglomerated, each to its own best level, until the clusters that
    are left fit one batch or merging them helps no more.
    """
    M = discrepancy.policies
    clusters = [np.array([q]) for q in range(M)]
    features = np.sqrt(sample(discrepancy, np.arange(M), pairs, FEATURES).slopes)
    while len(clusters) > 1 and features.shape[1] > 0:
        least = np.stack([features[each].min(axis=0) for each in clusters])
        batch = LAST_BATCH if len(clusters) <= LAST_BATCH else BATCH
        batches = bisect(least, np.arange(len(clusters)), batch)
        merged: list[Ints] = []
        for chosen in batches:
            members = [clusters[c] for c in chosen]
            merged.extend(merge(discrepancy, pairs, members, mu, WORK_LIMIT / len(batches)))
        done = len(batches) == 1 or len(merged) > 0.9 * len(clusters)
        clusters = merged
        if done:
            break
    labels = np.empty(M, dtype=np.int64)
    for c, each in enumerate(clusters):
        labels[each] = c
    return labels


def merge(
    discrepancy: Discrepancy, pairs: tuple[Ints, Ints], clusters: list[Ints], mu: float, work: float
) -> list[Ints]:
    """The clusters agglomerated to the level of least total earning."""
    C = len(clusters)
    if C == 1:
        return clusters
    room = int(np.clip(work / (2.0 * C * C * QUADRATURE), max(96, 2 * C), 1024))
    groups = sample(discrepancy, np.sort(np.concatenate(clusters)), pairs, room)
    if groups.heights.shape[1] == 0:
        return [np.concatenate(clusters)]
    rows = [np.searchsorted(groups.members, each) for each in clusters]
    heights = np.stack([groups.heights[each].max(axis=0) for each in rows])
    slopes = np.stack([groups.slopes[each].min(axis=0) for each in rows])
    points, weights = quadrature(heights, slopes, mu)
    merges, totals = np.empty((C - 1, 2), dtype=np.int64), np.empty(C)
    kernel.agglomerate(heights, slopes, points, weights, 1, merges, totals)
    kept: list[list[Ints]] = [[each] for each in clusters]
    # Rounding must not decide: of equal totals take the fewest clusters.
    steps = int(np.flatnonzero(totals <= totals.min() * (1.0 + 1e-9)).max())
    for a, b in merges[:steps]:
        kept[a] += kept[b]
        kept[b] = []
    return [np.concatenate(each) for each in kept if each]


def limit(labels: Ints, widest: int) -> Ints:
    """Clusters of more than `widest` policies cut into pieces; labels without gaps."""
    parts = np.zeros_like(labels)
    for c in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == c)
        parts[members] = np.arange(members.size) // widest
    return np.unique(labels * labels.size + parts, return_inverse=True)[1].astype(np.int64)


def quadrature(heights: Floats, slopes: Floats, mu: float) -> tuple[Floats, Floats]:
    """Points t and weights with sum_j w_j G(t_j) about sum_{c >= 1} G((c-1)/mu).

    Trapezoid on 0, 1/mu and geometric points up to where a single cluster stops earning.
    """
    e = np.maximum(heights.max(axis=0), 0.0)
    reach = np.where(e > 0.0, e / np.maximum(slopes.min(axis=0), 1e-12), 0.0).max()
    last = max(float(reach), 4.0 / mu)
    points = np.concatenate([[0.0], np.geomspace(1.0 / mu, last, QUADRATURE)])
    gaps = np.diff(points) * mu
    weights = np.zeros(points.size)
    weights[:-1] += 0.5 * gaps
    weights[1:] += 0.5 * gaps
    weights[0] += 0.5
    return points, weights


def bisect(features: Floats, members: Ints, batch: int) -> list[Ints]:
    """Members split at the median of the feature that varies most, down to the batch size."""
    if members.size <= batch:
        return [members]
    widest = int(features[members].var(axis=0).argmax())
    order = np.argsort(features[members, widest], kind="stable")
    half = members.size // 2
    first, second = members[order[:half]], members[order[half:]]
    return bisect(features, first, batch) + bisect(features, second, batch)
