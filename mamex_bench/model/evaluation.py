"""Exact evaluation: payoffs of joint pure policies, best responses, occupancies."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.kernels import values as kernel
from mamex_bench.model._arrays import Floats, Ints, expect_shape, floats, stochastic
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.policies import PurePolicies

# Transitions of one block stay within a core's second-level cache.
BLOCK_BYTES = 1 << 19


def reachable_states(transitions: Floats, initial: Floats) -> np.ndarray:
    """(H, S) bool: states that some model visits at step h under some joint action.

    transitions (F, H, S, A, S).
    """
    H = transitions.shape[1]
    reached = np.zeros((H, initial.size), dtype=bool)
    reached[0] = initial > 0.0
    for h in range(H - 1):
        reached[h + 1] = (transitions[:, h, reached[h]] > 0.0).any(axis=(0, 1, 2))
    return reached


def class_payoffs(game: MarkovGame, policies: PurePolicies, transitions: ArrayLike) -> Floats:
    """(F, n, M): exact value of every joint pure policy under every model, rewards the game's.

    transitions: (F, H, S, A, S). Joint policies in C order, M = prod m_i.
    """
    policies.check(game)
    P = floats(transitions, "transitions", 5)
    expect_shape(P, "transitions", (P.shape[0], *game.transition.shape), "(F, H, S, A, S)")
    stochastic(P, "transitions")
    return checked_payoffs(game, policies, P)


def checked_payoffs(game: MarkovGame, policies: PurePolicies, P: Floats) -> Floats:
    """`class_payoffs` of what was checked before: arrays of a game, a class of models."""
    reachable = reachable_states(P, game.initial)
    out = np.empty((P.shape[0], game.agents, policies.size))
    # Eight models fill a cache line; more only while the block's transitions fit the cache.
    per_model = game.transition.nbytes // game.horizon
    block = int(np.clip(BLOCK_BYTES // per_model // 8 * 8, 8, 64))
    for first in range(0, P.shape[0], block):
        members = P[first : first + block]
        innermost = np.ascontiguousarray(np.moveaxis(members, 0, -1))
        kernel.policy_values(
            innermost,
            game.reward,
            game.initial,
            reachable,
            policies.stacked,
            policies.offsets,
            game.strides,
            out[first : first + block],
        )
    return out


def payoffs(game: MarkovGame, policies: PurePolicies) -> Floats:
    """Exact payoffs of the normal-form game over joint pure policies, (n, m_0, ..., m_{n-1})."""
    policies.check(game)
    values = checked_payoffs(game, policies, game.transition[None])[0]
    return values.reshape(game.agents, *policies.counts)


def evaluate(game: MarkovGame, joint: Floats) -> Floats:
    """(n, H+1, S): values of a Markov joint policy, `joint` (H, S, A) with stochastic rows."""
    values = np.zeros((game.agents, game.horizon + 1, game.states))
    for h in range(game.horizon - 1, -1, -1):
        Q = _action_values(game, values[:, h + 1], h)
        values[:, h] = np.einsum("sa,nsa->ns", joint[h], Q)
    return values


def best_response_values(game: MarkovGame, joint: Floats, swap: bool = False) -> Floats:
    """(n,): most that each agent can get, from the start, against a Markov joint policy.

    V_h(s) = max_b sum_{a_-i} joint_h(a_-i | s) Q_h(s, b, a_-i)            (swap False)
    V_h(s) = sum_c max_b sum_{a_-i} joint_h(c, a_-i | s) Q_h(s, b, a_-i)   (swap True)

    with Q_h = r_h + P_h V_{h+1}; the second lets the deviation depend on the recommendation c.
    """
    n, H, S = game.agents, game.horizon, game.states
    answers = np.empty(n)
    for i in range(n):
        V = np.zeros(S)
        for h in range(H - 1, -1, -1):
            Q = game.reward[i, h] + game.transition[h] @ V
            # (S, own action, opponents' joint action)
            gains = _own_first(Q, game, i)
            weights = _own_first(joint[h], game, i)
            if swap:
                V = np.einsum("sco,sbo->scb", weights, gains).max(axis=2).sum(axis=1)
            else:
                V = np.einsum("so,sbo->sb", weights.sum(axis=1), gains).max(axis=1)
        answers[i] = V @ game.initial
    return answers


def occupancy(game: MarkovGame, joint_actions: Ints) -> Floats:
    """(H, S): probability that a joint pure policy, `joint_actions` (H, S), visits each state."""
    visits = np.empty((game.horizon, game.states))
    visits[0] = game.initial
    states = np.arange(game.states)
    for h in range(game.horizon - 1):
        visits[h + 1] = visits[h] @ game.transition[h, states, joint_actions[h]]
    return visits


def _action_values(game: MarkovGame, later: Floats, h: int) -> Floats:
    """(n, S, A): Q_h = r_h + P_h V_{h+1}, `later` (n, S)."""
    return game.reward[:, h] + np.einsum("sat,nt->nsa", game.transition[h], later)


def _own_first(table: Floats, game: MarkovGame, agent: int) -> Floats:
    """(S, A) -> (S, A_i, A / A_i) with agent i's own action in front."""
    shaped = table.reshape(game.states, *game.action_counts)
    moved = np.moveaxis(shaped, 1 + agent, 1)
    return moved.reshape(game.states, game.action_counts[agent], -1)
