"""Both ends of a bracket verified anew from the definition, by slow code that shares no kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.complexity._bracket import AgentBracket, Bracket
from mamex_bench.complexity._check_upper import TOLERANCE
from mamex_bench.complexity._check_upper import upper as _upper
from mamex_bench.complexity._lower import Witness
from mamex_bench.complexity._steps import Step
from mamex_bench.errors import ResultsError
from mamex_bench.model.instance import Instance
from mamex_bench.reference import decoupling as reference


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
    above all its pairs' lines, the pairs of any two groups cost one another what their vectors
    say, and the bound follows from both on the stored grid. The ends without K likewise.
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
    if not 0.0 < bracket.burn_in < np.inf:
        raise ResultsError(f"the bracket's burn_in is {bracket.burn_in!r}: expected more than 0")
    burn = bracket.burn_in * bracket.horizon
    lowers, uppers, clusters = [], [], 0
    for i, agent in enumerate(bracket.agents):
        definition = reference.Definition(instance, bracket.hypotheses, i)
        where = f"agent {i} of {instance.name!r}"
        _sound(agent, where)
        lowers.append(_lower(definition, agent, bracket.episodes, burn, where))
        uppers.append(_upper(definition, agent, bracket.episodes, burn, where)[0])
        _ordered((agent.lower, agent.upper), where)
        _ordered(agent.free, where)
        _ordered((lowers[-1], uppers[-1]), f"{where}, computed anew")
        clusters += sum(part.clusters for part in agent.partitions)
    return BracketCheck(tuple(lowers), tuple(uppers), clusters)


def _sound(agent: AgentBracket, where: str) -> None:
    """No comparison below means anything where a stored number is none."""
    numbers = [agent.largest_error, *agent.grid, *agent.free_grid]
    if agent.counts is not None:
        numbers += [*agent.counts.mus, *agent.counts.values]
    for span in agent.spans:
        numbers += [*span.weight, *span.largest, *span.scale]
    steps = () if agent.steps is None else agent.steps.parts
    ends: list[AgentBracket | Step] = [agent, *(step for step in steps if step is not None)]
    for end in ends:
        if not end.partitions:
            raise ResultsError(f"bracket, {where}: a certificate has no clusters")
        numbers += [x for part in end.partitions for x in (*part.height, *part.slope)]
        numbers += [x for each in end.potentials for x in (*each.tops, each.idle, each.levy)]
    numbers += [step.largest for step in steps if step is not None]
    if not np.isfinite(numbers).all() or not 0.0 <= agent.lower < np.inf:
        raise ResultsError(f"bracket, {where}: a stored number is not finite")


def _ordered(ends: tuple[float, float], where: str) -> None:
    low, high = ends
    if not low <= high * (1.0 + TOLERANCE) + 1e-12:
        raise ResultsError(f"bracket, {where}: the ends {low!r} and {high!r} are crossed")


def _lower(
    definition: reference.Definition, agent: AgentBracket, episodes: int, burn: float, where: str
) -> float:
    """The value of the witness, and the lower end without K as well."""
    value = _witnessed(definition, agent.witness, burn, where)
    if agent.witness.length > episodes:
        raise ResultsError(
            f"lower end, {where}: the witness has {agent.witness.length} pairs, "
            f"more than K = {episodes}"
        )
    if agent.unseen is not None:
        f, pi = agent.unseen
        own = definition.losses(np.array([pi]), pi)[0, f]
        # Residuals of action values up to 1e-12 count as none; models agree or they do not.
        blind = 0.0 if definition.shared else 1e-22
        if definition.errors[pi, f] <= 1e-12 or own > blind:
            raise ResultsError(f"lower end, {where}: the pair ({f}, {pi}) is not one unseen")
    elif agent.free_witness is not None:
        _claim(agent.free[0], _witnessed(definition, agent.free_witness, burn, where), where)
    elif agent.free[0] > value:
        raise ResultsError(f"lower end, {where}: nothing shows the lower end without K")
    return _claim(agent.lower, value, where)


def _claim(claimed: float, value: float, where: str) -> float:
    if claimed > value * (1.0 + TOLERANCE) + 1e-12:
        raise ResultsError(f"lower end, {where}: {claimed!r} claimed, the witness gives {value!r}")
    return value


def _witnessed(definition: reference.Definition, w: Witness, burn: float, where: str) -> float:
    M, F = definition.errors.shape
    inside = (w.policies >= 0) & (w.policies < M) & (w.hypotheses >= 0) & (w.hypotheses < F)
    if not inside.all() or (w.counts < 1).any():
        raise ResultsError(f"lower end, {where}: the witness names pairs that do not exist")
    sums = definition.sequence_sums(w.hypotheses, w.policies, w.counts)
    return reference.sequence_value(*sums, burn)
