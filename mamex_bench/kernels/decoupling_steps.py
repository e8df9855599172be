"""What each step of the game adds to the prediction error of a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@jit
def step_errors(
    layers: Layers,
    truth: Floats,
    models: Floats,
    reward: Floats,
    visits: Floats,
    cells: Ints,
    kept: Flags,
    out: Floats,
) -> None:
    """e_h(f, pi) = E_pi [(P_f - P*) V_f^pi](s_h, a_h), whose sum over h is V_f^pi - V^pi.

    truth (nnz,), models (F, nnz); reward (N A,), one agent's; visits, cells (M, N) under the truth;
    kept (M, F): the pairs to do, others get 0; out (H, M, F).
    """
    H = out.shape[0]
    values = np.zeros(layers.first[H + 1])
    out[:] = 0.0
    for m in range(visits.shape[0]):
        for f in range(models.shape[0]):
            if not kept[m, f]:
                continue
            for h in range(H - 1, -1, -1):
                total = 0.0
                for x in range(layers.first[h], layers.first[h + 1]):
                    row = cells[m, x]
                    ahead, gap = 0.0, 0.0
                    if h + 1 < H:
                        for k in range(layers.rows[row], layers.rows[row + 1]):
                            later = values[layers.following[k]]
                            ahead += models[f, k] * later
                            gap += (models[f, k] - truth[k]) * later
                    values[x] = reward[row] + ahead
                    total += visits[m, x] * gap
                out[h, m, f] = total
