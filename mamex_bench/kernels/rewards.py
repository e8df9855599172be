"""Rewards: what is paid, and how far apart models are about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def pay(reward: Floats, states: Ints, actions: Ints, uniforms: Floats, out: Floats) -> None:
    """What every agent earns at every step; out (n, H).

    reward (n, N, A); states (H+1,), actions (H,) of the episode. uniforms: none, and the reward is
    paid as it is; or (n H,), agent by agent, and 1 is paid with that probability, else 0.
    """
    n, H = out.shape
    for i in range(n):
        for h in range(H):
            r = reward[i, states[h], actions[h]]
            if uniforms.shape[0]:
                r = 1.0 if uniforms[i * H + h] < r else 0.0
            out[i, h] = r


@jit
def join_rewards(models: Floats, truth: Floats, out: Floats) -> None:
    """Squares of (y, r_1, ..., r_n) jointly, given those of y: out (C, F) on entry and exit.

    Independent parts: 1 - D^2 = prod_j (1 - D_j^2), or D^2 + D_i^2 - D^2 D_i^2 part by part, which
    is exactly 0 where all agree. Means models (F, n, C), truth (n, C).
    """
    for f in range(models.shape[0]):
        for i in range(models.shape[1]):
            for c in range(models.shape[2]):
                p, q = models[f, i, c], truth[i, c]
                paid = np.sqrt(p) - np.sqrt(q)
                unpaid = np.sqrt(1.0 - p) - np.sqrt(1.0 - q)
                square = 0.5 * (paid * paid + unpaid * unpaid)
                out[c, f] += square - out[c, f] * square
