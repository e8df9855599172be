"""Covering radii, covering and bracketing numbers, against brute force on tiny classes."""

from __future__ import annotations

import itertools
from math import ceil, comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mamex_bench import catalogue
from mamex_bench.catalogue import _coverings as coverings
from mamex_bench.catalogue import _nets as nets
from mamex_bench.catalogue._generators import model_net, towards
from mamex_bench.errors import InputError
from mamex_bench.model import storage
from mamex_bench.model.hypotheses import ModelClass

seeds = st.integers(0, 1000)
few = settings(max_examples=12)


def hellinger(p, q):
    return np.sqrt(max(1.0 - np.sqrt(p * q).sum(), 0.0))


def slow_distance(P, Q):
    """Largest Hellinger distance of two models' rows, row by row."""
    return max(hellinger(P[cell], Q[cell]) for cell in np.ndindex(*P.shape[:-1]))


def slow_width(models):
    """Narrowest bracket of some models: largest row sum of maximum minus minimum."""
    low, high = np.min(models, axis=0), np.max(models, axis=0)
    return max((high - low)[cell].sum() for cell in np.ndindex(*low.shape[:-1]))


def tiny_class(seed, size=5, spread=0.3):
    rng = np.random.default_rng(seed)
    centre = rng.dirichlet(np.ones(3), size=(2, 2, 2))[..., :2]
    rows = np.concatenate([centre, 1.0 - centre.sum(axis=-1, keepdims=True)], axis=-1)
    others = rng.dirichlet(np.ones(3), size=(size, 2, 2, 2))
    return (1.0 - spread) * rows + spread * others


def partitions(members):
    if not members:
        yield []
        return
    first, *rest = members
    for smaller in partitions(rest):
        yield [[first], *smaller]
        for k in range(len(smaller)):
            yield [*smaller[:k], [first, *smaller[k]], *smaller[k + 1 :]]


def exact_cover(models, scale):
    D = [[slow_distance(P, Q) for Q in models] for P in models]
    F = range(len(models))
    for size in range(1, len(models) + 1):
        for centres in itertools.combinations(F, size):
            if all(min(D[f][c] for c in centres) <= scale for f in F):
                return size
    raise AssertionError


def exact_brackets(models, scale):
    every = partitions(list(range(len(models))))
    fits = (p for p in every if all(slow_width(models[part]) <= scale for part in p))
    return min(map(len, fits))


@given(seeds, st.sampled_from([0.03, 0.08, 0.15, 0.3]))
@few
def test_intervals_hold_the_numbers_of_tiny_classes(seed, scale):
    models = tiny_class(seed)
    low, high = coverings.covering_number(models, scale)
    assert low <= exact_cover(models, scale) <= high <= len(models)
    low, high = coverings.bracketing_number(models, scale)
    assert low <= exact_brackets(models, scale) <= high <= len(models)


@given(seeds)
@few
def test_covers_and_brackets_are_what_they_say(seed):
    models, scale = tiny_class(seed, size=30), 0.12
    D = coverings.distances(models)
    np.testing.assert_allclose(D[3, 7], slow_distance(models[3], models[7]), atol=1e-12)
    assert (D[:, coverings.cover(D, scale)].min(axis=1) <= scale).all()
    apart = coverings.packing(D, scale)
    assert (D[np.ix_(apart, apart)] + np.eye(apart.size) > scale).all()
    found = coverings.brackets(models.reshape(30, -1, 3), 2 * scale)
    for model in models.reshape(30, -1, 3):
        assert any((low <= model).all() and (model <= high).all() for low, high in found)
    assert max((high - low).sum(axis=-1).max() for low, high in found) <= 2 * scale + 1e-12


def test_numbers_at_the_ends_of_the_scale():
    models = np.concatenate([tiny_class(1), tiny_class(1)[:2]])
    assert coverings.covering_number(models, 0.0) == (5, 5)
    assert coverings.covering_number(models, 1.0) == (1, 1)
    assert coverings.bracketing_number(models, 0.0) == (5, 5)
    lock = catalogue.make("combination_lock", length=2).hypothesis().transitions
    assert coverings.covering_number(lock, 0.5)[1] == 16
    assert coverings.bracketing_number(lock, 1.9) == (16, 16)
    for scale, number in ((1.1, coverings.covering_number), (-0.1, coverings.bracketing_number)):
        with pytest.raises(InputError, match="scale is"):
            number(models, scale)


def test_one_centre_may_serve_members_twice_as_far_apart():
    """Three coins on an arc: the middle one is within reach of two that are not of each other."""
    angles = np.pi / 4 + np.array([-0.09, 0.0, 0.09])
    coins = np.stack([np.cos(angles) ** 2, np.sin(angles) ** 2], axis=1)
    models = np.broadcast_to(coins[:, None, None, None], (3, 1, 2, 1, 2))
    reach = np.sqrt(2.0) * np.sin(0.045)
    D = coverings.distances(models)
    np.testing.assert_allclose(D[1], [reach, 0.0, reach], atol=1e-12)
    assert D[0, 2] > 1.9 * reach
    assert coverings.covering_number(models, reach + 1e-9) == (1, 1)
    assert coverings.covering_number(models, 0.9 * reach) == (2, 3)


@given(seeds)
@few
def test_brackets_of_rows_are_brackets_of_trajectories(seed):
    """Products of upper ends less products of lower ends, summed over trajectories."""
    models, scale = tiny_class(seed, size=4), 0.4
    for ends in coverings.brackets(models.reshape(4, -1, 3), scale):
        low, high = (end.reshape(2, 2, 2, 3) for end in ends)
        for first, second in itertools.product(range(2), range(2)):
            # Two steps from state 0; rows of the third state are those of the first.
            width = sum(
                high[0, 0, first, s] * high[1, s % 2, second, t]
                - low[0, 0, first, s] * low[1, s % 2, second, t]
                for s, t in itertools.product(range(3), range(3))
            )
            assert width <= (1.0 + scale) ** 2 - 1.0 + 1e-9


# --- nets with a proved radius ---


@pytest.mark.parametrize(("d", "N"), [(1, 3), (2, 1), (2, 5), (3, 4), (5, 3)])
def test_simplex_nets_round_as_proved(d, N):
    net = nets.simplex_net(d, N)
    assert net.shape == (comb(N + d - 1, d - 1), d)
    assert len(np.unique(net, axis=0)) == len(net)
    np.testing.assert_allclose(net.sum(axis=1), 1.0)
    expected = {tuple(k) for k in itertools.product(range(N + 1), repeat=d) if sum(k) == N}
    assert {tuple(k) for k in np.rint(net * N).astype(int)} == expected
    theta = np.random.default_rng(d).dirichlet(np.ones(d), size=200)
    rounded = nets.nearest_in_simplex_net(theta, N)
    far = 2.0 * (d // 2) * ceil(d / 2) / (d * N)
    assert np.abs(theta - rounded).sum(axis=1).max() <= far + 1e-12
    assert {tuple(k) for k in np.rint(rounded * N).astype(int)} <= expected
    np.testing.assert_allclose(nets.nearest_in_simplex_net(net, N), net, atol=1e-12)
    # The proof is tight: k fractions of k/d.
    centre = (np.eye(1, d)[0] * (N - d // 2) + (d // 2) / d) / N
    if d > 1 and d // 2 <= N:
        nearest = np.abs(centre - net).sum(axis=1).min()
        assert nearest == pytest.approx(far, abs=1e-12)


@given(seeds, st.integers(2, 4), st.integers(2, 6))
@few
def test_mixtures_lie_within_the_radius_of_the_net(seed, d, N):
    rng = np.random.default_rng(seed)
    kernels = rng.dirichlet(np.full(4, 0.2), size=(d, 1, 2, 2))
    members = np.tensordot(nets.simplex_net(d, N), kernels, axes=1)
    for theta in rng.dirichlet(np.ones(d), size=20):
        mixture = np.tensordot(theta, kernels, axes=1)
        assert nets.model_distance(members, mixture).min() <= nets.simplex_radius(d, N)


@pytest.mark.parametrize(("d", "scale"), [(2, 0.5), (2, 0.13), (3, 0.7), (4, 0.9)])
def test_simplex_numbers_count_what_covers(d, scale):
    count = nets.simplex_covering_number(d, scale)
    N = next(N for N in range(1, 10_000) if comb(N + d - 1, d - 1) == count)
    assert nets.simplex_radius(d, N) <= scale + 1e-12
    assert N == 1 or nets.simplex_radius(d, N - 1) > scale
    # Brackets: walk over the cells of the proof.
    w = scale / (2 * (d - 1))
    steps = int(1 / w) + 2
    cells = [k for k in itertools.product(range(steps), repeat=d - 1) if sum(k) * w <= 1 + 1e-12]
    assert nets.simplex_bracketing_number(d, scale) == len(cells)
    rng = np.random.default_rng(0)
    kernels = rng.dirichlet(np.full(3, 0.3), size=(d, 5))
    for theta in rng.dirichlet(np.ones(d), size=50):
        k = np.floor(theta[:-1] / w)
        assert tuple(k.astype(int)) in set(cells)
        first = k * w, (k + 1) * w
        low = np.append(first[0], max(1.0 - first[1].sum(), 0.0))
        high = np.append(first[1], 1.0 - first[0].sum())
        assert (low <= theta + 1e-12).all()
        assert (theta <= high + 1e-12).all()
        assert ((high - low) @ kernels.reshape(d, -1)).reshape(5, 3).sum(
            axis=1
        ).max() <= scale + 1e-9


@given(seeds)
@few
def test_stars_are_covered_and_no_better(seed):
    instance = catalogue.make("random_game", seed=seed, models=6, states=3, actions=2, horizon=2)
    classes, truth = instance.hypothesis(), instance.game.transition
    radius = nets.star_radius(classes)
    assert instance.known["covering_radius"].value == radius
    for member in classes.transitions[1:]:
        reach = np.sqrt(np.maximum(1.0 - np.sqrt(member * truth).sum(axis=-1, keepdims=True), 0.0))
        angle = np.arccos(1.0 - reach**2)
        for share in (0.1, 0.3, 0.5, 0.8):
            on_arc = towards(truth, member, np.sqrt(1.0 - np.cos(share * angle)))
            assert nets.model_distance(classes.transitions, on_arc).min() <= radius + 1e-9
    alone = ModelClass(np.stack([truth, classes.transitions[-1]]))
    half = nets.star_radius(alone)
    middle = np.square(np.sqrt(alone.transitions).sum(axis=0))
    middle /= middle.sum(axis=-1, keepdims=True)
    assert nets.model_distance(alone.transitions, middle).min() == pytest.approx(half, abs=1e-9)


def test_a_star_needs_its_truth():
    with pytest.raises(InputError, match="truth is -1"):
        nets.star_radius(ModelClass(np.ones((1, 1, 1, 1, 1)), None))


@given(seeds, st.integers(1, 2))
@few
def test_coins_lie_within_the_radius_of_a_list(seed, coins):
    rng = np.random.default_rng(seed)
    options = np.sort(rng.random(4))
    radius = nets.coin_radius(options, coins)
    image = rng.dirichlet(np.full(3, 0.5), size=2**coins)

    def row(probabilities):
        weights = np.ones(1)
        for p in probabilities:
            weights = np.outer(weights, [1.0 - p, p]).ravel()
        return weights, weights @ image

    members = [row(each) for each in itertools.product(options, repeat=coins)]
    worst = 0.0
    for each in itertools.product(np.linspace(options[0], options[-1], 25), repeat=coins):
        weights, seen = row(each)
        worst = max(worst, min(hellinger(weights, w) for w, _ in members))
        assert min(hellinger(seen, q) for _, q in members) <= radius + 1e-9
    assert 0.6 * radius <= worst <= radius + 1e-9


def test_declared_nets_state_their_radius(tmp_path):
    game = catalogue.make("random_game", models=1).game
    path = storage.save(game, tmp_path / "mine.npz")
    instance = catalogue.load(path, {"sample": [2, 2]}, {"net": 8, "distance": [0.1, 0.3]})
    known = instance.known["covering_radius"].value
    assert known == nets.star_radius(instance.hypothesis())
    assert 0.15 < known < 0.16
    values = catalogue.load(path, {"sample": [2, 2]}, {"values": "all"})
    assert not values.known


def test_finite_families_say_whether_they_are_held_whole():
    def radius(name, **parameters):
        return catalogue.make(name, **parameters).known["covering_radius"].value

    assert radius("needle") == radius("combination_lock") == radius("purgatory") == 0.0
    assert radius("combination_lock", models=9) == radius("purgatory", models=5) == 1.0
    assert radius("combination_lock", models=9, slip=0.1) == pytest.approx(np.sqrt(0.4))


@given(seeds, st.sampled_from([0.3, 0.5]))
@few
def test_rows_of_a_net_are_at_exactly_the_stated_distance(seed, farthest):
    game = catalogue.make("random_game", seed=seed, states=3, branching=2, models=1).game
    models = model_net(game, 8, seed, (0.05, farthest)).transitions
    for model, delta in zip(models[1:], np.geomspace(0.05, farthest, 7)):
        rows = np.sqrt(1.0 - np.sqrt(model * game.transition).sum(axis=-1))
        np.testing.assert_allclose(rows, delta, atol=1e-9)
