"""Regret bounds of MAMEX: explicit, paper-shape, trivial.

Only an explicit bound can be violated by a measurement: every constant of it is proved, in
theory/regret_in_expectation.md and theory/regret_in_probability.md. Units: returns, summed over
episodes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.bounds._objects import Coefficient, RegretBounds, RegretCurve
from mamex_bench.bounds._tuning import nonvacuous_from
from mamex_bench.concentration import Concentration, ModelConcentration, concentration
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model._arrays import Ints, integers, positive_integer
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.instance import Instance


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
