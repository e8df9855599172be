"""Covering number: how few members of a class come within a distance of all of them.

Kolmogorov and Tikhomirov (1959), covers by members of the class itself, at scale eps:

    values:  max_{h,s,a} |f_h - g_h|     (Jin, Liu and Miryoosefi 2021), largest over agents,
    models:  max_{h,s,a} D_H(P_f, P_g),  D_H^2 = 1 - sum sqrt(p q).

A set cover: an integer program, solved by branch and bound up to 128 members within a number of
nodes. Without a solution in time the ends are its dual bound and the best cover found; beyond 512
members they are a packing, members pairwise farther apart than 2 eps, and a greedy cover.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from mamex_bench.catalogue import _coverings
from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._residuals import finite_class
from mamex_bench.complexity._result import Measurement, positive, timed
from mamex_bench.errors import NotApplicableError
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance

EXACT_LIMIT = 128
NODE_LIMIT = 200
# Members whose pairwise distances are listed.
MEMBER_LIMIT = 4096
VALUES = "internal covering number in the largest absolute difference, Jin et al. 2021"
MODELS = "internal covering number in the largest Hellinger distance of rows"


@timed
def measure(instance: Instance, scale: float = 0.1, hypotheses: str | None = None) -> Measurement:
    """The covering number at `scale`; the certificate has the `cover`'s members and `agent`.

    Raises InputError for a scale that is not positive, NotApplicableError for a linear class and
    beyond 4,096 members.
    """
    epsilon = positive(scale, "scale")
    plain = dense_instance(instance)
    classes = finite_class(plain, hypotheses, "the covering number")
    if isinstance(classes, ModelClass):
        tables, definition = [classes.transitions], MODELS
    else:
        tables, definition = list(classes.per_agent), VALUES
    refuse_large(max(map(len, tables)), instance.name, "covering")
    if isinstance(classes, ModelClass):
        matrices = [_coverings.distances(classes.transitions)]
    else:
        matrices = [_differences(values.reshape(len(values), -1)) for values in tables]
    # Distances that equal the scale up to rounding are within it.
    found = [cover(matrix, epsilon * (1.0 + 1e-12)) for matrix in matrices]
    agent = int(np.argmax([upper for _, upper, _, _ in found]))
    return Measurement(
        "covering_number",
        instance.name,
        max(lower for lower, _, _, _ in found),
        max(upper for _, upper, _, _ in found),
        found[agent][3],
        definition,
        {"scale": epsilon, "hypotheses": hypotheses},
        {"cover": found[agent][2], "agent": agent},
    )


def refuse_large(members: int, name: str, what: str) -> None:
    if members > MEMBER_LIMIT:
        raise NotApplicableError(
            f"the class of {name!r} has {members:,} members: the {what} number lists the distances "
            f"of at most {MEMBER_LIMIT:,}; the logarithm of the class's size bounds it"
        )


def cover(matrix: Floats, scale: float) -> tuple[int, int, Ints, str]:
    """(lower, upper, members of a cover, method) of a matrix of distances."""
    lower = _coverings.packing(matrix, 2.0 * scale).size
    greedy = _coverings.cover(matrix, scale)
    if lower == greedy.size:
        return lower, greedy.size, greedy, "packing; greedy cover"
    if len(matrix) > EXACT_LIMIT:
        return lower, greedy.size, greedy, "packing; greedy cover (exact up to 128 members)"
    optimize: Any = import_module("scipy.optimize")
    reach = (matrix <= scale).astype(np.float64)
    size = len(matrix)
    solution = optimize.milp(
        np.ones(size),
        integrality=np.ones(size),
        bounds=optimize.Bounds(0.0, 1.0),
        constraints=optimize.LinearConstraint(reach, lb=1.0),
        options={"node_limit": NODE_LIMIT},
    )
    # The number of members is whole; a dual bound is low by a tolerance at most.
    if solution.mip_dual_bound is not None and np.isfinite(solution.mip_dual_bound):
        lower = max(lower, int(np.ceil(solution.mip_dual_bound - 1e-6)))
    if solution.x is not None:
        chosen = np.flatnonzero(solution.x > 0.5)
        if chosen.size < greedy.size and reach[:, chosen].any(axis=1).all():
            greedy = chosen
    return lower, greedy.size, greedy, "branch and bound"


def _differences(values: Floats) -> Floats:
    """(F, F): largest absolute difference of rows."""
    kept = values[:, np.ptp(values, axis=0) > 0.0]
    if kept.shape[1] == 0:
        return np.zeros((len(values), len(values)))
    return np.stack([np.abs(kept - each).max(axis=1) for each in kept])
