"""Pure Markov policies that act out a Markov behaviour: samples, and exact trees of quantiles.

**Samples.** A table that draws the action of every state on its own, once, plays like the
behaviour against anybody, however adaptive: every state of a finite-horizon game is met at most
once in an episode, so what it plays there is a fresh draw. The mixture over all such tables is the
behaviour itself, but it has one atom for each table.

**Trees.** Far fewer atoms do. Only one state of a layer is met in an episode, so the states of a
layer may share one uniform number; layers may not. Let U_1, ..., U_H be independent and uniform,
and play in state x of layer h the action whose interval of a fixed partition of [0, 1] (lengths:
the behaviour at x) holds U_h. Given a history until x the number U_h is still uniform and
independent of it, so the next action has the distribution of the behaviour: no adaptive opponent
can tell the two apart. Everything is constant in U_h between consecutive end points of the
intervals of those states that can still be met, given the agent's own actions so far and any play
of one other agent (the rest keep to the support of their behaviour). The tree branches there: its
leaves are pure policies, their weights products of lengths. Intervals are laid out in order of
decreasing probability, so that end points coincide more often. A coarse tree cuts [0, 1] into k
equal pieces instead wherever there would be more than k, and plays what the middle of a piece says:
the distribution at every state is then right to 1/k per action.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.game import Game

Bools = NDArray[np.bool_]
SMALL = 1e-12  # probabilities below this are rounding


@dataclass(frozen=True)
class Leaf:
    """A pure policy of a tree, as far as it has grown.

    Attributes:
        weight: its probability.
        moves: (N,), the move of every state; of one agent, or of all jointly.
        reached: for each possible deviator, the states of the next layer that can be met.
    """

    weight: float
    moves: Ints
    reached: tuple[Ints, ...]


def own_behaviour(game: Game, joint: Floats, agent: int) -> Floats:
    """(N, A_i): an agent's marginal of a joint behaviour (N, A), rounding removed."""
    parts = joint.reshape(-1, *game.action_counts)
    others = tuple(1 + j for j in range(game.agents) if j != agent)
    own = parts.sum(axis=others)
    own[own < SMALL] = 0.0
    out: Floats = own / own.sum(axis=1, keepdims=True)
    return out


def plain_actions(game: Game) -> list[Ints]:
    """Per agent (N, A_i): for each action the least one that does the same.

    Two actions of an agent do the same in a state if, whatever the others play, all rewards and
    the row of transitions are equal bit for bit. A policy that uses one of each kind gives nothing
    away where its choice does not matter.
    """
    layers, A = game.layers, game.actions
    N = game.rewards.shape[1]
    marks = np.zeros(N * A, dtype=np.uint64)
    with np.errstate(over="ignore"):
        entries = _scrambled(game.probability.view(np.uint64) ^ _scrambled(layers.following))
        entries[game.probability == 0.0] = 0
        marks += np.add.reduceat(entries, layers.rows[:-1])
        for reward in game.rewards:
            marks = _scrambled(marks + (reward.reshape(-1) + 0.0).view(np.uint64))
    marks = marks.reshape(N, *game.action_counts)
    maps = []
    for i, count in enumerate(game.action_counts):
        own = np.moveaxis(marks, 1 + i, 1).reshape(N, count, -1)
        least = np.tile(np.arange(count), (N, 1))
        for b in range(count - 1, 0, -1):
            for c in range(b - 1, -1, -1):
                same = (own[:, b] == own[:, c]).all(axis=1)
                least[same, b] = c
        maps.append(least)
    return maps


def _scrambled(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    """64-bit hashes (splitmix64)."""
    z = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def sampled(behaviour: Floats, uniforms: Floats) -> Ints:
    """(N,): a move in every state, drawn from behaviour (N, B) by uniforms (N,)."""
    ends = np.cumsum(behaviour, axis=1)
    moves = (ends <= uniforms[:, None] * ends[:, -1:]).sum(axis=1)
    # A uniform number next to 1 must not land beyond the last possible move.
    last = behaviour.shape[1] - 1 - np.argmax(behaviour[:, ::-1] > 0.0, axis=1)
    out: Ints = np.minimum(moves, last).astype(np.int64)
    return out


def own_tree(
    game: Game, joint: Floats, agent: int, size: int, first: int = 0, coarse: int = 0
) -> tuple[list[Leaf], bool]:
    """Leaves that act out one agent's marginal behaviour, and whether they do so exactly.

    At most `size`, none branching before layer `first`, in `coarse` pieces at most (0: no matter).
    """
    behaviours = [own_behaviour(game, joint, i) for i in range(game.agents)]
    possible = [(b > 0.0)[:, game.action_table[:, k]] for k, b in enumerate(behaviours)]
    deviators = [j for j in range(game.agents) if j != agent] or [agent]

    def allowed(states: Ints, moves: Ints, deviator: int) -> Bools:
        flags = game.action_table[None, :, agent] == moves[states, None]
        for k in range(game.agents):
            if k not in (agent, deviator):
                flags = flags & possible[k][states]
        return flags

    return _tree(game, behaviours[agent], allowed, deviators, size, first, coarse)


def joint_tree(game: Game, joint: Floats, size: int) -> tuple[list[Leaf], bool]:
    """Leaves of joint moves that act out a joint behaviour (N, A), and whether exactly.

    Exactly for deviators that are not told what was drawn for themselves (CCE).
    """
    behaviour = np.where(joint < SMALL, 0.0, joint)
    behaviour = behaviour / behaviour.sum(axis=1, keepdims=True)
    table = game.action_table

    def allowed(states: Ints, moves: Ints, deviator: int) -> Bools:
        same = table[None, :, :] == table[moves[states]][:, None, :]
        same[..., deviator] = True
        flags: Bools = same.all(axis=2)
        return flags

    return _tree(game, behaviour, allowed, list(range(game.agents)), size, 0, 0)


def _tree(
    game: Game,
    behaviour: Floats,
    allowed: Callable[[Ints, Ints, int], Bools],
    deviators: list[int],
    size: int,
    first: int,
    coarse: int,
) -> tuple[list[Leaf], bool]:
    """Grow layer by layer; above layer `first`, or where leaves run out, play the likeliest move.

    The heaviest leaves branch first.
    """
    start = np.flatnonzero(game.initial > 0.0)
    likeliest = behaviour.argmax(axis=1)
    leaves, exact = [Leaf(1.0, likeliest, (start,) * len(deviators))], True
    for h in range(game.horizon):
        room = size - len(leaves)
        grown: list[Leaf] = []
        for leaf in sorted(leaves, key=lambda each: -each.weight):
            cells = np.unique(np.concatenate(leaf.reached))
            order, ends = _intervals(behaviour[cells])
            cuts = _cuts(ends)
            if coarse and cuts.size - 1 > coarse:
                cuts, exact = np.linspace(0.0, 1.0, coarse + 1), False
            if cuts.size > 2 and (h < first or cuts.size - 2 > room):
                cuts, exact = np.array([0.0, 1.0]), False
            room -= cuts.size - 2
            for low, high in pairwise(cuts):
                moves = leaf.moves.copy()
                if cuts.size > 2:
                    place = (ends <= 0.5 * (low + high)).sum(axis=1)
                    moves[cells] = order[np.arange(cells.size), place]
                reached = tuple(
                    _following(game, states, allowed(states, moves, deviator))
                    for deviator, states in zip(deviators, leaf.reached)
                    if h + 1 < game.horizon
                )
                grown.append(Leaf(leaf.weight * float(high - low), moves, reached))
        leaves = grown
    return leaves, exact


def _intervals(rows: Floats) -> tuple[Ints, Floats]:
    """The moves of each row in order of decreasing probability, and where their intervals end."""
    order = np.argsort(-rows, axis=1, kind="stable")
    return order, np.cumsum(np.take_along_axis(rows, order, axis=1), axis=1)


def _cuts(ends: Floats) -> Floats:
    """0, all end points strictly between, and 1."""
    inner = np.unique(ends[(ends > SMALL) & (ends < 1.0 - SMALL)])
    inner = inner[np.diff(inner, prepend=-1.0) > SMALL]
    return np.concatenate([[0.0], inner, [1.0]])


def _following(game: Game, states: Ints, flags: Bools) -> Ints:
    """States that can follow `states` under the joint actions flagged (len(states), A)."""
    layers = game.layers
    rows = (states[:, None] * game.actions + np.arange(game.actions))[flags]
    sizes = layers.rows[rows + 1] - layers.rows[rows]
    entries = np.repeat(layers.rows[rows + 1] - np.cumsum(sizes), sizes) + np.arange(sizes.sum())
    found: Ints = np.unique(layers.following[entries[game.probability[entries] > 0.0]])
    return found.astype(np.int64)
