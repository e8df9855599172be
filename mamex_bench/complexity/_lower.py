"""Lower end: a sequence of pairs, found by greedy search and improved; any sequence is valid.

For a sequence with A = sum e(f_k, pi_k) > 0 and B = sum_k sum_{s<k} D(pi_s; f_k, pi_k) the best mu
is [B + sqrt(B^2 + b A B)] / A, b = 6 H, and the value A^2 / (sqrt(B) + sqrt(B + b A))^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.kernels import decoupling_search as kernel
from mamex_bench.model._arrays import Floats, Ints, frozen

ROW_LIMIT = 1536
RUN_LIMIT = 20_000
STRIDE = 0.1
SWEEPS = 12
# Local search compares all pairs of rows: polish fewer starts when there are many.
POLISH_WORK = 1.2e6
CAPPED_WORK = 2e6
EXHAUST_LIMIT = 2e6
# Lengths for the coefficient without K: what a search may use, and how far a found sequence that
# is shorter than K is stretched.
LONG = 10**8
STRETCH = 1000


@dataclass(frozen=True, eq=False)
class Witness:
    """A sequence of pairs, run-length encoded: a certificate for the lower end.

    Attributes:
        hypotheses, policies, counts: (runs,); pair (f, pi) of each run and how often it is played.
        mu: the best mu of this sequence; 0 when it costs nothing.
        value: sup over mu of (A - B/mu) / (mu + b).
    """

    hypotheses: Ints
    policies: Ints
    counts: Ints
    mu: float
    value: float

    @property
    def length(self) -> int:
        return int(self.counts.sum())


def best_mu(total: float, cost: float, burn: float) -> tuple[float, float]:
    """(mu, value) of sup over mu > 0 of (A - B/mu) / (mu + b)."""
    if total <= 0.0:
        return 0.0, 0.0
    if cost <= 0.0:
        return 0.0, total / burn
    root = np.sqrt(cost + burn * total)
    mu = (cost + np.sqrt(cost) * root) / total
    return float(mu), float((total / (np.sqrt(cost) + root)) ** 2)


@dataclass(frozen=True, eq=False)
class Rows:
    """The pairs that a search may use.

    Attributes:
        hypotheses, policies: (R,).
        error: (R,).
        local: (R,), row of `table` of each pair's policy.
        table: (M', R), D(q; f_r, pi_r) for the M' policies in use.
    """

    hypotheses: Ints
    policies: Ints
    error: Floats
    local: Ints
    table: Floats

    def witness(self, order: Ints, counts: Ints, burn: float) -> Witness:
        kept = counts > 0
        rows, counts = order[kept], counts[kept]
        A, B = kernel.sequence_sums(self.error, self.local, self.table, rows, counts)
        mu, value = best_mu(A, B, burn)
        return Witness(
            frozen(self.hypotheses[rows]),
            frozen(self.policies[rows]),
            frozen(counts.copy()),
            mu,
            value,
        )


def gather(discrepancy: Discrepancy, hypotheses: Ints, policies: Ints) -> Rows:
    """Rows for the given pairs (f, pi), which must be distinct."""
    used, local = np.unique(policies, return_inverse=True)
    if discrepancy.shared:
        table = discrepancy.losses(used, 0, hypotheses)
    else:
        table = np.empty((used.size, policies.size))
        for k, policy in enumerate(used):
            mine = np.flatnonzero(local == k)
            table[:, mine] = discrepancy.losses(used, int(policy), hypotheses[mine])
    error = discrepancy.errors[policies, hypotheses]
    return Rows(hypotheses, policies, error, local.astype(np.int64), np.ascontiguousarray(table))


def candidates(discrepancy: Discrepancy) -> Rows:
    """The pairs worth playing: for each hypothesis (models) or policy (values) the best few.

    Models: D does not depend on pi, so a hypothesis needs only the policy of largest error, ties
    broken by what it reveals of the others, and those that trade error for revealing less.
    Values: pairs of largest error and of largest e^2 / D, for every policy.
    """
    errors = discrepancy.errors
    M, F = errors.shape
    positive = np.argwhere(errors > 0.0)
    if len(positive) <= ROW_LIMIT // 2:
        return gather(discrepancy, positive[:, 1].copy(), positive[:, 0].copy())
    if discrepancy.shared:
        table = discrepancy.own
        top = np.maximum(errors.max(axis=0), 0.0)
        reveal = np.einsum("mf,f->m", np.minimum(table, 1.0), top)
        scale = top.max() / max(float(reveal.max()), 1e-300)
        chosen = [
            (errors - weight * scale * reveal[:, None]).argmax(axis=0)
            for weight in (1e-9, 0.1, 0.5)
        ]
        f = np.tile(np.arange(F), len(chosen))
        pi = np.concatenate(chosen)
    else:
        own = discrepancy.own
        each = max(1, ROW_LIMIT // (2 * M))
        ratio = np.where(errors > 0.0, errors**2 / np.maximum(own, 1e-300), 0.0)
        picks = [np.argsort(-score, axis=1, kind="stable")[:, :each] for score in (errors, ratio)]
        f = np.concatenate(picks, axis=1).ravel()
        pi = np.repeat(np.arange(M), 2 * min(each, F))
    code = np.unique(pi * F + f)
    pi, f = code // F, code % F
    e = errors[pi, f]
    keep = np.flatnonzero(e > 0.0)
    if keep.size > ROW_LIMIT:
        keep = np.sort(keep[np.argsort(-e[keep], kind="stable")[:ROW_LIMIT]])
    return gather(discrepancy, f[keep], pi[keep])


def search(discrepancy: Discrepancy, mus: Floats, episodes: int, burn: float) -> Witness:
    """The best sequence found: greedy at every mu and three prices, the best few improved."""
    rows = candidates(discrepancy)
    if rows.error.size == 0:
        none = frozen(np.empty(0, dtype=np.int64))
        return Witness(none, none, none, 0.0, 0.0)
    # One pair alone: max e / b.
    largest = np.array([int(rows.error.argmax())])
    best = rows.witness(largest, np.ones(1, dtype=np.int64), burn)
    if episodes * np.log(max(rows.error.size, 2)) <= np.log(EXHAUST_LIMIT):
        sequence = np.empty(episodes, dtype=np.int64)
        kernel.exhaust(rows.error, rows.local, rows.table, episodes, burn, sequence)
        played = sequence[sequence >= 0]
        return rows.witness(played, np.ones_like(played), burn)
    starts: list[tuple[float, float, Ints, Ints]] = []
    reveal = np.minimum(rows.table, rows.error).sum(axis=1)
    tie = reveal[rows.local] / max(float(reveal.max()), 1e-300) * rows.error.max()
    for mu in np.concatenate([mus, mus[-1] * np.array([3.0, 10.0])]):
        for weight in (1e-9, 0.3):
            runs = np.empty(RUN_LIMIT, dtype=np.int64)
            times = np.empty(RUN_LIMIT, dtype=np.int64)
            size = kernel.greedy(
                rows.error,
                weight * tie,
                rows.local,
                rows.table,
                float(mu),
                episodes,
                STRIDE,
                runs,
                times,
            )
            found = rows.witness(runs[:size], times[:size], burn)
            starts.append((found.value, float(mu), runs[:size], times[:size]))
            best = max(best, found, key=lambda w: w.value)
    starts.sort(key=lambda start: -start[0])
    polished = int(np.clip(POLISH_WORK / rows.error.size**2, 1, 4))
    for _, mu, runs, times in starts[:polished]:
        best = max(best, polish(rows, runs, times, mu, episodes, burn), key=lambda w: w.value)
    return best


def unlimited(
    discrepancy: Discrepancy, witness: Witness, mus: Floats, episodes: int, burn: float
) -> Witness:
    """A sequence of any length, for the coefficient without K: the given one, stretched.

    Where K stopped it, or all sequences were tried, a new one is searched.
    """
    if witness.length == 0:
        return witness
    if witness.length >= episodes:
        found = search(discrepancy, mus, max(LONG, episodes), burn)
        witness = max(witness, found, key=lambda w: w.value)
    order = np.arange(witness.counts.size)
    code = witness.policies * discrepancy.hypotheses + witness.hypotheses
    distinct, place = np.unique(code, return_inverse=True)
    rows = gather(
        discrepancy, distinct % discrepancy.hypotheses, distinct // discrepancy.hypotheses
    )
    longer = rows.witness(place[order].astype(np.int64), STRETCH * witness.counts, burn)
    return max(witness, longer, key=lambda w: w.value)


def polish(rows: Rows, runs: Ints, times: Ints, mu: float, episodes: int, burn: float) -> Witness:
    """Local search from a greedy sequence, its rows in order of their middle play; mu in turn."""
    R = rows.error.size
    counts = np.bincount(runs, weights=times, minlength=R).astype(np.int64)
    middle = np.cumsum(times) - 0.5 * times
    place = np.bincount(runs, weights=times * middle, minlength=R) / np.maximum(counts, 1)
    place[counts == 0] = np.inf
    order = np.argsort(place, kind="stable").astype(np.int64)
    best = rows.witness(order, counts[order], burn)
    for attempt in range(4):
        if attempt > 0 and counts.sum() == episodes:
            order, counts = capped(rows, order, mu, episodes)
        kernel.improve(rows.error, rows.local, rows.table, mu, episodes, order, counts, SWEEPS)
        found = rows.witness(order, counts[order], burn)
        stuck = found.value <= best.value * (1.0 + 1e-6)
        if not stuck:
            best, mu = found, found.mu
        if mu <= 0.0 or (stuck and attempt > 0):
            break
    return best


def capped(rows: Rows, order: Ints, mu: float, episodes: int) -> tuple[Ints, Ints]:
    """(order, counts) when K binds: every play pays a levy, the least that keeps within K."""
    low, high = 0.0, float(rows.error.max())
    best = order, np.zeros(order.size, dtype=np.int64)
    sweeps = int(np.clip(CAPPED_WORK / order.size**2, 2, SWEEPS))
    for _ in range(10):
        levy = 0.5 * (low + high)
        trial, counts = order.copy(), np.zeros(order.size, dtype=np.int64)
        taxed = rows.error - levy
        kernel.improve(taxed, rows.local, rows.table, mu, episodes, trial, counts, sweeps)
        if counts.sum() < episodes:
            high = levy
            best = trial, counts
        else:
            low = levy
    return best
