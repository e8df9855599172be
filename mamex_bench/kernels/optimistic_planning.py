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
from mamex_bench.kernels.plans import (
    DUE,
    PASSES,
    PLANNED,
    SOLVES,
    adopt,
    keep_narrowest,
    play,
    take_down,
)
from mamex_bench.kernels.rewards import pay
from mamex_bench.kernels.stage_games import CERTIFIED, stage_equilibrium

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Width(NamedTuple):
    """Half-width of the confidence interval of player i at a cell (x, a) with t visits:

        root_i(x) / sqrt(t) + deviation sqrt((Var_Phat(U_i) + Var(r_i)) / t) + linear_i(x) / t
            + relative Phat(V_high,i - V_low,i) + sqrt(8 Phat(min(rare / N, cap)) / t),

    U_i = lean V_high,i + (1 - lean) V_low,i; Var(r_i) that of the rewards seen, where they are
    random; and N(y) the visits of the state y that follows.
    root, linear (N, n).
    """

    root: Floats
    linear: Floats
    deviation: float
    relative: float
    lean: float
    rare: float
    cap: float


class Problem(NamedTuple):
    """What is known before the first episode; n players have bounds.

    layers: where states lie and what may follow them.
    reward, ceiling, floor (N, n, A): rewards, and bounds on Q that hold without any data.
    unknown: rewards are random, and those seen take the place of `reward`.
    versus: only the first of two players has bounds; the other's payoffs are what it loses.
    falling: high never rises again.
    action_counts: of all agents; concept_code; initial: distribution over the first layer.
    growth: a new plan is due once the visits of some cell reach `growth` times what they were
    at the last plan (1: after every episode).
    """

    layers: Layers
    reward: Floats
    ceiling: Floats
    floor: Floats
    width: Width
    unknown: bool
    versus: bool
    falling: bool
    action_counts: Ints
    concept_code: int
    initial: Floats
    growth: float


class Data(NamedTuple):
    """What has been seen.

    visits, planned, support (N, A): visits now, visits at the last plan, successors seen.
    successor, tally (nnz,): the successors seen, ascending, and how often; the first `support` of
    the places that a row has in `layers`, which are as many as there can be.
    paid (N, n, A): sums of rewards, if they are random.
    met, fresh (N + ends,): visits of states; whether they changed the width of what leads there.
    stale (N, A): visited since the last plan.
    half (N, n, A): what the width of a cell owes to its visits alone, as of the last plan.
    """

    visits: Ints
    planned: Ints
    support: Ints
    successor: Ints
    tally: Floats
    paid: Floats
    met: Ints
    fresh: Flags
    stale: Flags
    half: Floats


class Plan(NamedTuple):
    """Bounds, plan and counters.

    high, low (N, n, A): bounds on Q. value_high, value_low, between (N + ends, n): V for both and
    U of `Width`, zero after the end. joint (N, A): the plan. moved (N + ends,): what leads there
    has to be looked at in this pass.
    order (N, A): of the joint actions of each state in its stage game, see `StageGames`.
    narrowest (1,), best (N, A): least width V_high - V_low at the start so far, and its plan.
    solved (64, agents, A): payoffs of the last stage games solved, in turn.
    counters (4,): see `plans`.
    """

    high: Floats
    low: Floats
    value_high: Floats
    value_low: Floats
    between: Floats
    joint: Floats
    order: Ints
    moved: Flags
    narrowest: Floats
    best: Floats
    solved: Floats
    counters: Ints


@jit
def record(
    problem: Problem, data: Data, plan: Plan, states: Ints, actions: Ints, rewards: Floats
) -> None:
    """Count one episode: states (H+1,), numbered across layers, joint actions (H,), rewards (n, H).

    Successors of a row stay sorted.
    """
    layers, seen, times = problem.layers, data.successor, data.tally
    H = actions.shape[0]
    for h in range(H + 1):
        x = states[h]
        data.met[x] += 1
        if data.met[x] * problem.width.cap > problem.width.rare:
            data.fresh[x] = True
        if h == H:
            break
        a, after = actions[h], states[h + 1]
        data.stale[x, a] = True
        data.visits[x, a] += 1
        if problem.unknown:
            for i in range(rewards.shape[0]):
                data.paid[x, i, a] += rewards[i, h]
        if data.visits[x, a] >= problem.growth * data.planned[x, a]:
            plan.counters[DUE] = 1
        place = layers.rows[x * layers.actions + a]
        end = place + data.support[x, a]
        while place < end and seen[place] < after:
            place += 1
        if place < end and seen[place] == after:
            times[place] += 1.0
            continue
        for k in range(end, place, -1):
            seen[k] = seen[k - 1]
            times[k] = times[k - 1]
        seen[place] = after
        times[place] = 1.0
        data.support[x, a] += 1


@jit
def _count_in(problem: Problem, data: Data, x: int, a: int) -> None:
    """Note what the visits of a cell alone say about its width."""
    visits = data.visits[x, a]
    root = np.sqrt(float(visits))
    for i in range(data.half.shape[1]):
        data.half[x, i, a] = problem.width.root[x, i] / root + problem.width.linear[x, i] / visits
    data.stale[x, a] = False
    data.planned[x, a] = visits


@jit
def _spread(data: Data, plan: Plan, first: int, last: int, i: int, mean: float) -> float:
    """sum_y tally(y) (U(y) - mean)^2 over the successors of one cell."""
    squares = 0.0
    for k in range(first, last):
        value = plan.between[data.successor[k], i]
        squares += data.tally[k] * (value - mean) * (value - mean)
    return squares


@jit
def _rarity(width: Width, data: Data, first: int, last: int) -> float:
    """sum_y tally(y) min(rare / N(y), cap) over the successors of one cell."""
    total = 0.0
    for k in range(first, last):
        total += data.tally[k] * min(width.rare / data.met[data.successor[k]], width.cap)
    return total


@jit
def _backup(problem: Problem, data: Data, plan: Plan, x: int, a: int) -> tuple[bool, bool]:
    """Both bounds of one visited cell, for all players; whether high and whether low changed.

    With t visits and Phat = tally / t:
        high_i = min( r_i + Phat V_high,i + width, ceiling_i )
        low_i  = max( r_i + Phat V_low,i  - width, floor_i )
    """
    width, visits = problem.width, float(data.visits[x, a])
    first = problem.layers.rows[x * problem.layers.actions + a]
    last = first + data.support[x, a]
    high_changed = False
    low_changed = False
    for i in range(plan.high.shape[1]):
        above = 0.0
        below = 0.0
        between = 0.0
        for k in range(first, last):
            after, times = data.successor[k], data.tally[k]
            above += times * plan.value_high[after, i]
            below += times * plan.value_low[after, i]
            between += times * plan.between[after, i]
        reward = data.paid[x, i, a] / visits if problem.unknown else problem.reward[x, i, a]
        half = data.half[x, i, a]
        if width.deviation > 0.0:
            squares = _spread(data, plan, first, last, i, between / visits)
            if problem.unknown:  # of t rewards, each 0 or 1, with this mean
                squares += visits * reward * (1.0 - reward)
            half += width.deviation * np.sqrt(squares) / visits
        if width.relative > 0.0:
            half += width.relative * (above - below) / visits
        if width.rare > 0.0:
            half += np.sqrt(8.0 * _rarity(width, data, first, last)) / visits
        up = min(reward + above / visits + half, problem.ceiling[x, i, a])
        down = max(reward + below / visits - half, problem.floor[x, i, a])
        if problem.falling:
            up = min(up, plan.high[x, i, a])
        high_changed |= up != plan.high[x, i, a]
        low_changed |= down != plan.low[x, i, a]
        plan.high[x, i, a] = up
        plan.low[x, i, a] = down
    return high_changed, low_changed


@jit
def stage_game(problem: Problem, plan: Plan, x: int, out: Floats) -> None:
    """Payoffs `out (agents, A)` of the stage game of one state, in its order of joint actions:
    high, or (high, -low)."""
    for place in range(out.shape[1]):
        a = plan.order[x, place]
        if problem.versus:
            out[0, place] = plan.high[x, 0, a]
            out[1, place] = -plan.low[x, 0, a]
        else:
            for i in range(out.shape[0]):
                out[i, place] = plan.high[x, i, a]


@jit
def stage_games(problem: Problem, plan: Plan, out: Floats) -> None:
    """`stage_game` of every state, `out (N, agents, A)`."""
    for x in range(out.shape[0]):
        stage_game(problem, plan, x, out[x])


@jit
def settle(problem: Problem, plan: Plan, x: int) -> bool:
    """V = E_plan Q for both bounds of one state, and U; whether any entry of V changed."""
    changed = False
    lean = problem.width.lean
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
        plan.between[x, i] = lean * above + (1.0 - lean) * below
    return changed


@jit
def adopt_all(problem: Problem, plan: Plan, answers: Floats) -> None:
    """`adopt` and `settle` every state, `answers (N, A)`."""
    for x in range(answers.shape[0]):
        adopt(plan.order[x], answers[x], plan.joint[x], plan.counters)
        settle(problem, plan, x)


@jit
def _follows_moved(data: Data, plan: Plan, first: int, last: int) -> bool:
    """Whether a successor of the cell has moved."""
    for k in range(first, last):  # noqa: SIM110 - no closures in compiled code
        if plan.moved[data.successor[k]]:
            return True
    return False


@jit
def replan(problem: Problem, data: Data, plan: Plan, resume: int) -> int:
    """One backward pass; returns PLANNED, or the state of a stage game left unsolved.

    A cell is backed up when it was visited since the last plan or has a successor whose values, or
    visits where these matter, changed; a stage game is solved when its payoffs changed. Nothing is
    skipped on other grounds, so the result is that of a full pass, bit for bit.

    When `stage_equilibrium` cannot certify an answer the pass stops; the caller adopts one for
    that state and calls again with it as `resume`. PLANNED starts a new pass.
    """
    A = plan.joint.shape[1]
    rows, first = problem.layers.rows, problem.layers.first
    answer = np.empty(A)
    if resume == PLANNED:
        plan.moved[:] = data.fresh
        data.fresh[:] = False
    for h in range(first.shape[0] - 3, -1, -1):
        top = first[h + 1] - 1 if resume == PLANNED else min(resume, first[h + 1] - 1)
        later = plan.moved[first[h + 1] : first[h + 2]].any()
        for x in range(top, first[h] - 1, -1):
            high_changed = False
            low_changed = x == resume
            if data.met[x] > 0 and x != resume:
                for a in range(A):
                    begin = rows[x * A + a]
                    if data.stale[x, a]:
                        _count_in(problem, data, x, a)
                    elif not later or not _follows_moved(
                        data, plan, begin, begin + data.support[x, a]
                    ):
                        continue
                    above, below = _backup(problem, data, plan, x, a)
                    high_changed |= above
                    low_changed |= below
            if high_changed or (problem.versus and low_changed and x != resume):
                game = plan.solved[plan.counters[SOLVES] % plan.solved.shape[0]]
                stage_game(problem, plan, x, game)
                plan.counters[SOLVES] += 1
                status = stage_equilibrium(
                    game, problem.action_counts, problem.concept_code, answer
                )
                if status != CERTIFIED:
                    return x
                adopt(plan.order[x], answer, plan.joint[x], plan.counters)
            if (high_changed or low_changed) and settle(problem, plan, x):
                plan.moved[x] = True
    keep_narrowest(_width_at_start(problem, plan), plan.narrowest, plan.joint, plan.best)
    plan.counters[DUE] = 0
    plan.counters[PASSES] += 1
    return PLANNED


@jit
def _width_at_start(problem: Problem, plan: Plan) -> float:
    """max_i sum_x initial(x) (V_high - V_low)_i(x)."""
    width = -np.inf
    for i in range(plan.value_high.shape[1]):
        total = 0.0
        for x in range(problem.initial.shape[0]):
            if problem.initial[x] > 0.0:
                gap = plan.value_high[x, i] - plan.value_low[x, i]
                total += problem.initial[x] * gap
        width = max(width, total)
    return width


@jit
def advance(
    problem: Problem,
    data: Data,
    plan: Plan,
    resume: int,
    cumulative: Floats,
    cumulative_initial: Floats,
    rewards: Floats,
    draws: Floats,
    snapshots: Floats,
    lengths: Ints,
) -> tuple[int, int]:
    """Play, count and plan until the draws or the snapshots run out, or a stage game is unsolved.

    cumulative, cumulative_initial, snapshots and lengths as in `plans`; rewards (agents, N, A):
    paid, or their means. draws (B, N + 1 + H, or more): per episode those of `plans.play`, then of
    rewards that are random. Returns (episodes played, PLANNED or the unsolved game as in `replan`).
    """
    N = plan.joint.shape[0]
    H = problem.layers.first.shape[0] - 2
    states = np.empty(H + 1, dtype=np.int64)
    actions = np.empty(H, dtype=np.int64)
    paid = np.empty((rewards.shape[0], H))
    lengths[:] = -1
    lengths[0] = 0
    segment = 0
    for k in range(draws.shape[0]):
        if plan.counters[DUE]:
            unsolved = replan(problem, data, plan, resume)
            resume = PLANNED
            if unsolved != PLANNED:
                return k, unsolved
        segment = take_down(plan.joint, plan.counters, snapshots, lengths, segment)
        if segment < 0:
            return k, PLANNED
        play(problem.layers, plan.joint, cumulative, cumulative_initial, draws[k], states, actions)
        if problem.unknown:
            pay(rewards, states, actions, draws[k, N + 1 + H :], paid)
        record(problem, data, plan, states, actions, paid)
        lengths[segment] += 1
    return draws.shape[0], PLANNED
