"""Bellman-eluder dimension: the longest sequence of distributions with surprising Bellman errors.

Jin, Liu and Miryoosefi (2021), "Bellman eluder dimension", arXiv 2102.00815, definitions 7 and 8,
for several agents: the distributional eluder dimension at scale eps, largest over agents i and
steps h, of the residuals

    values:  f_h - T_h^{i,pi} f_{h+1},         models:  (P_f - P*) V_{f,h+1}^{i,pi}

(of Q_f^{i,pi}, that is), f in the class, pi a joint pure policy, with respect to the occupancy
measures of the joint policies (family "occupancy") or to the Diracs of all (s, a) (family "dirac").
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mamex_bench.catalogue._dimensions import linear_eluder_bound
from mamex_bench.complexity import _eluder
from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._residuals import (
    Folder,
    class_size,
    finite_class,
    residual_blocks,
    roll_ins,
)
from mamex_bench.complexity._result import Measurement, positive, timed
from mamex_bench.complexity.eluder_dimension import largest
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats
from mamex_bench.model.instance import Instance

Family = Literal["occupancy", "dirac"]
VARIANTS = ({"family": "occupancy"}, {"family": "dirac"})
DEFINITION = "Bellman-eluder dimension, Jin et al. 2021 (arXiv 2102.00815), definition 8, {} family"
# Means that are kept per step, agents in turn; beyond, some of the pairs, evenly spread.
KEPT = 4_000_000


@timed
def measure(
    instance: Instance,
    scale: float = 0.1,
    family: Family = "occupancy",
    hypotheses: str | None = None,
    limit: int = _eluder.LIMIT,
) -> Measurement:
    """The dimension at `scale`: exact within `limit` comparisons a step, else an interval.

    Its ends are a sequence and the least of: number of distributions, number of functions, and what
    the rank of the means allows. The certificate has `steps`, per agent and step (lower, upper),
    and the sequence of the largest lower end: `points` (joint policies, or cells s A + a), at
    `eluder_scale`, of `agent` at `step`.

    Raises InputError for a scale that is not positive and an unknown family, NotApplicableError for
    a linear class and beyond 1e10 multiply-adds.
    """
    epsilon = positive(scale, "scale")
    if family not in ("occupancy", "dirac"):
        raise InputError(f"family is {family!r}: expected 'occupancy' or 'dirac'")
    plain = dense_instance(instance)
    finite_class(plain, hypotheses, "the Bellman-eluder dimension")
    steps = []
    for agent in range(plain.game.agents):
        tables, folders, all_listed = mean_tables(plain, agent, family, hypotheses)
        own = []
        for table, folder in zip(tables, folders):
            factored = folder.done()
            linear = factored.rank, factored.feature * factored.weight
            found = _eluder.dimension(table, epsilon, limit, linear)
            own.append(found if all_listed else _sampled(found, folder, linear, epsilon))
        steps.append(own)
    options = {"scale": epsilon, "family": family, "hypotheses": hypotheses}
    return largest("bellman_eluder_dimension", instance, steps, DEFINITION.format(family), options)


def mean_tables(
    instance: Instance, agent: int, family: Family, hypotheses: str | None
) -> tuple[list[Floats], list[Folder], bool]:
    """Per step the means (G, points), and the folder of all pairs; whether G counts all pairs."""
    rolls = roll_ins(instance, "Q")
    classes = finite_class(instance, hypotheses, "the Bellman-eluder dimension")
    # Diracs: only cells that exist count, each met by itself.
    measures = [np.eye(each.shape[1]) for each in rolls] if family == "dirac" else list(rolls)
    M, pairs = rolls.shape[1], class_size(classes, agent) * rolls.shape[1]
    stride = max(1, -(-pairs * len(measures[0]) // KEPT))
    policies = np.arange(0, M, min(stride, M))
    parts: list[list[Floats]] = [[] for _ in measures]
    folders = [Folder(each) for each in measures]
    for members, steps in residual_blocks(instance, agent, hypotheses):
        chosen = np.isin(members, policies)
        for h, b in enumerate(steps):
            folders[h].fold(b.reshape(-1, b.shape[2]))
            kept = b[:, chosen].reshape(-1, b.shape[2])
            parts[h].append(kept @ measures[h].T if family == "occupancy" else kept)
    return [np.concatenate(each) for each in parts], folders, policies.size == M


def _sampled(
    found: _eluder.Ends, folder: Folder, linear: tuple[int, float], scale: float
) -> _eluder.Ends:
    """Ends when only some pairs were listed: their sequence, and what holds for all pairs."""
    ceilings = {"number of points": len(folder.left)}
    if linear[0] > 0:
        ceilings[f"rank {linear[0]}"] = linear_eluder_bound(*linear, scale)
    least = min(ceilings, key=lambda name: ceilings[name])
    upper = ceilings[least] if linear[0] > 0 else 0
    return _eluder.Ends(found.lower, upper, found.sequence, f"some pairs' sequence; {least}")
