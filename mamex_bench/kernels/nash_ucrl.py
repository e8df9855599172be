"""Weighted value-targeted regression on the base kernels of a linear mixture, both agents.

With V_i the values of agent i's upper bound in the episode's plan, phi_V(x, a)_j =
sum_x' basis_j(x' | x, a) V(x'), per step h and agent i two ridge regressions on d features:

    FIRST    features phi_V,   targets V(x'),   weights 1 / sigma^2
    SECOND   features phi_V^2, targets V^2(x'), weights 1

    sigma^2 = max{ H^2 / d, [<phi_V^2, theta_2>]_{[0, H^2]} - [<phi_V, theta_1>]^2_{[-H, H]} + E },
    E = min{H^2, beta_1 |phi_V^2|_{Sigma_2^-1}} + min{H^2, 2 H beta_2 |phi_V|_{Sigma_1^-1}},
    high_i = min{ u_i + <phi_V, theta_1> + beta_0 |phi_V|_{Sigma_1^-1}, ceiling }.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.linear_planning import (
    Plan,
    Ridge,
    add_point,
    operations,
    width,
    widths,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIRST, SECOND = range(2)


class Fans(NamedTuple):
    """Base kernels by state: what may follow a state under any joint action.

    first (N+1,): the fan of x has the entries first[x] .. first[x+1]-1; following (m,): the states
    that follow, ascending; basis (m, d, A): zero where the joint action does not lead there.
    """

    first: Ints
    following: Ints
    basis: Floats


class Targeted(NamedTuple):
    """What is known and what has been seen.

    layers; payoff (N, 2, A): u_i; floor, ceiling (N, 2, A): bounds on Q without any data;
    fans: base kernels, |phi_V| <= 1 for |V| <= 1.
    ridge: regression (kind * 2 + i) * H + h; theta (R, d): its estimate.
    episode (1,): number of the coming episode, from 1. beta (3,), of (1,): beta_0, beta_1, beta_2
    and the episode that they are of.
    bound: B, the largest norm of theta; episodes: K; failure: delta; scale: factor of every beta.
    """

    layers: Layers
    payoff: Floats
    floor: Floats
    ceiling: Floats
    fans: Fans
    ridge: Ridge
    theta: Floats
    episode: Ints
    beta: Floats
    of: Ints
    bound: float
    episodes: int
    failure: float
    scale: float


@jit
def radii(k: int, d: int, H: int, B: float, K: int, delta: float) -> tuple[float, float, float]:
    """beta_0, beta_1, beta_2 in episode k, lambda = 1 / B^2 (Chen, Zhou and Gu 2022, lemma 5.1)."""
    ridge = 1.0 / (B * B)
    many = np.log(4.0 * k * k * H / delta)
    seen = np.log(1.0 + k / ridge)
    fourth = float(H) ** 4
    squares = np.log(1.0 + K * fourth / (d * ridge))
    last = np.sqrt(ridge) * B
    return (
        16.0 * np.sqrt(d * seen * many) + 8.0 * np.sqrt(d) * many + last,
        16.0 * np.sqrt(d * fourth * squares * many) + 8.0 * H * H * many + last,
        16.0 * d * np.sqrt(seen * many) + 8.0 * np.sqrt(d) * many + last,
    )


@jit
def _update_radii(evidence: Targeted) -> None:
    """Have evidence.beta be that of the coming episode."""
    k = evidence.episode[0]
    if evidence.of[0] != k:
        d, H = evidence.theta.shape[1], evidence.layers.first.shape[0] - 2
        betas = radii(k, d, H, evidence.bound, evidence.episodes, evidence.failure)
        evidence.beta[0], evidence.beta[1], evidence.beta[2] = betas
        evidence.of[0] = k


@jit
def _features(fans: Fans, plan: Plan, x: int, a: int, i: int, phi: Floats, squared: Floats) -> None:
    """phi_V and phi_{V^2} of one state and joint action for agent i."""
    phi[:] = 0.0
    squared[:] = 0.0
    for entry in range(fans.first[x], fans.first[x + 1]):
        value = plan.value[fans.following[entry], i]
        for j in range(phi.shape[0]):
            phi[j] += fans.basis[entry, j, a] * value
            squared[j] += fans.basis[entry, j, a] * value * value


@jit
def _all_features(fans: Fans, plan: Plan, x: int, i: int, phi: Floats) -> None:
    """phi_V of one state and every joint action, phi (d, A), for agent i."""
    phi[:] = 0.0
    flat = phi.reshape(-1)
    for entry in range(fans.first[x], fans.first[x + 1]):
        value = plan.value[fans.following[entry], i]
        weights = fans.basis[entry].reshape(-1)
        for c in range(flat.shape[0]):
            flat[c] += weights[c] * value


@jit
def _inner(left: Floats, right: Floats) -> float:
    total = 0.0
    for j in range(left.shape[0]):
        total += left[j] * right[j]
    return total


@jit
def _solve(evidence: Targeted, r: int) -> None:
    """theta = inverse response."""
    for p in range(evidence.theta.shape[1]):
        evidence.theta[r, p] = _inner(evidence.ridge.inverse[r, p], evidence.ridge.response[r])


@jit
def variance(
    evidence: Targeted, phi: Floats, squared: Floats, first: int, second: int, H: int
) -> float:
    """sigma^2 of one step, phi and squared its features, first and second its regressions."""
    ridge, d = evidence.ridge, phi.shape[0]
    scale, beta_1, beta_2 = evidence.scale, evidence.beta[1], evidence.beta[2]
    most = float(H * H)
    square = min(max(_inner(squared, evidence.theta[second]), 0.0), most)
    mean = min(max(_inner(phi, evidence.theta[first]), -float(H)), float(H))
    error = min(most, scale * beta_1 * width(ridge.inverse[second], squared))
    error += min(most, 2.0 * H * scale * beta_2 * width(ridge.inverse[first], phi))
    return max(most / d, square - mean * mean + error)


@jit
def _learn(evidence: Targeted, plan: Plan, states: Ints, actions: Ints) -> None:
    """Nothing follows the last step: its features are zero."""
    ridge, d, H = evidence.ridge, evidence.theta.shape[1], actions.shape[0]
    phi = np.empty(d)
    squared = np.empty(d)
    turned = np.empty(d)
    _update_radii(evidence)
    for h in range(H - 1):
        after = states[h + 1]
        for i in range(2):
            first, second = (FIRST * 2 + i) * H + h, (SECOND * 2 + i) * H + h
            _features(evidence.fans, plan, states[h], actions[h], i, phi, squared)
            weight = 1.0 / variance(evidence, phi, squared, first, second, H)
            target = plan.value[after, i]
            add_point(ridge, first, phi, weight, turned)
            add_point(ridge, second, squared, 1.0, turned)
            for j in range(d):
                ridge.response[first, j] += weight * phi[j] * target
                ridge.response[second, j] += squared[j] * target * target
            _solve(evidence, first)
            _solve(evidence, second)
    evidence.episode[0] += 1


@jit
def _bound(evidence: Targeted, plan: Plan, h: int, skip: NDArray[np.bool_]) -> None:
    A, d = plan.joint.shape[1], evidence.theta.shape[1]
    layers = evidence.layers.first
    H = layers.shape[0] - 2
    _update_radii(evidence)
    radius = evidence.scale * evidence.beta[0]
    phi = np.empty((d, A))
    length = np.empty(A)
    high = np.empty(A)
    for i in range(2):
        r = (FIRST * 2 + i) * H + h
        for x in range(layers[h], layers[h + 1]):
            if skip[x]:
                continue
            high[:] = 0.0
            length[:] = 0.0
            if h + 1 < H:
                _all_features(evidence.fans, plan, x, i, phi)
                widths(evidence.ridge.inverse[r], phi, high, length)
                high[:] = 0.0
                for j in range(d):
                    for a in range(A):
                        high[a] += phi[j, a] * evidence.theta[r, j]
            for a in range(A):
                total = evidence.payoff[x, i, a] + (high[a] + radius * length[a])
                lowest, highest = evidence.floor[x, i, a], evidence.ceiling[x, i, a]
                plan.high[x, i, a] = min(max(total, lowest), highest)


operations(_learn, _bound, Targeted)
