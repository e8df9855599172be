"""The sweeps of an atlas: which tasks each point comes to, and their outcomes as points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mamex_bench import catalogue
from mamex_bench.experiments.atlas.asking import Member, classes, coefficient, reading
from mamex_bench.experiments.atlas.data import Sweep, SweepPoint
from mamex_bench.experiments.atlas.specs import AXES, LENGTH, Plan, SweepSpec
from mamex_bench.experiments.atlas.tasks.task import DONE, Outcome, Task


@dataclass(frozen=True)
class Place:
    """A value of the parameter and a seed, with the member that they name."""

    value: Any
    seed: int
    member: Member

    def is_bounded(self, spec: SweepSpec) -> bool:
        """Structural bounds are computed for the first seed's instance alone."""
        return bool(spec.bounds) and self.seed == 0


def places(spec: SweepSpec) -> list[Place]:
    """By value, then by seed."""
    found = []
    for value in spec.values:
        for seed in range(spec.seeds):
            parameters, K = {**spec.fixed, "seed": seed}, spec.episodes
            if spec.parameter == LENGTH:
                K = int(value)
            else:
                parameters[spec.parameter] = value
            found.append(Place(value, seed, Member(spec.family, parameters, K, spec.hypotheses)))
    return found


def tasks(plan: Plan, spec: SweepSpec, place: Place) -> Iterable[Task]:
    """All that is asked about a place."""
    own = place.member
    yield own.facts()
    yield own.bracket()
    if place.is_bounded(spec):
        yield own.bounds(spec.bounds)
    for id in spec.measures:
        yield own.measure(plan.measure(id))


def gather(plan: Plan, spec: SweepSpec, found: Mapping[Task, Outcome]) -> Sweep:
    """The measured sweep; what could not be built or has no coefficient is told in `missing`."""
    points, missing = [], []
    for place in places(spec):
        facts = found[place.member.facts()]
        reason = facts["reason"]
        if facts["status"] == DONE:
            points.append(_point(plan, spec, place, facts, found))
            reason = points[-1].coefficient.reason
        if reason:
            missing.append(f"{spec.parameter} = {place.value}: {reason}")
    return Sweep(spec, _axis(spec), tuple(points), tuple(dict.fromkeys(missing)), is_tied(spec))


def _point(
    plan: Plan, spec: SweepSpec, place: Place, facts: Outcome, found: Mapping[Task, Outcome]
) -> SweepPoint:
    own, bounds = place.member, {}
    if place.is_bounded(spec):
        bounds = found[own.bounds(spec.bounds)].get("bounds", {})
    return SweepPoint(
        place.value,
        place.seed,
        _at(spec, facts, place.value),
        coefficient(found[own.bracket()]),
        {id: reading(id, found[own.measure(plan.measure(id))]) for id in spec.measures},
        {name: float(bound) for name, bound in bounds.items() if bound is not None},
    )


def is_tied(spec: SweepSpec) -> bool:
    """Whether K is swept and the family makes another game for each K."""
    own = spec.parameter == LENGTH and "episodes" in catalogue.parameters(spec.family)
    return own and "episodes" not in spec.fixed


def _at(spec: SweepSpec, facts: Outcome, value: Any) -> float:
    """Where on the axis a value stands."""
    if spec.axis is None:
        return float(value)
    if spec.axis == "hypotheses":
        name = spec.hypotheses or classes(facts)[0]
        return float(facts["classes"][name]["size"] or float("nan"))
    return float(facts[spec.axis])


def _axis(spec: SweepSpec) -> str:
    """The axis in words."""
    if spec.axis is not None:
        return AXES[spec.axis]
    if spec.parameter == LENGTH:
        own = " (a game of its own for each K)" if is_tied(spec) else ""
        return f"length of sequences K{own}"
    sizes = {key: AXES[key] for key in ("horizon", "agents", "states")}
    return sizes.get(spec.parameter, spec.parameter.replace("_", " "))
