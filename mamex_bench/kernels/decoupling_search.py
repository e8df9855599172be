"""Sequences of pairs with large V: greedy, then local search over order and counts.

A row r is a pair (f, pi) with error `error[r]`; D(pi_a; f_b, pi_b) = table[policy[a], b].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def greedy(
    error: Floats,
    price: Floats,
    policy: Ints,
    table: Floats,
    mu: float,
    episodes: int,
    stride: float,
    rows: Ints,
    counts: Ints,
) -> int:
    """Append the row of largest `gain - price` until no gain is positive or K pairs are used.

    gain_r = error_r - (1/mu) sum_{s so far} D(pi_s; r). A row is repeated while its own repetitions
    cost less than `stride` of its gain, once at least. Writes runs (row, count) to `rows`, `counts`
    and returns how many there are; stops when the buffers are full.
    """
    gain = error.copy()
    left = episodes
    size = 0
    while left > 0 and size < rows.shape[0]:
        best = -1
        top = -np.inf
        for r in range(gain.shape[0]):
            if gain[r] > 0.0 and gain[r] - price[r] > top:
                top = gain[r] - price[r]
                best = r
        if best < 0:
            break
        cost = table[policy[best]]
        own = cost[best] / mu
        times = left
        if own > 0.0:
            times = min(left, max(1, int(min(stride * gain[best] / own, 1e15))))
        for r in range(gain.shape[0]):
            gain[r] -= times / mu * cost[r]
        if own <= 0.0:
            gain[best] = 0.0
        rows[size] = best
        counts[size] = times
        size += 1
        left -= times
    return size


@jit
def improve(
    error: Floats,
    policy: Ints,
    table: Floats,
    mu: float,
    episodes: int,
    order: Ints,
    counts: Ints,
    sweeps: int,
) -> float:
    """Local search: each row in turn is put where it costs least, with the best number of plays.

    `order` (R,) lists all rows, `counts` (R,) the plays of each; both are changed in place. The
    play number c of row r, placed between rows before and after it, adds
        error_r - (1/mu) [sum_before c_a D(pi_a; r) + sum_after c_b D(pi_r; b) + (c-1) D(pi_r; r)].
    Returns the value A - B/mu that is reached; it never falls.
    """
    R = order.shape[0]
    used = counts.sum()
    total = sequence_value(error, policy, table, mu, order, counts)
    for _ in range(sweeps):
        before_sweep = total
        for r in range(R):
            own = table[policy[r], r]
            # Cost of each place: begin at the front, where every other row comes after.
            cost = 0.0
            place_now = 0
            for x in range(R):
                b = order[x]
                if b == r:
                    place_now = x
                elif counts[b] > 0:
                    cost += counts[b] * table[policy[r], b]
            cheapest, place = cost, 0
            here = cost
            skipped = 0
            for x in range(R):
                b = order[x]
                if b == r:
                    skipped = 1
                    here = cost
                    continue
                if counts[b] > 0:
                    cost += counts[b] * (table[policy[b], r] - table[policy[r], b])
                    if cost < cheapest:
                        cheapest, place = cost, x + 1 - skipped
            gain = error[r] - cheapest / mu
            room = episodes - (used - counts[r])
            wanted = 0
            if gain > 0.0:
                wanted = room
                if own > 0.0:
                    wanted = min(room, int(min(gain * mu / own, 1e15)) + 1)
            old = counts[r] * (error[r] - here / mu) - pairs(counts[r]) * own / mu
            new = wanted * gain - pairs(wanted) * own / mu
            if new <= old + 1e-12 * abs(old):
                continue
            if place < place_now:
                for x in range(place_now, place, -1):
                    order[x] = order[x - 1]
            else:
                for x in range(place_now, place):
                    order[x] = order[x + 1]
            order[place] = r
            used += wanted - counts[r]
            counts[r] = wanted
            total += new - old
        if total <= before_sweep * (1.0 + 1e-6):
            break
    return sequence_value(error, policy, table, mu, order, counts)


@jit
def exhaust(
    error: Floats, policy: Ints, table: Floats, length: int, burn: float, best: Ints
) -> float:
    """Largest A^2 / (sqrt(B) + sqrt(B + b A))^2 over all sequences of at most `length` rows.

    Writes the sequence to `best`, -1 behind its end. Depth first, R^length sequences in all.
    """
    R = error.shape[0]
    now = np.full(length, -1, np.int64)
    total = np.zeros(length + 1)
    cost = np.zeros(length + 1)
    top = 0.0
    best[:] = -1
    depth = 0
    while depth >= 0:
        now[depth] += 1
        if now[depth] == R:
            now[depth] = -1
            depth -= 1
            continue
        r = now[depth]
        total[depth + 1] = total[depth] + error[r]
        cost[depth + 1] = cost[depth]
        for s in range(depth):
            cost[depth + 1] += table[policy[now[s]], r]
        A, B = total[depth + 1], cost[depth + 1]
        root = np.sqrt(B) + np.sqrt(B + burn * A)
        value = (A / root) ** 2
        if value > top:
            top = value
            best[: depth + 1] = now[: depth + 1]
            best[depth + 1 :] = -1
        if depth + 1 < length:
            depth += 1
    return top


@jit
def pairs(count: int) -> float:
    """c (c - 1) / 2."""
    return 0.5 * count * (count - 1.0)


@jit
def sequence_sums(
    error: Floats, policy: Ints, table: Floats, rows: Ints, counts: Ints
) -> tuple[float, float]:
    """A = sum_k e_k and B = sum_k sum_{s<k} D(pi_s; k) of the runs (row, count) in their order."""
    total, cost = 0.0, 0.0
    past = np.zeros(table.shape[1])
    for k in range(rows.shape[0]):
        r = rows[k]
        c = counts[k]
        if c == 0:
            continue
        own = table[policy[r]]
        total += c * error[r]
        cost += c * past[r] + pairs(c) * own[r]
        for b in range(past.shape[0]):
            past[b] += c * own[b]
    return total, cost


@jit
def sequence_value(
    error: Floats, policy: Ints, table: Floats, mu: float, rows: Ints, counts: Ints
) -> float:
    """A - B / mu."""
    total, cost = sequence_sums(error, policy, table, rows, counts)
    return total - cost / mu
