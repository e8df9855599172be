"""Exact deviation gains of a distribution over joint strategies: the certificate of everything."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.kernels._jit import jit

CE_CODE = 1


@jit
def deviation_gains(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    distribution: npt.NDArray[np.float64],
    concept_code: int,
    out: npt.NDArray[np.float64],
) -> None:
    """Gap per agent, `out (n,)`, of a distribution on the M joint strategies.

    Nash (0) and CCE (2), x(r, pi) split into own strategy r and those of the others pi:
        gap_i = max_v sum_{r, pi} x(r, pi) [U_i(v, pi) - U_i(r, pi)]
    CE (1), a deviation for each recommendation r:
        gap_i = sum_r max_v sum_pi x(r, pi) [U_i(v, pi) - U_i(r, pi)]

    Differences are summed rather than values, so that constants cancel before they round.
    `payoffs (n, M)` and `distribution (M,)` are flat in C order over `counts (n,)`, agent 0
    slowest. Cost: (support of the distribution) * (sum of counts).
    """
    agents, cells = payoffs.shape
    stride = cells
    for i in range(agents):
        count = counts[i]
        stride //= count
        rows = count if concept_code == CE_CODE else 1
        gains = np.zeros((rows, count))
        for cell in range(cells):
            weight = distribution[cell]
            if weight == 0.0:
                continue
            own = (cell // stride) % count
            base = cell - own * stride
            row = own if concept_code == CE_CODE else 0
            here = payoffs[i, cell]
            for v in range(count):
                gains[row, v] += weight * (payoffs[i, base + v * stride] - here)
        total = 0.0
        for row in range(rows):
            best = gains[row, 0]
            for v in range(1, count):
                if gains[row, v] > best:
                    best = gains[row, v]
            total += best
        out[i] = total
