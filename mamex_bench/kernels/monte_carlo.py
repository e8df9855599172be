"""Episodes of a policy class seen as one normal-form game: who played what, and what it paid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.rewards import pay
from mamex_bench.kernels.simulate import draw, episode

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def play_once(
    layers: Layers,
    cumulative: Floats,
    cumulative_initial: Floats,
    reward: Floats,
    table: Ints,
    uniforms: Floats,
    states: Ints,
    actions: Ints,
    rewards: Floats,
    earned: Floats,
) -> None:
    """One episode of a joint action table (N,); writes every agent's return to earned (n,).

    reward (n, N, A); uniforms as an episode takes them: first state, transitions, and rewards where
    these are random. states (H+1,), actions (H,), rewards (n, H): of the episode, written too.
    """
    H = actions.shape[0]
    episode(layers, cumulative, cumulative_initial, table, uniforms[: H + 1], states, actions)
    pay(reward, states, actions, uniforms[H + 1 :], rewards)
    for i in range(earned.shape[0]):
        earned[i] = 0.0
        for h in range(H):
            earned[i] += rewards[i, h]


@jit
def play_until_due(
    layers: Layers,
    cumulative: Floats,
    cumulative_initial: Floats,
    reward: Floats,
    joint: Ints,
    profile: Floats,
    draws: Floats,
    due: Ints,
    plays: Ints,
    sums: Floats,
) -> int:
    """Episodes of one profile, counted in plays (M,) and sums (n, M) of returns.

    joint (M, N): joint action tables; profile (M,): cumulative; draws (B, 1 + uniforms of an
    episode). Stops after the episode in which a joint policy has been played due (M,) times.
    Returns the number of episodes played.
    """
    n = sums.shape[0]
    H = layers.first.shape[0] - 2
    states = np.empty(H + 1, np.int64)
    actions = np.empty(H, np.int64)
    rewards = np.empty((n, H))
    earned = np.empty(n)
    for k in range(draws.shape[0]):
        pi = draw(profile, draws[k, 0])
        play_once(
            layers,
            cumulative,
            cumulative_initial,
            reward,
            joint[pi],
            draws[k, 1:],
            states,
            actions,
            rewards,
            earned,
        )
        plays[pi] += 1
        for i in range(n):
            sums[i, pi] += earned[i]
        if plays[pi] >= due[pi]:
            return k + 1
    return draws.shape[0]
