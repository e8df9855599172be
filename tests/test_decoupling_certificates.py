"""Certificates of the upper end in the corners: lines that never fall, losses that are rounding."""

from __future__ import annotations

import numpy as np
import pytest
from games import random_game

import mamex_bench as mb
from mamex_bench.kernels.decoupling import bellman_squares, largest_sum
from mamex_bench.model.instance import policy_action_values
from mamex_bench.reference import decoupling as reference


@pytest.mark.parametrize("K", [1, 3, 5, 10, 50, 1000])
@pytest.mark.parametrize("seed", range(20))
def test_lines_that_never_fall_add_nothing_below_the_level(seed: int, K: int) -> None:
    """Clusters that one of their policies never reveals have a hull that ends flat."""
    rng = np.random.default_rng(seed)
    height, slope, sizes, terms = [], [], [], []
    mu = float(rng.uniform(0.5, 5.0))
    for cluster in range(4):
        e = np.sort(rng.random(3))[::-1]
        m = np.sort(rng.random(3))[::-1] * (1.0 if cluster == 3 else np.array([1.0, 0.5, 0.0]))
        corners = (e[:-1] - e[1:]) / (m[:-1] - m[1:])
        if corners[0] > corners[1]:  # the middle line is on no hull
            e, m = e[[0, 2]], m[[0, 2]]
        height.append(e)
        slope.append(m)
        sizes.append(e.size)
        uses = np.arange(K) / mu
        terms.append(np.maximum((e[:, None] - m[:, None] * uses).max(axis=0), 0.0))
    expected = np.sort(np.concatenate(terms))[-K:].sum()
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    found = largest_sum(np.concatenate(height), np.concatenate(slope), offsets, mu, float(K))
    assert found == pytest.approx(expected, rel=1e-12)
    pieces = list(zip(height, slope, strict=True))
    assert reference.cluster_value(pieces, mu, K) == pytest.approx(expected, rel=1e-6)


def test_residuals_that_are_rounding_count_as_none() -> None:
    """Q of a policy solves its own Bellman equation; the recursion in another order rounds."""
    game = random_game(3, (2, 2), 3, 3)
    policies = mb.PurePolicies.sample(game, (3, 3), seed=0)
    joint = policies.joint_actions(game, 4)
    Q = policy_action_values(game, joint)[0] * (1.0 + 1e-16)
    cells = (np.arange(9).reshape(3, 3) * 4 + joint).astype(np.int64)
    out = np.empty((36, 2))
    values = np.stack([Q, Q + 1e-9], axis=-1)
    bellman_squares(
        game.layers, game.probability, game.rewards[0], values.reshape(36, 2), cells.ravel(), out
    )
    assert (out[:, 0] == 0.0).all()
    assert out[:, 1].max() == pytest.approx(1e-18, rel=1e-4)


def test_a_pair_seen_by_rounding_alone_has_a_certificate_that_can_be_checked() -> None:
    """One policy of the cluster never reveals the pair; computed twice its loss is 0 and 1e-34."""
    rng = np.random.default_rng(0)
    for seed in range(4):
        game = random_game(seed, (2, 2), 3, 3, sparse=True)
        policies = mb.PurePolicies.sample(game, (3, 3), seed)
        Q = np.stack(
            [
                policy_action_values(game, policies.joint_actions(game, k))
                for k in range(policies.size)
            ]
        )
        classes = [np.concatenate([Q[:, i], 3 * rng.random((2, *Q.shape[2:]))]) for i in range(2)]
        instance = mb.Instance(game, policies, mb.ValueClass(classes))
        mb.complexity.check_bracket(instance, mb.complexity.decoupling(instance, 20))
