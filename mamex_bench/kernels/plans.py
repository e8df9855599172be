"""What every planner shares: it keeps a table of joint actions, samples it and hands it out.

N states numbered across layers, A joint actions; a plan (N, A) has a distribution in every row.
All arrays are C-contiguous.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.simulate import draw, follow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# What a pass returns that left no stage game unsolved.
PLANNED = -1
# Places in a planner's counters: stage games solved; rows of the plan changed since the caller last
# set this to 0; passes finished; whether a new pass is due.
SOLVES, REVISED, PASSES, DUE = range(4)


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


@jit
def play(
    layers: Layers,
    joint: Floats,
    cumulative: Floats,
    cumulative_initial: Floats,
    draws: Floats,
    states: Ints,
    actions: Ints,
) -> None:
    """One episode of the plan `joint`: writes states (H+1,) and joint actions (H,).

    cumulative (nnz,), cumulative_initial: sampling tables. draws (N + 1 + H, or more): uniforms of
    the plan in every state, of the first state and of the H transitions.
    """
    N = joint.shape[0]
    x = draw(cumulative_initial, float(draws[N]))
    for h in range(actions.shape[0]):
        states[h] = x
        actions[h] = draw_row(joint[x], draws[x])
        x = follow(layers, cumulative, x, actions[h], draws[N + 1 + h])
    states[actions.shape[0]] = x


@jit
def take_down(joint: Floats, counters: Ints, snapshots: Floats, lengths: Ints, segment: int) -> int:
    """The segment that the coming episode belongs to; -1 if there is no room for a changed plan.

    snapshots (G, N, A), lengths (G,): the plans played and for how many episodes, -1 beyond; entry
    0 is the caller's present profile, whose snapshot is not written. A changed plan without room
    stays in `joint` with counters[REVISED] > 0.
    """
    if counters[REVISED]:
        if segment + 1 == lengths.shape[0]:
            return -1
        segment += 1
        lengths[segment] = 0
        snapshots[segment] = joint
        counters[REVISED] = 0
    return segment


@jit
def adopt(order: Ints, answer: Floats, row: Floats, counters: Ints) -> None:
    """Write `answer (A,)` to a stage game as one row of the plan, noting whether it differs.

    order (A,): order[place] is the joint action at `place` in the stage game, see `StageGames`.
    """
    revised = False
    for place in range(answer.shape[0]):
        a = order[place]
        revised |= answer[place] != row[a]
        row[a] = answer[place]
    if revised:
        counters[REVISED] += 1


@jit
def keep_narrowest(width: float, narrowest: Floats, joint: Floats, best: Floats) -> None:
    """Keep the plan of least certified width so far, `narrowest (1,)`; ties to the earlier."""
    if width < narrowest[0]:
        narrowest[0] = width
        best[:] = joint
