"""Lower end where K stops the sequence: plays are exchanged between pairs, K in all.

Local search pair by pair stalls there, for no pair can take what another holds. Here numbers of
plays are real, one move at a time goes from the pair that gains least to the one that gains most,
pairs go to their cheapest places, mu to the best of the sequence and a little beyond; in the end
numbers are rounded. Whatever comes out is a sequence, hence valid.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.complexity import _lower
from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.complexity._lower import Rows, Witness
from mamex_bench.kernels import decoupling_exchange as kernel
from mamex_bench.model._arrays import Floats, Ints

ROUNDS = 30
MOVES = 400
# All pairs take part up to this many, else the candidates of the search.
FEW = 2000
# A round that gains less than this share is one of the last.
STALLED = 1e-5


def search(discrepancy: Discrepancy, mus: Floats, episodes: int, burn: float) -> Witness:
    """The best sequence found: greedy, local search, then exchanges."""
    witness = _lower.search(discrepancy, mus, episodes, burn)
    if witness.value <= 0.0 or not np.isfinite(witness.mu) or witness.mu <= 0.0:
        return witness
    positive = np.argwhere(discrepancy.errors > 0.0)
    if len(positive) <= FEW:
        rows = _lower.gather(discrepancy, positive[:, 1].copy(), positive[:, 0].copy())
    else:
        rows = _lower.candidates(discrepancy)
    return settle(rows, witness, episodes, burn)


def settle(rows: Rows, witness: Witness, episodes: int, burn: float) -> Witness:
    """The given sequence of the given pairs, or a better one."""
    pairs = zip(rows.policies.tolist(), rows.hypotheses.tolist())
    number = {pair: r for r, pair in enumerate(pairs)}
    runs = [
        number.get(pair, -1) for pair in zip(witness.policies.tolist(), witness.hypotheses.tolist())
    ]
    if -1 in runs:
        return witness
    counts, rank = np.zeros(rows.error.size), np.full(rows.error.size, np.inf)
    np.add.at(counts, runs, witness.counts)
    np.minimum.at(rank, runs, np.arange(len(runs), dtype=np.float64))
    best, mu = witness, witness.mu
    data = rows.error, rows.local, rows.table
    for k in range(ROUNDS):
        kernel.place(*data[1:], rank, counts)
        kernel.exchange(*data, mu, float(episodes), rank, counts, MOVES)
        order = np.argsort(rank, kind="stable")
        found = rows.witness(order, rounded(counts, episodes)[order], burn)
        gain = found.value / best.value - 1.0
        if gain > 0.0:
            best = found
        if found.mu <= 0.0 or (gain < STALLED and k > 2):
            break
        # The way that mu takes by itself is slow.
        mu = found.mu * float(np.clip((found.mu / mu) ** 4, 0.7, 1.5))
    return best


def rounded(counts: Floats, episodes: int) -> Ints:
    """Whole numbers near the given ones, of the same sum and at most K."""
    whole = np.floor(counts + 1e-9)
    missing = int(min(episodes, round(float(counts.sum()))) - whole.sum())
    if missing > 0:
        whole[np.argsort(whole - counts, kind="stable")[:missing]] += 1.0
    return whole.astype(np.int64)
