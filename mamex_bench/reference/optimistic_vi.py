"""Optimistic value iteration with one full pass over everything per episode: slow, independent.

The pass is written from the algorithm's definition and knows no shortcut; only the equilibrium
of a stage game is handed in, because equilibria are seldom unique.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
StageSolver = Callable[[Floats, int, int], Floats]  # payoffs (n, A), h, s -> distribution (A,)


@dataclass(frozen=True)
class Plan:
    """Bounds and plan of one pass.

    Attributes:
        high, low: (H, S, n, A).
        value_high, value_low: (H+1, S, n).
        joint: (H, S, A).
    """

    high: Floats
    low: Floats
    value_high: Floats
    value_low: Floats
    joint: Floats


def theorem_bounds(reward: Floats) -> tuple[Floats, Floats]:
    """Largest and least admissible Q, each (n, H, S, A): H - h and 0 for steps h = 0..H-1."""
    horizon = reward.shape[1]
    ceiling = np.empty_like(reward)
    for h in range(horizon):
        ceiling[:, h] = horizon - h
    return ceiling, np.zeros_like(reward)


def reward_bounds(reward: Floats) -> tuple[Floats, Floats]:
    """Largest and least Q that the known rewards admit whatever the transitions, (n, H, S, A)."""
    agents, horizon, _, _ = reward.shape
    ceiling, floor = reward.copy(), reward.copy()
    for i in range(agents):
        most = least = 0.0
        for h in reversed(range(horizon)):
            ceiling[i, h] += most
            floor[i, h] += least
            most += float(reward[i, h].max())
            least += float(reward[i, h].min())
    return ceiling, floor


def full_pass(
    reward: Floats,
    counts: Ints,
    bounds: tuple[Floats, Floats],
    widths: tuple[Sequence[Sequence[float]], float, Sequence[Sequence[float]]],
    solve: StageSolver,
) -> Plan:
    """Plan on the counts of transitions seen so far.

    reward (n, H, S, A); counts (H, S, A, S) ints; bounds (ceiling, floor), each (n, H, S, A);
    widths (bonus[i][h], c, linear[i][h]). With t = N_h(s, a) > 0, P(s') = N(s')/t and
    M_i = (high V_i + low V_i) / 2:
        width = bonus / sqrt(t) + c sqrt( Var_P(M_i) / t ) + linear / t
        high_i(s, a) = min{ r_i + sum_s' P(s') high V_i(s') + width, ceiling_i }
        low_i(s, a)  = max{ r_i + sum_s' P(s') low V_i(s')  - width, floor_i }
    and the bounds themselves where t = 0; plan(s) = solve(high(s), h, s); V = E_plan Q.
    """
    agents, horizon, states, actions = reward.shape
    bonus, c, linear = widths
    high = np.moveaxis(bounds[0], 0, 2).copy()
    low = np.moveaxis(bounds[1], 0, 2).copy()
    value_high = np.zeros((horizon + 1, states, agents))
    value_low = np.zeros((horizon + 1, states, agents))
    joint = np.zeros((horizon, states, actions))
    for h in reversed(range(horizon)):
        for s in range(states):
            for a in range(actions):
                t = int(counts[h, s, a].sum())
                if t == 0:
                    continue
                for i in range(agents):
                    above = below = 0.0
                    for successor in range(states):
                        times = int(counts[h, s, a, successor])
                        above += times * float(value_high[h + 1, successor, i])
                        below += times * float(value_low[h + 1, successor, i])
                    middle = (value_high[h + 1, :, i] + value_low[h + 1, :, i]) / 2.0
                    mean = (above + below) / (2.0 * t)
                    squares = sum(
                        int(counts[h, s, a, y]) * (float(middle[y]) - mean) ** 2
                        for y in range(states)
                    )
                    width = bonus[i][h] / math.sqrt(t) + linear[i][h] / t
                    width += c * math.sqrt(squares / t / t)
                    r = float(reward[i, h, s, a])
                    high[h, s, i, a] = min(r + above / t + width, float(bounds[0][i, h, s, a]))
                    low[h, s, i, a] = max(r + below / t - width, float(bounds[1][i, h, s, a]))
            joint[h, s] = solve(high[h, s], h, s)
            for i in range(agents):
                value_high[h, s, i] = sum(
                    float(joint[h, s, a] * high[h, s, i, a]) for a in range(actions)
                )
                value_low[h, s, i] = sum(
                    float(joint[h, s, a] * low[h, s, i, a]) for a in range(actions)
                )
    return Plan(high, low, value_high, value_low, joint)
