"""Exact evaluation: payoffs of joint pure policies, best responses, occupancies."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mamex_bench.kernels import markov_gaps as markov
from mamex_bench.kernels import values as kernel
from mamex_bench.kernels.layers import Layers, reach
from mamex_bench.model._arrays import Floats, Ints, frozen
from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.policies import PurePolicies

# Transitions of one block stay within a core's second-level cache.
BLOCK_BYTES = 1 << 19


def possible_entries(probabilities: Floats) -> NDArray[np.bool_]:
    """(nnz,): entries that some model (F, nnz) of a class gives positive probability."""
    possible: NDArray[np.bool_] = np.asarray((probabilities > 0.0).any(axis=0))
    return possible


def reachable(game: Game, probabilities: Floats) -> NDArray[np.bool_]:
    """(N + ends,): states, numbered across layers, that some model (F, nnz) can visit."""
    reached = np.zeros(int(game.layers.first[-1]), dtype=np.bool_)
    reached[: game.initial.size] = game.initial > 0.0
    reach(game.layers, possible_entries(probabilities), reached)
    return reached


def reachable_states(game: Game) -> NDArray[np.bool_]:
    """Of the shape of the game's tables: states that can be visited at all."""
    N = game.rewards.shape[1]
    return reachable(game, game.probability[None])[:N].reshape(game.table_shape)


def class_payoffs(
    game: Game, policies: PurePolicies, transitions: ArrayLike, rewards: ArrayLike | None = None
) -> Floats:
    """(F, n, M): exact value of every joint pure policy under every model.

    transitions: (F, H, S, A, S), or (F, nnz) for a layered game; rewards: (F, n, *table_shape, A)
    in games whose rewards are random. Joint policies in C order, M = prod m_i.
    """
    policies.check(game)
    models = ModelClass(transitions, truth=None, rewards=rewards)
    models.check(game)
    return checked_payoffs(game, policies, models.probabilities, models.means)


def checked_payoffs(
    game: Game, policies: PurePolicies, probabilities: Floats, rewards: Floats | None = None
) -> Floats:
    """`class_payoffs` of models (F, nnz), with rewards (F, n, N, A) if not those of the game."""
    possible, layers = possible_entries(probabilities), game.layers
    reached = reachable(game, probabilities)[: game.rewards.shape[1]]
    order = np.ascontiguousarray(np.flatnonzero(reached)[::-1])
    F = probabilities.shape[0]
    out = np.empty((F, game.agents, policies.size))
    common = (game.initial, order, policies.flat, policies.offsets, game.strides)
    if F == 1:
        paid = game.rewards if rewards is None else rewards[0]
        kernel.model_values(layers, probabilities[0], paid, *common, out[0])
        return out
    # Entries that no model of the class can take are left out; the others say where in its layer
    # the next state is.
    layer = np.searchsorted(layers.first, layers.following, side="right") - 1
    kept = Layers(
        layers.first,
        np.concatenate([[0], np.cumsum(possible)])[layers.rows],
        (layers.following - layers.first[layer])[possible].astype(np.int32),
        layers.actions,
    )
    if not possible.all():
        probabilities = probabilities[:, possible]
    # Eight models fill a cache line; more only while the block's transitions fit the cache.
    per_model = max(8 * probabilities.shape[1] // game.horizon, 1)
    block = int(np.clip(BLOCK_BYTES // per_model // 8 * 8, 8, 64))
    paid = game.rewards[..., None]
    for first in range(0, F, block):
        members = slice(first, first + block)
        innermost = np.ascontiguousarray(probabilities[members].T)
        if rewards is not None:
            paid = np.ascontiguousarray(np.moveaxis(rewards[members], 0, -1))
        kernel.policy_values(kept, innermost, paid, *common, out[members])
    return out


def payoffs(game: Game, policies: PurePolicies) -> Floats:
    """Exact payoffs of the normal-form game over joint pure policies, (n, m_0, ..., m_{n-1})."""
    policies.check(game)
    values = checked_payoffs(game, policies, game.probability[None])[0]
    return values.reshape(game.agents, *policies.counts)


def evaluate(game: Game, joint: Floats) -> Floats:
    """(n, *table_shape): values of a Markov joint policy (*table_shape, A), stochastic rows."""
    values = np.zeros((game.agents, int(game.layers.first[-1])))
    flat = np.ascontiguousarray(joint).reshape(-1, game.actions)
    markov.markov_values(game.layers, game.probability, game.rewards, flat, values)
    return values[:, : flat.shape[0]].reshape(game.agents, *game.table_shape)


def start_values(game: Game, values: Floats) -> Floats:
    """(n,): expectation over the first state of values (n, *table_shape)."""
    first: Floats = values.reshape(values.shape[0], -1)[:, : game.initial.size] @ game.initial
    return first


def best_response_values(game: Game, joint: Floats, swap: bool = False) -> Floats:
    """(n,): most that each agent can get, from the start, against a Markov joint policy.

    V_h(s) = max_b sum_{a_-i} joint_h(a_-i | s) Q_h(s, b, a_-i)            (swap False)
    V_h(s) = sum_c max_b sum_{a_-i} joint_h(c, a_-i | s) Q_h(s, b, a_-i)   (swap True)

    with Q_h = r_h + P_h V_{h+1}; the second lets the deviation depend on the recommendation c.
    """
    answers = np.empty(game.agents)
    flat = np.ascontiguousarray(joint).reshape(-1, game.actions)
    for i in range(game.agents):
        values = np.zeros(int(game.layers.first[-1]))
        markov.deviation_values(
            game.layers,
            game.probability,
            game.rewards[i],
            flat,
            game.action_counts[i],
            int(game.strides[i]),
            swap,
            values,
        )
        answers[i] = values[: game.initial.size] @ game.initial
    return answers


def policy_action_values(game: Game, joint_actions: Ints) -> Floats:
    """(n, *table_shape, A): Q^{i,pi}(x, a) of a joint pure policy, a joint action per state."""
    flat = joint_actions.reshape(-1)
    N, A = flat.size, game.actions
    joint = np.zeros((N, A))
    joint[np.arange(N), flat] = 1.0
    values = np.zeros((game.agents, int(game.layers.first[-1])))
    markov.markov_values(game.layers, game.probability, game.rewards, joint, values)
    later = game.probability * values[:, game.layers.following]
    Q = game.rewards + np.add.reduceat(later, game.layers.rows[:-1], axis=1).reshape(-1, N, A)
    return Q.reshape(game.agents, *game.table_shape, A)


def occupancy(game: Game, joint_actions: Ints) -> Floats:
    """Of the shape of the game's tables: probability that a joint pure policy visits each state.

    joint_actions: a joint action per state.
    """
    flat, layers = joint_actions.reshape(-1), game.layers
    visits = np.zeros(int(layers.first[-1]))
    visits[: game.initial.size] = game.initial
    for h in range(game.horizon - 1):
        states = np.arange(layers.first[h], layers.first[h + 1])
        rows = states * game.actions + flat[states]
        sizes = layers.rows[rows + 1] - layers.rows[rows]
        # The entries of these rows, one after the other.
        entries = np.repeat(layers.rows[rows + 1] - np.cumsum(sizes), sizes)
        entries += np.arange(entries.size)
        weight = np.repeat(visits[states], sizes) * game.probability[entries]
        np.add.at(visits, layers.following[entries], weight)
    return frozen(visits[: flat.size].reshape(game.table_shape))


def dense(game: Game) -> MarkovGame:
    """The game itself if it is dense, else its dense form; see LayeredGame.dense."""
    if isinstance(game, MarkovGame):
        return game
    from mamex_bench.model.layered import LayeredGame

    assert isinstance(game, LayeredGame)
    return game.dense()
