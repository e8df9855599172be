"""Regret bounds of MAMEX as objects: explicit, paper-shape, trivial; and the tuned eta.

Only an explicit bound can be violated by a measurement: every constant of it is proved, in
theory/regret_in_expectation.md and theory/regret_in_probability.md. Units: returns, summed over
episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from mamex_bench.concentration import Concentration, ModelConcentration, concentration
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model._arrays import Floats, Ints, integers, positive_integer
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.instance import Instance
from mamex_bench.structural_bounds import (
    structural_bellman_eluder,
    structural_bilinear,
    structural_linear_mixture,
    structural_witness,
)

__all__ = [
    "Coefficient",
    "Concentration",
    "RegretBounds",
    "RegretCurve",
    "concentration",
    "nonvacuous_from",
    "paper_eta",
    "regret",
    "regret_curve",
    "structural_bellman_eluder",
    "structural_bilinear",
    "structural_linear_mixture",
    "structural_witness",
    "tuned_eta",
]

EPISODE_LIMIT = 1e12
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


class Coefficient(Protocol):
    """What a bound needs of a decoupling bracket."""

    @property
    def upper(self) -> float:
        """Certified upper end of d(K)."""

    def upper_value(self, mu: float, episodes: int | None = None) -> float:
        """V_up(mu) >= V(mu) for every agent and sequences of at most that many episodes."""

    def upper_value_curve(self, mu: float, lengths: Any) -> Floats:
        """V_up(mu) for each length."""


@dataclass(frozen=True)
class RegretBounds:
    """Bounds on the regret of MAMEX over K episodes.

    Attributes:
        concept: "nash", "ce" or "cce"; the bounds are alike.
        episodes: K.
        agents: n.
        eta: of the learner.
        explicit: on E Reg_i(K), for each agent; n times it, on the signed sum over agents. NaN
            when not applicable.
        explicit_probability: on every Reg_i(K) at once, but for `failure_probability`.
        failure_probability: 2 delta, for the delta asked for.
        paper_shape: on the signed sum over agents: leading order, constant 1; no claim at finite K.
        trivial: R_true K, for each agent.
        nonvacuous_from: K from which the explicit bound, eta tuned to each K, is below the
            trivial one; None when beyond 1e12.
        terms: the parts of `explicit`, which it is the sum of.
        note: why a bound is NaN, or "".
    """

    concept: str
    episodes: int
    agents: int
    eta: float
    explicit: float
    explicit_probability: float
    failure_probability: float
    paper_shape: float
    trivial: float
    nonvacuous_from: float | None
    terms: dict[str, float]
    note: str

    @property
    def applicable(self) -> bool:
        return not self.note

    @property
    def vacuous(self) -> bool:
        """Whether the explicit bound in expectation says no more than the trivial one."""
        return self.applicable and self.explicit >= self.trivial

    def __repr__(self) -> str:
        if not self.applicable:
            body = f"explicit not applicable: {self.note}"
        else:
            state = ", vacuous" if self.vacuous else ""
            body = (
                f"per agent: {self.explicit:.4g} in expectation{state}, "
                f"{self.explicit_probability:.4g} but for probability {self.failure_probability:g}"
            )
        head = f"RegretBounds({self.concept}, K={self.episodes:,}, eta={self.eta:.4g}"
        tail = f"paper-shape for {self.agents} agents {self.paper_shape:.4g}"
        return f"{head}; {body}; trivial {self.trivial:.4g}; {tail})"


@dataclass(frozen=True, eq=False)
class RegretCurve:
    """The bounds of `RegretBounds` along a run: arrays over checkpoints, for one eta.

    Attributes:
        checkpoints: (P,) episodes.
        explicit, explicit_probability, trivial: (P,) per agent.
        paper_shape: (P,) for the sum over agents.
        agents, eta, failure_probability, nonvacuous_from, note: as in `RegretBounds`.
    """

    checkpoints: Ints
    agents: int
    eta: float
    explicit: Floats
    explicit_probability: Floats
    paper_shape: Floats
    trivial: Floats
    failure_probability: float
    nonvacuous_from: float | None
    note: str

    def __repr__(self) -> str:
        return (
            f"RegretCurve(K={int(self.checkpoints[-1]):,}, eta={self.eta:.4g}, per agent "
            f"{self.explicit[-1]:.4g}, trivial {self.trivial[-1]:.4g})"
        )


def paper_eta(episodes: int) -> float:
    """4 / sqrt(K)."""
    return float(4.0 / np.sqrt(positive_integer(episodes, "episodes")))


def _expectation_terms(
    constants: Concentration, value: float, eta: float, epsilon_sum: float
) -> dict[str, float]:
    """E Reg_i(K) <= V_up(1/(eta c)) + eta K U + sum epsilon_k, U in expectation."""
    radius = eta * constants.episodes * constants.expected_U
    return {"decoupling": value, "radius": radius, "equilibrium": epsilon_sum}


def _probability(
    constants: Concentration, value: float, eta: float, delta: float, epsilon_sum: float
) -> float:
    """V_up(1/(eta c)) + eta K U + (R + eta U) sqrt(K log(n/delta) / 2) + sum epsilon_k."""
    K, U = constants.episodes, constants.U(delta)
    sampling = (constants.R + eta * U) * np.sqrt(K * np.log(constants.agents / delta) / 2.0)
    return float(value + eta * K * U + sampling + epsilon_sum)


def _paper_shape(constants: Concentration, coefficient: float, delta: float) -> float:
    """n ( d sqrt(K) + d H + H sqrt(K) log Upsilon ).

    Upsilon = |F|/delta (models) or 2 n |F| |Pi| K/delta (values): the published form leaves the
    inside of the logarithm to its appendix.
    """
    n, H, K, d = constants.agents, constants.horizon, constants.episodes, coefficient
    if isinstance(constants, ModelConcentration):
        upsilon = constants.size / delta
    else:
        sizes = max(getattr(constants, "sizes", (1,)))
        upsilon = 2 * n * sizes * getattr(constants, "joint_policies", 1) * K / delta
    return float(n * (d * np.sqrt(K) + d * H + H * np.sqrt(K) * np.log(upsilon)))


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


def regret(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    eta: float,
    coefficient: Coefficient | None,
    delta: float = 0.05,
    hypotheses: str | None = None,
    epsilon_sum: float = 1.0,
) -> RegretBounds:
    """Every bound on the regret of MAMEX with this eta after K episodes.

    Args:
        instance, hypotheses, concept: what is learned, and the class (default: the first).
        episodes: K.
        eta: of the learner, positive.
        coefficient: bracket of the decoupling coefficient of the same class; None: explicit and
            paper-shape bounds are not applicable.
        delta: half the failure probability of the bound in probability; also the delta of the
            paper-shape.
        epsilon_sum: at least sum_k epsilon_k, the equilibria's inexactness, per agent.
    """
    curve, terms = _curve(
        instance,
        concept,
        np.array([positive_integer(episodes, "episodes")]),
        eta,
        coefficient,
        delta,
        hypotheses,
        epsilon_sum,
    )
    return RegretBounds(
        concept=concept,
        episodes=int(episodes),
        agents=curve.agents,
        eta=curve.eta,
        explicit=float(curve.explicit[0]),
        explicit_probability=float(curve.explicit_probability[0]),
        failure_probability=curve.failure_probability,
        paper_shape=float(curve.paper_shape[0]),
        trivial=float(curve.trivial[0]),
        nonvacuous_from=curve.nonvacuous_from,
        terms=terms,
        note=curve.note,
    )


def regret_curve(
    instance: Instance,
    *,
    concept: str,
    checkpoints: Sequence[int] | Ints,
    eta: float,
    coefficient: Coefficient | None,
    episodes: int | None = None,
    delta: float = 0.05,
    hypotheses: str | None = None,
    epsilon_sum: float = 1.0,
) -> RegretCurve:
    """The bounds of `regret` at each checkpoint of a run with one eta; each holds by itself.

    checkpoints: increasing, the last one K; `episodes`, if given, must be that K.
    """
    times = integers(np.asarray(checkpoints), "checkpoints", 1)
    if times[0] < 1 or (np.diff(times) <= 0).any():
        raise InputError("checkpoints must be increasing episodes from 1 on")
    if episodes is not None and episodes != times[-1]:
        raise InputError(f"the last checkpoint is {times[-1]}: expected episodes = {episodes}")
    return _curve(instance, concept, times, eta, coefficient, delta, hypotheses, epsilon_sum)[0]


def _curve(
    instance: Instance,
    concept: str,
    times: Ints,
    eta: float,
    coefficient: Coefficient | None,
    delta: float,
    hypotheses: str | None,
    epsilon_sum: float,
) -> tuple[RegretCurve, dict[str, float]]:
    concept_code(concept)
    if not np.isfinite(eta) or eta <= 0.0:
        raise InputError(f"eta is {eta!r}: expected a positive number")
    if not 0.0 < delta < 1.0:
        raise InputError(f"delta is {delta!r}: expected a number strictly between 0 and 1")
    if not epsilon_sum >= 0.0:
        raise InputError(f"epsilon_sum is {epsilon_sum!r}: expected a number of at least 0")
    explicit, probability, shape = (np.full(times.size, np.nan) for _ in range(3))
    note, terms, crossing = "", dict[str, float](), None
    try:
        constants = concentration(instance, hypotheses, episodes=int(times[-1]))
        if coefficient is None:
            raise NotApplicableError("no bracket of the decoupling coefficient")
        values = coefficient.upper_value_curve(1.0 / (eta * constants.c), times)
        for j, t in enumerate(times):
            here = constants.at(int(t))
            value = float(values[j])
            terms = _expectation_terms(here, value, eta, epsilon_sum)
            explicit[j] = sum(terms.values())
            probability[j] = _probability(here, value, eta, delta, epsilon_sum)
            shape[j] = _paper_shape(here, coefficient.upper, delta)
        crossing = nonvacuous_from(constants, coefficient)
    except NotApplicableError as error:
        note = str(error)
    curve = RegretCurve(
        checkpoints=times,
        agents=instance.game.agents,
        eta=float(eta),
        explicit=explicit,
        explicit_probability=probability,
        paper_shape=shape,
        trivial=np.asarray(instance.return_range * times, dtype=np.float64),
        failure_probability=2.0 * delta,
        nonvacuous_from=crossing,
        note=note,
    )
    return curve, terms
