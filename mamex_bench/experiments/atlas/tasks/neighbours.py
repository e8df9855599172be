"""The other measures of an instance, and the relations between them all."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from mamex_bench import complexity
from mamex_bench.errors import NotApplicableError
from mamex_bench.experiments.atlas.specs import REGRET_BOUND, SIZES, ZERO
from mamex_bench.experiments.atlas.tasks.coefficients import bracket_of
from mamex_bench.experiments.atlas.tasks.instances import class_size, instance_of
from mamex_bench.experiments.atlas.tasks.task import NOT_APPLICABLE, Outcome
from mamex_bench.model.instance import Instance

# At this gamma information costs next to nothing, and what is below it is 0.
LEAST_GAMMA = 1e-9


def measure(
    family: str,
    parameters: Mapping[str, Any],
    episodes: int,
    hypotheses: str | None,
    name: str,
    options: Mapping[str, Any],
    gammas: list[float],
) -> Outcome:
    """The interval of a neighbouring measure; with gammas, of the largest gamma x measure."""
    if name == REGRET_BOUND:
        return _regret_bound(family, parameters, episodes, hypotheses)
    instance = instance_of(family, parameters, episodes)
    if name in SIZES:
        return _logarithm(instance, hypotheses, name)
    takes = inspect.signature(complexity.registry.load(name).measure).parameters
    own = {"episodes": episodes, "hypotheses": hypotheses}
    given = {**options, **{key: value for key, value in own.items() if key in takes}}
    if gammas:
        return _largest(instance, name, given, gammas)
    found = complexity.measure(name, instance, **given)
    return _interval(found.lower, found.upper, str(getattr(found, "method", "")))


def _interval(lower: float, upper: float, method: str) -> Outcome:
    return {"lower": float(lower), "upper": float(upper), "method": method}


def _largest(
    instance: Instance, name: str, options: Mapping[str, Any], gammas: list[float]
) -> Outcome:
    """The largest gamma x measure over a grid of gammas.

    The measure falls with gamma: one that is 0 at the least gamma of all is 0 at every other.
    """
    found = [complexity.measure(name, instance, **options, gamma=gamma) for gamma in gammas]
    lowest = [gamma * float(each.lower) for gamma, each in zip(gammas, found)]
    highest = [gamma * float(each.upper) for gamma, each in zip(gammas, found)]
    if max(highest) <= LEAST_GAMMA:
        least = complexity.measure(name, instance, **options, gamma=LEAST_GAMMA)
        if abs(least.upper) <= LEAST_GAMMA:
            return _interval(0.0, 0.0, ZERO)
    best = gammas[int(np.argmax(highest))]
    return _interval(max(lowest), max(highest), f"largest at gamma = {best:g}")


def _logarithm(instance: Instance, hypotheses: str | None, name: str) -> Outcome:
    """log |F| or log |Pi|."""
    size: int | None = instance.policies.size
    if name == "log_hypotheses":
        size = class_size(instance.hypothesis(hypotheses))
    if size is None:
        raise NotApplicableError(f"the linear class of {instance.name!r} has no size")
    return _interval(np.log(size), np.log(size), "counted")


def _regret_bound(
    family: str, parameters: Mapping[str, Any], episodes: int, hypotheses: str | None
) -> Outcome:
    """The explicit bound on an agent's mean regret at its tuned eta, in units of R_true."""
    from mamex_bench import bounds

    instance = instance_of(family, parameters, episodes)
    if not instance.return_range > 0.0:
        raise NotApplicableError(f"no regret is possible on {instance.name!r}: R_true is 0")
    constants = bounds.concentration(instance, hypotheses, episodes=episodes)
    found, _ = bracket_of(family, parameters, episodes, hypotheses)
    eta = bounds.tuned_eta(constants, found.upper_value, episodes)
    bound = bounds.regret(
        instance,
        concept="cce",
        episodes=episodes,
        eta=eta,
        coefficient=found,
        hypotheses=hypotheses,
    )
    if not bound.applicable:
        raise NotApplicableError(bound.note)
    value = bound.explicit / instance.return_range
    return _interval(value, value, f"eta = {eta:.3g}")


def relations(
    family: str,
    parameters: Mapping[str, Any],
    episodes: int,
    hypotheses: str | None,
    scale: float,
    limit: int,
    programs: int,
) -> Outcome:
    """Every relation between measures on one class; large programs are left out, and said so."""
    instance = instance_of(family, parameters, episodes)
    size = class_size(instance.hypothesis(hypotheses)) or 0
    numbers = size * instance.policies.size * sum(instance.policies.counts)
    every = complexity.relations()
    chosen = [each for each in every if numbers <= programs or not _is_program(each)]
    found = complexity.check_relations(instance, episodes, scale, hypotheses, chosen, limit)
    rows = {
        each.relation.name: {
            "name": each.relation.name,
            "outcome": each.outcome,
            "words": str(each),
        }
        for each in found
    }
    for each in every:
        if each.name not in rows:
            reason = f"its linear programs have up to {numbers:,} numbers, more than {programs:,}"
            rows[each.name] = {
                "name": each.name,
                "outcome": NOT_APPLICABLE,
                "words": f"not applicable: {each.left} <= {each.right}: {reason}",
            }
    return {"relations": [rows[each.name] for each in every]}


def _is_program(relation: complexity.Relation) -> bool:
    """Whether its left side is a decision-estimation coefficient."""
    return relation.left.startswith("decision_estimation")
