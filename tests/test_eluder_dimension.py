"""Eluder dimensions and residuals against brute force and slow loops; bounds; refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from eluder_games import VALUE_FAMILIES, few, seeds, small
from hypothesis import given
from hypothesis import strategies as st

from mamex_bench.catalogue._dimensions import (
    SearchTooLarge,
    bellman_eluder_check,
    bellman_eluder_dimension,
    bellman_residuals,
    distributional_eluder_dimension,
    eluder_dimension,
    linear_eluder_bound,
    mean_residuals,
    rank_up_to,
)
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.reference import evaluation as slow


def longest_by_brute_force(means, scale):
    """Every order of every subset, at every scale just below a value that some function takes."""
    g = np.abs(means)
    best = 0
    for level in np.unique(g[g > scale]):

        def extended(sequence, level=level):
            sums = (g[:, sequence] ** 2).sum(axis=1)
            rest = [x for x in range(g.shape[1]) if x not in sequence]
            free = [
                x
                for x in rest
                if ((sums < level**2 * (1 - 1e-9)) & (g[:, x] >= level * (1 - 1e-12))).any()
            ]
            return max([len(sequence)] + [extended([*sequence, x]) for x in free])

        best = max(best, extended([]))
    return best


@given(seeds, st.booleans(), st.sampled_from([0.01, 0.5, 1.0]))
def test_the_search_finds_the_longest_sequence(seed, ties, scale):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 6, size=2)
    means = rng.integers(-2, 3, size=shape).astype(float) if ties else rng.normal(size=shape)
    found = distributional_eluder_dimension(means, scale)
    assert found.dimension == longest_by_brute_force(means, scale)
    assert found.scale >= scale
    for k, x in enumerate(found.points):
        sums = np.sqrt((means[:, found.points[:k]] ** 2).sum(axis=1))
        assert ((sums <= found.scale * (1 + 1e-9)) & (np.abs(means[:, x]) > found.scale)).any()


def test_known_eluder_dimensions():
    # One indicator per point: each point is new until all are used.
    assert distributional_eluder_dimension(np.eye(5), 0.5).dimension == 5
    # All differences of the class {0, 1_x}: the same, the pairs of indicators add nothing.
    values = np.concatenate([np.zeros((1, 5)), np.eye(5)])
    assert eluder_dimension(values, 0.5).dimension == 5
    # Constants: what one point says holds at all others.
    assert eluder_dimension(np.arange(4.0)[:, None] * np.ones(7), 0.1).dimension == 1
    # Nothing exceeds the scale.
    assert distributional_eluder_dimension(0.1 * np.eye(5), 0.5).dimension == 0
    # A larger scale than the one asked for may be the one that counts: at 0.2 neither point is
    # independent of the other, at 0.5 the second is of the first.
    found = distributional_eluder_dimension(np.array([[1.0, 1.0], [0.5, 1.0]]), 0.2)
    assert (found.points, found.scale) == ((0, 1), 0.5)


def test_points_that_repeat_count_once():
    means = np.random.default_rng(0).normal(size=(6, 3))
    found = distributional_eluder_dimension(means, 0.2).dimension
    assert distributional_eluder_dimension(means[:, [0, 1, 2, 1, 0]], 0.2).dimension == found
    assert distributional_eluder_dimension(-means[[0, 1, 2, 3, 4, 5, 3]], 0.2).dimension == found


def test_a_search_too_large_is_refused_with_its_size():
    means = np.random.default_rng(0).normal(size=(40, 12))
    with pytest.raises(SearchTooLarge, match="40 functions on 12 points needs more than 100,000"):
        distributional_eluder_dimension(means, 0.01, limit=100_000)
    with pytest.raises(SearchTooLarge, match="780 functions on 12 points needs more than 5,000"):
        eluder_dimension(means, 0.01, limit=5_000)
    with pytest.raises(InputError, match=r"scale is 0.0: expected a positive number"):
        distributional_eluder_dimension(means, 0.0)


def test_residuals_of_a_few_policies_and_of_too_many(monkeypatch):
    instance = small("bellman_complete", seed=1)
    every = bellman_residuals(instance, 0, 1)
    few_rows = bellman_residuals(instance, 0, 1, most=2)
    F = len(instance.hypothesis().per_agent[0])
    assert len(few_rows) == 2 * F
    np.testing.assert_array_equal(few_rows, every[np.r_[:F, len(every) - F : len(every)]])
    assert mean_residuals(instance, 0, 1, most=2).shape == (2 * F, 9)
    monkeypatch.setattr("mamex_bench.catalogue._dimensions.RESIDUAL_LIMIT", 1000)
    with pytest.raises(SearchTooLarge, match="17 hypotheses and 9 policies are more than 1,000"):
        bellman_residuals(instance, 0, 1)


def test_a_certificate_leaves_out_a_search_that_is_refused(monkeypatch):
    instance = small("small_eluder")
    assert len(bellman_eluder_check(instance, "occupancy")) == 1
    monkeypatch.setattr("mamex_bench.catalogue._dimensions.CERTIFICATE_LIMIT", 1)
    assert bellman_eluder_check(instance, "occupancy") == []


@given(seeds, st.integers(1, 3), st.floats(0.05, 0.5), st.floats(0.3, 1.0))
@few
def test_generalised_linear_functions_obey_the_bound(seed, d, scale, lowest):
    rng = np.random.default_rng(seed)
    points, weights = rng.normal(size=(8, d)), rng.normal(size=(30, d))
    reach = np.linalg.norm(points, axis=1).max() * np.linalg.norm(weights, axis=1).max()
    inner = weights @ points.T
    found = distributional_eluder_dimension(inner, scale)
    assert found.dimension <= linear_eluder_bound(d, reach, scale)
    # Any slopes in [lowest, 1].
    bent = inner * rng.uniform(lowest, 1.0, size=inner.shape)
    found = distributional_eluder_dimension(bent, scale)
    assert found.dimension <= linear_eluder_bound(d, lowest * reach, scale, 1.0 / lowest)


def test_the_linear_bound_is_the_last_length_that_the_inequality_allows():
    d, reach, scale, ratio = 3, 2.0, 0.1, 1.5
    allowed = [
        max(
            N
            for N in range(1, 2000)
            if N * np.log1p(1 / ((1 + nu) * ratio**2))
            < d * np.log1p(N * reach**2 / (nu * d * scale**2))
        )
        for nu in 0.5 ** np.arange(11)
    ]
    assert linear_eluder_bound(d, reach, scale, ratio) == min(allowed)
    assert linear_eluder_bound(d, reach, 0.2, ratio) < min(allowed)
    # Functions below the scale everywhere: nothing is independent of anything.
    assert linear_eluder_bound(1, 1e-3, 1.0) == 0


def test_ranks_are_found_from_a_few_mixed_columns():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 300))
    assert rank_up_to(matrix, 5) == rank_up_to(matrix, 2) == 5
    assert rank_up_to(matrix.reshape(40, 20, 15), 5) == 5
    assert rank_up_to(rng.normal(size=(40, 300)), 5) == 13


@pytest.mark.parametrize("name", VALUE_FAMILIES)
def test_residuals_equal_slow_loops(name):
    instance = small(name, seed=2)
    game, policies = instance.game, instance.policies
    key = next(iter(instance.hypotheses))
    values = instance.hypothesis(key).per_agent[1]
    rng = np.random.default_rng(0)
    for h in range(game.horizon):
        found = bellman_residuals(instance, 1, h)
        means = mean_residuals(instance, 1, h)
        for _ in range(3):
            f, pi, q = rng.integers(len(values)), *rng.integers(policies.size, size=2)
            after = policies.joint_actions(game, int(pi))
            expected = np.empty((game.states, game.actions))
            for s, a in itertools.product(range(game.states), range(game.actions)):
                target = game.reward[1, h, s, a]
                if h + 1 < game.horizon:
                    for t in range(game.states):
                        later = values[f, h + 1, t, after[h + 1, t]]
                        target += game.transition[h, s, a, t] * later
                expected[s, a] = values[f, h, s, a] - target
            distance = np.abs(found - expected).max(axis=(1, 2))
            g = int(distance.argmin())
            assert distance[g] <= 1e-12
            data = policies.joint_actions(game, int(q))
            visits = slow.occupancy(game, np.eye(game.actions)[data])[h]
            mean = sum(visits[s] * expected[s, data[h, s]] for s in range(game.states))
            assert means[g, q] == pytest.approx(mean, abs=1e-12)


def test_dimensions_need_finite_classes_of_values_and_a_family():
    instance = small("hypercube")
    with pytest.raises(NotApplicableError, match="are no finite class of action values"):
        bellman_residuals(instance, 0, 0)
    with pytest.raises(InputError, match="family is 'all': expected 'occupancy' or 'dirac'"):
        bellman_eluder_dimension(small("small_eluder"), 0.1, "all")
