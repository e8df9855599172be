"""Least-squares value iteration on known features, both agents.

With Lambda_h = lambda I + sum phi phi^T over the visits (x, a) of step h and x' what followed,

    w_ih = Lambda_h^-1 sum phi (u_i(x, a) + V_i(x')),
    high_i(x, a) = min{ <phi, w_ih> + beta |phi|_{Lambda_h^-1}, ceiling }.

The sum over visits is kept by following state, so that its cost does not grow with the data.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.linear_planning import Plan, Ridge, add_point, operations, widths

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class LeastSquares(NamedTuple):
    """What is known and what has been seen.

    layers; payoff (N, 2, A): u_i; floor, ceiling (N, 2, A): bounds on Q without any data;
    features (N, d, A). ridge: regression h; its response is not used, but
    response (2, H, d): sum phi u_i; onward (N + ends, d): sum of phi over visits that went on to
    x'; weights (2, H, d): the estimates w of the plan. beta; known_payoff: u_i is added to the
    estimate of E V instead of being a part of the target.
    """

    layers: Layers
    payoff: Floats
    floor: Floats
    ceiling: Floats
    features: Floats
    ridge: Ridge
    response: Floats
    onward: Floats
    weights: Floats
    beta: float
    known_payoff: bool


@jit
def _learn(evidence: LeastSquares, plan: Plan, states: Ints, actions: Ints) -> None:
    phi = np.empty(evidence.features.shape[1])
    turned = np.empty_like(phi)
    for h in range(actions.shape[0]):
        x, a, after = states[h], actions[h], states[h + 1]
        phi[:] = evidence.features[x, :, a]
        add_point(evidence.ridge, h, phi, 1.0, turned)
        for j in range(phi.shape[0]):
            evidence.onward[after, j] += phi[j]
            if not evidence.known_payoff:
                for i in range(2):
                    evidence.response[i, h, j] += phi[j] * evidence.payoff[x, i, a]


@jit
def _estimate(evidence: LeastSquares, plan: Plan, h: int) -> None:
    """w_ih of both agents."""
    first, d = evidence.layers.first, evidence.features.shape[1]
    total = np.empty(d)
    for i in range(2):
        total[:] = evidence.response[i, h]
        for x in range(first[h + 1], first[h + 2]):
            value = plan.value[x, i]
            if value != 0.0:
                for j in range(d):
                    total[j] += evidence.onward[x, j] * value
        for p in range(d):
            inner = 0.0
            for q in range(d):
                inner += evidence.ridge.inverse[h, p, q] * total[q]
            evidence.weights[i, h, p] = inner


@jit
def _bound(evidence: LeastSquares, plan: Plan, h: int, skip: NDArray[np.bool_]) -> None:
    _estimate(evidence, plan, h)
    first, (_, d, A) = evidence.layers.first, evidence.features.shape
    length = np.empty(A)
    high = np.empty(A)
    for x in range(first[h], first[h + 1]):
        if skip[x]:
            continue
        phi = evidence.features[x]
        widths(evidence.ridge.inverse[h], phi, high, length)
        for i in range(2):
            for a in range(A):
                high[a] = evidence.beta * length[a]
            for j in range(d):
                for a in range(A):
                    high[a] += phi[j, a] * evidence.weights[i, h, j]
            for a in range(A):
                if evidence.known_payoff:
                    high[a] += evidence.payoff[x, i, a]
                lowest, highest = evidence.floor[x, i, a], evidence.ceiling[x, i, a]
                plan.high[x, i, a] = min(max(high[a], lowest), highest)


operations(_learn, _bound, LeastSquares)
