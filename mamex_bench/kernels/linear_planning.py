"""Optimistic planning for zero-sum games on estimates that are linear in few parameters.

Two agents, payoffs u_0 = -u_1. Each agent has upper bounds on Q of her own; the upper bound of one,
negated, is the lower bound of the other. In every state a coarse correlated equilibrium sigma of
the two upper bounds is sought, and V_i = E_sigma high_i.

What is estimated is a named tuple of arrays with two operations, chosen by its type at compile
time:

    learn(evidence, plan, states, actions)   one more trajectory, played by `plan`
    bound(evidence, plan, h, skip)           writes plan.high of layer h, given V in layer h + 1,
                                             except in the states (N,) marked `skip`

States are numbered across layers, N where something is decided; what follows the last layer has
value zero. All arrays are C-contiguous.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.linear_evidence import invert
from mamex_bench.kernels.plans import (
    DUE,
    PASSES,
    PLANNED,
    REVISED,
    SOLVES,
    keep_narrowest,
    play,
    take_down,
)
from mamex_bench.kernels.stage_games import CERTIFIED, stage_equilibrium

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CCE_CODE = 2
REFACTOR = 64  # rank-one updates of an inverse before it is computed afresh


class Problem(NamedTuple):
    """What is known before the first episode.

    layers: where states lie and what may follow them. action_counts (2,); initial: distribution
    over the first layer; idle (N,): states that cannot be reached, which are planned once and no
    more. independent: whether the product
    of sigma's marginals is played instead of sigma. rounding: the stage game's payoffs are rounded
    to its multiples, 0 for none. growth: a new plan is due once the determinant of some Gram
    matrix has reached `growth` times what it was at the last plan (1: after every episode).
    """

    layers: Layers
    action_counts: Ints
    initial: Floats
    idle: NDArray[np.bool_]
    independent: bool
    rounding: float
    growth: float


class Plan(NamedTuple):
    """Bounds, plan and counters.

    high (N, 2, A): upper bounds on Q; order (N, A): of the joint actions of each state in its stage
    game, see `StageGames`; stage (N, 2, A): payoffs of the stage game last solved, in that order,
    not a number before the first. value (N + ends, 2): E_sigma high. sigma, joint (N, A): the
    equilibrium, and what is played. narrowest (1,), best (N, A): least V_0 + V_1 at the start so
    far, and what was played then. solved (64, 2, A): the last stage games solved, in turn.
    counters (4,): see `plans`.
    """

    high: Floats
    order: Ints
    stage: Floats
    value: Floats
    sigma: Floats
    joint: Floats
    narrowest: Floats
    best: Floats
    solved: Floats
    counters: Ints


class Ridge(NamedTuple):
    """R ridge regressions on d features each.

    gram, inverse (R, d, d): lambda I + sum w phi phi^T; response (R, d): sum w phi y, where it does
    not depend on later estimates; volume, planned (R,): log det gram, now and at the last plan, up
    to a constant; updates (R,).
    """

    gram: Floats
    inverse: Floats
    response: Floats
    volume: Floats
    planned: Floats
    updates: Ints


def learn(evidence: Any, plan: Plan, states: Ints, actions: Ints) -> None:
    """Add one trajectory: states (H+1,), joint actions (H,). Compiled code only."""
    raise TypeError("learn runs inside compiled kernels only")


def bound(evidence: Any, plan: Plan, h: int, skip: NDArray[np.bool_]) -> None:
    """Write plan.high of layer h. Compiled code only."""
    raise TypeError("bound runs inside compiled kernels only")


def operations(learn_kernel: Any, bound_kernel: Any, kind: type) -> None:
    """Register the operations of one kind of evidence, which has a Ridge named `ridge`."""

    @overload(learn)
    def _learn(evidence: Any, plan: Any, states: Any, actions: Any) -> Any:
        if getattr(evidence, "instance_class", None) is not kind:
            return None

        def run(evidence: Any, plan: Any, states: Any, actions: Any) -> Any:
            learn_kernel(evidence, plan, states, actions)

        return run

    @overload(bound)
    def _bound(evidence: Any, plan: Any, h: Any, skip: Any) -> Any:
        if getattr(evidence, "instance_class", None) is not kind:
            return None

        def run(evidence: Any, plan: Any, h: Any, skip: Any) -> Any:
            bound_kernel(evidence, plan, h, skip)

        return run


@jit
def width(inverse: Floats, phi: Floats) -> float:
    """|phi| in the norm of inverse (d, d): sqrt(phi^T inverse phi)."""
    total = 0.0
    for p in range(phi.shape[0]):
        inner = 0.0
        for q in range(phi.shape[0]):
            inner += inverse[p, q] * phi[q]
        total += phi[p] * inner
    return np.sqrt(max(total, 0.0))


@jit
def widths(inverse: Floats, phi: Floats, inner: Floats, out: Floats) -> None:
    """`width` of every column of phi (d, A), out (A,); inner (A,) is scratch."""
    out[:] = 0.0
    for p in range(phi.shape[0]):
        inner[:] = 0.0
        for q in range(phi.shape[0]):
            for a in range(out.shape[0]):
                inner[a] += inverse[p, q] * phi[q, a]
        for a in range(out.shape[0]):
            out[a] += phi[p, a] * inner[a]
    for a in range(out.shape[0]):
        out[a] = np.sqrt(max(out[a], 0.0))


@jit
def add_point(ridge: Ridge, r: int, phi: Floats, weight: float, turned: Floats) -> None:
    """gram += w phi phi^T, with Sherman and Morrison's formula for the inverse:

    inverse -= w (inverse phi)(inverse phi)^T / (1 + w phi^T inverse phi),
    and log(1 + w phi^T inverse phi) is what log det gram gains. turned (d,) is scratch.
    """
    d = phi.shape[0]
    gram, inverse = ridge.gram[r], ridge.inverse[r]
    grown = 1.0
    for p in range(d):
        inner = 0.0
        for q in range(d):
            inner += inverse[p, q] * phi[q]
        turned[p] = inner
        grown += weight * phi[p] * inner
    ridge.volume[r] += np.log(grown)
    ridge.updates[r] += 1
    for p in range(d):
        for q in range(d):
            gram[p, q] += weight * phi[p] * phi[q]
            inverse[p, q] -= weight * turned[p] * turned[q] / grown
    if ridge.updates[r] % REFACTOR == 0:
        invert(gram, inverse)


@jit
def _mark_due(problem: Problem, ridge: Ridge, plan: Plan) -> None:
    """Say whether the data have grown enough for a new plan."""
    if problem.growth <= 1.0:
        plan.counters[DUE] = 1
        return
    enough = np.log(problem.growth)
    for r in range(ridge.volume.shape[0]):
        if ridge.volume[r] - ridge.planned[r] >= enough:
            plan.counters[DUE] = 1


@jit
def record(problem: Problem, evidence: Any, plan: Plan, states: Ints, actions: Ints) -> None:
    """One more trajectory, played by the present plan."""
    learn(evidence, plan, states, actions)
    _mark_due(problem, evidence.ridge, plan)


@jit
def adopt(problem: Problem, plan: Plan, x: int, answer: Floats) -> None:
    """Take `answer (A,)` to the stage game as sigma in state x; play it, or its marginals."""
    A = answer.shape[0]
    for place in range(A):
        plan.sigma[x, plan.order[x, place]] = answer[place]
    played = plan.sigma[x]
    if problem.independent:
        columns = problem.action_counts[1]
        first = np.zeros(problem.action_counts[0])
        second = np.zeros(columns)
        for a in range(A):
            first[a // columns] += plan.sigma[x, a]
            second[a % columns] += plan.sigma[x, a]
        played = np.empty(A)
        for a in range(A):
            played[a] = first[a // columns] * second[a % columns]
    revised = False
    for a in range(A):
        revised |= played[a] != plan.joint[x, a]
        plan.joint[x, a] = played[a]
    if revised:
        plan.counters[REVISED] += 1


@jit
def _settle(plan: Plan, x: int) -> None:
    for i in range(2):
        total = 0.0
        for a in range(plan.sigma.shape[1]):
            total += plan.sigma[x, a] * plan.high[x, i, a]
        plan.value[x, i] = total


@jit
def _pose(problem: Problem, plan: Plan, x: int) -> bool:
    """Write the stage game of state x; whether it differs from the one solved last."""
    changed = False
    for i in range(2):
        for place in range(plan.sigma.shape[1]):
            payoff = plan.high[x, i, plan.order[x, place]]
            if problem.rounding > 0.0:
                payoff = problem.rounding * np.rint(payoff / problem.rounding)
            changed |= payoff != plan.stage[x, i, place]
            plan.stage[x, i, place] = payoff
    return changed


@jit
def replan(problem: Problem, evidence: Any, plan: Plan, resume: int) -> int:
    """One backward pass; returns PLANNED, or the state of a stage game left unsolved.

    A stage game is solved again when its payoffs changed. When `stage_equilibrium` cannot certify
    an answer the pass stops; the caller adopts one for that state and calls again with it as
    `resume`. PLANNED starts a new pass.
    """
    first = problem.layers.first
    answer = np.empty(plan.joint.shape[1])
    skip = problem.idle if plan.counters[PASSES] > 0 else np.zeros_like(problem.idle)
    for h in range(first.shape[0] - 3, -1, -1):
        top = first[h + 1] - 1
        if resume != PLANNED:
            if resume < first[h]:
                continue
            top = min(top, resume)
        bound(evidence, plan, h, skip)
        for x in range(top, first[h] - 1, -1):
            if skip[x]:
                continue
            if x != resume and _pose(problem, plan, x):
                plan.solved[plan.counters[SOLVES] % plan.solved.shape[0]] = plan.stage[x]
                plan.counters[SOLVES] += 1
                status = stage_equilibrium(plan.stage[x], problem.action_counts, CCE_CODE, answer)
                if status != CERTIFIED:
                    return x
                adopt(problem, plan, x, answer)
            _settle(plan, x)
    # sum_x initial(x) (V_0 + V_1)(x)
    total = 0.0
    for x in range(problem.initial.shape[0]):
        total += problem.initial[x] * (plan.value[x, 0] + plan.value[x, 1])
    keep_narrowest(total, plan.narrowest, plan.joint, plan.best)
    evidence.ridge.planned[:] = evidence.ridge.volume
    plan.counters[DUE] = 0
    plan.counters[PASSES] += 1
    return PLANNED


@jit
def advance(
    problem: Problem,
    evidence: Any,
    plan: Plan,
    resume: int,
    cumulative: Floats,
    cumulative_initial: Floats,
    draws: Floats,
    snapshots: Floats,
    lengths: Ints,
) -> tuple[int, int]:
    """Play, learn and plan until the draws or the snapshots run out, or a stage game is unsolved.

    cumulative, cumulative_initial, draws (B, N + 1 + H), snapshots and lengths as in `plans`.
    Returns (episodes played, PLANNED or the unsolved game as in `replan`).
    """
    H = problem.layers.first.shape[0] - 2
    states = np.empty(H + 1, dtype=np.int64)
    actions = np.empty(H, dtype=np.int64)
    lengths[:] = -1
    lengths[0] = 0
    segment = 0
    for k in range(draws.shape[0]):
        if plan.counters[DUE]:
            unsolved = replan(problem, evidence, plan, resume)
            resume = PLANNED
            if unsolved != PLANNED:
                return k, unsolved
        segment = take_down(plan.joint, plan.counters, snapshots, lengths, segment)
        if segment < 0:
            return k, PLANNED
        play(problem.layers, plan.joint, cumulative, cumulative_initial, draws[k], states, actions)
        record(problem, evidence, plan, states, actions)
        lengths[segment] += 1
    return draws.shape[0], PLANNED
