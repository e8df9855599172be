"""References and policy-space learners: they learn, they do what their definitions say, and a
learner with one thing broken is caught by the same test of learning."""

from __future__ import annotations

import itertools
from functools import cache
from math import log, sqrt

import numpy as np
import pytest
from test_layered_learners import forms
from test_mamex_payoffs import random_instance

import mamex_bench as mb
from mamex_bench.equilibria import solve
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels.self_play import stationary
from mamex_bench.learners import _monte_carlo, double_oracle, monte_carlo_ucb, oracle
from mamex_bench.learners._base import Learner
from mamex_bench.learners._monte_carlo import MonteCarlo
from mamex_bench.learners._zero_sum import constant_sum
from mamex_bench.learners.double_oracle import DoubleOracle
from mamex_bench.learners.epsilon_greedy import EpsilonGreedy, strayed
from mamex_bench.learners.exp3_self_play import Exp3SelfPlay
from mamex_bench.learners.explore_then_commit import ExploreThenCommit
from mamex_bench.learners.monte_carlo_ucb import MonteCarloUCB
from mamex_bench.model.returns import extreme_returns
from mamex_bench.model.simulator import Simulator

CONCEPTS = ("nash", "ce", "cce")
EPISODES = 10_000
GAMES = {
    "random": ("random_game", {}),
    "grid": ("gridworld", {}),
    "rps": ("matrix_game", {"game": "biased_rps"}),
    "needle": ("needle", {}),
}

# Largest share of uniform play's gap that may be left, on three instances, after 10,000 episodes:
# mean of the executed profiles' gaps over the second half; for self-play the gap of the uniform
# mixture of all executed profiles, which is what its theorem is about.
LEVELS: dict[str, dict[str, float]] = {
    "oracle": {"random": 1e-9, "grid": 1e-9, "rps": 1e-9},
    "explore_then_commit": {"random": 0.45, "grid": 0.1, "rps": 0.02},
    "epsilon_greedy": {"random": 0.25, "grid": 0.15, "rps": 0.1},
    "monte_carlo_ucb": {"grid": 0.35, "rps": 0.25, "needle": 1e-9},
    "monte_carlo_ucb_tuned": {"random": 0.15, "grid": 0.05, "needle": 1e-9},
    "exp3_self_play": {"random": 0.55, "grid": 0.3, "rps": 0.3},
    "double_oracle": {"random": 0.4, "grid": 0.2, "rps": 0.4},
}


@cache
def case(game: str) -> mb.Instance:
    family, parameters = GAMES[game]
    return mb.catalogue.make(family, **parameters)


def share_left(name: str, game: str, concept: str, seed: int) -> float:
    """Gap left, as a share of uniform play's."""
    instance = case(game)
    learner = mb.learners.make(name, instance, concept=concept, episodes=EPISODES)
    run = mb.run(instance, learner, EPISODES, seed=seed)
    uniform = mb.learners.make("uniform", instance, concept=concept, episodes=1).choose()
    scale = float(uniform.gaps(instance).max())
    if name == "exp3_self_play":
        shares = run.lengths / EPISODES
        mixed = sum(w * p.distribution for w, p in zip(shares, run.profiles, strict=True))
        mixture = mb.ClassProfile(instance.policies, mixed / mixed.sum(), concept)
        return float(mixture.gaps(instance).max()) / scale
    executed = np.repeat(run.gaps.max(axis=1), run.lengths)
    return float(executed[EPISODES // 2 :].mean()) / scale


@pytest.mark.parametrize("name", LEVELS)
def test_it_learns(name: str) -> None:
    for game, level in LEVELS[name].items():
        for seed in range(2):
            assert share_left(name, game, "cce", seed) <= level, (game, seed)


def rolled(means: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.roll(means, 1, axis=-1))


@pytest.mark.parametrize("name", LEVELS)
def test_a_planted_break_is_caught_by_the_same_levels(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    means, initialise = MonteCarlo.means, MonteCarloUCB.__init__
    adversarial = Exp3SelfPlay.__init__
    if name == "oracle":
        monkeypatch.setattr(oracle, "solve", lambda U, concept: solve(rolled(U), concept))
    elif name in ("explore_then_commit", "epsilon_greedy"):
        monkeypatch.setattr(MonteCarlo, "means", lambda self: rolled(means(self)))
    elif name.startswith("monte_carlo_ucb"):

        def without_optimism(self: MonteCarloUCB, *args: object) -> None:
            initialise(self, *args)
            self.widths[:] = 0.0
            self.optimistic[:] = self.low[:, None]

        monkeypatch.setattr(MonteCarloUCB, "__init__", without_optimism)
    elif name == "exp3_self_play":

        def greedy_for_losses(self: Exp3SelfPlay, *args: object) -> None:
            adversarial(self, *args)
            self.high, self.span = self.low, -self.span

        monkeypatch.setattr(Exp3SelfPlay, "__init__", greedy_for_losses)
    else:
        monkeypatch.setattr(DoubleOracle, "_respond", lambda self: False)
    assert any(
        share_left(name, game, "cce", 0) > 1.2 * level for game, level in LEVELS[name].items()
    )


# --- what is known in advance, and what is counted ---


def test_extreme_returns_are_those_of_all_paths() -> None:
    for seed in range(3):
        game = random_instance(seed, "models").game
        game = mb.MarkovGame(game.transition, game.reward, game.action_counts, [0.5, 0.5, 0.0])
        paths = itertools.product(range(2), range(3), range(3), *[range(game.actions)] * 3)
        totals = np.array(
            [
                sum(game.reward[:, h, s, a] for h, (s, a) in enumerate(zip(p[:3], p[3:])))
                for p in paths
            ]
        )
        low, high = extreme_returns(game, game.rewards)
        np.testing.assert_allclose(low, totals.min(axis=0), atol=1e-14)
        np.testing.assert_allclose(high, totals.max(axis=0), atol=1e-14)


def test_constant_sums_are_recognised() -> None:
    assert constant_sum(case("rps").game)
    assert not constant_sum(case("random").game)
    assert constant_sum(random_instance(0, "models", (3,)).game)


Step = tuple[int, mb.Trajectory]


def played(learner: Learner, instance: mb.Instance, episodes: int) -> list[Step]:
    """Joint policies that were drawn, found here by drawing them by hand, and trajectories."""
    simulator, rng = Simulator(instance.game), np.random.default_rng(5)
    steps = []
    for _ in range(episodes):
        profile = learner.choose()
        index = int(np.searchsorted(profile.cumulative, rng.random(), side="right"))
        table = instance.policies.joint_actions(instance.game, index)
        trajectory = simulator.play(table, rng.random(simulator.uniforms))
        learner.observe(trajectory)
        steps.append((index, trajectory))
    return steps


@pytest.mark.parametrize("random_rewards", [False, True])
def test_means_are_those_of_the_episodes(random_rewards: bool) -> None:
    instance = random_instance(3, "models", random_rewards=random_rewards)
    learner = mb.learners.make("epsilon_greedy", instance, concept="cce", episodes=400)
    assert isinstance(learner, EpsilonGreedy)
    steps = played(learner, instance, 400)
    means = learner.means().reshape(2, -1)
    for index in range(instance.policies.size):
        returns = [t.rewards.sum(axis=1) for j, t in steps if j == index]
        assert len(returns) == learner.plays[index]
        everything = returns or [t.rewards.sum(axis=1) for _, t in steps]
        np.testing.assert_allclose(means[:, index], np.mean(everything, axis=0), atol=1e-12)


# --- each learner against its definition ---


@pytest.mark.parametrize(("concept", "welfare"), [("nash", 9.0), ("ce", 10.5), ("cce", 11.0)])
def test_the_oracle_has_no_regret_and_the_welfare_on_record(concept: str, welfare: float) -> None:
    instance = mb.catalogue.make("three_concepts")
    learner = mb.learners.make("oracle", instance, concept=concept, episodes=50)
    assert learner.reads_truth
    run = mb.run(instance, learner, 50)
    np.testing.assert_allclose(run.regret, 0.0, atol=1e-9)
    values = (instance.payoffs * learner.choose().distribution).reshape(2, -1).sum(axis=1)
    units = instance.game.units
    assert (units.scale * values + units.offset).sum() == pytest.approx(welfare, abs=1e-9)


def test_explore_then_commit_explores_its_share_and_commits_for_good() -> None:
    instance = case("random")
    learner = mb.learners.make(
        "explore_then_commit", instance, concept="cce", episodes=900, share=0.25
    )
    run = mb.run(instance, learner, 900)
    assert run.lengths.tolist() == [225, 675]
    assert isinstance(learner, ExploreThenCommit)
    first = mb.learners.make("explore_then_commit", instance, concept="cce", episodes=225, share=1)
    assert isinstance(first, ExploreThenCommit)
    mb.run(instance, first, 225)
    expected = solve(first.means(), "cce").distribution
    np.testing.assert_array_equal(run.profiles[1].distribution, expected)
    assert not np.array_equal(first.plays, learner.plays)


def test_straying_is_every_agents_own_coin() -> None:
    x = np.random.default_rng(0).dirichlet(np.ones(12)).reshape(2, 3, 2)
    epsilon, expected = 0.3, np.zeros((2, 3, 2))
    for cell in np.ndindex(x.shape):
        for strays in itertools.product([False, True], repeat=3):
            weight = np.prod([epsilon if s else 1.0 - epsilon for s in strays])
            axes = tuple(i for i, s in enumerate(strays) if s)
            uniform = np.prod([1.0 / x.shape[i] for i in axes])
            kept = [slice(None) if s else c for s, c in zip(strays, cell)]
            expected[cell] += weight * uniform * x[tuple(kept)].sum()
    np.testing.assert_allclose(strayed(x, epsilon), expected, atol=1e-15)
    np.testing.assert_array_equal(strayed(x, 0.0), x)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_ucb_plays_an_equilibrium_of_the_optimistic_game(concept: str) -> None:
    """Growth 1 against a table recomputed from all episodes."""
    instance = random_instance(6, "models")
    K, M = 150, instance.policies.size
    learner = monte_carlo_ucb.make(instance, concept=concept, episodes=K, growth=1.0)
    steps = played(learner, instance, K - 1)
    profile = learner.choose()
    low, high = extreme_returns(instance.game, instance.game.rewards)
    table = np.repeat(high[:, None], M, axis=1)
    for index in {j for j, _ in steps}:
        returns = np.array([t.rewards.sum(axis=1) for j, t in steps if j == index])
        width = (high - low) * sqrt(log(2 * 2 * M * K / 0.05) / (2 * len(returns)))
        table[:, index] = np.minimum(returns.mean(axis=0) + width, high)
    np.testing.assert_allclose(learner.optimistic, table, atol=1e-12)
    assert (profile.payoff_gaps(table.reshape(2, *instance.policies.counts)) <= 1.0 / K).all()


def test_ucb_stays_within_its_theorem() -> None:
    for game in ("rps", "needle", "random"):
        instance, K, at = case(game), 10_000, np.array([1, 100, 10_000])
        (found,) = mb.bounds.of_learner(
            "monte_carlo_ucb",
            instance,
            concept="ce",
            episodes=K,
            checkpoints=at,
            options=mb.learners.options("monte_carlo_ucb"),
        )
        assert found.kind == "proved"
        for seed in range(2):
            learner = mb.learners.make("monte_carlo_ucb", instance, concept="ce", episodes=K)
            regret = mb.run(instance, learner, K, seed=seed).cumulative(at).sum(axis=1)
            assert (regret <= found.values).all()
            # Of the right order too: the theorem is within two orders of what happens here.
            assert game != "random" or regret[-1] > found.values[-1] / 100.0


def test_ucb_of_one_agent_is_the_textbooks() -> None:
    instance = random_instance(2, "models", (3,))
    learner = monte_carlo_ucb.make(instance, concept="nash", episodes=200, growth=1.0)
    simulator, rng = Simulator(instance.game), np.random.default_rng(1)
    low, high = (ends[0] for ends in extreme_returns(instance.game, instance.game.rewards))
    M = instance.policies.size
    returns: list[list[float]] = [[] for _ in range(M)]
    for _ in range(200):
        index = [
            min(np.mean(r) + (high - low) * sqrt(log(2 * M * 200 / 0.05) / (2 * len(r))), high)
            if r
            else high
            for r in returns
        ]
        x = learner.choose().distribution
        (arm,) = np.flatnonzero(x)
        assert index[arm] >= max(index) - 1.0 / 200 - 1e-12
        table = instance.policies.joint_actions(instance.game, int(arm))
        trajectory = simulator.play(table, rng.random(simulator.uniforms))
        learner.observe(trajectory)
        returns[arm].append(float(trajectory.rewards.sum()))


def slow_self_play(
    instance: mb.Instance, swap: bool, episodes: int, steps: list[Step]
) -> list[np.ndarray]:
    """Products of mixtures, from the formulas of the docstring; stationary by eigenvectors."""
    low, high = extreme_returns(instance.game, instance.game.rewards)
    counts = instance.policies.counts
    estimates = [np.zeros((m if swap else 1, m)) for m in counts]
    products = []
    for index, trajectory in steps:
        own = []
        for m, L in zip(counts, estimates):
            rate = sqrt(2 * log(m) / (episodes if swap else m * episodes))
            Q = np.exp(-rate * (L - L.min(axis=1, keepdims=True)))
            Q /= Q.sum(axis=1, keepdims=True)
            if swap:
                values, vectors = np.linalg.eig(Q.T)
                p = np.real(vectors[:, np.argmin(np.abs(values - 1.0))])
                own.append(p / p.sum())
            else:
                own.append(Q[0])
        product = own[0]
        for p in own[1:]:
            product = np.multiply.outer(product, p)
        products.append(product)
        members = np.unravel_index(index, counts)
        for i, (v, p) in enumerate(zip(members, own)):
            loss = (high[i] - trajectory.rewards[i].sum()) / (high[i] - low[i])
            if swap:
                estimates[i][:, v] += p * loss / p[v]
            else:
                rate = sqrt(2 * log(counts[i]) / (counts[i] * episodes))
                estimates[i][0, v] += loss / (p[v] + rate / 2)
    return products


@pytest.mark.parametrize("concept", ["ce", "cce"])
def test_self_play_equals_the_slow_one(concept: str) -> None:
    instance = random_instance(9, "models", (2, 2, 2))
    learner = mb.learners.make("exp3_self_play", instance, concept=concept, episodes=300)
    simulator, rng = Simulator(instance.game), np.random.default_rng(2)
    executed, steps = [], []
    for _ in range(300):
        x = learner.choose()
        executed.append(x.distribution)
        index = x.sample(rng)
        table = instance.policies.joint_actions(instance.game, index)
        steps.append((index, simulator.play(table, rng.random(simulator.uniforms))))
        learner.observe(steps[-1][1])
    expected = slow_self_play(instance, concept == "ce", 300, steps)
    np.testing.assert_allclose(executed, expected, atol=1e-8)
    assert np.abs(executed[-1] - executed[0]).max() > 0.05


def test_the_stationary_distribution_solves_its_equation() -> None:
    rng = np.random.default_rng(3)
    for m in (1, 2, 7):
        chain = rng.dirichlet(np.ones(m), size=m) ** 4 + 1e-12
        chain /= chain.sum(axis=1, keepdims=True)
        p = np.empty(m)
        stationary(chain.copy(), p)
        np.testing.assert_allclose(p @ chain, p, atol=1e-15)
        assert p.sum() == pytest.approx(1.0)
        assert p.min() > 0.0


@pytest.mark.parametrize("concept", ["ce", "cce"])
def test_self_play_stays_within_its_theorem(concept: str) -> None:
    """One agent: what is executed is what the theorems speak of, its gap the regret."""
    instance = mb.catalogue.make("random_game", agents=1, actions=[3], policies=16, states=3)
    K, m = 4_000, 16
    low, high = extreme_returns(instance.game, instance.game.rewards)
    bound = sqrt(2 * m * K * log(m)) * (sqrt(m) if concept == "ce" else 2.0)
    regret = []
    for seed in range(5):
        learner = mb.learners.make("exp3_self_play", instance, concept=concept, episodes=K)
        regret.append(mb.run(instance, learner, K, seed=seed).regret.sum())
    assert np.mean(regret) <= float(high[0] - low[0]) * bound
    uniform = mb.learners.make("uniform", instance, concept=concept, episodes=1).choose()
    assert np.mean(regret) < 0.7 * K * uniform.gaps(instance)[0]


def slow_double_oracle(payoffs: np.ndarray, concept: str) -> tuple[list[set[int]], np.ndarray]:
    """Populations and equilibrium when every payoff is known, by plain loops."""
    counts = payoffs.shape[1:]
    populations = [{0} for _ in counts]
    while True:
        kept = [sorted(p) for p in populations]
        block = np.ix_(*kept)
        inner = solve(np.stack([own[block] for own in payoffs]), concept).distribution
        sigma = np.zeros(counts)
        sigma[block] = inner
        before = sum(map(len, populations))
        for i, m in enumerate(counts):
            groups = [[v] for v in range(m)] if concept == "ce" else [list(range(m))]
            for told in groups:
                gain = np.zeros(m)
                for cell in zip(*np.nonzero(sigma)):
                    if cell[i] in told:
                        for v in range(m):
                            other = (*cell[:i], v, *cell[i + 1 :])
                            gain[v] += sigma[cell] * (payoffs[i][other] - payoffs[i][cell])
                if gain.max() > 1e-12:
                    populations[i].add(int(np.argmax(gain > gain.max() - 1e-12)))
        if sum(map(len, populations)) == before:
            return populations, sigma


@pytest.mark.parametrize("concept", CONCEPTS)
def test_double_oracle_without_noise_is_the_exact_one(concept: str) -> None:
    rng = np.random.default_rng(11)
    for _ in range(3):
        game = mb.MarkovGame(np.ones((1, 1, 30, 1)), rng.random((2, 1, 1, 30)), (5, 6))
        instance = mb.Instance(game, mb.PurePolicies.all(game))
        learner = double_oracle.make(instance, concept=concept, episodes=400, samples=1)
        assert isinstance(learner, DoubleOracle)
        while learner.choose() is not None and learner._left == 1:
            played(learner, instance, 1)
        populations, sigma = slow_double_oracle(instance.payoffs, concept)
        assert [set(p.tolist()) for p in learner.population] == populations
        for x in (mb.ClassProfile(instance.policies, sigma, concept), learner.choose()):
            assert x.gaps(instance).max() <= 1e-9


@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize(
    "name", ["explore_then_commit", "epsilon_greedy", "exp3_self_play", "double_oracle"]
)
def test_units_of_the_rewards_do_not_matter(name: str, concept: str) -> None:
    """Half the rewards, the same play: all of it scales."""
    instance = random_instance(12, "models")
    game = instance.game
    half = mb.MarkovGame(game.transition, game.reward / 2.0, game.action_counts, game.initial)
    runs = []
    for each in (game, half):
        scaled = mb.Instance(each, instance.policies, name="scaled")
        try:
            learner = mb.learners.make(name, scaled, concept=concept, episodes=500)
        except NotApplicableError:
            assert (name, concept) == ("exp3_self_play", "nash")
            return
        runs.append(mb.run(scaled, learner, 500))
    for a, b in zip(runs[0].profiles, runs[1].profiles, strict=True):
        np.testing.assert_allclose(a.distribution, b.distribution, atol=1e-9)


@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("name", ["exp3_self_play", "monte_carlo_ucb_tuned"])
def test_play_is_that_of_the_dense_form_within_the_same_returns(
    name: str, concept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layered, full = forms(4, "models")
    least, greatest = _monte_carlo.return_bounds(layered.game)
    wide = _monte_carlo.return_bounds(full.game)
    assert (wide[0] <= least).all()
    assert (wide[1] >= greatest).all()
    monkeypatch.setattr(_monte_carlo, "return_bounds", lambda game: (least, greatest))
    runs = []
    for instance in (layered, full):
        try:
            learner = mb.learners.make(name, instance, concept=concept, episodes=200)
        except NotApplicableError:
            assert (name, concept) == ("exp3_self_play", "nash")
            return
        runs.append(mb.run(instance, learner, 200, seed=1, instance_id="one"))
    for a, b in zip(runs[0].profiles, runs[1].profiles, strict=True):
        np.testing.assert_array_equal(a.distribution, b.distribution)


# --- bad input ---


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("explore_then_commit", {"share": 0.0}, "share is 0.0"),
        ("explore_then_commit", {"share": 1.5}, "share is 1.5"),
        ("explore_then_commit", {"share": "all"}, "share is 'all'"),
        ("epsilon_greedy", {"scale": True}, "scale is True"),
        ("monte_carlo_ucb", {"failure": None}, "failure is None"),
        ("double_oracle", {"samples": 1.5}, "samples is 1.5"),
        ("epsilon_greedy", {"scale": -1.0}, "scale is -1.0"),
        ("epsilon_greedy", {"growth": 0.5}, "growth is 0.5"),
        ("monte_carlo_ucb", {"growth": np.inf}, "growth is inf"),
        ("monte_carlo_ucb", {"failure": 1.0}, "failure is 1.0"),
        ("monte_carlo_ucb_tuned", {"scale": 0.0}, "scale is 0.0"),
        ("double_oracle", {"samples": 0}, "samples is 0"),
    ],
)
def test_bad_options(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        mb.learners.make(name, case("rps"), concept="cce", episodes=10, **options)


def test_what_does_not_apply_is_said_at_once() -> None:
    with pytest.raises(NotApplicableError, match="sum to a constant"):
        mb.learners.make("exp3_self_play", case("random"), concept="nash", episodes=10)
    game = case("rps").game
    doubled = mb.PurePolicies([[[[0]], [[0]]], [[[0]], [[1]]]])
    twice = mb.Instance(game, doubled, name="twice")
    with pytest.raises(NotApplicableError, match="two of agent 0 in instance 'twice' are the same"):
        mb.learners.make("double_oracle", twice, concept="cce", episodes=10)


def test_trajectories_must_say_which_policy_was_run() -> None:
    instance = case("rps")
    learner = mb.learners.make("monte_carlo_ucb", instance, concept="cce", episodes=10)
    learner.choose()
    whole = Simulator(instance.game).play(np.array([[4]]), np.zeros(2))
    silent = mb.Trajectory(whole.states, whole.actions, whole.rewards)
    with pytest.raises(InputError, match=r"needs trajectory\.policy"):
        learner.observe(silent)
    few = mb.Instance(instance.game, mb.PurePolicies([[[[0]]], [[[0]]]]))
    learner = mb.learners.make("monte_carlo_ucb", few, concept="cce", episodes=10)
    with pytest.raises(InputError, match="none of the policies of agent 0"):
        learner.observe(whole)
