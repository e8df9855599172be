"""Optimistic Nash Q-learning: bounds on Q moved towards one sample, an equilibrium in its state.

Two players share the bounds of the first; A joint actions, N states numbered across layers, and
what follows the last layer has value zero. All arrays are C-contiguous.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.plans import SOLVES, adopt, play, take_down
from mamex_bench.kernels.stage_games import CERTIFIED, stage_equilibrium

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEARNT = -1


class Problem(NamedTuple):
    """What is known before the first episode.

    layers: where states lie and what may follow them. reward, ceiling, floor (N, A): the first
    player's rewards, and bounds on Q. bonus (N,): at one visit; t visits divide it by sqrt(t).
    action_counts (2,); concept_code.
    """

    layers: Layers
    reward: Floats
    ceiling: Floats
    floor: Floats
    bonus: Floats
    action_counts: Ints
    concept_code: int


class Tables(NamedTuple):
    """What has been learnt.

    visits (N, A); high, low (N, A): bounds on Q; value_high, value_low (N + ends,); joint (N, A):
    the policy. order (N, A): of the joint actions of each state in its stage game, see
    `StageGames`. states (H+1,), actions (H,): the last episode. solved (64, 2, A): payoffs of the
    last stage games, in turn. counters (4,): see `plans`; no passes are made.
    """

    visits: Ints
    high: Floats
    low: Floats
    value_high: Floats
    value_low: Floats
    joint: Floats
    order: Ints
    states: Ints
    actions: Ints
    solved: Floats
    counters: Ints


@jit
def learn(problem: Problem, tables: Tables, first: int) -> int:
    """Learn from the last episode from step `first` on; LEARNT, or the step of an unsolved game.

    With t visits of (x, a), the present one included, y the next state and
    alpha = (H + 1) / (H + t):
        high = min( (1 - alpha) high + alpha (r + V_high(y) + bonus / sqrt(t)), ceiling )
        low  = max( (1 - alpha) low  + alpha (r + V_low(y)  - bonus / sqrt(t)), floor )
    then the policy at x is an equilibrium of (high, -low), and V = E Q for both. When
    `stage_equilibrium` cannot certify an answer the caller adopts one and goes on after that step.
    """
    H = tables.actions.shape[0]
    A = tables.joint.shape[1]
    answer = np.empty(A)
    for h in range(first, H):
        x, a, y = tables.states[h], tables.actions[h], tables.states[h + 1]
        tables.visits[x, a] += 1
        t = tables.visits[x, a]
        alpha = (H + 1.0) / (H + t)
        width = problem.bonus[x] / np.sqrt(float(t))
        above = problem.reward[x, a] + tables.value_high[y] + width
        below = problem.reward[x, a] + tables.value_low[y] - width
        above = (1.0 - alpha) * tables.high[x, a] + alpha * above
        below = (1.0 - alpha) * tables.low[x, a] + alpha * below
        tables.high[x, a] = min(above, problem.ceiling[x, a])
        tables.low[x, a] = max(below, problem.floor[x, a])
        game = tables.solved[tables.counters[SOLVES] % tables.solved.shape[0]]
        stage_game(tables, x, game)
        tables.counters[SOLVES] += 1
        status = stage_equilibrium(game, problem.action_counts, problem.concept_code, answer)
        if status != CERTIFIED:
            return h
        settle(tables, x, answer)
    return LEARNT


@jit
def stage_game(tables: Tables, x: int, out: Floats) -> None:
    """Payoffs `out (2, A)` of the stage game of one state, in its order of joint actions:
    (high, -low)."""
    for place in range(out.shape[1]):
        a = tables.order[x, place]
        out[0, place] = tables.high[x, a]
        out[1, place] = -tables.low[x, a]


@jit
def settle(tables: Tables, x: int, answer: Floats) -> None:
    """Adopt `answer (A,)` to the stage game of one state as its policy; its values."""
    adopt(tables.order[x], answer, tables.joint[x], tables.counters)
    above = 0.0
    below = 0.0
    for place in range(answer.shape[0]):
        a = tables.order[x, place]
        above += answer[place] * tables.high[x, a]
        below += answer[place] * tables.low[x, a]
    tables.value_high[x] = above
    tables.value_low[x] = below


@jit
def advance(
    problem: Problem,
    tables: Tables,
    cumulative: Floats,
    cumulative_initial: Floats,
    draws: Floats,
    snapshots: Floats,
    lengths: Ints,
) -> tuple[int, int]:
    """Play and learn until the draws or the snapshots run out, or a stage game is unsolved.

    cumulative, cumulative_initial, draws (B, N + 1 + H), snapshots and lengths as in `plans`.
    Returns (episodes played, LEARNT or the step of the last one from which nothing is learnt yet,
    as in `learn`).
    """
    lengths[:] = -1
    lengths[0] = 0
    segment = 0
    for k in range(draws.shape[0]):
        segment = take_down(tables.joint, tables.counters, snapshots, lengths, segment)
        if segment < 0:
            return k, LEARNT
        play(
            problem.layers,
            tables.joint,
            cumulative,
            cumulative_initial,
            draws[k],
            tables.states,
            tables.actions,
        )
        lengths[segment] += 1
        unsolved = learn(problem, tables, 0)
        if unsolved != LEARNT:
            return k + 1, unsolved
    return draws.shape[0], LEARNT
