"""One level of the search over count vectors: all vectors of one more play, with a bound of each.

A state is a vector c of how often each policy has been used, with the costs c has caused,
costs[x] = (1/mu) sum_q c_q table[q, x], and what was earned on the best way to it. Row r is a pair
of policy p, starts[p] <= r < starts[p+1], with error `errors[r]` and costs in column `columns[r]`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.decoupling_potential import ascend, levied

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def expand(
    errors: Floats,
    columns: Ints,
    starts: Ints,
    costs: Floats,
    earned: Floats,
    parents: Ints,
    policies: Ints,
    rows: Ints,
    totals: Floats,
) -> int:
    """Every state followed by the best pair of every policy, where that earns something.

    Writes parent, policy, row and what is earned in all; returns how many there are, or -1 when
    the buffers are full.
    """
    size = 0
    for s in range(costs.shape[0]):
        for p in range(starts.shape[0] - 1):
            top, best = 0.0, -1
            for r in range(starts[p], starts[p + 1]):
                gain = errors[r] - costs[s, columns[r]]
                if gain > top:
                    top, best = gain, r
            if best >= 0:
                if size == parents.shape[0]:
                    return -1
                parents[size] = s
                policies[size] = p
                rows[size] = best
                totals[size] = earned[s] + top
                size += 1
    return size


@jit
def by_clusters(
    errors: Floats,
    columns: Ints,
    cost: Floats,
    begin: Ints,
    member: Ints,
    slope: Floats,
    left: int,
    terms: Floats,
) -> float:
    """The sum of the `left` largest [max_r e_r - cost_r - j slope_r]_+ over clusters and j >= 0.

    Cluster k has the rows member[begin[k]:begin[k+1]] and their least losses over mu in `slope`.
    """
    size = 0
    for k in range(begin.shape[0] - 1):
        for j in range(left):
            top = 0.0
            for x in range(begin[k], begin[k + 1]):
                r = member[x]
                top = max(top, errors[r] - cost[columns[r]] - j * slope[x])
            if top <= 0.0:
                break
            if size == terms.shape[0]:
                return np.inf
            terms[size] = top
            size += 1
    if size <= left:
        return float(terms[:size].sum())
    return float(np.sort(terms[:size])[size - left :].sum())


@jit
def by_groups(
    errors: Floats,
    columns: Ints,
    cost: Floats,
    group: Ints,
    kernel: Floats,
    tops: Floats,
    idle: float,
    mu: float,
    left: int,
    x: Floats,
    sweeps: int,
) -> float:
    """The bound by groups of pairs for errors less costs; x (G,) is where the ascent begins.

    group (R,), -1: none. A pair's vector stays that of its whole error.
    """
    G = tops.shape[0]
    share = np.zeros(G)
    for r in range(errors.shape[0]):
        if group[r] >= 0:
            share[group[r]] = max(share[group[r]], 1.0 - cost[columns[r]] / errors[r])
    weight = np.empty(G)
    for g in range(G):
        weight[g] = share[g] + tops[g] * kernel[g, g] / (2.0 * mu) if share[g] > 0.0 else 0.0
    ascend(kernel, weight, mu, x, sweeps)
    push = np.zeros(G)
    for g in range(G):
        if x[g] != 0.0:
            for b in range(G):
                push[b] += x[g] * kernel[g, b] / mu
    return float(levied(push, weight, tops, float(x @ push) / 2.0, idle, float(left)))


@jit
def merge(counts: Ints, codes: NDArray[np.uint64], totals: Floats, first: Ints) -> int:
    """first[i]: the best state of the same counts, itself for one that is kept; returns how many.

    codes: a number for each vector that like vectors share.
    """
    order = np.argsort(codes)
    for i in range(codes.shape[0]):
        first[i] = i
    kept = codes.shape[0]
    begin = 0
    for k in range(1, codes.shape[0] + 1):
        if k < codes.shape[0] and codes[order[k]] == codes[order[begin]]:
            continue
        for a in range(begin, k):
            i = order[a]
            if first[i] != i:
                continue
            for b in range(a + 1, k):
                j = order[b]
                if first[j] == j and (counts[i] == counts[j]).all():
                    if totals[j] > totals[i]:
                        first[i] = j
                        kept -= 1
                        break
                    first[j] = i
                    kept -= 1
        begin = k
    return kept


@jit
def bounds(
    errors: Floats,
    columns: Ints,
    costs: Floats,
    totals: Floats,
    enough: float,
    left: int,
    begin: Ints,
    member: Ints,
    slope: Floats,
    out: Floats,
) -> None:
    """out[s]: the least of itself and of what is earned and the bound by clusters, for each state.

    States of a bound of at most `enough` are left as they are.
    """
    terms = np.empty(64 * (begin.shape[0] + left))
    for s in range(costs.shape[0]):
        if out[s] > enough:
            more = by_clusters(errors, columns, costs[s], begin, member, slope, left, terms)
            out[s] = min(out[s], totals[s] + more)


@jit
def group_bounds(
    errors: Floats,
    columns: Ints,
    costs: Floats,
    totals: Floats,
    enough: float,
    left: int,
    group: Ints,
    kernel: Floats,
    tops: Floats,
    idle: float,
    mu: float,
    x: Floats,
    sweeps: int,
    out: Floats,
) -> None:
    """The same by groups of pairs, the ascent of each state from x (G,)."""
    for s in range(costs.shape[0]):
        if out[s] > enough:
            more = by_groups(
                errors, columns, costs[s], group, kernel, tops, idle, mu, left, x.copy(), sweeps
            )
            out[s] = min(out[s], totals[s] + more)
