"""Whether V(mu) is at most what is claimed, by bounds on vectors of counts: slow, plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mamex_bench.reference.decoupling import Definition
from mamex_bench.reference.decoupling_counts import losses_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Twice what a search follows.
LIMIT = 400_000


@dataclass(frozen=True, eq=False)
class Vectors:
    """Groups of pairs for the bound: z_r = e_r factors[labels[pi, f]]; and what proposes y.

    propose: from the shares (states, G) of the errors that are left to x (states, G), y = Z'x / mu;
    any x will do.
    """

    labels: Ints
    factors: Floats
    propose: Callable[[Floats], Floats]


def exceeds(
    definition: Definition,
    mu: float,
    episodes: int,
    claimed: float,
    clusters: Ints,
    vectors: Vectors | None,
) -> str:
    """What shows that V(mu) may be more than `claimed`, or "".

    Every vector of counts is followed whose earnings and bound exceed what is claimed; bounds are
    those of clusters (M,) and of groups of pairs, for the errors less what the vector costs them.
    """
    pi, f = np.nonzero(definition.errors > 0.0)
    if pi.size == 0:
        return ""
    used, local = np.unique(pi, return_inverse=True)
    table, error = losses_of(definition, pi, f)[used], definition.errors[pi, f]
    counts, earned = np.zeros((1, used.size), dtype=np.int64), np.zeros(1)
    seen = 0
    for k in range(episodes):
        best: dict[bytes, float] = {}
        left = error - counts @ table / mu
        for p in range(used.size):
            gains = left[:, local == p].max(axis=1)
            for s in np.flatnonzero(gains > 0.0):
                following = counts[s].copy()
                following[p] += 1
                key = following.tobytes()
                best[key] = max(best.get(key, -np.inf), float(earned[s] + gains[s]))
        if not best:
            return ""
        counts = np.array([np.frombuffer(key, dtype=np.int64) for key in best])
        earned = np.array(list(best.values()))
        if earned.max() > claimed:
            return f"a sequence earns {earned.max()!r}"
        if k + 1 == episodes:
            return ""
        seen += earned.size
        if seen > LIMIT:
            return f"{LIMIT:,} vectors of counts are not enough to show it"
        left = error - counts @ table / mu
        most = earned + by_clusters(left, table, clusters[used], local, mu, episodes - k - 1)
        open_ = np.flatnonzero(most > claimed)
        if vectors is not None and open_.size:
            group = vectors.labels[pi, f]
            more = by_groups(left[open_], error, group, vectors, mu, episodes - k - 1)
            open_ = open_[earned[open_] + more > claimed]
        counts, earned = counts[open_], earned[open_]
    return ""


def by_clusters(
    left: Floats, table: Floats, clusters: Ints, local: Ints, mu: float, plays: int
) -> Floats:
    """(states,): the sum of the largest `plays` of [max_r left_r - j least_r / mu]_+ over j."""
    terms = []
    for cluster in np.unique(clusters):
        rows = clusters[local] == cluster
        least = table[clusters == cluster][:, rows].min(axis=0)
        for j in range(plays):
            term = np.maximum((left[:, rows] - j * least / mu).max(axis=1), 0.0)
            if not term.any():
                break
            terms.append(term)
    if not terms:
        return np.zeros(len(left))
    every = np.sort(np.stack(terms, axis=1), axis=1)
    found: Floats = every[:, -plays:].sum(axis=1)
    return found


def by_groups(
    left: Floats, error: Floats, group: Ints, vectors: Vectors, mu: float, plays: int
) -> Floats:
    """(states,): min over levels of  plays level + tau^2 mu |y|^2 / 2.

    tau is the least with  left_r + |z_r|^2 / (2 mu) - tau <z_r, y> <= level  for all pairs that are
    left, and the level covers those without a group. Any y and any level are valid.
    """
    inside = group >= 0
    G = len(vectors.factors)
    share = np.zeros((len(left), G))
    for g in range(G):
        mine = group == g
        if mine.any():
            share[:, g] = np.maximum((left[:, mine] / error[mine]).max(axis=1), 0.0)
    x = vectors.propose(share)
    y = x @ vectors.factors / mu
    z = error[inside, None] * vectors.factors[group[inside]]
    push, square = y @ z.T, 0.5 * mu * (y**2).sum(axis=1)
    alive = left[:, inside] > 0.0
    need = np.where(alive, left[:, inside] + (z**2).sum(axis=1) / (2.0 * mu), 0.0)
    blocked = np.where(push > 0.0, 0.0, need).max(axis=1, initial=0.0)
    low = np.maximum(blocked, np.maximum(left[:, ~inside], 0.0).max(axis=1, initial=0.0))
    high = np.maximum(low, need.max(axis=1, initial=0.0))
    slope = np.where(push > 0.0, push, np.inf)

    def bound(level: Floats) -> Floats:
        tau = np.maximum((need - level[:, None]) / slope, 0.0).max(axis=1, initial=0.0)
        return np.asarray(plays * level + tau**2 * square)

    best = np.minimum(bound(low), bound(high))
    ratio = 0.5 * (np.sqrt(5.0) - 1.0)
    for _ in range(50):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        at_a, at_b = bound(a), bound(b)
        best = np.minimum(best, np.minimum(at_a, at_b))
        low, high = np.where(at_a <= at_b, low, a), np.where(at_a <= at_b, b, high)
    return best
