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

GROUP_LIMIT = 128
BATCH = 64
LEAVES = 128
QUADRATURE = 12


@dataclass(frozen=True, eq=False)
class Sample:
    """Groups of pairs as the search sees them.

    Attributes:
        heights: (M, G), error of each group at each policy, -inf where the group has none.
        slopes: (M, G), loss of each group under each data policy.
    """

    heights: Floats
    slopes: Floats


def sample(discrepancy: Discrepancy, pairs: list[tuple[Ints, Ints]]) -> Sample:
    """The groups behind the given pairs (policies, hypotheses), the most frequent if too many."""
    M = discrepancy.policies
    pi = np.concatenate([p for p, _ in pairs])
    f = np.concatenate([h for _, h in pairs])
    if discrepancy.shared:
        members, frequency = np.unique(f, return_counts=True)
        chosen = members[np.argsort(-frequency, kind="stable")[:GROUP_LIMIT]]
        slopes = discrepancy.losses(np.arange(M), 0, chosen)
        return Sample(discrepancy.errors[:, chosen].copy(), np.ascontiguousarray(slopes))
    code = np.unique(pi * discrepancy.hypotheses + f)
    limit = max(GROUP_LIMIT, 3 * M)
    if code.size > limit:
        pi, f = code // discrepancy.hypotheses, code % discrepancy.hypotheses
        code = code[np.argsort(-discrepancy.errors[pi, f], kind="stable")[:limit]]
    pi, f = code // discrepancy.hypotheses, code % discrepancy.hypotheses
    heights = np.full((M, code.size), -np.inf)
    heights[pi, np.arange(code.size)] = discrepancy.errors[pi, f]
    slopes = np.empty((M, code.size))
    every = np.arange(M)
    for policy in np.unique(pi):
        mine = np.flatnonzero(pi == policy)
        slopes[:, mine] = discrepancy.losses(every, int(policy), f[mine])
    return Sample(heights, slopes)


def partition(groups: Sample, mu: float) -> Ints:
    """(M,) labels of a partition that is good for V(mu): batches of like policies first."""
    M = groups.heights.shape[0]
    points, weights = quadrature(groups, mu)
    batches = bisect(np.sqrt(groups.slopes), np.arange(M))
    leaves: list[Ints] = []
    for batch in batches:
        fewest = max(1, LEAVES // len(batches)) if len(batches) > 1 else batch.size
        labels = merge(groups, [np.array([q]) for q in batch], points, weights, fewest)[0]
        leaves.extend(batch[labels == c] for c in range(int(labels.max()) + 1))
    best = merge(groups, leaves, points, weights, 1)[0]
    out = np.empty(M, dtype=np.int64)
    for leaf, label in zip(leaves, best):
        out[leaf] = label
    return out


def limit(labels: Ints, widest: int) -> Ints:
    """Clusters of more than `widest` policies cut into pieces; labels without gaps."""
    parts = np.zeros_like(labels)
    for c in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == c)
        parts[members] = np.arange(members.size) // widest
    return np.unique(labels * labels.size + parts, return_inverse=True)[1].astype(np.int64)


def merge(
    groups: Sample, leaves: list[Ints], points: Floats, weights: Floats, fewest: int
) -> tuple[Ints, float]:
    """(labels of the leaves, total earning) at the best level; exactly `fewest` when above 1."""
    C = len(leaves)
    if fewest >= C:
        return np.arange(C), np.nan
    heights = np.stack([groups.heights[leaf].max(axis=0) for leaf in leaves])
    slopes = np.stack([groups.slopes[leaf].min(axis=0) for leaf in leaves])
    merges = np.empty((C - fewest, 2), dtype=np.int64)
    totals = np.empty(C - fewest + 1)
    kernel.agglomerate(heights, slopes, points, weights, fewest, merges, totals)
    steps = int(np.argmin(totals)) if fewest == 1 else C - fewest
    labels = np.arange(C)
    for a, b in merges[:steps]:
        labels[labels == b] = a
    return np.unique(labels, return_inverse=True)[1], float(totals[steps])


def quadrature(groups: Sample, mu: float) -> tuple[Floats, Floats]:
    """Points t and weights with sum_j w_j G(t_j) about sum_{c >= 1} G((c-1)/mu).

    Trapezoid on 0, 1/mu and geometric points up to where a single cluster stops earning.
    """
    e = np.maximum(groups.heights.max(axis=0), 0.0)
    least = groups.slopes.min(axis=0)
    reach = np.where(e > 0.0, e / np.maximum(least, 1e-12), 0.0).max()
    last = max(float(reach), 4.0 / mu)
    points = np.concatenate([[0.0], np.geomspace(1.0 / mu, last, QUADRATURE)])
    gaps = np.diff(points) * mu
    weights = np.zeros(points.size)
    weights[:-1] += 0.5 * gaps
    weights[1:] += 0.5 * gaps
    weights[0] += 0.5
    return points, weights


def bisect(features: Floats, members: Ints) -> list[Ints]:
    """Members split at the median of the feature that varies most, down to the batch size."""
    if members.size <= BATCH:
        return [members]
    widest = int(features[members].var(axis=0).argmax())
    order = np.argsort(features[members, widest], kind="stable")
    half = members.size // 2
    return bisect(features, members[order[:half]]) + bisect(features, members[order[half:]])
