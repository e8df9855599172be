"""Optimistic planning on an empirical model: only what new data can have changed is computed again.

n agents, A joint actions, N states numbered across layers; what follows the last layer has value
zero. All arrays are C-contiguous.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.simulate import draw, follow
from mamex_bench.kernels.stage_games import CERTIFIED, stage_equilibrium

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PLANNED = -1
SOLVES, PASSES, REVISED, DUE = range(4)


class Problem(NamedTuple):
    """What is known before the first episode.

    layers: where states lie and what may follow them.
    reward, ceiling, floor (N, n, A): rewards, and bounds on Q that hold without any data.
    bonus (N, n): width of the confidence interval at one visit; t visits divide it by sqrt(t).
    action_counts (n,); concept_code; initial: distribution over the first layer.
    growth: a new plan is due once the visits of some cell reach `growth` times what they were
    at the last plan (1: after every episode).
    """

    layers: Layers
    reward: Floats
    ceiling: Floats
    floor: Floats
    bonus: Floats
    action_counts: Ints
    concept_code: int
    initial: Floats
    growth: float


class Data(NamedTuple):
    """What has been seen.

    visits, planned, support (N, A): visits now, visits at the last plan, successors seen.
    successor, tally (nnz,): the successors seen, ascending, and how often; the first `support` of
    the places that a row has in `layers`, which are as many as there can be.
    met (N,), stale (N, A): ever visited; visited since the last plan.
    """

    visits: Ints
    planned: Ints
    support: Ints
    successor: Ints
    tally: Ints
    met: Flags
    stale: Flags


class Plan(NamedTuple):
    """Bounds, plan and counters.

    high, low (N, n, A): bounds on Q. value_high, value_low (N + ends, n): zero after the end.
    joint (N, A): the plan. moved (N + ends,): values changed in the current pass.
    narrowest (1,), best (N, A): least width V_high - V_low at the start so far, and its plan.
    solved (64, n, A): payoffs of the last stage games solved, in turn.
    counters (4,): stage games solved, passes finished, plan rows changed since the caller last set
    this to 0, and whether a new pass is due.
    """

    high: Floats
    low: Floats
    value_high: Floats
    value_low: Floats
    joint: Floats
    moved: Flags
    narrowest: Floats
    best: Floats
    solved: Floats
    counters: Ints


@jit
def record(problem: Problem, data: Data, plan: Plan, states: Ints, actions: Ints) -> None:
    """Count one episode, states (H+1,), numbered across layers, and joint actions (H,).

    Successors of a row stay sorted.
    """
    layers, seen, times = problem.layers, data.successor, data.tally
    for h in range(actions.shape[0]):
        x, a, after = states[h], actions[h], states[h + 1]
        data.met[x] = True
        data.stale[x, a] = True
        data.visits[x, a] += 1
        if data.visits[x, a] >= problem.growth * data.planned[x, a]:
            plan.counters[DUE] = 1
        place = layers.rows[x * layers.actions + a]
        end = place + data.support[x, a]
        while place < end and seen[place] < after:
            place += 1
        if place < end and seen[place] == after:
            times[place] += 1
            continue
        for k in range(end, place, -1):
            seen[k] = seen[k - 1]
            times[k] = times[k - 1]
        seen[place] = after
        times[place] = 1
        data.support[x, a] += 1


@jit
def _backup(problem: Problem, data: Data, plan: Plan, x: int, a: int) -> tuple[bool, bool]:
    """Both bounds of one visited cell, for all agents; whether high and whether low changed.

    With t visits and Phat = tally / t:
        high_i = min( r_i + Phat V_high,i + bonus_i / sqrt(t), ceiling_i )
        low_i  = max( r_i + Phat V_low,i  - bonus_i / sqrt(t), floor_i )
    """
    visits = data.visits[x, a]
    begin = problem.layers.rows[x * problem.layers.actions + a]
    root = np.sqrt(float(visits))
    high_changed = False
    low_changed = False
    for i in range(problem.bonus.shape[1]):
        above = 0.0
        below = 0.0
        for k in range(begin, begin + data.support[x, a]):
            after = data.successor[k]
            above += data.tally[k] * plan.value_high[after, i]
            below += data.tally[k] * plan.value_low[after, i]
        width = problem.bonus[x, i] / root
        reward = problem.reward[x, i, a]
        up = min(reward + above / visits + width, problem.ceiling[x, i, a])
        down = max(reward + below / visits - width, problem.floor[x, i, a])
        high_changed |= up != plan.high[x, i, a]
        low_changed |= down != plan.low[x, i, a]
        plan.high[x, i, a] = up
        plan.low[x, i, a] = down
    return high_changed, low_changed


@jit
def settle(plan: Plan, x: int) -> bool:
    """V = E_plan Q for both bounds of one state; whether any entry changed."""
    changed = False
    _, n, A = plan.high.shape
    for i in range(n):
        above = 0.0
        below = 0.0
        for a in range(A):
            above += plan.joint[x, a] * plan.high[x, i, a]
            below += plan.joint[x, a] * plan.low[x, i, a]
        changed |= above != plan.value_high[x, i] or below != plan.value_low[x, i]
        plan.value_high[x, i] = above
        plan.value_low[x, i] = below
    return changed


@jit
def adopt(plan: Plan, x: int, answer: Floats) -> None:
    """Write `answer (A,)` as the plan of one state, noting whether it differs."""
    revised = False
    for a in range(answer.shape[0]):
        revised |= answer[a] != plan.joint[x, a]
        plan.joint[x, a] = answer[a]
    if revised:
        plan.counters[REVISED] += 1


@jit
def replan(problem: Problem, data: Data, plan: Plan, resume: int) -> int:
    """One backward pass; returns PLANNED, or the state of a stage game left unsolved.

    A cell is backed up when it was visited since the last plan or has a successor whose value
    changed; a stage game is solved when its payoffs changed. Nothing is skipped on other grounds,
    so the result is that of a full pass, bit for bit.

    When `stage_equilibrium` cannot certify an answer the pass stops; the caller adopts one for
    that state and calls again with it as `resume`. PLANNED starts a new pass.
    """
    N, A = plan.joint.shape
    rows = problem.layers.rows
    answer = np.empty(A)
    if resume == PLANNED:
        plan.moved[:] = False
    for x in range(N - 1 if resume == PLANNED else resume, -1, -1):
        high_changed = False
        low_changed = x == resume
        if data.met[x] and x != resume:
            for a in range(A):
                due = data.stale[x, a]
                begin = rows[x * A + a]
                for k in range(begin, begin + data.support[x, a]):
                    due |= plan.moved[data.successor[k]]
                if due:
                    data.stale[x, a] = False
                    data.planned[x, a] = data.visits[x, a]
                    above, below = _backup(problem, data, plan, x, a)
                    high_changed |= above
                    low_changed |= below
        if high_changed:
            plan.solved[plan.counters[SOLVES] % plan.solved.shape[0]] = plan.high[x]
            plan.counters[SOLVES] += 1
            status = stage_equilibrium(
                plan.high[x], problem.action_counts, problem.concept_code, answer
            )
            if status != CERTIFIED:
                return x
            adopt(plan, x, answer)
        if high_changed or low_changed:
            plan.moved[x] = settle(plan, x)
    _keep_narrowest(problem, plan)
    plan.counters[DUE] = 0
    plan.counters[PASSES] += 1
    return PLANNED


@jit
def _keep_narrowest(problem: Problem, plan: Plan) -> None:
    """Keep the plan of least max_i sum_x initial(x) (V_high - V_low)_i(x); ties to the earlier."""
    width = -np.inf
    for i in range(plan.value_high.shape[1]):
        total = 0.0
        for x in range(problem.initial.shape[0]):
            if problem.initial[x] > 0.0:
                gap = plan.value_high[x, i] - plan.value_low[x, i]
                total += problem.initial[x] * gap
        width = max(width, total)
    if width < plan.narrowest[0]:
        plan.narrowest[0] = width
        plan.best[:] = plan.joint


@jit
def advance(
    problem: Problem,
    data: Data,
    plan: Plan,
    resume: int,
    cumulative: Floats,
    cumulative_initial: Floats,
    draws: Floats,
    snapshots: Floats,
    lengths: Ints,
) -> tuple[int, int]:
    """Play, count and plan until the draws or the snapshots run out, or a stage game is unsolved.

    cumulative (nnz,), cumulative_initial: sampling tables. draws (B, N + 1 + H): per episode the
    uniforms of the plan in every state, of the first state and of the H transitions.
    snapshots (G, N, A), lengths (G,), G at least 2: the plans played and for how many episodes;
    entry 0 is the caller's present profile and its snapshot is not written. Returns (episodes
    played, PLANNED or the unsolved game as in `replan`); the number of lengths in use shows in
    `lengths`, -1 beyond them. A changed plan that no snapshot was left for stays in `plan.joint`
    with counters[REVISED] > 0.
    """
    N = plan.joint.shape[0]
    H = draws.shape[1] - N - 1
    states = np.empty(H + 1, dtype=np.int64)
    actions = np.empty(H, dtype=np.int64)
    lengths[:] = -1
    lengths[0] = 0
    segment = 0
    for k in range(draws.shape[0]):
        if plan.counters[DUE]:
            unsolved = replan(problem, data, plan, resume)
            resume = PLANNED
            if unsolved != PLANNED:
                return k, unsolved
        if plan.counters[REVISED]:
            if segment + 1 == lengths.shape[0]:
                return k, PLANNED
            segment += 1
            lengths[segment] = 0
            snapshots[segment] = plan.joint
            plan.counters[REVISED] = 0
        x = draw(cumulative_initial, draws[k, N])
        for h in range(H):
            states[h] = x
            actions[h] = draw_row(plan.joint[x], draws[k, x])
            x = follow(problem.layers, cumulative, x, actions[h], draws[k, N + 1 + h])
        states[H] = x
        record(problem, data, plan, states, actions)
        lengths[segment] += 1
    return draws.shape[0], PLANNED


@jit
def draw_row(row: Floats, uniform: float) -> int:
    """First index whose cumulative probability exceeds the draw; never one of probability 0."""
    total = 0.0
    chosen = 0
    for a in range(row.shape[0]):
        if row[a] > 0.0:
            total += row[a]
            chosen = a
            if total > uniform:
                break
    return chosen
