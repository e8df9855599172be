"""Both ends of a bracket verified anew from the definition, by slow code that shares no kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.complexity._bracket import AgentBracket, Bracket
from mamex_bench.errors import ResultsError
from mamex_bench.model.instance import Instance
from mamex_bench.reference import decoupling as reference

TOLERANCE = 1e-8


@dataclass(frozen=True)
class BracketCheck:
    """What the slow code found; it exists only when both ends hold.

    Attributes:
        lower: value of the witness sequence, per agent.
        upper: bound that the clusters' certificates give, per agent.
        clusters: how many clusters were verified.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    clusters: int


def check_bracket(instance: Instance, bracket: Bracket) -> BracketCheck:
    """Verify both ends of a bracket; raises ResultsError naming the end that does not hold.

    Lower end: A and B of the witness from the definition. Upper end: every cluster's hull lies
    above all its pairs' lines, and the bound follows from the hulls on the stored grid.
    """
    if len(bracket.agents) != instance.game.agents:
        raise ResultsError(
            f"the bracket speaks of {len(bracket.agents)} agents: "
            f"{instance.name!r} has {instance.game.agents}"
        )
    if bracket.horizon != instance.game.horizon:
        raise ResultsError(
            f"the bracket speaks of horizon {bracket.horizon}: "
            f"{instance.name!r} has {instance.game.horizon}"
        )
    burn = bracket.burn_in * bracket.horizon
    lowers, uppers, clusters = [], [], 0
    for i, agent in enumerate(bracket.agents):
        definition = reference.Definition(instance, bracket.hypotheses, i)
        where = f"agent {i} of {instance.name!r}"
        lowers.append(_lower(definition, agent, bracket.episodes, burn, where))
        uppers.append(_upper(definition, agent, bracket.episodes, burn, where))
        clusters += sum(part.clusters for part in agent.partitions)
    return BracketCheck(tuple(lowers), tuple(uppers), clusters)


def _lower(
    definition: reference.Definition, agent: AgentBracket, episodes: int, burn: float, where: str
) -> float:
    w = agent.witness
    M, F = definition.errors.shape
    inside = (w.policies >= 0) & (w.policies < M) & (w.hypotheses >= 0) & (w.hypotheses < F)
    if not inside.all() or (w.counts < 1).any():
        raise ResultsError(f"lower end, {where}: the witness names pairs that do not exist")
    if w.length > episodes:
        raise ResultsError(
            f"lower end, {where}: the witness has {w.length} pairs, more than K = {episodes}"
        )
    value = reference.sequence_value(
        *definition.sequence_sums(w.hypotheses, w.policies, w.counts), burn
    )
    if agent.lower > value * (1.0 + TOLERANCE) + 1e-12:
        raise ResultsError(
            f"lower end, {where}: {agent.lower!r} claimed, the witness gives {value!r}"
        )
    return value


def _upper(
    definition: reference.Definition, agent: AgentBracket, episodes: int, burn: float, where: str
) -> float:
    M = definition.errors.shape[0]
    largest = max(float(definition.errors.max()), 0.0)
    if agent.largest_error < largest * (1.0 - TOLERANCE) - 1e-12:
        raise ResultsError(
            f"upper end, {where}: largest error {agent.largest_error!r} claimed, it is {largest!r}"
        )
    ends = [episodes * largest / burn]
    partitions = []
    for j, part in enumerate(agent.partitions):
        if part.labels.shape != (M,) or not np.array_equal(
            np.unique(part.labels), np.arange(part.clusters)
        ):
            raise ResultsError(f"upper end, {where}: clustering {j} does not partition the class")
        hulls = []
        for c in range(part.clusters):
            own = slice(int(part.offsets[c]), int(part.offsets[c + 1]))
            height, slope = part.height[own], part.slope[own]
            if (np.diff(slope) >= 0.0).any() or (slope < 0.0).any():
                raise ResultsError(f"upper end, {where}: lines of cluster {c} are out of order")
            members = np.flatnonzero(part.labels == c)
            excess = reference.uncovered(definition, members, height, slope)
            if excess > TOLERANCE * max(largest, 1e-300) + 1e-12:
                raise ResultsError(
                    f"upper end, {where}: cluster {c} of clustering {j} has a pair that earns "
                    f"{excess:.3g} more than its certificate says"
                )
            hulls.append((height, slope))
        partitions.append(hulls)
        ends.append(reference.integral_bound(hulls, burn))
    if (agent.grid <= 0.0).any() or (np.diff(agent.grid) <= 0.0).any():
        raise ResultsError(f"upper end, {where}: the grid of mu is not positive and rising")
    values = np.array(
        [
            min(reference.cluster_value(p, float(mu), episodes) for p in partitions)
            for mu in agent.grid
        ]
    )
    ends.append(reference.chord_bound(agent.grid, values, burn))
    value = min(ends)
    if agent.upper < value * (1.0 - TOLERANCE) - 1e-12:
        raise ResultsError(
            f"upper end, {where}: {agent.upper!r} claimed, the certificates give {value!r}"
        )
    return value
