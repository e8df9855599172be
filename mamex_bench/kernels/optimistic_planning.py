"""Optimistic planning on an empirical model: only what new data can have changed is computed again.

n agents, S states, A joint actions, horizon H. All arrays are C-contiguous.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.simulate import draw
from mamex_bench.kernels.stage_games import CERTIFIED, stage_equilibrium

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PLANNED = -1
SOLVES, PASSES, REVISED, DUE = range(4)


class Problem(NamedTuple):
    """What is known before the first episode.

    reward, ceiling, floor (H, S, n, A): rewards, and bounds on Q that hold without any data.
    bonus (n, H): width of the confidence interval at one visit; t visits divide it by sqrt(t).
    action_counts (n,); concept_code; initial (S,): distribution of the first state.
    growth: a new plan is due once the visits of some cell reach `growth` times what they were
    at the last plan (1: after every episode).
    """

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

    visits, planned, support (H, S, A): visits now, visits at the last plan, successors seen.
    successor, tally (H, S, A, S): successors seen, ascending, and how often; `support` entries.
    met (H, S), stale (H, S, A): ever visited; visited since the last plan.
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

    high, low (H, S, n, A): bounds on Q. value_high, value_low (H+1, S, n): zero after the end.
    joint (H, S, A): the plan. moved (H, S): values changed in the current pass.
    narrowest (1,), best (H, S, A): least width V_high - V_low at the start so far, and its plan.
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
    """Count one episode, states (H+1,) and joint actions (H,); successor lists stay sorted."""
    for h in range(actions.shape[0]):
        s, a, t = states[h], actions[h], states[h + 1]
        data.met[h, s] = True
        data.stale[h, s, a] = True
        data.visits[h, s, a] += 1
        if data.visits[h, s, a] >= problem.growth * data.planned[h, s, a]:
            plan.counters[DUE] = 1
        seen = data.successor[h, s, a]
        times = data.tally[h, s, a]
        size = data.support[h, s, a]
        place = 0
        while place < size and seen[place] < t:
            place += 1
        if place < size and seen[place] == t:
            times[place] += 1
            continue
        for k in range(size, place, -1):
            seen[k] = seen[k - 1]
            times[k] = times[k - 1]
        seen[place] = t
        times[place] = 1
        data.support[h, s, a] = size + 1


@jit
def _backup(problem: Problem, data: Data, plan: Plan, h: int, s: int, a: int) -> tuple[bool, bool]:
    """Both bounds of one visited cell, for all agents; whether high and whether low changed.

    With t visits and Phat = tally / t:
        high_i = min( r_i + Phat V_high,i + bonus_i / sqrt(t), ceiling_i )
        low_i  = max( r_i + Phat V_low,i  - bonus_i / sqrt(t), floor_i )
    """
    visits = data.visits[h, s, a]
    root = np.sqrt(float(visits))
    high_changed = False
    low_changed = False
    for i in range(problem.bonus.shape[0]):
        above = 0.0
        below = 0.0
        for k in range(data.support[h, s, a]):
            t = data.successor[h, s, a, k]
            above += data.tally[h, s, a, k] * plan.value_high[h + 1, t, i]
            below += data.tally[h, s, a, k] * plan.value_low[h + 1, t, i]
        width = problem.bonus[i, h] / root
        reward = problem.reward[h, s, i, a]
        up = min(reward + above / visits + width, problem.ceiling[h, s, i, a])
        down = max(reward + below / visits - width, problem.floor[h, s, i, a])
        high_changed |= up != plan.high[h, s, i, a]
        low_changed |= down != plan.low[h, s, i, a]
        plan.high[h, s, i, a] = up
        plan.low[h, s, i, a] = down
    return high_changed, low_changed


@jit
def settle(plan: Plan, h: int, s: int) -> bool:
    """V = E_plan Q for both bounds of one state; whether any entry changed."""
    changed = False
    _, _, n, A = plan.high.shape
    for i in range(n):
        above = 0.0
        below = 0.0
        for a in range(A):
            above += plan.joint[h, s, a] * plan.high[h, s, i, a]
            below += plan.joint[h, s, a] * plan.low[h, s, i, a]
        changed |= above != plan.value_high[h, s, i] or below != plan.value_low[h, s, i]
        plan.value_high[h, s, i] = above
        plan.value_low[h, s, i] = below
    return changed


@jit
def adopt(plan: Plan, h: int, s: int, answer: Floats) -> None:
    """Write `answer (A,)` as the plan of one state, noting whether it differs."""
    revised = False
    for a in range(answer.shape[0]):
        revised |= answer[a] != plan.joint[h, s, a]
        plan.joint[h, s, a] = answer[a]
    if revised:
        plan.counters[REVISED] += 1


@jit
def replan(problem: Problem, data: Data, plan: Plan, resume: int) -> int:
    """One backward pass; returns PLANNED, or h * S + s of a stage game left unsolved.

    A cell is backed up when it was visited since the last plan or has a successor whose value
    changed; a stage game is solved when its payoffs changed. Nothing is skipped on other grounds,
    so the result is that of a full pass, bit for bit.

    When `stage_equilibrium` cannot certify an answer the pass stops; the caller adopts one for
    (h, s) and calls again with `resume` = h * S + s. PLANNED starts a new pass.
    """
    H, S, A = plan.joint.shape
    answer = np.empty(A)
    if resume == PLANNED:
        plan.moved[:] = False
    last = H - 1 if resume == PLANNED else resume // S
    for h in range(last, -1, -1):
        for s in range(S):
            high_changed = False
            low_changed = False
            if resume != PLANNED and h == last and s <= resume % S:
                if s < resume % S:
                    continue
                low_changed = True
            elif data.met[h, s]:
                for a in range(A):
                    due = data.stale[h, s, a]
                    if h + 1 < H:
                        for k in range(data.support[h, s, a]):
                            due |= plan.moved[h + 1, data.successor[h, s, a, k]]
                    if due:
                        data.stale[h, s, a] = False
                        data.planned[h, s, a] = data.visits[h, s, a]
                        above, below = _backup(problem, data, plan, h, s, a)
                        high_changed |= above
                        low_changed |= below
            if high_changed:
                plan.solved[plan.counters[SOLVES] % plan.solved.shape[0]] = plan.high[h, s]
                plan.counters[SOLVES] += 1
                status = stage_equilibrium(
                    plan.high[h, s], problem.action_counts, problem.concept_code, answer
                )
                if status != CERTIFIED:
                    return h * S + s
                adopt(plan, h, s, answer)
            if high_changed or low_changed:
                plan.moved[h, s] = settle(plan, h, s)
    _keep_narrowest(problem, plan)
    plan.counters[DUE] = 0
    plan.counters[PASSES] += 1
    return PLANNED


@jit
def _keep_narrowest(problem: Problem, plan: Plan) -> None:
    """Keep the plan of least max_i sum_s initial(s) (V_high - V_low)_i(s); ties to the earlier."""
    width = -np.inf
    for i in range(plan.value_high.shape[2]):
        total = 0.0
        for s in range(problem.initial.shape[0]):
            if problem.initial[s] > 0.0:
                gap = plan.value_high[0, s, i] - plan.value_low[0, s, i]
                total += problem.initial[s] * gap
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
    cumulative_transition: Floats,
    cumulative_initial: Floats,
    draws: Floats,
    snapshots: Floats,
    lengths: Ints,
) -> tuple[int, int]:
    """Play, count and plan until the draws or the snapshots run out, or a stage game is unsolved.

    draws (B, H * S + 1 + H): per episode the uniforms of the plan at every step and state, of the
    first state and of the H transitions. snapshots (G, H, S, A), lengths (G,): the plans played
    and for how many episodes; entry 0 is the caller's present profile and its snapshot is not
    written. Returns (episodes played, PLANNED or the unsolved game as in `replan`); the number of
    lengths in use shows in `lengths`, -1 beyond them. A changed plan that no snapshot was left for
    stays in `plan.joint` with counters[REVISED] > 0.
    """
    H, S, _ = plan.joint.shape
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
        s = draw(cumulative_initial, draws[k, H * S])
        for h in range(H):
            states[h] = s
            a = draw_row(plan.joint[h, s], draws[k, h * S + s])
            actions[h] = a
            s = draw(cumulative_transition[h, s, a], draws[k, H * S + 1 + h])
        states[H] = s
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
