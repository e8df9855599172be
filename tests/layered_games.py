"""Random layered games, and hypotheses about them, for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from mamex_bench.model.evaluation import policy_action_values
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.layered import LayeredGame
from mamex_bench.model.policies import PurePolicies
from mamex_bench.reference.rows import padded


def random_layered_game(seed, counts=(2, 3), sizes=(2, 4, 1, 3), ends=2, most=3):
    """Layers of the given sizes, at most `most` entries per row, some of probability zero.

    ends: states after the last layer; None leaves the rows of the last layer empty.
    """
    rng = np.random.default_rng(seed)
    A = int(np.prod(counts))
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    following, weights, per_row = [], [], []
    for h, size in enumerate(sizes):
        later = ends if h + 1 == len(sizes) else sizes[h + 1]
        if later is None:
            per_row.append(np.zeros(size * A, dtype=int))
            continue
        states = np.sort(rng.integers(later, size=(size * A, most)), axis=1)
        kept = np.diff(states, axis=1, prepend=-1) > 0
        mass = rng.exponential(size=states.shape) * (rng.random(states.shape) < 0.8) * kept
        mass[:, 0] += 0.05
        mass /= mass.sum(axis=1, keepdims=True)
        following.append(offsets[h + 1] + states[kept])
        weights.append(mass[kept])
        per_row.append(kept.sum(axis=1))
    return LayeredGame(
        offsets,
        np.concatenate([[0], np.cumsum(np.concatenate(per_row))]),
        np.concatenate(following) if following else np.zeros(0, dtype=int),
        np.concatenate(weights) if weights else np.zeros(0),
        rng.random((len(counts), offsets[-1], A)),
        counts,
        rng.dirichlet(np.ones(sizes[0])),
    )


@st.composite
def layered_games(draw):
    return random_layered_game(
        draw(st.integers(0, 10**6)),
        tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))),
        tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))),
        draw(st.sampled_from([None, 1, 3])),
    )


def layered_policies(game, seed, most=3):
    """Random policies, a table (m_i, N) for each agent."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, most + 1, size=game.agents)
    return PurePolicies(
        [rng.integers(a, size=(m, game.states)) for a, m in zip(game.action_counts, counts)]
    )


def layered_joint(game, seed):
    """(N, A): a correlated Markov joint policy with some zero probabilities."""
    rng = np.random.default_rng(seed)
    shape = game.reward.shape[1:]
    weights = rng.exponential(size=shape) * (rng.random(shape) < 0.7)
    weights[:, 0] += 0.1
    return weights / weights.sum(axis=1, keepdims=True)


def layered_models(game, seed, size):
    """(F, nnz): the truth first, then random rows on the same entries."""
    rng = np.random.default_rng(seed)
    mass = rng.exponential(size=(size, game.probability.size)) ** 2 + 1e-3
    totals = np.add.reduceat(mass, game.indptr[:-1], axis=1)
    models = mass / np.repeat(totals, np.diff(game.indptr), axis=1)
    models[0] = game.probability
    return models


def with_probability(game, probability):
    """The same layered game with other transition probabilities."""
    parts = game.layer_offsets, game.indptr, game.next_state, probability, game.reward
    return LayeredGame(*parts, game.action_counts, game.initial, game.units)


def dense_policies(game, policies):
    """The same policies for the game's dense form."""
    return PurePolicies(
        [np.stack([padded(game, table) for table in tables]) for tables in policies.tables]
    )


def dense_models(game, models):
    """(F, H, S, A, S): the same models for the game's dense form."""
    return np.stack([with_probability(game, model).dense().transition for model in models])


def true_values(game, policies):
    """(M, n, *table_shape, A): Q of every joint pure policy."""
    joints = [policies.joint_actions(game, k) for k in range(policies.size)]
    return np.stack([policy_action_values(game, joint) for joint in joints])


def two_forms(seed, kind="models", counts=(2, 2), sizes=(2, 3, 2), hypotheses=4):
    """(layered instance, dense instance) of one random game with hypotheses."""
    game = random_layered_game(seed, counts, sizes)
    policies = layered_policies(game, seed)
    full, tables = game.dense(), dense_policies(game, policies)
    if kind == "models":
        models = layered_models(game, seed, hypotheses)
        pair = ModelClass(models), ModelClass(dense_models(game, models))
    else:
        # Padding is never reached, but it has values of its own.
        extra = np.random.default_rng(seed).random((hypotheses, *game.reward.shape))
        wide = np.stack([[padded(game, values) for values in agents] for agents in extra])
        own = np.concatenate([true_values(game, policies), extra])
        broad = np.concatenate([true_values(full, tables), wide])
        pair = tuple(
            ValueClass([values[:, i] for i in range(game.agents)]) for values in (own, broad)
        )
    return Instance(game, policies, pair[0]), Instance(full, tables, pair[1])


def layered_form(instance):
    """An instance of a dense game on the entries that some model makes possible."""
    game, classes = instance.game, instance.hypotheses
    models = [c.probabilities for c in classes.values() if isinstance(c, ModelClass)]
    kept = (np.concatenate([game.probability[None], *models]) > 0.0).any(axis=0)
    layers = game.layers
    own = LayeredGame(
        layers.first[:-1],
        np.concatenate([[0], np.cumsum(kept)])[layers.rows],
        layers.following[kept],
        game.probability[kept],
        game.rewards,
        game.action_counts,
        game.initial,
        game.units,
    )
    hypotheses = {}
    for name, each in classes.items():
        if isinstance(each, ModelClass):
            hypotheses[name] = ModelClass(each.probabilities[:, kept], each.truth)
        elif isinstance(each, LinearValueClass):
            hypotheses[name] = LinearValueClass(each.flat_features, each.ridge, each.radius)
        else:
            features = each.flat_features
            completion = "tabular" if features is None else features
            hypotheses[name] = ValueClass(each.flat, completion, each.ridge)
    policies = PurePolicies([table.reshape(len(table), -1) for table in instance.policies.tables])
    return Instance(own, policies, hypotheses, instance.name)
