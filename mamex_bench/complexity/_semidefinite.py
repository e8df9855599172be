"""The best positive semidefinite kernel below given limits, by alternating directions."""

from __future__ import annotations

import numpy as np

from mamex_bench.model._arrays import Floats

ITERATIONS = 60
# Length of a step per group.
STEP = 3.0
RELAXATION = 1.6
# Off-diagonal entries stay this far below what is allowed, so that rounding cannot exceed it.
MARGIN = 1e-12


def admissible(
    limits: Floats, iterations: int = ITERATIONS, weight: Floats | None = None
) -> Floats:
    """(G, r): Z with Z Z' <= limits entrywise and a small max over x >= 0 of <w, x> - x'ZZ'x / 2.

    w = `weight` is not negative, ones when None. The program  min t  over  [[P, b], [b', t]]
    positive semidefinite, P <= limits, b >= w  by alternating directions, rows scaled to a unit
    diagonal. A remaining negative eigenvalue -s is mended by (P + s I) / (1 + s), which stays below
    limits that are not negative.
    """
    G = limits.shape[0]
    scale = np.sqrt(limits.diagonal())
    bound = np.minimum(limits / np.outer(scale, scale), 1.0) - MARGIN
    np.fill_diagonal(bound, 1.0)
    aim = (np.ones(G) if weight is None else weight) / scale
    aim /= max(float(np.linalg.norm(aim)), 1e-300)
    free = np.eye(G + 1)
    free[:G, G] = free[G, :G] = aim
    price = np.zeros_like(free)
    for _ in range(iterations):
        values, vectors = np.linalg.eigh(free - price)
        kept = values > 0.0
        cone = (vectors[:, kept] * values[kept]) @ vectors[:, kept].T
        before = free
        relaxed = RELAXATION * cone + (1.0 - RELAXATION) * before
        free = relaxed + price
        free[G, G] -= STEP * G
        free[:G, :G] = np.minimum(free[:G, :G], bound)
        free[:G, G] = free[G, :G] = np.maximum(free[:G, G], aim)
        price += relaxed - free
        moved = np.linalg.norm(cone - free) + np.linalg.norm(free - before)
        if moved <= 1e-6 * (1.0 + np.linalg.norm(cone)):
            break
    P = free[:G, :G]
    lift = max(0.0, -float(np.linalg.eigvalsh(P)[0]))
    values, vectors = np.linalg.eigh((P + lift * np.eye(G)) / (1.0 + lift))
    kept = values > 1e-14 * values[-1]
    return np.ascontiguousarray(scale[:, None] * vectors[:, kept] * np.sqrt(values[kept]))
