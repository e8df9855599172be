"""Nash-UCRL and OMNI-VI: they learn, their bounds hold, and slow twins agree with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from layered_games import layered_form

import mamex_bench as mb
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels import linear_planning as kernel
from mamex_bench.kernels.nash_ucrl import FIRST, SECOND, radii
from mamex_bench.learners._linear_planning import LinearPlanning
from mamex_bench.learners.omni_vi import theorem_radius
from mamex_bench.model.mixture import Mixture
from mamex_bench.model.simulator import Simulator

NAMES = ("nash_ucrl", "nash_ucrl_tuned", "omni_vi", "omni_vi_tuned")
SMALL = {"zero_sum": True, "states": 4, "actions": 2, "policies": 4, "models": 16}


def arms(chances: tuple[float, ...] = (0.4, 0.5, 0.6, 0.9)) -> mb.Instance:
    """Agent 0 picks an arm, which wins or loses the second step; one-hot features, 3 states."""
    A = len(chances)
    transition = np.zeros((2, 3, A, 3))
    transition[:, 1, :, 1] = transition[:, 2, :, 2] = transition[1, 0, :, 0] = 1.0
    transition[0, 0, :, 1], transition[0, 0, :, 2] = chances, 1.0 - np.array(chances)
    reward = np.full((2, 2, 3, A), 0.5)
    reward[0, 1, 1], reward[0, 1, 2] = 1.0, 0.0
    reward[1] = 1.0 - reward[0]
    game = mb.MarkovGame(transition, reward, (A, 1))
    features = np.zeros((2, 3, A, A + 3))
    features[:, :, :, A:] = np.eye(3)[:, None]
    features[0, 0] = np.eye(A, A + 3)
    policies = mb.PurePolicies.sample(game, [2, 1], 0)
    return mb.Instance(game, policies, mb.LinearValueClass(features), name="arms")


GAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "mixture": ("linear_mixture", SMALL),
    "dummy": (
        "hypercube",
        {"zero_sum": True, "dimension": 3, "total_deviation": 1.0, "episodes": 100},
    ),
    "both": ("two_sided_hypercube", {"total_deviation": 1.0, "episodes": 200}),
    "linear": ("linear_game", {"zero_sum": True}),
    "signals": (
        "linear_game",
        {"zero_sum": True, "features": "independent", "signals": 2, "dimension": 2},
    ),
}


@cache
def case(game: str, seed: int = 0) -> mb.Instance:
    if game == "arms":
        return arms()
    family, parameters = GAMES[game]
    return mb.catalogue.make(family, seed=seed, **parameters)


def applicable(name: str) -> str:
    return "mixture" if name.startswith("nash") else "linear"


def build(name: str, instance: mb.Instance, episodes: int, **options: Any) -> LinearPlanning:
    concept = options.pop("concept", "cce")
    learner = mb.learners.make(name, instance, concept=concept, episodes=episodes, **options)
    assert isinstance(learner, LinearPlanning)
    return learner


# --- they learn ---

# (learner, game): episodes, and the largest share of the gap of uniform actions that may be left,
# mean of the executed profiles over the second half.
LEVELS = {
    ("nash_ucrl_tuned", "mixture"): (1000, 0.03),
    ("nash_ucrl_tuned", "dummy"): (1500, 0.06),
    ("nash_ucrl_tuned", "both"): (1500, 0.42),
    ("omni_vi_tuned", "linear"): (1000, 0.03),
    ("omni_vi_tuned", "signals"): (1500, 0.25),
    ("omni_vi_tuned", "arms"): (1000, 0.03),
    ("omni_vi", "arms"): (30_000, 0.12),
}

Change = Callable[[Any], Any]


def share_left(
    name: str, game: str, concept: str, seed: int, change: Change | None = None
) -> float:
    """Sum of both agents' gaps that is left, as a share of that of uniform actions everywhere."""
    instance, (episodes, _) = case(game, seed), LEVELS[name, game]
    learner = build(name, instance, episodes, concept=concept)
    if change is not None:
        learner = LinearPlanning(instance, concept, episodes, "changed", change(learner._evidence))
    run = mb.run(instance, learner, episodes, seed=seed)
    executed = np.repeat(run.gaps.sum(axis=1), run.lengths)
    return float(executed[episodes // 2 :].mean() / uniform_gap(instance, concept))


def uniform_gap(instance: mb.Instance, concept: str) -> float:
    shape = (*instance.game.table_shape, instance.game.actions)
    uniform = mb.MarkovProfile(np.full(shape, 1.0 / instance.game.actions), concept)
    return float(uniform.gaps(instance).sum())


@pytest.mark.parametrize(("name", "game"), LEVELS)
def test_they_learn(name: str, game: str) -> None:
    for seed, concept in enumerate(("cce", "nash")):
        assert share_left(name, game, concept, seed) <= LEVELS[name, game][1]


BREAKS: dict[str, tuple[str, str, Change]] = {
    "radii of the wrong sign": (
        "nash_ucrl_tuned",
        "both",
        lambda data: data._replace(scale=-data.scale),
    ),
    "features of another kernel": (
        "nash_ucrl_tuned",
        "mixture",
        lambda data: data._replace(
            fans=data.fans._replace(basis=np.roll(data.fans.basis, 1, axis=0))
        ),
    ),
    "bonus of the wrong sign": (
        "omni_vi_tuned",
        "arms",
        lambda data: data._replace(beta=-data.beta),
    ),
    "payoffs of the other agent": (
        "omni_vi_tuned",
        "linear",
        lambda data: data._replace(payoff=-data.payoff),
    ),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_a_planted_break_is_caught_by_the_same_levels(fault: str) -> None:
    name, game, change = BREAKS[fault]
    assert max(share_left(name, game, "cce", seed, change) for seed in range(6)) > (
        1.2 * LEVELS[name, game][1]
    )


# --- slow twins: batch regressions from all data ---

Step = tuple[np.ndarray, np.ndarray, mb.Trajectory]


def played(learner: LinearPlanning, episodes: int, seed: int = 5) -> list[Step]:
    """Per episode the plan's upper bounds (H, S, 2, A), sigma (H, S, A) and the trajectory."""
    game = learner.instance.game
    learner.begin(np.random.default_rng(seed + 1))
    simulator, rng = Simulator(game), np.random.default_rng(seed)
    steps = []
    for _ in range(episodes):
        profile = learner.choose()
        high = learner._plan.high.reshape(*game.table_shape, 2, -1).copy()
        sigma = learner._plan.sigma.reshape(*game.table_shape, -1).copy()
        trajectory = simulator.play(profile.play(game, rng), rng.random(simulator.uniforms))
        steps.append((high, sigma, trajectory))
        learner.observe(trajectory)
    return steps


def expect_cce(high: np.ndarray, sigma: np.ndarray, counts: tuple[int, ...]) -> None:
    """sigma (..., A) is a CCE of the games high (..., 2, A), to rounding."""
    x = sigma.reshape(-1, *counts)
    U = np.moveaxis(high.reshape(-1, 2, *counts), 1, 0)
    value = (U * x).sum(axis=(2, 3))
    first = np.einsum("bac,bc->ba", U[0], x.sum(axis=1)).max(axis=1)
    second = np.einsum("bac,ba->bc", U[1], x.sum(axis=2)).max(axis=1)
    assert max((first - value[0]).max(), (second - value[1]).max()) <= 1e-8


def payoffs_of(game: mb.MarkovGame) -> np.ndarray:
    """(H, S, 2, A)."""
    own = 2.0 * game.reward[0] - 1.0
    return np.stack([own, -own], axis=2)


def extremes(game: mb.MarkovGame, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Floor and ceiling (H, S, 2, A) from u and the least and most of every later step."""
    low, high = u.copy(), u.copy()
    for h in range(game.horizon):
        for later in range(h + 1, game.horizon):
            low[h] += u[later].min(axis=(0, 2))[:, None]
            high[h] += u[later].max(axis=(0, 2))[:, None]
    return low, high


def unit_basis(mixture: Mixture) -> tuple[np.ndarray, float]:
    """(d, H, S, A, S) and B."""
    unit = np.sqrt((np.abs(mixture.basis).sum(axis=-1) ** 2).sum(axis=0)).max()
    return mixture.basis / unit, unit * np.linalg.norm(mixture.weights, axis=-1).max()


def slow_radii(k: int, d: int, H: int, B: float, K: int, delta: float) -> list[float]:
    log, lam = np.log, B**-2.0
    many = log(4 * k**2 * H / delta)
    return [
        16 * np.sqrt(d * log(1 + k / lam) * many) + 8 * np.sqrt(d) * many + np.sqrt(lam) * B,
        16 * np.sqrt(d * H**4 * log(1 + K * H**4 / (d * lam)) * many)
        + 8 * H**2 * many
        + np.sqrt(lam) * B,
        16 * d * np.sqrt(log(1 + k / lam) * many) + 8 * np.sqrt(d) * many + np.sqrt(lam) * B,
    ]


def test_the_radii_are_those_of_the_paper() -> None:
    for k, d, H, B, K, delta in [(1, 2, 2, 1.0, 10, 0.01), (700, 5, 6, 3.5, 10_000, 0.002)]:
        np.testing.assert_allclose(radii(k, d, H, B, K, delta), slow_radii(k, d, H, B, K, delta))


@pytest.mark.parametrize(("game", "scale"), [("mixture", 0.001), ("mixture", 1.0), ("both", 0.003)])
def test_weighted_regression_equals_a_batch_recomputation(game: str, scale: float) -> None:
    instance = case(game)
    mixture, truth = instance.hypothesis().mixture, instance.dense
    H, S, d, K = truth.horizon, truth.states, mixture.dimension, 90
    name = "nash_ucrl" if scale == 1.0 else "nash_ucrl_tuned"
    options = {} if scale == 1.0 else {"scale": scale}
    steps = played(build(name, instance, K, **options), K)
    u = payoffs_of(truth)
    floor, ceiling = (-H, H) if scale == 1.0 else extremes(truth, u)
    basis, B = unit_basis(mixture)
    data: dict[tuple[int, int, int], list[list[float]]] = {}

    def fit(kind: int, i: int, h: int) -> tuple[np.ndarray, np.ndarray]:
        seen = np.array(data.get((kind, i, h), np.zeros((0, d + 2))))
        phi, target, weight = seen[:, :d], seen[:, d], seen[:, d + 1]
        gram = np.eye(d) / B**2 + (weight * phi.T) @ phi
        return gram, np.linalg.solve(gram, phi.T @ (weight * target))

    def norm(gram: np.ndarray, phi: np.ndarray) -> np.ndarray:
        return np.sqrt(np.einsum("...p,...p", phi, np.linalg.solve(gram, phi[..., None])[..., 0]))

    for k, (high, sigma, trajectory) in enumerate(steps, start=1):
        beta = [scale * each for each in slow_radii(k, d, H, B, K, 0.01)]
        value = np.zeros((H + 1, S, 2))
        for h in reversed(range(H)):
            for i in range(2):
                phi = np.einsum("dsat,t->sad", basis[:, h], value[h + 1, :, i])
                gram, theta = fit(FIRST, i, h)
                q = u[h, :, i] + phi @ theta + beta[0] * norm(gram, phi)
                slow = np.clip(q, *(b if np.isscalar(b) else b[h, :, i] for b in (floor, ceiling)))
                # The first step is planned where it starts only.
                seen = truth.initial > 0 if h == 0 and k > 1 else slice(None)
                np.testing.assert_allclose(high[h, seen, i], slow[seen], atol=1e-8)
                value[h, :, i] = (sigma[h] * slow).sum(axis=1)
            expect_cce(high[h], sigma[h], truth.action_counts)
        joint = trajectory.actions @ truth.strides
        for h in range(H - 1):
            s, a, after = trajectory.states[h], joint[h], trajectory.states[h + 1]
            for i in range(2):
                V = value[h + 1, :, i]
                phi, squared = basis[:, h, s, a] @ V, basis[:, h, s, a] @ V**2
                (one, theta), (two, second) = fit(FIRST, i, h), fit(SECOND, i, h)
                error = min(H**2, beta[1] * float(norm(two, squared)))
                error += min(H**2, 2 * H * beta[2] * float(norm(one, phi)))
                spread = np.clip(squared @ second, 0, H**2) - np.clip(phi @ theta, -H, H) ** 2
                variance = max(H**2 / d, spread + error)
                data.setdefault((FIRST, i, h), []).append([*phi, V[after], 1 / variance])
                data.setdefault((SECOND, i, h), []).append([*squared, V[after] ** 2, 1.0])


@pytest.mark.parametrize("name", ["omni_vi", "omni_vi_tuned"])
@pytest.mark.parametrize("game", ["linear", "signals"])
def test_least_squares_equals_a_batch_recomputation(name: str, game: str) -> None:
    instance, K = case(game), 90
    truth, features = instance.dense, instance.hypothesis("linear").features
    H, S, d = truth.horizon, truth.states, features.shape[-1]
    steps = played(build(name, instance, K), K)
    u = payoffs_of(truth)
    if name == "omni_vi":
        beta = theorem_radius(truth, d, K, 0.05)
        root = 2 * S * np.log(K) + 2 * np.log(H / 0.05) + d * np.log(1 + K / d)
        assert beta == pytest.approx(H * (root**0.5 + 2 * (d / K) ** 0.5 + 2 * d**0.5))
        floor, ceiling = np.full(u.shape, -float(H)), np.full(u.shape, float(H))
    else:
        beta = 0.03 * d * H * np.sqrt(np.log(2 * d * K * H / 0.05))
        floor, ceiling = extremes(truth, u)
    for k, (high, sigma, _) in enumerate(steps):
        value = np.zeros((H + 1, S, 2))
        for h in reversed(range(H)):
            past = [
                (t.states[h], (t.actions @ truth.strides)[h], t.states[h + 1])
                for _, _, t in steps[:k]
            ]
            phi = np.array([features[h, s, a] for s, a, _ in past]).reshape(-1, d)
            gram = np.eye(d) + phi.T @ phi
            flat = features[h].reshape(-1, d)
            bonus = np.sqrt((flat * np.linalg.solve(gram, flat.T).T).sum(axis=1))
            for i in range(2):
                y = np.array([value[h + 1, after, i] for _, _, after in past])
                known = u[h, :, i] if name == "omni_vi_tuned" else 0.0
                if name == "omni_vi":
                    y = y + np.array([u[h, s, i, a] for s, a, _ in past])
                w = np.linalg.solve(gram, phi.T @ y)
                q = known + (flat @ w + beta * bonus).reshape(S, -1)
                slow = np.clip(q, floor[h, :, i], ceiling[h, :, i])
                np.testing.assert_allclose(high[h, :, i], slow, atol=1e-8)
                value[h, :, i] = (sigma[h] * slow).sum(axis=1)
            expect_cce(high[h], sigma[h], truth.action_counts)


# --- what the theorems promise of the bounds ---


def best_responses(game: mb.MarkovGame, sigma: np.ndarray) -> np.ndarray:
    """(H, S, 2, A): Q of either agent's best response to the other's marginal of sigma."""
    u, counts = payoffs_of(game), game.action_counts
    Q = np.empty_like(u)
    value = np.zeros((game.states, 2))
    for h in reversed(range(game.horizon)):
        Q[h] = u[h] + np.einsum("sat,ti->sia", game.transition[h], value)
        table, x = Q[h].reshape(-1, 2, *counts), sigma[h].reshape(-1, *counts)
        value[:, 0] = np.einsum("sac,sc->sa", table[:, 0], x.sum(axis=1)).max(axis=1)
        value[:, 1] = np.einsum("sac,sa->sc", table[:, 1], x.sum(axis=2)).max(axis=1)
    return Q


def minimax_values(game: mb.MarkovGame) -> np.ndarray:
    """(H, S, A): Q* of agent 0 in units u, every stage game by a linear program of its own."""
    u, Q, value = payoffs_of(game), np.empty_like(game.reward[0]), np.zeros(game.states)
    for h in reversed(range(game.horizon)):
        Q[h] = u[h, :, 0] + game.transition[h] @ value
        value = np.array([minimax_value(q.reshape(game.action_counts)) for q in Q[h]])
    return Q


def minimax_value(matrix: np.ndarray) -> float:
    from scipy.optimize import linprog

    m, n = matrix.shape
    answer = linprog(
        np.append(np.zeros(m), -1.0),
        A_ub=np.hstack([-matrix.T, np.ones((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.append(np.ones(m), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * m + [(None, None)],
    )
    return -float(answer.fun)


@pytest.mark.parametrize(
    ("name", "game", "episodes", "options"),
    [
        ("omni_vi", "arms", 4000, {}),
        ("omni_vi", "linear", 3000, {}),
        ("nash_ucrl", "mixture", 300, {}),
        ("nash_ucrl_tuned", "mixture", 1000, {"scale": 0.02}),
        ("nash_ucrl_tuned", "dummy", 1000, {"scale": 0.05}),
    ],
)
def test_bounds_hold(name: str, game: str, episodes: int, options: dict[str, float]) -> None:
    """Qbar >= Q of the best response >= Q* >= that of the other agent >= Qunder."""
    instance = case(game)
    truth, learner = instance.dense, build(name, instance, episodes, **options)
    star = minimax_values(truth)
    steps = played(learner, episodes)
    for high, sigma, _ in steps[:: episodes // 50]:
        best = best_responses(truth, sigma)
        assert (best[:, :, 0] >= star - 1e-9).all()
        assert (high[1:] >= best[1:] - 1e-9).all()
        start = truth.initial > 0
        assert (high[0, start] >= best[0, start] - 1e-9).all()
    gaps = learner.output_profile().gaps(instance)
    assert gaps.sum() <= learner.diagnostics()["output_width"] + 1e-9
    low, high_bound = learner.bounds()
    assert (low <= high_bound + 1e-9).all()


def test_the_papers_confidence_sets_hold_the_truth_with_room() -> None:
    """Lemma 5.1: |theta - theta*| <= beta in the norms of the regressions, here by far."""
    instance, K = case("mixture", 1), 1000
    models = instance.hypothesis()
    learner = build("nash_ucrl_tuned", instance, K)
    played(learner, K)
    basis, B = unit_basis(models.mixture)
    unit = (models.mixture.basis / basis)[np.abs(basis) > 0].flat[0]
    data, H = learner._evidence, instance.game.horizon
    beta = slow_radii(K, models.mixture.dimension, H, B, K, 0.01)
    for kind, radius in ((FIRST, beta[0]), (SECOND, beta[1]), (FIRST, beta[2])):
        for i in range(2):
            for h in range(H - 1):
                r = (kind * 2 + i) * H + h
                error = data.theta[r] - unit * models.mixture.weights[models.truth, h]
                assert 0.0 < np.sqrt(error @ data.ridge.gram[r] @ error) < 0.01 * radius


def test_theorem_constants_say_nothing_for_long() -> None:
    """One pure profile, and the bounds are H and -H: what the docstring says."""
    learner = build("nash_ucrl", case("mixture"), 500)
    run = mb.run(case("mixture"), learner, 500)
    assert run.lengths.tolist() == [500]
    assert learner.diagnostics()["output_width"] == case("mixture").game.horizon


# --- reductions and invariances ---


def test_one_hot_features_are_tabular_counts_with_a_ridge() -> None:
    instance, K = arms(), 400
    game = instance.dense
    learner = build("omni_vi", instance, K)
    steps = played(learner, K)
    high, _, _ = steps[-1]
    wins = {a: [0, 0] for a in range(4)}
    ends = {1: 0, 2: 0}
    for _, _, t in steps[:-1]:
        a, after = t.actions[0, 0], t.states[1]
        wins[a][after - 1] += 1
        ends[after] += 1
    beta = theorem_radius(game, 7, K, 0.05)
    for i in range(2):
        value = {}
        for s in (1, 2):
            sign = (1.0 if s == 1 else -1.0) * (1.0 if i == 0 else -1.0)
            value[s] = min(ends[s] / (ends[s] + 1) * sign + beta / np.sqrt(ends[s] + 1), 2.0)
            np.testing.assert_allclose(high[1, s, i], value[s], atol=1e-10)
        for a, (won, lost) in wins.items():
            n = won + lost
            mean = (won * value[1] + lost * value[2]) / (n + 1)
            expected = min(mean + beta / np.sqrt(n + 1), 2.0)
            np.testing.assert_allclose(high[0, 0, i, a], expected, atol=1e-10)


def test_one_constant_feature_is_one_mean() -> None:
    """d = 1: every pair shares one estimate per step, the ridge mean of all targets."""
    base = case("linear").dense
    instance = mb.Instance(
        base,
        case("linear").policies,
        mb.LinearValueClass(np.ones((base.horizon, base.states, base.actions, 1))),
    )
    learner = build("omni_vi_tuned", instance, 100)
    steps = played(learner, 100)
    high, sigma, _ = steps[-1]
    u = payoffs_of(base)
    value = (sigma[-1][:, None] * u[-1]).sum(axis=2)
    seen = np.array([value[t.states[-2]] for _, _, t in steps[:-1]])
    beta = 0.03 * base.horizon * np.sqrt(np.log(2 * 100 * base.horizon / 0.05))
    expected = u[-2] + (seen.sum(axis=0) / 100)[:, None] + beta / 10
    floor, ceiling = extremes(base, u)
    np.testing.assert_allclose(high[-2], np.clip(expected, floor[-2], ceiling[-2]), atol=1e-10)


def test_one_kernel_is_the_known_game() -> None:
    """d = 1: the weight is known but for the ridge, and plans become minimax ones."""
    base = case("mixture").dense
    models = mb.ModelClass(
        base.transition[None], 0, mixture=Mixture(base.transition[None], np.ones((1, 4, 1)))
    )
    instance = mb.Instance(base, case("mixture").policies, models)
    learner = build("nash_ucrl_tuned", instance, 4000, scale=1e-5, growth=1.2)
    run = mb.run(instance, learner, 4000)
    assert run.gaps[-1].sum() < 0.01
    low, high = learner.bounds()
    star = minimax_values(base).reshape(low.shape)
    np.testing.assert_allclose(high[4:], star[4:], atol=0.06)
    np.testing.assert_allclose(low[4:], star[4:], atol=0.06)


def renamed(instance: mb.Instance, order: np.ndarray) -> mb.Instance:
    """The same instance with its base kernels or features in another order."""
    classes = instance.hypothesis("linear" if "linear" in instance.hypotheses else None)
    other: Any
    if isinstance(classes, mb.ModelClass):
        mixture = Mixture(classes.mixture.basis[order], classes.mixture.weights[:, :, order])
        other = mb.ModelClass(classes.transitions, classes.truth, mixture=mixture)
    else:
        other = mb.LinearValueClass(classes.features[..., order])
    return mb.Instance(instance.game, instance.policies, other)


@pytest.mark.parametrize("name", ["nash_ucrl_tuned", "omni_vi_tuned"])
def test_the_order_of_the_basis_changes_nothing(name: str) -> None:
    instance = case(applicable(name))
    d = 4 if name == "nash_ucrl_tuned" else 3
    other = renamed(instance, np.roll(np.arange(d)[::-1], 1))
    one, two = (played(build(name, each, 120), 120) for each in (instance, other))
    for (high, _, t), (same, _, other_t) in zip(one, two, strict=True):
        np.testing.assert_allclose(high, same, atol=1e-9)
        np.testing.assert_array_equal(t.states, other_t.states)


def mirrored(instance: mb.Instance) -> mb.Instance:
    """The same instance with the agents' names exchanged."""
    game = instance.dense
    A, B = game.action_counts
    swap = np.arange(A * B).reshape(A, B).T.reshape(-1)
    new = mb.MarkovGame(
        game.transition[:, :, swap], game.reward[::-1][..., swap], (B, A), game.initial
    )
    policies = mb.PurePolicies(instance.policies.tables[::-1])
    classes = instance.hypothesis("linear" if "linear" in instance.hypotheses else None)
    other: Any
    if isinstance(classes, mb.ModelClass):
        mixture = Mixture(classes.mixture.basis[:, :, :, swap], classes.mixture.weights)
        other = mb.ModelClass(classes.transitions[:, :, :, swap], classes.truth, mixture=mixture)
    else:
        other = mb.LinearValueClass(classes.features[:, :, swap])
    return mb.Instance(new, policies, other)


@pytest.mark.parametrize("name", ["nash_ucrl_tuned", "omni_vi_tuned"])
def test_agents_are_treated_alike(name: str) -> None:
    """The same data, agents exchanged: the bounds are exchanged, as long as no tie decides."""
    instance = case(applicable(name))
    other = mirrored(instance)
    one, two = build(name, instance, 60), build(name, other, 60)
    A, B = instance.game.action_counts
    swap = np.arange(A * B).reshape(A, B).T.reshape(-1)
    simulator, rng = Simulator(instance.game), np.random.default_rng(2)
    for _ in range(60):
        joint = rng.integers(A * B, size=instance.game.table_shape)
        trajectory = simulator.play(joint, rng.random(simulator.uniforms))
        one.observe(trajectory)
        flipped = mb.Trajectory(
            trajectory.states, trajectory.actions[:, ::-1], trajectory.rewards[::-1]
        )
        two.observe(flipped)
    (low, high), (other_low, other_high) = one.bounds(), two.bounds()
    np.testing.assert_allclose(other_high, -low[:, swap], atol=1e-9)
    np.testing.assert_allclose(other_low, -high[:, swap], atol=1e-9)


# --- the protocol, where the universal tests have no zero-sum game ---


@pytest.mark.parametrize("concept", ["cce", "nash"])
@pytest.mark.parametrize("name", NAMES)
def test_the_fused_loop_is_bit_identical(name: str, concept: str) -> None:
    instance = case(applicable(name))
    runs = [
        mb.run(instance, build(name, instance, 120, concept=concept), 120, seed=3, fused=fused)
        for fused in (True, False)
    ]
    first, again = runs
    assert np.array_equal(first.regret, again.regret)
    assert np.array_equal(first.lengths, again.lengths)
    for a, b in zip(first.profiles, again.profiles, strict=True):
        np.testing.assert_array_equal(a.joint, b.joint)
    for key, value in first.diagnostics.items():
        if "seconds" not in key:
            assert again.diagnostics[key] == value
    blocks = mb.run(instance, build(name, instance, 120, concept=concept), 120, seed=3, block=7)
    assert np.array_equal(first.regret, blocks.regret)


@pytest.mark.parametrize("name", NAMES)
def test_learners_are_blind_to_the_truth(name: str) -> None:
    instance = case(applicable(name))
    game, rng = instance.dense, np.random.default_rng(0)
    other = rng.dirichlet(np.ones(game.states), size=game.transition.shape[:-1])
    blind = mb.MarkovGame(other, game.reward, game.action_counts, game.initial)
    classes = instance.hypothesis("linear" if "linear" in instance.hypotheses else None)
    if isinstance(classes, mb.ModelClass):
        classes = mb.ModelClass(classes.transitions, None, mixture=classes.mixture)
    one, two = (
        build(name, mb.Instance(each, instance.policies, classes), 40) for each in (game, blind)
    )
    simulator = Simulator(game)
    for _ in range(40):
        x = one.choose()
        np.testing.assert_array_equal(x.joint, two.choose().joint)
        trajectory = simulator.play(x.play(game, rng), rng.random(simulator.uniforms))
        one.observe(trajectory)
        two.observe(trajectory)


def sparse_mixture() -> mb.Instance:
    """Three base kernels on common entries, about half of all; no ties."""
    rng, shape = np.random.default_rng(4), (3, 4, 4, 4)
    kept = rng.random(shape) < 0.4
    kept[..., 2] = True
    basis = rng.exponential(size=(3, *shape)) * kept
    basis /= basis.sum(axis=-1, keepdims=True)
    weights = np.repeat(rng.dirichlet(np.ones(3), size=(5, 1)), 3, axis=1)
    models = np.einsum("fhd,dhsat->fhsat", weights, basis)
    reward = rng.random((2, *shape[:3]))
    game = mb.MarkovGame(models[2], np.stack([reward[0], 1.0 - reward[0]]), (2, 2))
    policies = mb.PurePolicies.sample(game, [2, 2], 0)
    features = np.eye(16).reshape(4, 4, 16)[None].repeat(3, axis=0)
    classes = {
        "models": mb.ModelClass(models, 2, mixture=Mixture(basis, weights)),
        "linear": mb.LinearValueClass(features),
    }
    return mb.Instance(game, policies, classes)


@pytest.mark.parametrize("name", NAMES)
def test_layered_games_are_played_alike(name: str, tmp_path: Any) -> None:
    """Entries that no model makes possible are left out, of base kernels too."""
    instance = sparse_mixture()
    layered, models = layered_form(instance), instance.hypothesis("models")
    kept = (models.probabilities > 0.0).any(axis=0)
    assert kept.mean() < 0.8
    mixture = Mixture(models.mixture.entries[:, kept], models.mixture.weights)
    narrow = mb.ModelClass(models.probabilities[:, kept], models.truth, mixture=mixture)
    classes = {"models": narrow, "linear": layered.hypothesis("linear")}
    path = mb.save(mb.Instance(layered.game, layered.policies, classes), tmp_path / "it.npz")
    loaded = mb.load(path)
    assert isinstance(loaded, mb.Instance)
    one, two = (mb.run(each, build(name, each, 150), 150, seed=1) for each in (instance, loaded))
    np.testing.assert_allclose(one.regret, two.regret, atol=1e-9)


def test_nash_plays_the_marginals() -> None:
    instance = case("linear")
    learner = build("omni_vi_tuned", instance, 50, concept="nash")
    played(learner, 50)
    learner.choose()
    sigma = learner._plan.sigma.reshape(-1, *instance.game.action_counts)
    product = sigma.sum(axis=2)[:, :, None] * sigma.sum(axis=1)[:, None]
    np.testing.assert_allclose(learner._plan.joint, product.reshape(len(product), -1), atol=1e-12)


def test_lazy_plans_are_few_and_growth_one_is_every_episode() -> None:
    for name in ("nash_ucrl_tuned", "omni_vi_tuned"):
        instance = case(applicable(name))
        exact = mb.run(instance, build(name, instance, 400), 400, seed=1)
        lazy = mb.run(instance, build(name, instance, 400, growth=2.0), 400, seed=1)
        assert exact.diagnostics["passes"] == 400
        # A determinant of d <= 4 dimensions doubles at most d log2(1 + 400 / ridge) times.
        assert lazy.diagnostics["passes"] <= 1 + 2 * 4 * instance.game.horizon * 4 * 13
        assert lazy.diagnostics["passes"] < 100
        same = mb.run(instance, build(name, instance, 400, growth=1.0), 400, seed=1)
        np.testing.assert_array_equal(same.regret, exact.regret)


def test_a_pass_resumes_with_the_answer_that_it_was_given() -> None:
    """A stage game that the compiled solver leaves is answered by the caller; then x is settled,
    lower layers are planned on it and higher ones stay."""
    for name in ("nash_ucrl_tuned", "omni_vi_tuned"):
        learner = build(name, case(applicable(name)), 50)
        played(learner, 50)
        learner.choose()
        plan, first = learner._plan, learner.instance.game.layers.first
        x, before = int(first[1]) + 1, plan.value.copy()
        place = int(plan.sigma[x, plan.order[x]].argmin())  # of an action that is not played now
        answer = np.eye(1, plan.joint.shape[1], place)[0]
        kernel.adopt(learner._problem, plan, x, answer)
        assert kernel.replan(learner._problem, learner._evidence, plan, x) == kernel.PLANNED
        action = plan.order[x, place]
        np.testing.assert_array_equal(plan.sigma[x], np.eye(1, answer.size, action)[0])
        np.testing.assert_array_equal(plan.value[x], plan.high[x, :, action])
        assert not np.array_equal(plan.value[x], before[x])
        np.testing.assert_array_equal(plan.value[x + 1 :], before[x + 1 :])
        start = learner.instance.game.initial > 0.0
        assert (plan.value[: first[1]][start] != before[: first[1]][start]).all()


def test_rounded_stage_games_are_multiples_and_cost_little() -> None:
    instance = case("linear")
    learner = build("omni_vi_tuned", instance, 300, rounding=0.125)
    steps = played(learner, 300)
    stage = learner._plan.stage / 0.125
    np.testing.assert_array_equal(stage, np.rint(stage))
    high, sigma, _ = steps[-1]
    U = np.moveaxis(high.reshape(-1, 2, 2, 2), 1, 0)
    x = sigma.reshape(-1, 2, 2)
    value = (U * x).sum(axis=(2, 3))
    best = np.einsum("bac,bc->ba", U[0], x.sum(axis=1)).max(axis=1)
    assert 1e-6 < (best - value[0]).max() <= 0.125


def test_constant_sums_along_paths_are_zero_sum() -> None:
    """0.3 and 0.7 in turn: agent 1's rewards are replaced, gaps stay those of the game."""
    base = case("linear").dense
    reward = np.stack([0.3 * base.reward[0], 0.3 * (1.0 - base.reward[0])])
    reward[1, 0] += 0.4
    game = mb.MarkovGame(base.transition, reward, base.action_counts, base.initial)
    other = mb.Instance(game, case("linear").policies, case("linear").hypothesis("linear"))
    run = mb.run(other, build("omni_vi_tuned", other, 500), 500)
    assert run.gaps[-1].sum() < 0.1 * uniform_gap(other, "cce")


# --- bad input ---


def three_agents() -> mb.Instance:
    return mb.catalogue.make("linear_mixture", agents=3, actions=2, policies=2, models=4, states=2)


def unfit_features() -> mb.Instance:
    base = case("linear")
    features = base.hypothesis("linear").features[..., :2]
    return mb.Instance(base.game, base.policies, mb.LinearValueClass(features))


@pytest.mark.parametrize(
    ("name", "instance", "concept", "words"),
    [
        ("nash_ucrl", lambda: case("mixture"), "ce", "no form for 'ce'"),
        ("omni_vi_tuned", lambda: case("linear"), "ce", "omni_vi_tuned plays coarse"),
        ("nash_ucrl_tuned", three_agents, "cce", "nash_ucrl_tuned needs two agents"),
        (
            "omni_vi",
            lambda: mb.catalogue.make("linear_game", policies=2, models=2),
            "cce",
            "rewards sum to a constant along every path",
        ),
        (
            "omni_vi",
            lambda: case("mixture"),
            "cce",
            "omni_vi needs linear features, which instance 'linear_mixture.*' does not give",
        ),
        ("omni_vi", unfit_features, "cce", "omni_vi needs rewards 2 r - 1 that are linear"),
        (
            "nash_ucrl",
            lambda: case("linear"),
            "cce",
            "the base kernels of a linear mixture, which instance 'linear_game.*' does not give",
        ),
    ],
)
def test_games_out_of_reach_are_named(
    name: str, instance: Callable[[], mb.Instance], concept: str, words: str
) -> None:
    with pytest.raises(NotApplicableError, match=words):
        mb.learners.make(name, instance(), concept=concept, episodes=10)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("nash_ucrl", {"failure": 0.0}, "failure is 0.0"),
        ("nash_ucrl", {"growth": 0.5}, "growth is 0.5"),
        ("nash_ucrl", {"scale": 0.5}, "no option 'scale'"),
        ("nash_ucrl", {"hypotheses": "other"}, "no hypotheses 'other'"),
        ("nash_ucrl_tuned", {"scale": 0.0}, "scale is 0.0"),
        ("nash_ucrl_tuned", {"scale": float("inf")}, "scale is inf"),
        ("omni_vi", {"failure": 1.0}, "failure is 1.0"),
        ("omni_vi", {"rounding": -1.0}, "rounding is -1.0"),
        ("omni_vi_tuned", {"scale": float("nan")}, "scale is nan"),
        ("omni_vi_tuned", {"failure": 2.0}, "failure is 2.0"),
        ("omni_vi_tuned", {"growth": float("nan")}, "growth is nan"),
        ("omni_vi_tuned", {"episodes": 0}, "episodes is 0"),
    ],
)
def test_bad_options_are_named(name: str, change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {"concept": "cce", "episodes": 10, **change}
    with pytest.raises(InputError, match=words):
        mb.learners.make(name, case(applicable(name)), **arguments)


def test_named_hypotheses_without_what_is_needed_are_refused() -> None:
    with pytest.raises(NotApplicableError, match="'s 'linear' do not give"):
        build("nash_ucrl", case("linear"), 10, hypotheses="linear")
    with pytest.raises(NotApplicableError, match="'s 'models' do not give"):
        build("omni_vi", case("linear"), 10, hypotheses="models")
    assert build("omni_vi", case("linear"), 10, hypotheses="values_linear")


# --- mixtures of model classes, and zero-sum members ---


@pytest.mark.parametrize("game", ["mixture", "dummy", "both"])
def test_models_are_mixtures_of_their_base_kernels(game: str, tmp_path: Any) -> None:
    for seed in range(3):
        classes = case(game, seed).hypothesis()
        mixed = np.einsum("fhd,dhsat->fhsat", classes.mixture.weights, classes.mixture.basis)
        np.testing.assert_allclose(mixed, classes.transitions, atol=1e-12)
        assert classes.mixture.dimension == case(game, seed).known["mixture_dimension"].value
    path = mb.save(case(game), tmp_path / "game.npz")
    loaded = mb.load(path)
    assert isinstance(loaded, mb.Instance)
    one, two = case(game).hypothesis().mixture, loaded.hypothesis().mixture
    np.testing.assert_array_equal(one.basis, two.basis)
    np.testing.assert_array_equal(one.weights, two.weights)


def test_a_mixture_that_is_none_is_refused() -> None:
    instance = case("mixture")
    classes, mixture = instance.hypothesis(), instance.hypothesis().mixture
    assert repr(mixture) == "Mixture(d=4)"

    def with_mixture(other: Any) -> mb.Instance:
        models = mb.ModelClass(classes.transitions, classes.truth, mixture=other)
        return mb.Instance(instance.game, instance.policies, models)

    moved = mixture.weights.copy()
    moved[3, 2] += [1e-6, 0.0, 0.0, -1e-6]
    with pytest.raises(InputError, match=r"mixture\.weights\[3, 2\] @ basis differ"):
        with_mixture(Mixture(mixture.basis, moved))
    with pytest.raises(InputError, match=r"mixture\.weights has shape \(15, 4, 4\)"):
        with_mixture(Mixture(mixture.basis, mixture.weights[1:]))
    with pytest.raises(InputError, match=r"mixture\.basis has shape"):
        with_mixture(Mixture(mixture.basis[:, :, :, :, :2], mixture.weights))
    with pytest.raises(InputError, match=r"mixture\.basis has shape"):
        with_mixture(Mixture(mixture.basis.reshape(4, -1), mixture.weights))
    with pytest.raises(InputError, match=r"expected \(F, H, d\) = \(16, 4, 4\)"):
        Mixture(mixture.basis, mixture.weights[:, :, :3])
    with pytest.raises(InputError, match="expected Mixture"):
        with_mixture("four kernels")


@pytest.mark.parametrize("family", ["linear_mixture", "hypercube", "linear_game"])
def test_zero_sum_members_are_zero_sum_and_certified(family: str) -> None:
    small = {"models": 8, "policies": 3}
    for seed in range(3):
        plain = mb.catalogue.make(family, seed=seed, **small)
        member = mb.catalogue.make(family, seed=seed, zero_sum=True, **small)
        np.testing.assert_array_equal(member.game.reward.sum(axis=0), 1.0)
        np.testing.assert_array_equal(member.game.reward[0], plain.game.reward[0])
        np.testing.assert_array_equal(member.dense.transition, plain.dense.transition)
        own = member.game.units.to_own(member.payoffs)
        np.testing.assert_allclose(own.sum(axis=0), 0.0, atol=1e-12)
        assert all(check.holds for check in mb.catalogue.certify(family, member))
        assert "zero-sum" in member.name
    if family != "hypercube":
        with pytest.raises(InputError, match="zero_sum is true with 3 agents"):
            mb.catalogue.make(family, agents=3, zero_sum=True, **small)
