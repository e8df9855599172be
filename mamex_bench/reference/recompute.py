"""Deviation gains of many stored profiles at once: plain NumPy, apart from the fast code's way.

Own actions are found through tables of joint-action numbers rather than by reshaping, values are
compared rather than differences summed, and payoffs come from `reference.evaluation`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.model.game import Game
from mamex_bench.model.policies import PurePolicies
from mamex_bench.reference.rows import Rows, rows_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def class_gaps(payoffs: Floats, distribution: Floats, concept: str) -> Floats:
    """(n,): gaps of a distribution over joint pure policies, payoffs (n, m_0, ..., m_{n-1})."""
    agents = payoffs.shape[0]
    letters = "abcdefghij"[:agents]
    gains = np.empty(agents)
    for i in range(agents):
        own, others = letters[i], letters.replace(letters[i], "")
        value = float((payoffs[i] * distribution).sum())
        if concept == "ce":
            # worth[r, v]: probability of being told r, times the value of playing v instead
            moved = letters.replace(own, "z")
            worth = np.einsum(f"{letters},{moved}->{own}z", distribution, payoffs[i])
            gains[i] = worth.max(axis=1).sum() - value
        else:
            marginal = distribution.sum(axis=i)
            worth = np.einsum(f"{others},{letters}->{own}", marginal, payoffs[i])
            gains[i] = worth.max() - value
    return gains


def own_table(game: Game, agent: int) -> Ints:
    """(A_i, A / A_i): number of the joint action (b, a_-i), a_-i in the same order for every b."""
    rows: list[list[int]] = [[] for _ in range(game.action_counts[agent])]
    for number, actions in enumerate(np.ndindex(*game.action_counts)):
        rows[actions[agent]].append(number)
    return np.array(rows, dtype=np.int64)


def markov_gaps(game: Game, joint: Floats, concept: str) -> Floats:
    """(J, n): gaps against every policy, of J Markov joint policies (J, *table_shape, A)."""
    rows, x = rows_of(game), joint.reshape(joint.shape[0], -1, game.actions)
    gains = np.empty((joint.shape[0], game.agents))
    for i in range(game.agents):
        table = own_table(game, i)
        V = np.zeros((joint.shape[0], rows.first[-1]))
        for h in reversed(range(game.horizon)):
            here = rows.layer(h)
            Q = (rows.reward[i, here] + rows.expected(h, V))[:, :, table]  # (J, L, A_i, others)
            played = x[:, here][:, :, table]
            if concept == "ce":
                V[:, here] = np.einsum("jsco,jsbo->jscb", played, Q).max(axis=3).sum(axis=2)
            else:
                V[:, here] = np.einsum("jso,jsbo->jsb", played.sum(axis=2), Q).max(axis=2)
        gains[:, i] = V[:, : game.initial.size] @ game.initial - _own_values(game, rows, x, i)
    return gains


def markov_class_gaps(game: Game, policies: PurePolicies, joint: Floats) -> Floats:
    """(J, n): gain of the best fixed deviation inside the class, signed."""
    rows, x = rows_of(game), joint.reshape(joint.shape[0], -1, game.actions)
    gains = np.empty((joint.shape[0], game.agents))
    for i, tables in enumerate(policies.tables):
        table = own_table(game, i)
        best = np.full(joint.shape[0], -np.inf)
        for policy in tables.reshape(len(tables), -1):
            V = np.zeros((joint.shape[0], rows.first[-1]))
            for h in reversed(range(game.horizon)):
                here = rows.layer(h)
                Q = (rows.reward[i, here] + rows.expected(h, V))[:, :, table]
                chosen = Q[:, np.arange(Q.shape[1]), policy[here]]
                V[:, here] = (x[:, here][:, :, table].sum(axis=2) * chosen).sum(axis=2)
            best = np.maximum(best, V[:, : game.initial.size] @ game.initial)
        gains[:, i] = best - _own_values(game, rows, x, i)
    return gains


def _own_values(game: Game, rows: Rows, joint: Floats, agent: int) -> Floats:
    """(J,): returns, forwards, from the probability of being in each state; joint (J, N, A)."""
    J, A = joint.shape[0], game.actions
    now = np.broadcast_to(game.initial, (J, game.initial.size))
    total = np.zeros(J)
    for h in range(game.horizon):
        here, after = rows.layer(h), rows.layer(h + 1)
        visits = now[:, :, None] * joint[:, here]
        total += (visits * rows.reward[agent, here]).sum(axis=(1, 2))
        bounds = rows.starts[here.start * A : here.stop * A + 1]
        entries = slice(bounds[0], bounds[-1])
        flow = np.repeat(visits.reshape(J, -1), np.diff(bounds), axis=1) * rows.probability[entries]
        target, width = rows.after[entries] - after.start, after.stop - after.start
        now = np.stack([np.bincount(target, weights, width) for weights in flow])
    return total
