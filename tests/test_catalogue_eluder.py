"""Function approximation: eluder dimensions, and the families whose structure they measure."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mamex_bench import catalogue
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
from mamex_bench.catalogue._generators import dirichlet_rows, stream
from mamex_bench.catalogue._nets import simplex_net
from mamex_bench.catalogue.linear_mixture import covering_radius
from mamex_bench.complexity import decoupling
from mamex_bench.concentration import concentration
from mamex_bench.equilibria import backward_induction
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass, ValueClass, linear_coefficients
from mamex_bench.model.instance import Instance, Known, policy_action_values, realizable
from mamex_bench.model.profiles import ClassProfile, MarkovProfile
from mamex_bench.reference import evaluation as slow
from mamex_bench.structural_bounds import structural_bellman_eluder

seeds = st.integers(0, 1000)
few = settings(max_examples=6)

FAMILIES = [
    "bellman_complete",
    "generalised_linear",
    "hypercube",
    "linear_mixture",
    "small_eluder",
    "two_sided_hypercube",
]
VALUE_FAMILIES = ["bellman_complete", "generalised_linear", "small_eluder"]
SMALL = {
    "linear_mixture": {"models": 24, "policies": 6},
    "hypercube": {"models": 64},
    "small_eluder": {"between": 0},
}


def small(name, **parameters):
    return catalogue.make(name, **{**SMALL.get(name, {}), **parameters})


def changed(instance, *, transition=None, reward=None, classes=None, known=None):
    """The instance with other arrays or constants, checked by nothing but the certificate."""
    game = instance.game
    if transition is not None or reward is not None:
        game = MarkovGame(
            game.transition if transition is None else transition,
            game.reward if reward is None else reward,
            game.action_counts,
            game.initial,
            game.units,
        )
    constants = {**instance.known}
    for key, value in (known or {}).items():
        constants[key] = Known(value, "planted")
    hypotheses = {**instance.hypotheses, **(classes or {})}
    if transition is not None:
        hypotheses = {
            k: ModelClass(c.transitions, None) if isinstance(c, ModelClass) else c
            for k, c in hypotheses.items()
        }
    return Instance(game, instance.policies, hypotheses, instance.name, constants)


def failing(name, instance):
    return {check.statement for check in catalogue.certify(name, instance) if not check.holds}


# --- eluder dimensions ---


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


# --- every family of this file ---


@pytest.mark.parametrize("name", FAMILIES)
def test_ten_members_hold_their_certificates(name):
    for seed in range(10):
        checks = catalogue.certify(name, small(name, seed=seed))
        assert len(checks) >= 4
        assert len({check.statement for check in checks}) == len(checks)
        assert not [str(check) for check in checks if not check.holds]


MEMBERS = [
    ("bellman_complete", {"agents": 3, "policies": 2, "states": 7, "passive": 4, "horizon": 2}),
    ("bellman_complete", {"dimension": 1, "passive": 2, "states": 3, "actions": [2, 3]}),
    ("bellman_complete", {"horizon": 1, "distractors": 0, "bend": 1.0, "models": 1}),
    ("generalised_linear", {"agents": 3, "policies": 2, "wheels": [2, 3], "steepness": 0.5}),
    ("generalised_linear", {"wheels": [2, 2, 2], "slip": 0.0, "distractors": 0}),
    ("generalised_linear", {"horizon": 1, "wheels": [5], "actions": [3, 2]}),
    ("generalised_linear", {"steepness": 9.0, "slip": 0.8, "horizon": 4}),
    ("small_eluder", {"agents": 3, "actions": 2, "states": 4, "horizon": 4, "opposed": False}),
    ("small_eluder", {"horizon": 2, "between": 0, "slopes": [0.8, 0.9], "control": 1.0}),
    ("hypercube", {"dimension": 2, "horizon": 2, "dummy_actions": 1, "episodes": 50}),
    ("hypercube", {"dimension": 3, "policies": 5, "total_deviation": 0.5}),
    ("linear_mixture", {"agents": 1, "dimension": 1, "models": 3}),
    ("linear_mixture", {"agents": 3, "actions": 2, "dimension": 7, "floor": 0.0}),
    ("two_sided_hypercube", {"dimension": [2, 4], "horizon": 2, "models": [16, 2]}),
    ("two_sided_hypercube", {"dimension": 2, "horizon": 4, "total_deviation": 0.5, "policies": 5}),
]


@pytest.mark.parametrize(("name", "parameters"), MEMBERS)
def test_members_of_other_sizes_hold_their_certificates(name, parameters):
    instance = small(name, seed=3, **parameters)
    assert not failing(name, instance)
    for key, each in instance.hypotheses.items():
        if isinstance(each, ValueClass):
            assert realizable(instance, key)
            concentration(instance, key)


@pytest.mark.parametrize("name", VALUE_FAMILIES)
@pytest.mark.parametrize("seed", [0, 5])
def test_value_classes_are_realizable_and_complete(name, seed):
    instance = small(name, seed=seed)
    for key, each in instance.hypotheses.items():
        if isinstance(each, ValueClass):
            assert realizable(instance, key)
            assert instance.game.horizon >= concentration(instance, key, episodes=100).R


@pytest.mark.parametrize("name", VALUE_FAMILIES)
def test_the_filed_dimension_bounds_the_decoupling_coefficient(name):
    instance = small(name, seed=1)
    K = 20
    known = {key: each.value for key, each in instance.known.items()}
    # The bound is filed at one scale; that of the theorem is 1/K.
    dimension = {
        "small_eluder": lambda: known["bellman_eluder_bound"],
        "generalised_linear": lambda: known["linear_dimension"],
        "bellman_complete": lambda: linear_eluder_bound(
            int(known["dimension"]), known["feature_norm"] * known["weight_norm"], 1 / K
        ),
    }[name]()
    bound = structural_bellman_eluder(
        dimension, horizon=instance.game.horizon, episodes=K, residual=known["residual_bound"]
    )
    bracket = decoupling(instance, episodes=K)
    assert 0.0 < bracket.lower <= bound


# --- planted failures: every check of every certificate can fail ---


def noise(shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def other_rows(transition, share=0.3):
    mixed = (1 - share) * transition + share * dirichlet_rows(
        stream(0, "test"), transition.shape[:-1], transition.shape[-1]
    )
    return mixed / mixed.sum(axis=-1, keepdims=True)


def bent_values(instance, name, size=0.05):
    """The named class with some hypotheses of agent 0 moved a little, each its own way."""
    classes = instance.hypothesis(name)
    arrays = [np.array(each) for each in classes.per_agent]
    arrays[0][-4:] += size * noise(arrays[0][-4:].shape)
    return ValueClass(arrays)


def models_with(instance, edit):
    models = np.array(instance.hypothesis("models").transitions)
    edit(models)
    return {"models": ModelClass(models / models.sum(axis=-1, keepdims=True), None)}


def test_bellman_complete_certificates_fail_when_broken():
    name = "bellman_complete"
    instance = small(name, seed=1)
    # Unrestricted transitions: targets leave the span, for policies of the class and beyond.
    broken = changed(instance, transition=other_rows(instance.game.transition))
    found = failing(name, broken)
    assert "distance of Bellman targets from the features' span" in found
    assert "the same for every policy, in the class or not" in found
    assert "largest rank of a step's transitions" in found
    # A game that is linear after all.
    phi = instance.hypothesis("values_linear").features
    mu = dirichlet_rows(stream(0, "test"), (3, 3), 9)
    linear = np.einsum("hsaj,hjt->hsat", phi, mu)
    found = failing(name, changed(instance, transition=linear / linear.sum(-1, keepdims=True)))
    assert "least rank of a step's transitions" in found
    for key, statement in [
        ("dimension", "rank of the values of a step"),
        ("dimension", "rank of the mean Bellman errors"),
        ("weight_norm", "largest |theta_h - theta(T f)|"),
        ("bellman_eluder_bound", "Bellman-eluder dimension (occupancy) at scale 0.1"),
    ]:
        value = {"dimension": 2, "weight_norm": 1.0, "bellman_eluder_bound": 1}[key]
        assert statement in failing(name, changed(instance, known={key: value}))


def test_generalised_linear_certificates_fail_when_broken():
    name = "generalised_linear"
    instance = small(name, seed=1)
    found = failing(name, changed(instance, classes={"values": bent_values(instance, "values")}))
    assert "rank of the values before the link" in found
    found = failing(name, changed(instance, transition=other_rows(instance.game.transition)))
    assert "distance of Bellman targets from the class of their step" in found
    # The link's steepness, and with it every slope, misstated.
    found = failing(name, changed(instance, known={"steepness": 1.0}))
    assert found == {"least slope of the link"}
    found = failing(name, changed(instance, known={"steepness": 3.0}))
    assert found == {"largest slope of the link"}
    # A class linear in d dimensions.
    values = np.array(instance.hypothesis("values").per_agent[0])
    u = np.log(values[:, -1] / (1 - values[:, -1])) / 8
    straight = np.repeat((0.5 + u)[:, None], 3, axis=1)
    found = failing(name, changed(instance, classes={"values": ValueClass([straight, straight])}))
    assert "rank of the values less 1/2" in found
    found = failing(name, changed(instance, known={"bellman_eluder_bound": 2}))
    assert found == {"Bellman-eluder dimension (dirac) at scale 0.1"}


def test_small_eluder_certificates_fail_when_broken():
    name = "small_eluder"
    instance = small(name, seed=1)
    found = failing(name, changed(instance, classes={"values": bent_values(instance, "values")}))
    assert "widest to narrowest difference of values" in found
    assert "widest to narrowest Bellman residual" in found
    # Rewards without the order: the last step's residual is not zero, nor are signs kept.
    broken = changed(instance, reward=noise(instance.game.reward.shape))
    found = failing(name, broken)
    assert {"Bellman residual of the last step", "widest to narrowest Bellman residual"} <= found
    # One cell for each hypothesis: every cell is a surprise.
    values = np.zeros((5, *instance.game.reward.shape[1:]))
    for k in range(4):
        values[k + 1, :, 0, k] = 0.5
    found = failing(name, changed(instance, classes={"values": ValueClass([values, values])}))
    assert "eluder dimension, step 0, scale 0.001" in found
    assert "rank of values, step H-2" in found
    found = failing(name, changed(instance, known={"bellman_eluder_bound": 1}))
    assert found == {"Bellman-eluder dimension (occupancy) at scale 0.001"}


def test_hypercube_certificates_fail_when_broken():
    name = "hypercube"
    instance = small(name, seed=1)

    def curve(models):  # two corners exchanged: mean and extremes stay, linearity goes
        models[5, 0, 0, [0, 1, 2, 3]] = models[5, 0, 0, [2, 3, 0, 1]]

    def steer(models):
        models[5, 1, 1, 0, 2] += 0.05

    def dummy(models):
        models[5, 1, 1, 0, [2, -1]] = models[5, 1, 1, 0, [-1, 2]]

    assert "rank of the models of a step" in failing(
        name, changed(instance, classes=models_with(instance, curve))
    )
    found = failing(name, changed(instance, classes=models_with(instance, steer)))
    assert "largest steering of a model's step" in found
    assert "mean over actions of the chance, off 1/H" in found
    assert "what the dummy changes" in failing(
        name, changed(instance, classes=models_with(instance, dummy))
    )
    assert failing(name, changed(instance, known={"value": 0.9})) == {"best return of agent 0"}
    found = failing(name, changed(instance, known={"delta": 0.1}))
    assert "least steering of a model's step" in found


def test_linear_mixture_certificates_fail_when_broken():
    name = "linear_mixture"
    instance = small(name, seed=1)

    def astray(models):
        models[3] = other_rows(models[3])

    def empty(models):
        models[..., 0] = 0.0

    found = failing(name, changed(instance, classes=models_with(instance, astray)))
    assert {
        "rank of the models, all steps together",
        "rank of their differences from the truth",
    } <= found
    found = failing(name, changed(instance, classes=models_with(instance, empty)))
    assert "least probability of any model" in found
    found = failing(name, changed(instance, known={"covering_radius": 0.01}))
    assert found == {"distance of random mixtures from the nearest model"}


def test_two_sided_hypercube_certificates_fail_when_broken():
    name = "two_sided_hypercube"
    instance = small(name, seed=1)

    def meddle(models):  # agent 1's first action helps on agent 0's chain
        models[3, 0, 0, 0, [1, 4]] = models[3, 0, 0, 0, [4, 1]]

    found = failing(name, changed(instance, classes=models_with(instance, meddle)))
    assert {
        "what an agent changes on the other's chain",
        "rank of the models of a step",
        "steering of agent 0, off 0.009129",
    } <= found
    reward = np.array(instance.game.reward)
    reward[0, 0, 0] = noise(reward.shape[-1])
    found = failing(name, changed(instance, reward=reward))
    assert {
        "sum of both agents' rewards, off 1",
        "interaction of the two policies' returns",
    } <= found
    assert {"maximin in own units", "minimax in own units"} == failing(
        name, changed(instance, known={"value": 0.1})
    )
    assert "steering of agent 1, off 0.1" in failing(
        name, changed(instance, known={"steering_1": 0.1})
    )


# --- Bellman-complete ---


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


# --- generalised linear ---


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


# --- small eluder dimension ---


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


# --- hypercubes ---


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


# --- linear mixtures ---


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


# --- errors ---


@pytest.mark.parametrize(
    ("message", "name", "parameters"),
    [
        ("passive is 9: expected more than dimension = 3", "bellman_complete", {"passive": 9}),
        ("passive is 3: expected more than dimension = 3", "bellman_complete", {"passive": 3}),
        ("bend is 0: expected a number in", "bellman_complete", {"bend": 0}),
        ("distractors is -1: expected at least 0", "bellman_complete", {"distractors": -1}),
        ("scale is 0: expected a number in", "bellman_complete", {"scale": 0}),
        ("wheels is []: expected at least one", "generalised_linear", {"wheels": []}),
        ("wheels is 1: expected at least 2", "generalised_linear", {"wheels": [3, 1]}),
        ("at most 512 positions", "generalised_linear", {"wheels": [40, 40]}),
        ("slip is 1: expected a number in [0, 1)", "generalised_linear", {"slip": 1}),
        ("steepness is 0: expected", "generalised_linear", {"steepness": 0}),
        ("their least slope is 4.2e-18 of", "generalised_linear", {"steepness": 40, "slip": 0}),
        ("slip 0.999 at horizon 5", "generalised_linear", {"slip": 0.999, "horizon": 5}),
        ("horizon is 1: expected at least 2", "small_eluder", {"horizon": 1}),
        ("number of joint actions is 1: expected at least 2", "small_eluder", {"actions": 1}),
        ("slopes is [0.7, 0.6]: expected two numbers", "small_eluder", {"slopes": [0.7, 0.6]}),
        (
            "control is 1: with c1 = 0.2 and horizon 3",
            "small_eluder",
            {"slopes": [0.2, 0.3], "control": 1},
        ),
        ("between is -1: expected at least 0", "small_eluder", {"between": -1}),
        ("dimension is 1: expected at least 2", "two_sided_hypercube", {"dimension": 1}),
        ("dimension has 3 entries: expected 2", "two_sided_hypercube", {"dimension": [2, 2, 2]}),
        ("episodes = 0.5 and c = 0.9 give", "two_sided_hypercube", {"episodes": 1, "c": 0.9}),
        (
            "transitions of 1,258,291,200 numbers",
            "two_sided_hypercube",
            {"dimension": 4, "models": 256},
        ),
        (
            "agent 0 has 16,777,216 open-loop",
            "two_sided_hypercube",
            {"dimension": 4, "horizon": 9, "models": 1},
        ),
        ("total_deviation = 90 give", "hypercube", {"total_deviation": 90}),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(message, name, parameters):
    with pytest.raises(InputError) as caught:
        catalogue.make(name, **parameters)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
