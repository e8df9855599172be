"""The upper end of a bracket verified anew, certificate by certificate, by slow code."""

from __future__ import annotations

from functools import partial

import numpy as np

from mamex_bench.complexity._bracket import AgentBracket
from mamex_bench.complexity._counts import Counts
from mamex_bench.complexity._levels import best_of, proposed
from mamex_bench.complexity._potential import Potential
from mamex_bench.complexity._spans import Elliptical, Occupancy, Span
from mamex_bench.complexity._steps import Step, Steps
from mamex_bench.complexity._upper import Partition
from mamex_bench.errors import ResultsError
from mamex_bench.model._arrays import Floats
from mamex_bench.reference import decoupling as reference
from mamex_bench.reference import decoupling_counts as counting
from mamex_bench.reference import decoupling_levels as levels
from mamex_bench.reference import decoupling_spans as overlapping
from mamex_bench.reference.decoupling_steps import step_definitions

TOLERANCE = 1e-8
Hulls = list[tuple[Floats, Floats]]
# A step's certificates, its largest error, its hulls.
StepEnd = tuple[Step, float, list[Hulls]]


def upper(
    definition: reference.Definition, agent: AgentBracket, episodes: int, burn: float, where: str
) -> tuple[float, float]:
    """The upper ends that the verified certificates give, at K and without K."""
    where = f"upper end, {where}"
    largest, definition, parts = _end(definition, agent, agent.largest_error, where)
    if agent.counts is not None:
        _counts(definition, agent, agent.counts, where)
    for span in agent.spans:
        _overlap(definition, span, f"{where}: {span.name}")
    each = [] if agent.steps is None else _steps(definition, agent.steps, where)

    def rule(grid: Floats, length: float) -> float:
        if (grid <= 0.0).any() or (np.diff(grid) <= 0.0).any():
            raise ResultsError(f"{where}: the grid of mu is not positive and rising")
        values = [_value(parts, each, agent, float(mu), length) for mu in grid]
        return reference.chord_bound(grid, np.array(values), burn)

    integrals = [reference.integral_bound(hulls, burn) for hulls in parts]
    bounded = [episodes * largest / burn, *integrals, rule(agent.grid, episodes)]
    free = [np.inf, *integrals]
    if agent.free_grid.size:
        free.append(rule(agent.free_grid, np.inf))
    for claimed, value in ((agent.upper, min(bounded)), (agent.free[1], min(free))):
        if not claimed >= value * (1.0 - TOLERANCE) - 1e-12:
            raise ResultsError(f"{where}: {claimed!r} claimed, the certificates give {value!r}")
    return min(bounded), min(free)


def _end(
    definition: reference.Definition, end: AgentBracket | Step, claimed: float, where: str
) -> tuple[float, reference.Definition, list[Hulls]]:
    """The largest error, the pairs that are kept, and the hulls of every clustering, verified."""
    largest = max(float(definition.errors.max()), 0.0)
    if end.replaced is not None:
        wrong = counting.unreplaced(definition, end.replaced, TOLERANCE)
        if wrong:
            raise ResultsError(f"{where}: replacements {wrong}")
        definition = counting.kept_only(definition, end.replaced)
    if not claimed >= largest * (1.0 - TOLERANCE) - 1e-12:
        raise ResultsError(f"{where}: largest error {claimed!r} claimed, it is {largest!r}")
    parts = [_hulls(definition, part, j, where) for j, part in enumerate(end.partitions)]
    _clusters(definition, end.partitions, parts, where)
    for j, each in enumerate(end.potentials):
        _groups(definition, each, f"{where}: groups {j}")
    return largest, definition, parts


def _steps(definition: reference.Definition, found: Steps, where: str) -> list[StepEnd]:
    """Every step's certificates, against the errors and losses of that step."""
    if not overlapping.applies(definition) or not definition.shared:
        raise ResultsError(f"{where}: {found.name} do not apply: the losses leave something out")
    definitions = step_definitions(definition)
    if len(found.parts) != len(definitions):
        raise ResultsError(f"{where}: {found.name} are {len(found.parts)} of {len(definitions)}")
    ends = []
    for h, (own, part) in enumerate(zip(definitions, found.parts)):
        if part is not None:
            largest, _, parts = _end(own, part, part.largest, f"{where}: step {h}")
            ends.append((part, largest, parts))
        elif (own.errors > 1e-12).any():
            raise ResultsError(f"{where}: step {h} has errors and nothing that bounds them")
    return ends


def _end_value(
    parts: list[Hulls], potentials: tuple[Potential, ...], mu: float, episodes: float
) -> float:
    """The least over clusterings and groups. A potential's x is not trusted: every x is valid."""
    values = [reference.cluster_value(hulls, mu, episodes) for hulls in parts]
    for p in potentials:
        x = p.solution(mu, episodes)[1]
        values.append(reference.potential_value(p.factors, p.tops, p.idle, p.levy, x, mu, episodes))
    return min(values)


def _value(
    parts: list[Hulls], steps: list[StepEnd], agent: AgentBracket, mu: float, episodes: float
) -> float:
    """V_up(mu)."""
    values = [_end_value(parts, agent.potentials, mu, episodes)]
    if agent.steps is not None:
        values.append(
            sum(
                min(episodes * largest, _end_value(hulls, part.potentials, mu, episodes))
                for part, largest, hulls in steps
            )
        )
    if agent.counts is not None and episodes <= agent.counts.episodes:
        values.append(counting.interpolated(agent.counts.mus, agent.counts.values, mu))
    for span in agent.spans:
        numbers = span.weight, span.largest, span.scale, mu, episodes
        if isinstance(span, Elliptical):
            values.append(overlapping.elliptical_value(span.bases, span.reach, *numbers))
        else:
            values.append(overlapping.occupancy_value(span.cover, span.top, *numbers))
    return min(values)


def _overlap(definition: reference.Definition, span: Span, where: str) -> None:
    """What a certificate says of residuals and occupancies, against all of them."""
    if not overlapping.applies(definition):
        raise ResultsError(f"{where} do not apply: the losses leave something out")
    wrong = overlapping.common(definition, span.largest, span.scale)
    if not wrong and isinstance(span, Elliptical):
        wrong = overlapping.elliptical(definition, span.bases, span.reach, span.weight)
    elif not wrong and isinstance(span, Occupancy):
        wrong = overlapping.occupancy(definition, span.cover, span.top, span.weight)
    if wrong:
        raise ResultsError(f"{where} {wrong}")


def _counts(
    definition: reference.Definition, agent: AgentBracket, found: Counts, where: str
) -> None:
    """V(mu) by going through vectors of counts once more, all or those that bounds do not close."""
    if not found.mus.size or (found.mus <= 0.0).any() or (np.diff(found.mus) <= 0.0).any():
        raise ResultsError(f"{where}: the mu of the exact values do not rise")
    pruned = np.zeros(found.mus.size, dtype=bool) if found.pruned is None else found.pruned
    for mu, claimed, closed in zip(found.mus, found.values, pruned, strict=True):
        if closed:
            wrong = _exceeds(definition, agent, float(mu), found.episodes, float(claimed))
            if wrong:
                raise ResultsError(f"{where}: V({mu:.6g}) is {claimed!r} by bounds: {wrong}")
            continue
        value = counting.largest_value(definition, float(mu), found.episodes)
        if not claimed >= value * (1.0 - TOLERANCE) - 1e-12:
            raise ResultsError(f"{where}: V({mu:.6g}) is {claimed!r} by counts, it is {value!r}")


def _exceeds(
    definition: reference.Definition, agent: AgentBracket, mu: float, episodes: int, claimed: float
) -> str:
    """What shows that V(mu) may be larger. Fast code proposes where y lies, and is not trusted."""
    part, potential = best_of((*agent.partitions, *agent.potentials), mu, episodes)
    assert part is not None
    vectors = None
    if potential is not None:
        propose = partial(proposed, potential, potential.solution(mu, episodes)[1], mu)
        vectors = levels.Vectors(potential.labels, potential.factors, propose)
    allowed = claimed * (1.0 + TOLERANCE) + 1e-12
    return levels.exceeds(definition, mu, episodes, allowed, part.labels, vectors)


def _hulls(definition: reference.Definition, part: Partition, j: int, where: str) -> Hulls:
    """The stored hulls of a clustering, once they are in order."""
    M = len(definition.errors)
    # Policies without a pair that matters may be left out.
    idle = (definition.errors <= 1e-12).all(axis=1)
    if part.labels.shape != (M,) or not np.array_equal(
        np.unique(part.labels[(part.labels >= 0) | ~idle]), np.arange(part.clusters)
    ):
        raise ResultsError(f"{where}: clustering {j} does not partition the class")
    ends = part.offsets
    if ends[0] != 0 or ends[-1] != part.height.size or (np.diff(ends) < 0).any():
        raise ResultsError(f"{where}: clustering {j} does not say whose its lines are")
    hulls = []
    for c in range(part.clusters):
        own = slice(int(part.offsets[c]), int(part.offsets[c + 1]))
        height, slope = part.height[own], part.slope[own]
        rising = (np.diff(reference.corners(height, slope)) >= 0.0).all()
        if (np.diff(slope) >= 0.0).any() or (slope < 0.0).any() or not rising:
            raise ResultsError(f"{where}: lines of cluster {c} are out of order")
        hulls.append((height, slope))
    return hulls


def _clusters(
    definition: reference.Definition,
    partitions: tuple[Partition, ...],
    parts: list[Hulls],
    where: str,
) -> None:
    """Every line of every cluster, less a share of 1e-8 of it, lies below its stored hull.

    A share of each line and not of the largest: without K small errors count as well.
    """
    every = np.arange(len(definition.errors))

    def verify(errors: Floats, losses: Floats, j: int, c: int) -> None:
        members = partitions[j].labels == c
        lowered = errors - TOLERANCE * np.abs(errors)
        excess = reference.uncovered(lowered, losses[members].min(axis=0), *parts[j][c])
        if not excess <= 1e-12:
            raise ResultsError(
                f"{where}: cluster {c} of clustering {j} has a pair that earns "
                f"{excess:.3g} more than its certificate says"
            )

    if definition.shared:
        losses = definition.losses(every, 0)
        for j, part in enumerate(partitions):
            for c in range(part.clusters):
                verify(definition.errors[part.labels == c].max(axis=0), losses, j, c)
        return
    for policy in every:
        losses = definition.losses(every, int(policy))
        for j, part in enumerate(partitions):
            if part.labels[policy] >= 0:
                verify(definition.errors[policy], losses, j, int(part.labels[policy]))


def _groups(definition: reference.Definition, found: Potential, where: str) -> None:
    """Every pair costs every other at least the product of their vectors."""
    G = found.tops.size
    shapes = found.labels.shape == definition.errors.shape and found.factors.shape[:1] == (G,)
    if not shapes or (found.labels < -1).any() or (found.labels >= G).any():
        raise ResultsError(f"{where} do not fit the class")
    if not np.isfinite(found.factors).all() or (found.tops <= 0.0).any() or found.levy < 0.0:
        raise ResultsError(f"{where} have a top or a levy of the wrong sign")
    # Index -1 is the last: the largest error that pairs without a group may have.
    ceiling = np.append(found.tops, found.idle)[found.labels]
    if (definition.errors - found.levy > ceiling * (1.0 + TOLERANCE) + 1e-12).any():
        raise ResultsError(f"{where} hold a pair of larger error than they say")
    missing = reference.shortfall(definition, found.labels, found.factors, found.levy)
    if not missing <= 1e-18:
        raise ResultsError(f"{where} have two pairs that cost {missing:.3g} less than they say")
