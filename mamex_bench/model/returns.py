"""What returns a game allows, by what can follow what: no probabilities."""

from __future__ import annotations

import numpy as np

from mamex_bench.model._arrays import Floats
from mamex_bench.model.game import Game


def extreme_returns(game: Game, rewards: Floats) -> tuple[Floats, Floats]:
    """Least and greatest total, each (n,), over all paths that the game allows.

    rewards: (n, N, A). Uses what can follow what, no probabilities.
    """
    layers, first = game.layers, game.layers.first
    A, states = game.actions, int(layers.following.max()) + 1
    ends = []
    for sign in (-1.0, 1.0):
        best = np.zeros((rewards.shape[0], max(states, int(first[-1]))))
        for h in range(game.horizon - 1, -1, -1):
            begin, end = first[h : h + 2]
            rows = layers.rows[begin * A : end * A + 1]
            after = best[:, layers.following[rows[0] : rows[-1]]]
            onward = np.maximum.reduceat(after, rows[:-1] - rows[0], axis=1)
            totals = sign * rewards[:, begin:end] + onward.reshape(-1, end - begin, A)
            best[:, begin:end] = totals.max(axis=2)
        start = np.flatnonzero(game.initial > 0.0)
        ends.append(sign * best[:, start].max(axis=1))
    return ends[0], ends[1]


def return_bounds(game: Game) -> tuple[Floats, Floats]:
    """Least and greatest return of every agent that a learner can know of, each (n,)."""
    if game.random_rewards:
        return np.zeros(game.agents), np.full(game.agents, float(game.horizon))
    return extreme_returns(game, game.rewards)
