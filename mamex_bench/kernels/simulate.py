"""Drawing by inverse transform from uniforms that are passed in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers

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
def follow(layers: Layers, cumulative: Floats, x: int, a: int, uniform: float) -> int:
    """The state that follows x and joint action a; cumulative (nnz,)."""
    begin, end = layers.rows[x * layers.actions + a], layers.rows[x * layers.actions + a + 1]
    return layers.following[begin + draw(cumulative[begin:end], uniform)]


@jit
def episode(
    layers: Layers,
    cumulative: Floats,
    cumulative_initial: Floats,
    joint_actions: Ints,
    uniforms: Floats,
    states: Ints,
    actions: Ints,
) -> None:
    """Play one joint pure policy once.

    cumulative (nnz,); cumulative_initial: over the first layer; joint_actions (N,);
    uniforms (H+1,): first state, then one per step. Writes states (H+1,), numbered across layers,
    and actions (H,).
    """
    states[0] = draw(cumulative_initial, uniforms[0])
    for h in range(actions.shape[0]):
        x = states[h]
        a = joint_actions[x]
        actions[h] = a
        states[h + 1] = follow(layers, cumulative, x, a, uniforms[h + 1])
