"""The eta of MAMEX, the paper's or the tuned one, and from where on the tuned bound is of use."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np

from mamex_bench.bounds._objects import Coefficient
from mamex_bench.concentration import Concentration
from mamex_bench.model._arrays import positive_integer

EPISODE_LIMIT = 1e12
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


def paper_eta(episodes: int) -> float:
    """4 / sqrt(K)."""
    return float(4.0 / np.sqrt(positive_integer(episodes, "episodes")))


def tuned_eta(
    constants: Concentration,
    upper_value: Callable[[float], float],
    episodes: int,
    delta: float | None = None,
) -> float:
    """The minimiser over eta of V_up(1/(eta c)) + eta K U.

    `upper_value(mu)` must hold for sequences of `episodes`. U is in expectation, or U(delta) when
    a delta is given. A logarithmic grid of 33 values, then a golden section between the best
    one's neighbours: deterministic, and the bounds hold for any eta. The search stays within a
    factor 4 of the eta at which the two terms balance, where their sum is at most twice its
    minimum: where the bound is vacuous at every eta, the minimiser over all of them runs off to 0,
    which would switch learning off.
    """
    fixed = constants.at(episodes)
    U = fixed.expected_U if delta is None else fixed.U(delta)

    def objective(log_eta: float) -> float:
        eta = float(np.exp(log_eta))
        return upper_value(1.0 / (eta * fixed.c)) + eta * episodes * U

    grid = _balance(fixed, upper_value, U) + np.linspace(-1.0, 1.0, 33) * np.log(4.0)
    best = int(np.argmin([objective(x) for x in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    return float(np.exp(_golden_section(objective, low, high)))


def _balance(constants: Concentration, upper_value: Callable[[float], float], U: float) -> float:
    """Logarithm of the eta at which V_up(1/(eta c)), which falls, meets eta K U, which grows."""
    low, high = _eta_centre(constants) + np.array([-10.0, 10.0]) * np.log(10.0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        eta = float(np.exp(middle))
        if upper_value(1.0 / (eta * constants.c)) > eta * constants.episodes * U:
            low = middle
        else:
            high = middle
    return float(high)


def _eta_centre(constants: Concentration) -> float:
    """Logarithm of sqrt(1 / (c K U)), the tuned eta of a coefficient of 1."""
    U = max(constants.U(0.05), 1e-12)
    return float(-0.5 * np.log(constants.c * constants.episodes * U))


def _golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(24):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = function(right)
    return left if at_left <= at_right else right


_crossings: WeakKeyDictionary[Coefficient, dict[tuple[float, ...], float | None]] = (
    WeakKeyDictionary()
)


def nonvacuous_from(constants: Concentration, coefficient: Coefficient) -> float | None:
    """K from which the explicit bound, eta retuned to each K, is below the trivial one.

    None when beyond 1e12. Two searches: on a logarithmic grid of lengths for the last one at which
    the bound is vacuous, then by bisection up to the next, to half a percent. eta is retuned as in
    `tuned_eta`, on a coarser grid. sum epsilon_k is taken as 1.
    """
    known = _crossings.setdefault(coefficient, {})
    # All that the search reads: U grows with log K, so two lengths tell it.
    ends = (constants.at(k).expected_U for k in (1, int(EPISODE_LIMIT)))
    key = (constants.c, constants.return_range, *ends)
    if key not in known:
        known[key] = _crossing(constants, coefficient)
    return known[key]


def _crossing(constants: Concentration, coefficient: Coefficient) -> float | None:
    lengths = np.rint(np.geomspace(1, EPISODE_LIMIT, 37)).astype(np.int64)

    def vacuous(length: int) -> bool:
        here = constants.at(length)
        U, trivial = here.expected_U, here.return_range * length

        def value(mu: float) -> float:
            return coefficient.upper_value(mu, length)

        for log_eta in _balance(here, value, U) + np.linspace(-1.0, 1.0, 9) * np.log(4.0):
            eta = float(np.exp(log_eta))
            rest = eta * length * U + 1.0
            if rest < trivial and value(1.0 / (eta * here.c)) + rest < trivial:
                return False
        return True

    last = next((j for j in range(lengths.size - 1, -1, -1) if vacuous(int(lengths[j]))), None)
    if last is None:
        return 1.0
    if last == lengths.size - 1:
        return None
    low, high = int(lengths[last]), int(lengths[last + 1])
    while high - low > max(1, low // 200):
        middle = (low + high) // 2
        low, high = (middle, high) if vacuous(middle) else (low, middle)
    return float(high)
