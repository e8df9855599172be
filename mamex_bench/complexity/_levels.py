"""Both ends of V(mu) by branch and bound over vectors of counts, one play after the other.

A vector c of how often each policy has been used decides what every further play costs. So the best
way to each vector is all that need be kept, and what may follow it is V(mu) of the errors less what
c costs them: every certificate bounds that as well. A vector whose earnings and bound do not exceed
the best sequence so far is closed. Where more are left than there is room for, those of the largest
bounds stay; the largest that went is then the upper end, and the search is a beam. Proof:
theory/decoupling_bracket.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mamex_bench.complexity._potential import Potential
from mamex_bench.complexity._upper import Certificate, Partition
from mamex_bench.kernels import decoupling_levels as kernel
from mamex_bench.kernels.decoupling_potential import ascend
from mamex_bench.model._arrays import Floats, Ints

if TYPE_CHECKING:
    from mamex_bench.complexity._counts import Rows

# Vectors that are followed in all, multiply-adds in their bounds, numbers in the costs of a level.
BUDGET = 200_000
WORK = 2e11
NUMBERS = 20_000_000
SWEEPS = 6
# The bound of a vector that is closed may exceed the best sequence by this share.
SLACK = 1e-3


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search found.

    Attributes:
        lower: A - B / mu of the sequence.
        upper: no sequence has more.
        rows: the sequence, one row a play.
        vectors: how many vectors of counts were followed.
    """

    lower: float
    upper: float
    rows: Ints
    vectors: int


class Bound:
    """What may still be earned at mu: by the best clusters and by the best groups of pairs.

    labels of clusters are by policy in use, labels of groups by row.
    """

    def __init__(
        self,
        rows: Rows,
        clusters: Ints | None,
        groups: tuple[Ints, Potential] | None,
        mu: float,
        episodes: int,
    ) -> None:
        self.rows, self.mu = rows, mu
        self.lines = None if clusters is None else self._lines(clusters)
        self.groups = None if groups is None else (*groups, groups[1].solution(mu, episodes)[1])

    @classmethod
    def best(cls, rows: Rows, every: Sequence[Certificate], mu: float, episodes: int) -> Bound:
        """With the best at the start of each kind."""
        part, potential = best_of(every, mu, episodes)
        clusters = groups = None
        if part is not None:
            used = np.unique(rows.policies)
            clusters = np.unique(part.labels[used], return_inverse=True)[1]
        if potential is not None:
            groups = potential.labels[rows.policies, rows.hypotheses].astype(np.int64), potential
        return cls(rows, clusters, groups, mu, episodes)

    def affordable(self, vectors: int, work: float) -> int:
        """How many vectors, at most `vectors`, can be followed with `work` multiply-adds."""
        each = self.rows.errors.size
        if self.groups is not None:
            each += SWEEPS * self.groups[1].tops.size ** 2
        # Whatever follows a vector is bounded: once for every policy.
        return min(vectors, int(work / (each * (self.rows.starts.size - 1))))

    def _lines(self, labels: Ints) -> tuple[Ints, Ints, Floats]:
        """Rows by cluster, and the least loss over mu of each row in its own."""
        own = labels[self.rows.local]
        member = np.argsort(own, kind="stable")
        begin = np.searchsorted(own[member], np.arange(labels.max() + 2)).astype(np.int64)
        slope = np.empty(member.size)
        for k in range(begin.size - 1):
            mine = slice(int(begin[k]), int(begin[k + 1]))
            columns = self.rows.columns[member[mine]]
            slope[mine] = self.rows.table[labels == k][:, columns].min(axis=0)
        return begin, member, slope / self.mu

    def of(self, costs: Floats, totals: Floats, left: int, enough: float, before: Floats) -> Floats:
        """(states,): earned already and at most to come, or `before`; less care below `enough`."""
        errors, columns = self.rows.errors, self.rows.columns
        out = before.copy()
        state = errors, columns, costs, totals, enough, left
        if self.lines is not None:
            kernel.bounds(*state, *self.lines, out)
        if self.groups is not None:
            group, each, x = self.groups
            P, tops, idle = each.kernel, each.tops, each.idle
            kernel.group_bounds(*state, group, P, tops, idle, self.mu, x, SWEEPS, out)
        return out


def search(
    rows: Rows, bound: Bound, mu: float, episodes: int, known: float, budget: int = BUDGET
) -> Searched:
    """Level by level, at most `budget` vectors in all; `known` is a value of V(mu) attained."""
    M = rows.starts.size - 1
    codes = np.random.default_rng(0).integers(1, 2**63, size=M, dtype=np.uint64)
    counts, costs = np.zeros((1, M), dtype=np.int64), np.zeros((1, rows.table.shape[1]))
    earned = np.zeros(1)
    before = bound.of(costs, earned, episodes, 0.0, np.full(1, np.inf))
    steps: list[tuple[Ints, Ints, Ints]] = []
    best, closed, vectors = 0.0, 0.0, 0
    last: tuple[int, int] | None = None
    width = max(1, min(budget // episodes, NUMBERS // (M * rows.table.shape[1])))
    for k in range(episodes):
        room = counts.shape[0] * M
        parents, policies, chosen = (np.empty(room, dtype=np.int64) for _ in range(3))
        totals = np.empty(room)
        state = rows.errors, rows.columns, rows.starts, costs, earned
        size = kernel.expand(*state, parents, policies, chosen, totals)
        if size == 0:
            break
        parents, policies, chosen = parents[:size], policies[:size], chosen[:size]
        totals = totals[:size]
        following = counts[parents]
        following[np.arange(size), policies] += 1
        first = np.empty(size, dtype=np.int64)
        kernel.merge(following, following.astype(np.uint64) @ codes, totals, first)
        alive = np.flatnonzero(first == np.arange(size))
        vectors += alive.size
        top = int(totals.argmax())
        if totals[top] > best:
            best, last = float(totals[top]), (k, -1)
        parents, chosen, totals = parents[alive], chosen[alive], totals[alive]
        counts = following[alive]
        costs = costs[parents] + rows.table[policies[alive]] / mu
        if last == (k, -1):
            last = (k, int(totals.argmax()))
        enough = max(best, known) * (1.0 + SLACK)
        ends = totals
        if k + 1 < episodes:
            # What follows a vector has followed the one before it.
            ends = bound.of(costs, totals, episodes - k - 1, enough, before[parents])
        stay = np.flatnonzero(ends > enough)
        closed = max(closed, float(ends[ends <= enough].max(initial=0.0)))
        if stay.size > width:
            order = np.argsort(-ends[stay], kind="stable")
            closed = max(closed, float(ends[stay[order[width:]]].max()))
            stay = stay[order[:width]]
        counts, costs, earned, before = counts[stay], costs[stay], totals[stay], ends[stay]
        steps.append((parents, chosen, stay))
    return Searched(best, max(best, known, closed), _way(steps, last), vectors)


def _way(steps: list[tuple[Ints, Ints, Ints]], last: tuple[int, int] | None) -> Ints:
    """The rows of the sequence that ends at state `last` = (level, place).

    steps: per level the parents among those that stayed on the level before, the rows, who stays.
    """
    if last is None:
        return np.empty(0, dtype=np.int64)
    level, place = last
    way = []
    while True:
        parents, chosen, _ = steps[level]
        way.append(int(chosen[place]))
        if level == 0:
            return np.array(way[::-1], dtype=np.int64)
        place = int(steps[level - 1][2][parents[place]])
        level -= 1


def best_of(
    every: Sequence[Certificate], mu: float, episodes: int
) -> tuple[Partition | None, Potential | None]:
    """The clusters and the groups of pairs that bound V(mu) best; None where there are none."""

    def value(each: Partition | Potential) -> float:
        return each.value(mu, episodes)

    parts = [each for each in every if isinstance(each, Partition)]
    groups = [each for each in every if isinstance(each, Potential)]
    # A levy would have to be paid by what is left of every error.
    groups = [each for each in groups if each.levy == 0.0 and each.tops.size]
    return min(parts, key=value, default=None), min(groups, key=value, default=None)


def proposed(potential: Potential, start: Floats, mu: float, share: Floats) -> Floats:
    """(states, G): x for what is left of the errors, each from `start`; any x is valid.

    share (states, G): the largest share of an error that is left in each group.
    """
    x = np.repeat(start[None], len(share), axis=0)
    own = potential.tops * potential.kernel.diagonal() / (2.0 * mu)
    weights = np.where(share > 0.0, share + own, 0.0)
    for each, weight in zip(x, weights):
        ascend(potential.kernel, weight, mu, each, SWEEPS)
    return x
