"""Drawing by inverse transform from uniforms that are passed in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def draw(cumulative: Floats, uniform: float) -> int:
    """First index whose cumulative probability exceeds the uniform draw from [0, 1)."""
    low, high = 0, cumulative.shape[0] - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > uniform:
            high = middle
        else:
            low = middle + 1
    return low


@jit
def episode(
    cumulative_transition: Floats,
    cumulative_initial: Floats,
    joint_actions: Ints,
    uniforms: Floats,
    states: Ints,
    actions: Ints,
) -> None:
    """Play one joint pure policy once.

    cumulative_transition (H, S, A, S), cumulative_initial (S,), joint_actions (H, S),
    uniforms (H+1,): first state, then one per step. Writes states (H+1,) and actions (H,).
    """
    H = joint_actions.shape[0]
    states[0] = draw(cumulative_initial, uniforms[0])
    for h in range(H):
        a = joint_actions[h, states[h]]
        actions[h] = a
        states[h + 1] = draw(cumulative_transition[h, states[h], a], uniforms[h + 1])
