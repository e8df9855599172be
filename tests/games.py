"""Random small games, policies and Markov joint policies for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from mamex_bench.model.game import MarkovGame
from mamex_bench.model.policies import PurePolicies


def random_game(seed, counts=(2, 3), states=3, horizon=3, sparse=False):
    """A game whose rows are dense, or have zeros, unreachable states and tied rewards."""
    rng = np.random.default_rng(seed)
    shape = (horizon, states, int(np.prod(counts)))
    rows = rng.dirichlet(np.ones(states), size=shape)
    reward = rng.random((len(counts), *shape))
    initial = rng.dirichlet(np.ones(states))
    if sparse:
        keep = rng.random(rows.shape) < 0.4
        keep[..., 0] |= ~keep.any(axis=-1)
        rows = np.where(keep, rows + 1e-3, 0.0)
        rows /= rows.sum(axis=-1, keepdims=True)
        reward = np.round(reward * 2) / 2
        initial = None
    return MarkovGame(rows, reward, counts, initial)


def random_policies(game, seed, most=4):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, most + 1, size=game.agents)
    shape = (game.horizon, game.states)
    return PurePolicies(
        [rng.integers(a, size=(m, *shape)) for a, m in zip(game.action_counts, counts)]
    )


def random_joint(game, seed):
    """(H, S, A): a Markov joint policy, correlated across agents, with some zero probabilities."""
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=game.reward.shape[1:]) * (
        rng.random(game.reward.shape[1:]) < 0.7
    )
    weights[..., 0] += 0.1
    return weights / weights.sum(axis=-1, keepdims=True)


@st.composite
def games(draw, most_agents=3, most_states=3, most_horizon=3, most_actions=3):
    counts = draw(st.lists(st.integers(1, most_actions), min_size=1, max_size=most_agents))
    return random_game(
        draw(st.integers(0, 10**6)),
        tuple(counts),
        draw(st.integers(1, most_states)),
        draw(st.integers(1, most_horizon)),
        draw(st.booleans()),
    )


seeds = st.integers(0, 10**6)
