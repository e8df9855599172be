"""Features and policies that see of a state no more than its signal.

States are split into G groups, state s in group o(s) = s mod G, and agents act on the group alone:
a policy is a table (step, signal) -> action. With psi_h(s) = u_h(s) x 1[o(s)], u_h(s) in the
simplex of R^d, and phi_h(s, a) = psi_h(s) x e_a (x the Kronecker product), every such policy pi
turns functions linear in phi into functions linear in psi:

    < phi_h(s, pi_h(s)), theta > = < psi_h(s), w >,     w_{g,j} = theta_{g,j,pi_h(g)}.

G = 1: open-loop policies. G = S: policies that see the state.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.catalogue._generators import dirichlet_rows
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.policies import PurePolicies


def signal_count(signals: int, states: int) -> int:
    G = positive_integer(signals, "signals")
    if states < G:
        raise InputError(f"signals is {G}: expected at most states = {states}")
    return G


def signal_of(states: int, signals: int) -> Ints:
    """(S,): the group of every state."""
    return np.arange(states) % signals


def by_signal(values: Floats, signals: int) -> Floats:
    """(H, S, k) -> (H, S, G k): each state's entries in the block of its signal, 0 elsewhere."""
    H, S, k = values.shape
    blocks = np.eye(signals)[signal_of(S, signals)]
    return np.einsum("hsk,sg->hsgk", values, blocks).reshape(H, S, signals * k)


def state_features(
    rng: np.random.Generator, horizon: int, states: int, dimension: int, signals: int
) -> Floats:
    """(H, S, G d): psi, in the simplex."""
    u = dirichlet_rows(rng, (horizon, states), dimension, 0.5)
    return by_signal(u, signals)


def with_actions(psi: Floats, actions: int) -> Floats:
    """(H, S, k) -> (H, S, A, k A): phi_h(s, a) = psi_h(s) x e_a, the action fastest."""
    H, S, k = psi.shape
    return np.einsum("hsk,ab->hsakb", psi, np.eye(actions)).reshape(H, S, actions, k * actions)


def without_actions(phi: Floats) -> Floats:
    """(H, S, A, k A) -> (H, S, k): psi from phi."""
    H, S, A, _ = phi.shape
    return np.ascontiguousarray(phi[:, :, 0].reshape(H, S, -1, A)[..., 0])


def signal_policies(
    action_counts: tuple[int, ...],
    counts: tuple[int, ...],
    horizon: int,
    states: int,
    signals: int,
    seed: int,
) -> PurePolicies:
    """Distinct random tables (step, signal) -> action, all of them when there are no more."""
    A = int(np.prod(action_counts))
    # A game whose states are the signals, for its policies' sake.
    still = np.broadcast_to(np.eye(signals)[:, None], (horizon, signals, A, signals))
    reward = np.zeros((len(action_counts), horizon, signals, A))
    tables = PurePolicies.sample(MarkovGame(still, reward, action_counts), counts, seed).tables
    return PurePolicies([table[:, :, signal_of(states, signals)] for table in tables])
