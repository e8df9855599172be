"""One pass over the tensor: affine normalisation, and the best pure Nash equilibrium."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.kernels._jit import jit


@jit
def normalise(
    payoffs: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
    ranges: npt.NDArray[np.float64],
) -> None:
    """Every agent's payoffs mapped affinely onto [0, 1] (a constant agent to 0).

    `payoffs`, `out` `(n, M)`; `ranges (n,)` receives max U_i - min U_i. Equilibria are unchanged:
    a gap in the normalised game times `ranges[i]` is the gap in the units of `payoffs`. Payoffs
    that differ only by rounding (1e-14 of their magnitude) count as constant.
    """
    agents, cells = payoffs.shape
    for i in range(agents):
        low = payoffs[i, 0]
        high = low
        for cell in range(cells):
            low = min(low, payoffs[i, cell])
            high = max(high, payoffs[i, cell])
        ranges[i] = high - low
        varies = high - low > 1e-14 * max(abs(low), abs(high))
        for cell in range(cells):
            out[i, cell] = (payoffs[i, cell] - low) / (high - low) if varies else 0.0


@jit
def best_pure_equilibrium(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    welfare: npt.NDArray[np.float64],
    slack: float,
) -> int:
    """The pure Nash equilibrium of greatest welfare, ties to the lowest flat index; -1 if none.

    A cell is an equilibrium when no agent gains more than `slack` by deviating alone.
    `payoffs (n, M)`, `counts (n,)`, `welfare (M,)`, cells in C order.
    """
    agents, cells = payoffs.shape
    stable = np.ones(cells, dtype=np.bool_)
    stride = cells
    for i in range(agents):
        count = counts[i]
        block = stride
        stride //= count
        for outer in range(0, cells, block):
            for inner in range(outer, outer + stride):
                best = payoffs[i, inner]
                for v in range(1, count):
                    best = max(best, payoffs[i, inner + v * stride])
                for v in range(count):
                    if payoffs[i, inner + v * stride] < best - slack:
                        stable[inner + v * stride] = False
    chosen = -1
    for cell in range(cells):
        if stable[cell] and (chosen < 0 or welfare[cell] > welfare[chosen]):
            chosen = cell
    return chosen
