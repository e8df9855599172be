"""Both ends by going through count vectors, exact at the mu that it is done at.

What a pair costs depends on how often each policy has been used, not on the order. So V(mu) is
found over the vectors of counts, by dynamic programming or with bounds that close most of them;
between the mu that were tried it lies below the chord in 1/mu.
Proof: theory/decoupling_bracket.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mamex_bench.complexity import _levels, _upper
from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.complexity._lower import Witness, best_mu
from mamex_bench.errors import NotApplicableError
from mamex_bench.kernels import decoupling_counts as kernel
from mamex_bench.model._arrays import Flags, Floats, Ints, frozen

# Count vectors at one mu; numbers in a table.
STATE_LIMIT = 10_000_000
TABLE_LIMIT = 50_000_000
# What one mu may cost, states times pairs, when nobody asked for the exact method.
QUICK_WORK = 2e7
# Bounds close vectors of counts for K up to this: asked for, and unasked with fewer of them and
# fewer multiply-adds in their bounds.
PLAYS = 200
QUICK_PLAYS = 25
QUICK_VECTORS = 3000
QUICK_BOUNDS = 6e8
BOUNDED = "branch and bound over counts"
# The ends are exact when this close; the search goes on to the second number while it may.
EXACT = 1.01
CLOSE = 1.002
POINTS = 24
# A sequence this much better than the last is followed to its own best mu.
FOLLOW = 1.01
# This many policies and pairs have more 0/1 vectors of counts than any limit.
MANY_POLICIES, MANY_PLAYS = 30, 12


@dataclass(frozen=True, eq=False)
class Counts:
    """A certificate: V(mu) at some mu, for sequences of at most `episodes` pairs.

    Attributes:
        mus: (P,), rising.
        values: (P,), V at each, or a bound of it where pruned.
        episodes: K.
        pruned: (P,), whether vectors of counts were closed by bounds; None where none were.
    """

    mus: Floats
    values: Floats
    episodes: int
    pruned: Flags | None = None

    @property
    def name(self) -> str:
        return BOUNDED if self.pruned is not None else "dynamic programming over counts"

    def value(self, mu: float, episodes: float) -> float:
        """Certified upper bound of V(mu) over sequences of at most `episodes` pairs.

        V is nondecreasing in mu and in K, V/mu nonincreasing, and V convex in 1/mu.
        """
        if episodes > self.episodes or self.mus.size == 0:
            return np.inf
        j = int(np.searchsorted(self.mus, mu))
        if j == self.mus.size:
            return float(self.values[-1] * mu / self.mus[-1])
        if j == 0 or mu == self.mus[j]:
            return float(self.values[j])
        share = (1.0 / mu - 1.0 / self.mus[j]) / (1.0 / self.mus[j - 1] - 1.0 / self.mus[j])
        return float(self.values[j] + share * (self.values[j - 1] - self.values[j]))


@dataclass(frozen=True, eq=False)
class Rows:
    """All pairs of positive error, in the form that the kernel takes.

    Attributes:
        hypotheses, policies, errors: (R,), sorted by policy.
        columns: (R,), column of each in `table`.
        starts: (M'+1,), rows of the M' policies that have any.
        table: (M', C), losses under these policies.
    """

    hypotheses: Ints
    policies: Ints
    errors: Floats
    columns: Ints
    starts: Ints
    table: Floats

    @classmethod
    def of(cls, discrepancy: Discrepancy) -> Rows | None:
        """The rows of a class; None when there are none, or their table would be too large."""
        pi, f = np.nonzero(discrepancy.errors > 0.0)
        used, local = np.unique(pi, return_inverse=True)
        work = discrepancy.step_cells * discrepancy.hypotheses * float(used.size) ** 2
        if pi.size == 0 or used.size * pi.size > TABLE_LIMIT or work > TABLE_LIMIT:
            return None
        if discrepancy.shared:
            table, columns = discrepancy.losses(used, 0), f
        else:
            parts = [discrepancy.losses(used, int(policy), f[pi == policy]) for policy in used]
            table, columns = np.concatenate(parts, axis=1), np.arange(pi.size)
        starts = np.searchsorted(local, np.arange(used.size + 1)).astype(np.int64)
        return cls(f, pi, discrepancy.errors[pi, f], columns, starts, table)

    @property
    def work(self) -> int:
        """Multiply-adds at one vector of counts."""
        return int(self.errors.size + self.table.shape[1])

    @property
    def local(self) -> Ints:
        """(R,): row of `table` of each pair's policy."""
        return np.repeat(np.arange(self.starts.size - 1), np.diff(self.starts))

    @property
    def own(self) -> Floats:
        """(R,): what each pair costs itself."""
        return self.table[self.local, self.columns]

    def limits(self, mu: float, episodes: int) -> Ints:
        """(M',): uses of each policy up to which one of its pairs still earns something."""
        own = self.own
        uses = np.full(own.size, float(episodes))
        np.divide(self.errors * mu, own, out=uses, where=own > 0.0)
        most = np.maximum.reduceat(np.minimum(np.floor(uses) + 1.0, episodes), self.starts[:-1])
        return most.astype(np.int64)

    def ways(self, limits: Ints, episodes: int) -> Floats | None:
        """The table that numbers count vectors, or None when there are too many of them."""
        length = int(min(episodes, limits.sum()))
        many = limits.size >= MANY_POLICIES and length >= MANY_PLAYS
        if many or length >= STATE_LIMIT or limits.size * length > TABLE_LIMIT:
            return None
        ways = np.empty((limits.size + 1, length + 1))
        kernel.count_ways(limits, ways)
        return ways if ways[0, length] <= STATE_LIMIT else None

    def states(self, mu: float, episodes: int) -> float:
        """Count vectors that the method goes through at this mu; infinite when too many."""
        ways = self.ways(self.limits(mu, episodes), episodes)
        return np.inf if ways is None else float(ways[0, -1])

    def solve(self, mu: float, episodes: int, burn: float) -> tuple[float, Witness] | None:
        """V(mu) and the best sequence at this mu, or None when there are too many vectors."""
        limits = self.limits(mu, episodes)
        ways = self.ways(limits, episodes)
        if ways is None:
            return None
        rules = self.errors, self.columns, self.starts, self.table, mu, limits, ways
        values = np.empty(int(ways[0, -1]))
        value = float(kernel.best_values(*rules, values))
        rows = np.empty(ways.shape[1], dtype=np.int64)
        return value, self.witness(rows[: kernel.follow(*rules, values, rows)], burn)

    def witness(self, rows: Ints, burn: float) -> Witness:
        """A sequence of rows, run-length encoded, at its best mu."""
        local = self.local
        begin = np.flatnonzero(np.append(True, np.diff(rows) != 0)) if rows.size else rows
        counts = np.diff(np.append(begin, rows.size))
        runs = rows[begin]
        past = np.zeros(self.table.shape[1])
        cost = 0.0
        for r, c in zip(runs, counts):
            own = self.table[local[r]]
            cost += c * past[self.columns[r]] + 0.5 * c * (c - 1.0) * own[self.columns[r]]
            past += c * own
        mu, value = best_mu(float(counts @ self.errors[runs]), float(cost), burn)
        return Witness(
            frozen(self.hypotheses[runs]),
            frozen(self.policies[runs]),
            frozen(counts.astype(np.int64)),
            mu,
            value,
        )


def search(
    discrepancy: Discrepancy,
    witness: Witness,
    others: Sequence[_upper.Certificate],
    grid: Floats,
    episodes: int,
    burn: float,
    asked: bool = False,
) -> tuple[Counts | None, Witness]:
    """The certificate, and the better of the given and the optimal sequences.

    V is found at the best mu of the best sequence so far, then wherever the chord rule is worst,
    until the ends meet or the next mu would cost too much. Vectors of counts are gone through one
    and all where they are few, else closed by bounds. When the exact method was asked for it may
    cost more, and ends that do not meet are refused.
    """
    rows = Rows.of(discrepancy)
    found: dict[float, tuple[float, bool]] = {}
    counts: Counts | None = None
    top, mu = _worst(others, grid, np.empty(0), episodes, burn)
    bounded = episodes <= (PLAYS if asked else QUICK_PLAYS) and top > EXACT * witness.value
    if witness.mu > 0.0:
        mu = witness.mu
    while rows is not None and len(found) < POINTS:
        known = witness.value * (witness.mu + burn) * min(1.0, mu / max(witness.mu, 1e-300))
        solved = _solved(rows, others, known, mu, episodes, burn, asked, bounded)
        if solved is None:
            break
        value, sequence, pruned = solved
        found[mu] = value, pruned
        better = sequence.value / max(witness.value, 1e-300)
        if better > 1.0:
            witness = sequence
        counts = _certificate(found, episodes)
        if better > FOLLOW and sequence.mu > 0.0 and sequence.mu not in found:
            mu = sequence.mu
            continue
        tried = mu
        top, mu = _worst((*others, counts), grid, counts.mus, episodes, burn)
        stuck = pruned and value > EXACT * witness.value * (tried + burn)
        if stuck or top <= CLOSE * witness.value:
            break
    if asked and discrepancy.errors.max() > 0.0 and not top <= EXACT * witness.value:
        raise NotApplicableError(
            "the exact method goes through the vectors of counts of the policies that matter, at "
            f"most {STATE_LIMIT:,} of them, or for K up to {PLAYS} closes all but some "
            f"{_levels.BUDGET:,} by bounds: K = {episodes:,} and "
            f"{'too many' if rows is None else rows.starts.size - 1} policies have more; "
            "without exact=True the coefficient is bracketed"
        )
    return counts, witness


def _solved(
    rows: Rows,
    others: Sequence[_upper.Certificate],
    known: float,
    mu: float,
    episodes: int,
    burn: float,
    asked: bool,
    bounded: bool,
) -> tuple[float, Witness, bool] | None:
    """A bound of V(mu), a sequence, whether bounds were used; None where it would cost too much.

    known: V(mu) is at least this.
    """
    states = rows.states(mu, episodes)
    quick = min(STATE_LIMIT, QUICK_WORK / rows.work)
    if bounded and states > quick:
        bound = _levels.Bound.best(rows, others, mu, episodes)
        limits = (_levels.BUDGET, _levels.WORK) if asked else (QUICK_VECTORS, QUICK_BOUNDS)
        budget = bound.affordable(*limits)
        if budget >= episodes:
            searched = _levels.search(rows, bound, mu, episodes, known, budget)
            closed = searched.upper <= EXACT * max(known, searched.lower)
            if closed or not asked or states > STATE_LIMIT:
                return searched.upper, rows.witness(searched.rows, burn), True
    if states > (STATE_LIMIT if asked else quick):
        return None
    solved = rows.solve(mu, episodes, burn)
    assert solved is not None
    return (*solved, False)


def _certificate(found: dict[float, tuple[float, bool]], episodes: int) -> Counts:
    mus = np.array(sorted(found))
    values = np.array([found[mu][0] for mu in mus])
    pruned = np.array([found[mu][1] for mu in mus])
    return Counts(frozen(mus), frozen(values), episodes, frozen(pruned) if pruned.any() else None)


def _worst(
    certificates: Sequence[_upper.Certificate],
    grid: Floats,
    tried: Floats,
    episodes: int,
    burn: float,
) -> tuple[float, float]:
    """The bound of the chord rule, and the mu that is to lower it."""
    mus = np.unique(np.concatenate([grid, tried]))
    values = np.array([_upper.value(certificates, float(mu), episodes) for mu in mus])
    top, where, _, at = _upper.chord(mus, values, burn)
    if where == 0:
        return top, float(mus[0]) / 4.0
    if where == mus.size:
        return top, float(mus[-1]) * 4.0
    if (np.abs(np.log(tried / at)) > 0.02).all():
        return top, at
    # Close to a mu that was tried: between its neighbours then.
    below, above = tried[tried < at * 0.99], tried[tried > at * 1.01]
    low = below.max(initial=mus[where - 1])
    high = above.min(initial=mus[where])
    return top, float(np.sqrt(max(low, at / 4.0) * min(high, 4.0 * at)))
