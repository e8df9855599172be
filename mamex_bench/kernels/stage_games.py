"""Equilibria of small stage games, for kernels and backward induction: no object, no fallback."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.gaps import deviation_gains
from mamex_bench.kernels.lemke_howson import two_player_nash
from mamex_bench.kernels.pure import best_pure_equilibrium, normalise
from mamex_bench.kernels.simplex import OPTIMAL
from mamex_bench.kernels.welfare import maximal_cce, maximal_ce, welfare_weights

NASH_CODE, CE_CODE = 0, 1
PURE_SLACK = 1e-13  # in normalised payoffs: rounding, not a preference
TOLERANCE = 1e-10  # a stage equilibrium is certified to this gap, in normalised payoffs

CERTIFIED, UNCERTIFIED = range(2)


@jit
def stage_equilibrium(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    concept_code: int,
    out: npt.NDArray[np.float64],
) -> int:
    """Equilibrium `out (A,)` of one game `payoffs (n, A)`: 0 when certified, 1 when not.

    The rules of `equilibria.solve`: first a pure equilibrium of greatest welfare (for CE and CCE
    only if no cell has more), then Lemke-Howson for two-player Nash and the simplex for CE and
    CCE. Nash with three or more agents and no pure equilibrium is left to the caller: 1.
    """
    agents, cells = payoffs.shape
    ranges = np.empty(agents)
    unit = np.empty((agents, cells))
    normalise(payoffs, unit, ranges)
    weights = np.empty(cells)
    welfare_weights(unit, ranges, weights)
    out[:] = 0.0
    pure = best_pure_equilibrium(unit, counts, weights, PURE_SLACK)
    if pure >= 0 and (concept_code == NASH_CODE or weights[pure] >= weights.max() - PURE_SLACK):
        out[pure] = 1.0
        return CERTIFIED
    if concept_code == NASH_CODE:
        if agents != 2:
            out[:] = 1.0 / cells
            return UNCERTIFIED
        labels = counts[0] + counts[1]
        gap = np.empty(1)
        label = two_player_nash(
            unit, counts[0], counts[1], 0, labels, 12 * labels, TOLERANCE, out, gap
        )
        return CERTIFIED if label >= 0 else UNCERTIFIED
    pivots = 20 * counts.sum() + 200
    if concept_code == CE_CODE:
        status = maximal_ce(unit, counts, weights, pivots, out)
    else:
        seed = np.full(1, np.argmax(weights))
        status = maximal_cce(unit, counts, weights, seed, pivots, out)
    gains = np.empty(agents)
    deviation_gains(unit, counts, out, concept_code, gains)
    return CERTIFIED if status == OPTIMAL and gains.max() <= TOLERANCE else UNCERTIFIED


@jit
def stage_equilibria(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    concept_code: int,
    out: npt.NDArray[np.float64],
    status: npt.NDArray[np.int64],
) -> None:
    """`stage_equilibrium` for a batch: `payoffs (B, n, A)`, `out (B, A)`, `status (B,)`."""
    for b in range(payoffs.shape[0]):
        status[b] = stage_equilibrium(payoffs[b], counts, concept_code, out[b])
