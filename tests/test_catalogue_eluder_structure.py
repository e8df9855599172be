"""Families of function approximation, one by one: what their docstrings prove."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from eluder_games import few, seeds, small
from hypothesis import given
from hypothesis import strategies as st

from mamex_bench import catalogue
from mamex_bench.catalogue._dimensions import (
    bellman_eluder_dimension,
)
from mamex_bench.catalogue._generators import dirichlet_rows, stream
from mamex_bench.catalogue._nets import simplex_net
from mamex_bench.catalogue.linear_mixture import covering_radius
from mamex_bench.equilibria import backward_induction
from mamex_bench.model.hypotheses import linear_coefficients
from mamex_bench.model.instance import policy_action_values
from mamex_bench.model.profiles import ClassProfile, MarkovProfile


@given(seeds)
@few
def test_bellman_complete_targets_are_linear_for_policies_beyond_the_class(seed):
    instance = small("bellman_complete", seed=seed)
    game, phi = instance.game, instance.hypothesis("linear").features
    rng = np.random.default_rng(seed)
    H, S, A, d = phi.shape
    for _ in range(5):
        theta = rng.normal(size=(H, d))
        pi = rng.integers(A, size=(H, S))
        targets = np.zeros((1, H, S, A))
        for h in range(H):
            for s, a in itertools.product(range(S), range(A)):
                targets[0, h, s, a] = game.reward[0, h, s, a]
                if h + 1 < H:
                    for t in range(S):
                        later = phi[h + 1, t, pi[h + 1, t]] @ theta[h + 1]
                        targets[0, h, s, a] += game.transition[h, s, a, t] * later
        linear_coefficients(targets, phi)
        Q = policy_action_values(game, pi)
        weights = linear_coefficients(Q, phi)
        left = H - np.arange(H)[None, :, None]
        assert ((weights >= -1e-9) & (weights <= left + 1e-9)).all()
    # No features of dimension d make the game linear.
    for h in range(H):
        singular = np.linalg.svd(game.transition[h].reshape(S * A, S), compute_uv=False)
        assert singular[d] > 1e-3


def test_models_of_bellman_complete_games_are_complete_too():
    instance = small("bellman_complete", seed=4)
    phi = instance.hypothesis("linear").features
    H, S, A, d = phi.shape
    pi = np.random.default_rng(4).integers(A, size=(H, S))
    for model in instance.hypothesis("models").transitions[::5]:
        for h in range(H - 1):
            images = model[h] @ phi[h + 1, np.arange(S), pi[h + 1]]
            basis = phi[h].reshape(S * A, d)
            flat = images.reshape(S * A, d)
            fitted = basis @ np.linalg.lstsq(basis, flat, rcond=None)[0]
            np.testing.assert_allclose(fitted, flat, atol=1e-9)


@given(seeds)
@few
def test_generalised_linear_values_are_the_link_of_a_sum_over_wheels(seed):
    instance = small("generalised_linear", seed=seed, wheels=[2, 3], slip=0.2)
    game = instance.game
    H, S, A = game.reward.shape[1:]
    places = list(itertools.product(range(2), range(3)))
    after = game.transition[:, : S - 1, :, : S - 1].argmax(axis=-1)
    # The table of turns, read off at the first position; it is the same at all others.
    for h, s, a in itertools.product(range(H), range(S - 1), range(A)):
        turn = places[after[h, 0, a]]
        reached = tuple((p + t) % m for p, t, m in zip(places[s], turn, (2, 3)))
        assert places[after[h, s, a]] == reached
    # What the last step pays is a link of a sum: u(z0, z1) - u(0, z1) does not depend on z1.
    for i in range(game.agents):
        paid = np.empty((2, 3))
        for s, a in itertools.product(range(S - 1), range(A)):
            paid[places[after[H - 1, s, a]]] = game.reward[i, H - 1, s, a]
        u = np.log(paid / (1 - paid)) / 2.0
        np.testing.assert_allclose(u[1] - u[0], (u[1] - u[0])[0], atol=1e-9)
        assert np.abs(u).max() <= 1.0
        # Values: play on, and let the brake cost what it does.
        actions = instance.policies.joint_actions(game, 5)
        Q = policy_action_values(game, actions)[i]
        for s, a in itertools.product(range(S - 1), range(A)):
            state = after[0, s, a]
            for h in range(1, H):
                state = after[h, state, actions[h, state]]
            expected = 0.5 + 0.8 ** (H - 1) * (paid[places[state]] - 0.5)
            assert Q[0, s, a] == pytest.approx(expected, abs=1e-12)


def test_the_brake_makes_open_loop_policies_of_all_sequences_if_few():
    instance = small("generalised_linear", policies=99, horizon=2)
    assert instance.policies.counts == (4, 4)


@given(seeds)
@few
def test_one_parameter_orders_all_values(seed):
    instance = small("small_eluder", seed=seed)
    game = instance.game
    H = game.horizon
    order = np.argsort(game.reward[0, -1, 0])
    tau = np.empty(game.actions)
    tau[order] = np.linspace(0.0, 1.0, game.actions)
    lo, hi = 0.6 - 0.1 * 0.4, 0.7 + 0.1 * 0.4
    Q = [policy_action_values(game, np.full((H, game.states), a)) for a in range(game.actions)]
    for a, b in itertools.combinations(range(game.actions), 2):
        step = tau[b] - tau[a]
        for i, h in itertools.product(range(game.agents), range(H)):
            sign = -1.0 if i % 2 else 1.0
            slopes = sign * (Q[b][i, h] - Q[a][i, h]) / step
            assert slopes.min() >= (H - h - 1) * lo - 1e-9
            assert slopes.max() <= (H - h - 1) * hi + 1e-9
    assert instance.known["slope_ratio"].value == pytest.approx(hi / lo)
    # The class holds each at twice its rank, what lies between at odd places.
    values = small("small_eluder", seed=seed, between=1).hypothesis().per_agent[0]
    for rank, a in enumerate(order):
        np.testing.assert_allclose(values[2 * rank], Q[a][0], atol=1e-12)
    np.testing.assert_allclose(values[1], (values[0] + values[2]) / 2, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 0.02, 0.2])
def test_small_eluder_dimensions_are_small_at_every_scale_and_family(scale):
    instance = small("small_eluder", seed=2, states=4, between=0, control=0.3)
    bound = instance.known["bellman_eluder_bound"].value
    assert bound == 3
    for family in ("occupancy", "dirac"):
        assert 1 <= bellman_eluder_dimension(instance, scale, family) <= bound


def test_the_linear_dimension_grows_while_the_eluder_dimension_does_not():
    found = []
    for states in (4, 8, 16):
        instance = small("small_eluder", states=states, actions=5, between=0)
        known = instance.known
        assert known["eluder_bound"].value == 2
        values = instance.hypothesis().per_agent[0][:, 1].reshape(25, -1)
        found.append(int(np.linalg.matrix_rank(values[1:] - values[0])))
        assert found[-1] == known["linear_dimension"].value
    assert found == [4, 8, 16]


@given(seeds, st.integers(2, 3))
@few
def test_each_side_is_a_hypercube_of_its_own(seed, H):
    instance = small("two_sided_hypercube", seed=seed, dimension=[3, 2], horizon=H, episodes=400)
    game, known = instance.game, instance.known
    S = H + 2
    # The chains, each alone, for half as many episodes.
    for i, d in enumerate((3, 2)):
        alone = catalogue.make("hypercube", dimension=d, horizon=H, episodes=200, dummy_actions=1)
        best = alone.known["value"].value
        assert known[f"dominant_return_{i}"].value == pytest.approx(best, abs=1e-12)
        steering = (d - 1) * alone.known["delta"].value
        assert known[f"steering_{i}"].value == pytest.approx(steering, abs=1e-12)
    # W of each policy on its own chain, by counting.
    returns = []
    for i, table in enumerate(instance.policies.tables):
        own = []
        for policy in table:
            alive, total = 1.0, 0.0
            for h in range(H - 1):
                s = i * S + h
                joint = int(policy[h, s]) * int(game.strides[i])
                goal = game.transition[h, s, joint, (i + 1) * S - 1]
                total += alive * goal * (H - 1 - h)
                alive *= 1.0 - goal
            own.append(total)
        returns.append(np.array(own))
    U = game.units.to_own(instance.payoffs)
    np.testing.assert_allclose(U[0], (returns[0][:, None] - returns[1]) / 2, atol=1e-12)
    np.testing.assert_allclose(U[0] + U[1], 0.0, atol=1e-12)
    # Gaps of any profile, under any concept: a quarter of the gaps on one's own chain.
    x = np.random.default_rng(seed).dirichlet(np.ones(U[0].size)).reshape(U[0].shape)
    product = np.outer(x.sum(axis=1), x.sum(axis=0))
    expected = [(w.max() - x.sum(axis=1 - i) @ w) / 4 for i, w in enumerate(returns)]
    for concept, profile in [("cce", x), ("ce", x), ("nash", product)]:
        gaps = ClassProfile(instance.policies, profile, concept).gaps(instance)
        np.testing.assert_allclose(gaps, expected, atol=1e-12)
    # Dominant among all policies, so the value is that of the whole game.
    star = int(np.ravel_multi_index([w.argmax() for w in returns], instance.policies.counts))
    joint = np.eye(game.actions)[instance.policies.joint_actions(game, star)]
    assert MarkovProfile(joint, "ce").gaps(instance).max() <= 1e-12
    value = backward_induction(game, "nash").value
    np.testing.assert_allclose(value, [known["value"].value, -known["value"].value], atol=1e-9)


def test_two_sided_models_are_all_pairs_of_both_classes():
    instance = small("two_sided_hypercube", seed=3, models=[4, 3])
    models = instance.hypothesis().transitions
    first = {m[:, :5].tobytes() for m in models}
    second = {m[:, 5:].tobytes() for m in models}
    assert (len(models), len(first), len(second)) == (12, 4, 3)
    # What agents believe does not change the game.
    believing = small("two_sided_hypercube", seed=3, models=[3, 5])
    np.testing.assert_array_equal(believing.game.transition, instance.game.transition)


def test_known_patterns_leave_nothing_to_cover():
    complete = small("two_sided_hypercube", dimension=2, models=8)
    assert complete.known["covering_radius"].value == 0.0
    partial = small("two_sided_hypercube", dimension=2, models=4)
    apart = []
    for m in partial.hypothesis().transitions:
        squared = 1.0 - np.sqrt(complete.hypothesis().transitions * m).sum(axis=-1)
        apart.append(np.sqrt(np.maximum(squared.max(axis=(1, 2, 3)), 0.0)))
    radius = np.min(apart, axis=0).max()
    assert 0.0 < radius <= partial.known["covering_radius"].value + 1e-9


@given(seeds, st.integers(1, 5))
@few
def test_nets_of_mixtures_cover_as_they_say(seed, d):
    rng = np.random.default_rng(seed)
    theta = rng.dirichlet(np.ones(d), size=30)
    radius = covering_radius(theta)
    base = rng.dirichlet(np.ones(6) / 3, size=d)
    for target in np.concatenate([np.eye(d), rng.dirichlet(np.ones(d) / 3, size=50)]):
        distance = 0.5 * np.abs(theta - target).sum(axis=1).min()
        assert distance <= radius**2 + 1e-12
        hellinger = 1.0 - np.sqrt((theta @ base) * (target @ base)).sum(axis=1)
        assert hellinger.min() <= radius**2 + 1e-12
    # No more than what corners make it, and the rounding of the grid.
    corners = 1.0 - theta.max(axis=0).min()
    assert radius**2 >= corners - 1e-9


@pytest.mark.parametrize("resolution", range(8, 15))
def test_no_net_is_finer_than_the_grid_that_measures_it(resolution):
    theta = simplex_net(5, resolution)
    radius = covering_radius(theta)
    for target in np.random.default_rng(0).dirichlet(np.ones(5), size=50):
        assert 0.5 * np.abs(theta - target).sum(axis=1).min() <= radius**2


def test_linear_mixtures_mix_with_weights_of_the_simplex():
    instance = small("linear_mixture", seed=5, dimension=3, models=12)
    rows = dirichlet_rows(stream(5, "linear_mixture", "kernels"), (3, 4, 8, 9), 8, 0.3)
    base = (0.98 * rows + 0.02 / 8).reshape(3, -1)
    models = instance.hypothesis().transitions.reshape(12, -1)
    theta, residual, rank, _ = np.linalg.lstsq(base.T, models.T, rcond=None)
    assert rank == 3
    assert residual.max() <= 1e-20
    assert theta.min() >= -1e-12
    np.testing.assert_allclose(theta.sum(axis=0), 1.0, atol=1e-12)
