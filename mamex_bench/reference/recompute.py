"""Deviation gains of many stored profiles at once: plain NumPy, apart from the fast code's way.

Own actions are found through tables of joint-action numbers rather than by reshaping, values are
compared rather than differences summed, and payoffs come from `reference.evaluation`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.model.game import MarkovGame
from mamex_bench.model.policies import PurePolicies

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


def own_table(game: MarkovGame, agent: int) -> Ints:
    """(A_i, A / A_i): number of the joint action (b, a_-i), a_-i in the same order for every b."""
    rows: list[list[int]] = [[] for _ in range(game.action_counts[agent])]
    for number, actions in enumerate(np.ndindex(*game.action_counts)):
        rows[actions[agent]].append(number)
    return np.array(rows, dtype=np.int64)


def markov_gaps(game: MarkovGame, joint: Floats, concept: str) -> Floats:
    """(J, n): gaps against every policy, of J Markov joint policies (J, H, S, A)."""
    gains = np.empty((joint.shape[0], game.agents))
    for i in range(game.agents):
        table = own_table(game, i)
        V = np.zeros((joint.shape[0], game.states))
        for h in reversed(range(game.horizon)):
            Q = _action_values(game, i, h, V)[:, :, table]  # (J, S, A_i, others)
            x = joint[:, h][:, :, table]
            if concept == "ce":
                V = np.einsum("jsco,jsbo->jscb", x, Q).max(axis=3).sum(axis=2)
            else:
                V = np.einsum("jso,jsbo->jsb", x.sum(axis=2), Q).max(axis=2)
        gains[:, i] = V @ game.initial - _own_values(game, joint, i)
    return gains


def markov_class_gaps(game: MarkovGame, policies: PurePolicies, joint: Floats) -> Floats:
    """(J, n): gain of the best fixed deviation inside the class, signed."""
    gains = np.empty((joint.shape[0], game.agents))
    for i, tables in enumerate(policies.tables):
        table, states = own_table(game, i), np.arange(game.states)
        best = np.full(joint.shape[0], -np.inf)
        for policy in tables:
            V = np.zeros((joint.shape[0], game.states))
            for h in reversed(range(game.horizon)):
                Q = _action_values(game, i, h, V)[:, :, table]
                chosen = Q[:, states, policy[h]]
                V = (joint[:, h][:, :, table].sum(axis=2) * chosen).sum(axis=2)
            best = np.maximum(best, V @ game.initial)
        gains[:, i] = best - _own_values(game, joint, i)
    return gains


def _own_values(game: MarkovGame, joint: Floats, agent: int) -> Floats:
    """(J,): returns, forwards, from the probability of being in each state."""
    now = np.broadcast_to(game.initial, (joint.shape[0], game.states))
    total = np.zeros(joint.shape[0])
    for h in range(game.horizon):
        visits = now[:, :, None] * joint[:, h]
        total += (visits * game.reward[agent, h]).sum(axis=(1, 2))
        now = np.einsum("jsa,sat->jt", visits, game.transition[h])
    return total


def _action_values(game: MarkovGame, agent: int, h: int, V: Floats) -> Floats:
    """(J, S, A): r_h + P_h V, V (J, S)."""
    return game.reward[agent, h] + np.einsum("sat,jt->jsa", game.transition[h], V)
