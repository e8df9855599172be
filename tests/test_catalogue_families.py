"""The structure that each family's docstring proves, checked on several random members."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from games import random_game, random_policies
from hypothesis import given, settings
from hypothesis import strategies as st

from mamex_bench import catalogue
from mamex_bench.catalogue._generators import model_net, stream, towards, value_class_of
from mamex_bench.catalogue.gridworld import pure_equilibrium
from mamex_bench.errors import InputError
from mamex_bench.model.evaluation import best_response_values
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import linear_coefficients
from mamex_bench.model.instance import Instance, policy_action_values, realizable
from mamex_bench.model.profiles import ClassProfile, MarkovProfile
from mamex_bench.reference import evaluation as slow

seeds = st.integers(0, 1000)
few = settings(max_examples=6)


def rank(matrix):
    return int(np.linalg.matrix_rank(matrix, tol=1e-9))


def spread_rank(models):
    """Dimension of the affine hull of models (F, ...)."""
    flat = models.reshape(len(models), -1)
    return rank(flat[1:] - flat[:1])


def squared_hellinger(p, q):
    """1 - sum sqrt(p q), along the last axis."""
    return 1.0 - np.sqrt(p * q).sum(axis=-1)


def discrepancy(instance, f):
    """(M,): sum_h E_q D_H^2(P_f, P*) under every joint pure policy q, by slow occupancies."""
    game = instance.game
    distance = squared_hellinger(instance.hypothesis().transitions[f], game.transition)
    out = []
    for q in range(instance.policies.size):
        joint = np.eye(game.actions)[instance.policies.joint_actions(game, q)]
        out.append((slow.occupancy(game, joint)[:, :, None] * joint * distance).sum())
    return np.array(out)


def prediction_errors(instance):
    """(F, M): V_f - V of agent 0."""
    values = instance.model_payoffs()
    truth = instance.hypothesis().truth
    return values[:, 0] - values[truth, 0]


def harvest(errors, costs, sequence, mu):
    """A - B/mu of a sequence of pairs (f, pi): the sums that define the decoupling coefficient."""
    A = sum(errors[f, pi] for f, pi in sequence)
    B = sum(costs[f][q] for k, (f, _) in enumerate(sequence) for _, q in sequence[:k])
    return A - B / mu


def pure(instance, index):
    x = np.zeros(instance.policies.size)
    x[index] = 1.0
    return ClassProfile(instance.policies, x.reshape(instance.policies.counts), "nash")


# --- generators ---


@given(seeds, st.floats(0.01, 0.6))
def test_towards_keeps_its_distance(seed, distance):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(5) / 2, size=(2, 20))
    moved = towards(p, q, distance)
    assert (moved >= 0.0).all()
    np.testing.assert_allclose(moved.sum(axis=1), 1.0, atol=1e-12)
    total = np.sqrt(np.maximum(squared_hellinger(p, q), 0.0))
    reached = np.sqrt(np.maximum(squared_hellinger(p, moved), 0.0))
    np.testing.assert_allclose(reached, np.minimum(distance, total), atol=1e-6)
    # On the arc: the angle left to go is the rest.
    left = np.arccos(np.clip(1.0 - squared_hellinger(moved, q), -1, 1))
    whole = np.arccos(np.clip(1.0 - squared_hellinger(p, q), -1, 1))
    gone = np.arccos(np.clip(1.0 - squared_hellinger(p, moved), -1, 1))
    np.testing.assert_allclose(left + gone, whole, atol=1e-6)


@given(seeds, st.booleans())
@few
def test_a_net_surrounds_the_truth_at_graded_distances(seed, sparse):
    game = random_game(seed, (2, 2), states=4, sparse=sparse)
    floor = 0.2 if sparse else 0.0
    net = model_net(game, 9, seed, (0.01, 0.05), floor).transitions
    np.testing.assert_array_equal(net[0], game.transition)
    reached = np.sqrt(np.maximum(squared_hellinger(net, game.transition), 0.0))
    wanted = np.geomspace(0.01, 0.05, 8)
    assert (reached[1:] <= wanted[:, None, None, None] + 1e-6).all()
    nearly = np.isclose(reached[1:], wanted[:, None, None, None], atol=1e-6)
    assert nearly.mean() > 0.9
    if not sparse:
        assert ((net > 0) == (game.transition > 0)).all()
    smaller = model_net(game, 3, seed, (0.01, 0.05), floor).transitions
    assert len(smaller) == 3


def test_a_net_around_a_deterministic_game_needs_a_floor():
    game = catalogue.make("combination_lock").game
    with pytest.raises(InputError, match="floor is 0 but every transition is deterministic"):
        model_net(game, 4, floor=0.0)
    net = model_net(game, 4, floor=0.1).transitions
    assert (np.abs(net[1:] - net[0]).max(axis=(1, 2, 3, 4)) > 1e-4).all()


@given(seeds)
@few
def test_a_value_class_holds_every_value_once_and_distractors(seed):
    game = random_game(seed, (2, 3), states=2, horizon=2)
    policies = random_policies(game, seed)
    classes = value_class_of(game, policies, distractors=3, seed=seed)
    assert realizable(Instance(game, policies, classes))
    every = np.stack(
        [policy_action_values(game, policies.joint_actions(game, k)) for k in range(policies.size)]
    )
    for i, values in enumerate(classes.per_agent):
        members = values[:-3]
        apart = np.abs(members[:, None] - members[None]).max(axis=(2, 3, 4))
        assert (apart[~np.eye(len(members), dtype=bool)] > 1e-12).all()
        assert len(members) == len(np.unique(np.round(every[:, i], 9), axis=0))
        left = game.horizon - np.arange(game.horizon)[:, None, None]
        assert (values >= 0.0).all()
        assert (values <= left + 1e-12).all()


def test_streams_differ_by_every_coordinate():
    draws = {
        (seed, names): stream(seed, *names).random()
        for seed in (0, 1)
        for names in [(), ("a",), ("b",), ("a", "b"), ("b", "a"), ("ab",)]
    }
    assert len(set(draws.values())) == len(draws)
    assert stream(1, "a").random() == draws[1, ("a",)]


# --- linear mixtures ---


@given(seeds, st.integers(1, 5))
@few
def test_linear_mixtures_span_one_dimension_less_than_their_kernels(seed, d):
    instance = catalogue.make("linear_mixture", seed=seed, dimension=d, models=20, policies=2)
    models = instance.hypothesis().transitions
    assert spread_rank(models) == d - 1
    assert (models > 0.0).all()
    assert instance.known["mixture_dimension"].value == d


def test_the_reference_instance_has_the_stated_sizes():
    instance = catalogue.make("linear_mixture")
    assert instance.game.transition.shape == (4, 8, 9, 8)
    assert instance.game.action_counts == (3, 3)
    assert instance.policies.counts == (32, 32)
    assert instance.hypothesis().size == 512


def test_agents_may_differ_in_number_and_size():
    instance = catalogue.make(
        "linear_mixture", agents=3, actions=[2, 3, 1], policies=[4, 5, 1], models=5
    )
    assert instance.game.action_counts == (2, 3, 1)
    assert instance.payoffs.shape == (3, 4, 5, 1)


@given(seeds, st.integers(2, 4), st.integers(2, 3))
@few
def test_hypercube_is_the_chain_of_its_docstring(seed, d, H):
    K, c = 400, 0.3
    instance = catalogue.make("hypercube", seed=seed, dimension=d, horizon=H, episodes=K, c=c)
    game, models = instance.game, instance.hypothesis()
    delta = c / np.sqrt(H * K)
    assert models.size == 2 ** ((d - 1) * H)
    assert len(np.unique(models.transitions.reshape(models.size, -1), axis=0)) == models.size
    assert spread_rank(models.transitions[:, 0]) == d - 1
    # Signs of the true corner, read off the transitions; then every entry from the formula.
    corners = np.array(list(itertools.product([-1.0, 1.0], repeat=d - 1)))
    for h in range(H):
        success = game.transition[h, h, ::2, H + 1]
        mu = corners[success.argmax()] * delta
        np.testing.assert_allclose(success, 1 / H + corners @ mu, atol=1e-12)
        np.testing.assert_allclose(game.transition[h, h, ::2, h + 1], 1 - success, atol=1e-12)
    np.testing.assert_array_equal(game.transition[:, :, ::2], game.transition[:, :, 1::2])
    # The best class policy attains the closed form, and no policy at all does better.
    value = instance.known["value"].value
    assert instance.payoffs[0].max() == pytest.approx(value, abs=1e-12)
    anything = np.full(game.reward.shape[1:], 1.0 / game.actions)
    assert best_response_values(game, anything)[0] == pytest.approx(value, abs=1e-12)
    assert (instance.payoffs[1] == 0.0).all()


def test_hypercube_gap_follows_the_episodes():
    for K in (100, 6400):
        instance = catalogue.make("hypercube", dimension=4, episodes=K, total_deviation=0.5)
        total = 0.5 * np.sqrt(3 / (3 * K))
        assert 3 * instance.known["delta"].value == pytest.approx(total)
        success = instance.game.transition[0, 0, :, 4]
        assert success.max() - 1 / 3 == pytest.approx(total)


def test_hypercube_takes_samples_where_there_is_too_much():
    instance = catalogue.make("hypercube", horizon=4, models=100, policies=50, c=0.1)
    assert instance.hypothesis().size == 100
    assert instance.policies.counts == (50, 2)
    assert "value" not in instance.known


# --- lock and needle ---


@given(seeds, st.integers(1, 3), st.sampled_from([(2, 2), (3, 2), (2, 2, 2), (3,)]), st.booleans())
@few
def test_lock_opens_for_all_agents_together(seed, length, actions, slippery):
    slip = 0.2 if slippery else 0.0
    instance = catalogue.make(
        "combination_lock",
        seed=seed,
        length=length,
        agents=len(actions),
        actions=actions,
        policies=27,
        slip=slip,
    )
    n = len(actions)
    assert instance.payoffs.max() == pytest.approx((1 - slip) ** length)
    assert instance.known["value"].value == pytest.approx((1 - slip) ** length)
    assert instance.hypothesis().size == min(1024, int(np.prod(actions)) ** length)
    best = np.argwhere(instance.payoffs[0] > instance.payoffs[0].max() - 1e-12)
    assert len(best) == 1
    # Profile 0: the last agent alone is wrong, at the first step alone, and alone can gain.
    assert (best[0][:-1] == 0).all()
    assert best[0][-1] != 0
    gaps = pure(instance, 0).gaps(instance)
    np.testing.assert_allclose(gaps[:-1], 0.0, atol=1e-12)
    gain = (1 - slip) ** (length - 1) * (1 - 2 * slip)
    assert gaps[-1] == pytest.approx(gain)
    assert (pure(instance, 0).distribution > 0).sum() == 1
    assert n == instance.game.agents


def test_lock_has_a_worthless_equilibrium_where_two_agents_err():
    instance = catalogue.make("combination_lock", seed=1)
    right = np.argwhere(instance.payoffs[0] == 1.0)[0]
    wrong = [(int(k) + 1) % m for k, m in zip(right, instance.policies.counts)]
    profile = pure(instance, int(np.ravel_multi_index(wrong, instance.policies.counts)))
    np.testing.assert_array_equal(profile.gaps(instance), 0.0)


@pytest.mark.parametrize(("length", "actions"), [(2, (2, 2)), (3, (2, 2)), (2, (3, 2))])
def test_lock_decouples_by_the_first_wrong_step(length, actions):
    instance = catalogue.make("combination_lock", seed=2, length=length, actions=actions)
    game, models = instance.game, instance.hypothesis()
    errors = prediction_errors(instance)
    costs = [discrepancy(instance, f) for f in range(models.size)]
    truth = models.transitions[models.truth, :length, 0, :, 0].argmax(axis=1)
    clusters = {}
    for f in range(models.size):
        code = models.transitions[f, :length, 0, :, 0].argmax(axis=1)
        if f == models.truth:
            continue
        (pi,) = np.flatnonzero(errors[f] == 1.0)
        j = int(np.flatnonzero(code != truth)[0])
        clusters.setdefault((j, int(code[j])), []).append((f, int(pi)))
    N = length * (game.actions - 1)
    assert len(clusters) == N
    # Upper end: inside a cluster every use costs every pair at least 1.
    for members in clusters.values():
        assert min(costs[f][q] for f, _ in members for _, q in members) >= 1.0 - 1e-12
    assert max(errors.max(axis=1)) == 1.0
    # Lower end: the sequence of the docstring attains N (mu + 1) / 2.
    mu = 3
    sequence = [clusters[key][0] for key in sorted(clusters) for _ in range(mu)]
    assert harvest(errors, costs, sequence, mu) == pytest.approx(N * (mu + 1) / 2)
    assert instance.known["decoupling"].value == N / 2


def test_lock_samples_codes_where_there_are_too_many():
    instance = catalogue.make("combination_lock", length=8, models=50, seed=3)
    assert instance.hypothesis().size == 50
    assert 0.0 < instance.known["decoupling"].value < 12.0
    assert instance.payoffs.max() == 1.0


@pytest.mark.parametrize("success", [1.0, 0.5, 0.1])
def test_needle_without_a_paying_arm_has_the_closed_form(success):
    M = 5
    instance = catalogue.make("needle", arms=M, truth="none", success=success)
    assert instance.return_range == 0.0
    assert instance.value_bound() == 1.0
    errors = prediction_errors(instance)
    costs = [discrepancy(instance, f) for f in range(M + 1)]
    for m in range(1, M + 1):
        assert np.count_nonzero(errors[m]) == 2  # arm m beside both actions of the dummy
        D = 1.0 - np.sqrt(1.0 - success)
        np.testing.assert_allclose(costs[m][errors[m] > 0], D, atol=1e-12)
        np.testing.assert_array_equal(costs[m][errors[m] == 0], 0.0)
    mu = 4
    uses = int(np.ceil(mu * success / D))
    sequence = [(m, int(errors[m].argmax())) for m in range(1, M + 1) for _ in range(uses)]
    attained = harvest(errors, costs, sequence, mu)
    closed = M * sum(max(success - c * D / mu, 0.0) for c in range(uses + 1))
    assert attained == pytest.approx(closed)
    d = instance.known["decoupling"].value
    assert mu * d <= attained <= mu * d + M * success
    assert attained / (mu + 12) <= d
    if success == 1.0:
        assert d == M / 2
        assert attained == pytest.approx(M * (mu + 1) / 2)


@pytest.mark.parametrize(("truth", "arm"), [("last", 5), (2, 2)])
def test_needle_pays_at_its_arm(truth, arm):
    instance = catalogue.make("needle", arms=5, truth=truth, success=0.75)
    expected = np.zeros((5, 2))
    expected[arm - 1] = 0.75
    np.testing.assert_array_equal(instance.payoffs[0], expected)
    np.testing.assert_array_equal(instance.payoffs[1], 0.0)
    assert instance.return_range == instance.known["value"].value == 0.75
    # Ties to the lowest profile leave agent 0 with everything to gain.
    np.testing.assert_array_equal(pure(instance, 0).gaps(instance), [0.75, 0.0])


# --- linear games ---


@given(seeds, st.integers(2, 4))
@few
def test_linear_games_are_linear_in_transition_value_and_completion(seed, d):
    instance = catalogue.make("linear_game", seed=seed, dimension=d, models=5)
    game, linear = instance.game, instance.hypothesis("linear")
    for h in range(game.horizon):
        assert rank(game.transition[h].reshape(-1, game.states)) <= d
    H = game.horizon
    for index in range(instance.policies.size):
        Q = policy_action_values(game, instance.policies.joint_actions(game, index))
        theta = linear_coefficients(Q, linear.features)
        left = H - np.arange(H)[None, :, None]
        assert ((theta >= -1e-9) & (theta <= left + 1e-9)).all()
        assert np.linalg.norm(theta, axis=-1).max() <= linear.radius
    # Bellman targets of the class stay linear: completeness.
    values = instance.hypothesis("values_linear").per_agent[0]
    actions = instance.policies.joint_actions(game, 1)
    for f in (0, len(values) - 1):
        target = np.empty((1, *game.reward.shape[1:]))
        for h in range(H):
            after = values[f, h + 1, np.arange(game.states), actions[h + 1]] if h + 1 < H else 0
            target[0, h] = game.reward[0, h] + game.transition[h] @ (after * np.ones(game.states))
        linear_coefficients(target, linear.features, name="target")


@given(seeds, st.integers(2, 4))
@few
def test_bilinear_rank_is_that_of_the_mean_bellman_errors(seed, d):
    instance = catalogue.make("linear_game", seed=seed, dimension=d, models=3)
    game, phi = instance.game, instance.hypothesis("linear").features
    rng = np.random.default_rng(seed)
    steps, states = np.arange(game.horizon), np.arange(game.states)
    every = [instance.policies.joint_actions(game, k) for k in range(instance.policies.size)]
    visits = [
        slow.occupancy(game, np.eye(game.actions)[actions]) for actions in every
    ]  # fmt: skip
    ranks = []
    for h in range(game.horizon):
        rows = []
        for _ in range(12):
            theta = rng.normal(size=(game.horizon + 1, d))
            theta[game.horizon] = 0.0
            f = np.einsum("hsad,hd->hsa", phi, theta[:-1])
            pi = every[rng.integers(len(every))]
            after = f[h + 1, states, pi[h + 1]] if h + 1 < game.horizon else 0 * states
            residual = f[h] - game.reward[0, h] - game.transition[h] @ after
            rows.append(
                [seen[h] @ residual[states, q[h]] for q, seen in zip(every, visits)]
            )  # fmt: skip
        ranks.append(rank(np.array(rows)))
    assert len(steps) == len(ranks)
    assert max(ranks) == instance.known["bilinear_rank"].value <= d
    assert d < game.states * game.actions


def test_models_of_linear_games_are_linear_games():
    instance = catalogue.make("linear_game", seed=4, models=6)
    phi = instance.hypothesis("linear").features
    for model in instance.hypothesis("models").transitions:
        for h in range(len(phi)):
            basis = phi[h].reshape(-1, 3)
            rows = model[h].reshape(len(basis), -1)
            mu = np.linalg.lstsq(basis, rows, rcond=None)[0]
            np.testing.assert_allclose(basis @ mu, rows, atol=1e-9)
            np.testing.assert_allclose(mu.sum(axis=1), 1.0, atol=1e-9)


# --- gridworld ---


@pytest.mark.parametrize(
    ("width", "height", "horizon"), [(2, 2, 2), (2, 2, 4), (3, 2, 5), (2, 3, 6)]
)
def test_gridworld_without_slips_is_worth_what_the_docstring_says(width, height, horizon):
    instance = catalogue.make(
        "gridworld", width=width, height=height, horizon=horizon, slip=0.0, policies=3
    )
    D = width + height - 2
    best = (horizon + 3 * max(horizon - D, 0)) / 4
    index = int(instance.known["equilibrium"].value)
    np.testing.assert_allclose(instance.payoffs.reshape(2, -1)[:, index], best, atol=1e-12)
    assert instance.known["equilibrium_welfare"].value == pytest.approx(2 * best)
    # No policy of anybody does better: the most over joint policies, agent by agent.
    assert instance.value_bound() >= best
    upper = instance.payoffs.reshape(2, -1).max(axis=1)
    np.testing.assert_allclose(upper, best, atol=1e-12)


@pytest.mark.parametrize(("slip", "seed"), [(0.1, 0), (0.35, 1)])
def test_gridworld_equilibrium_withstands_every_policy(slip, seed):
    instance = catalogue.make("gridworld", seed=seed, slip=slip)
    game = instance.game
    index = int(instance.known["equilibrium"].value)
    joint = np.eye(game.actions)[instance.policies.joint_actions(game, index)]
    assert MarkovProfile(joint, "nash").gaps(instance).max() <= 1e-12
    assert pure(instance, index).gaps(instance).max() <= 1e-12
    values = instance.payoffs.reshape(2, -1)[:, index]
    assert values.sum() == pytest.approx(instance.known["equilibrium_welfare"].value, abs=1e-12)
    slowly = [slow.value(game, joint, i) for i in range(2)]
    np.testing.assert_allclose(values, slowly, atol=1e-12)


def one_shot(first, second):
    reward = np.array([first, second], dtype=float).reshape(2, 1, 1, 4)
    return MarkovGame(np.ones((1, 1, 4, 1)), reward, (2, 2))


def test_pure_equilibria_are_equilibria_before_they_are_good():
    # Prisoner's dilemma: defecting (1, 1) is the equilibrium, though (0, 0) is better for both.
    joint, values = pure_equilibrium(one_shot([[0.6, 0.0], [1.0, 0.2]], [[0.6, 1.0], [0.0, 0.2]]))
    assert joint[0, 0] == 3
    np.testing.assert_allclose(values, 0.2)
    # Coordination: the better of two equilibria.
    both = [[0.3, 0.0], [0.0, 0.9]]
    assert pure_equilibrium(one_shot(both, both))[0][0, 0] == 3
    with pytest.raises(InputError, match="step 0 have no pure equilibrium"):
        pure_equilibrium(one_shot([[1, 0], [0, 1]], [[0, 1], [1, 0]]))


def test_gridworld_models_mix_four_kernels_and_agents_never_overlap():
    instance = catalogue.make("gridworld", slip=0.3)
    models = instance.hypothesis()
    assert models.size == 25
    assert spread_rank(models.transitions[:, 0]) == 3
    np.testing.assert_array_equal(models.transitions[models.truth], instance.game.transition)
    # By hand: agents next to each other that swap places stay, and are not calm.
    cells = [(x, y) for x in range(3) for y in range(2)]
    pairs = [(a, b) for a in cells for b in cells if a != b]
    s = pairs.index(((0, 0), (1, 0)))
    right_left = 3 * 4 + 2
    calm_share = 0.25
    assert instance.game.reward[0, 0, s, right_left] == 0.0
    apart = pairs.index(((0, 0), (2, 1)))
    assert instance.game.reward[0, 0, apart, right_left] == calm_share
    # They stay if both move (they swap), if one fails (they meet), and if both fail.
    assert instance.game.transition[0, s, right_left, s] == pytest.approx(1.0)
    # Apart: each arrives with its own probability.
    both = pairs.index(((1, 0), (1, 1)))
    assert instance.game.transition[0, apart, right_left, both] == pytest.approx(0.49)


# --- random games ---


@given(seeds)
@few
def test_near_duplicates_lie_at_exact_distances_whatever_is_played(seed):
    K = 100_000
    instance = catalogue.make(
        "near_duplicates",
        seed=seed,
        episodes=K,
        models=6,
        policies=3,
        states=4,
        actions=2,
        spread=(0.02, 5.0),
    )
    models = instance.hypothesis()
    H = instance.game.horizon
    spread = np.append(0.0, np.geomspace(0.02, 5.0, 5))
    found = []
    for f in range(models.size):
        costs = discrepancy(instance, f)
        np.testing.assert_allclose(costs, costs[0], rtol=1e-6, atol=1e-12)
        found.append(max(costs[0], 0.0))
    np.testing.assert_allclose(np.sort(found), H * spread**2 / K, rtol=1e-4, atol=1e-12)
    errors = np.abs(prediction_errors(instance)).max(axis=1)
    bound = H * instance.value_bound() * np.sqrt(2) * np.sqrt(np.array(found) / H)
    assert (errors <= bound + 1e-9).all()


def test_near_duplicates_oppose_the_agents():
    game = catalogue.make("near_duplicates", models=2).game
    assert np.corrcoef(game.reward[0].ravel(), game.reward[1].ravel())[0, 1] < -0.8
    opposed = catalogue.make("near_duplicates", models=2, own=0.0).game
    np.testing.assert_allclose(opposed.reward.sum(axis=0), 1.0, atol=1e-12)


@given(seeds, st.integers(1, 4))
@few
def test_random_games_branch_as_told(seed, branching):
    instance = catalogue.make(
        "random_game",
        seed=seed,
        agents=3,
        actions=[2, 1, 3],
        states=4,
        branching=branching,
        policies=[2, 1, 3],
        models=4,
    )
    game, models = instance.game, instance.hypothesis().transitions
    assert game.action_counts == (2, 1, 3)
    assert ((game.transition > 0).sum(axis=-1) == branching).all()
    if branching > 1:
        assert ((models > 0) == (game.transition > 0)).all()
    assert (np.abs(models[1:] - models[0]).max(axis=(1, 2, 3, 4)) > 1e-4).all()
