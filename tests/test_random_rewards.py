"""Rewards that are random and unknown: sampling, losses, values, discrepancies, bounds, refusals.

Everything is compared with enumerations over (s', r) that share nothing with the fast code.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layered_games import layered_models, layered_policies, random_layered_game
from test_mamex_payoffs import play, random_instance
from test_storage import same

import mamex_bench as mb
from mamex_bench import bounds, catalogue, complexity
from mamex_bench.complexity._discrepancy import discrepancies
from mamex_bench.concentration import concentration, random_cells
from mamex_bench.errors import InputError, MisspecifiedError, NotApplicableError
from mamex_bench.experiments import run_suite
from mamex_bench.experiments.verify import verify
from mamex_bench.learners._base import Learner
from mamex_bench.model.evaluation import class_payoffs
from mamex_bench.model.instance import Instance
from mamex_bench.model.simulator import Simulator
from mamex_bench.model.structure import bellman_residuals
from mamex_bench.reference import evaluation as slow
from mamex_bench.reference.decoupling import Definition
from mamex_bench.reference.regularised_payoffs import regularised_payoffs
from mamex_bench.runs.results import load_results

KINDS = ("models", "tabular", "completion", "linear")


def means_of(rng, size, shape):
    """(F, *shape): means, a few of them exactly 0 or 1, the same for all models in some places."""
    means = rng.random((size, *shape))
    means[rng.random(means.shape) < 0.15] = 0.0
    means[rng.random(means.shape) < 0.15] = 1.0
    shared = rng.random(shape) < 0.3
    means[:, shared] = means[0, shared]
    return means


def model_instance(seed, layered=False, models=6):
    """A random instance, truth first; rows and means of the models agree in some places."""
    rng = np.random.default_rng(seed)
    if layered:
        base = random_layered_game(seed, sizes=(2, 3, 2))
        P = layered_models(base, seed, models)
        parts = base.layer_offsets, base.indptr, base.next_state, P[0]
        means = means_of(rng, models, base.reward.shape)
        game = mb.LayeredGame(
            *parts, means[0], base.action_counts, base.initial, random_rewards=True
        )
        policies = layered_policies(game, seed)
    else:
        H, S, A = 2, 3, 6
        P = rng.dirichlet(np.ones(S), size=(models, H, S, A))
        P[:, 0, 1] = P[0, 0, 1]
        means = means_of(rng, models, (2, H, S, A))
        game = mb.MarkovGame(P[0], means[0], (2, 3), np.ones(S) / S, random_rewards=True)
        policies = mb.PurePolicies.sample(game, [3, 2], seed)
    return Instance(game, policies, mb.ModelClass(P, 0, means))


def outcome_laws(transition, means):
    """{(s', r_1, ..., r_n): probability} of one row."""
    laws = {}
    for t, p in enumerate(transition):
        for rewards in itertools.product((0, 1), repeat=len(means)):
            law = float(p)
            for m, r in zip(means, rewards):
                law *= float(m) if r else 1.0 - float(m)
            laws[(t, *rewards)] = law
    return laws


def enumerated_squares(instance):
    """(F, H, S, A): joint Hellinger distances from the truth, outcome by outcome."""
    game, models = instance.game, instance.hypothesis()
    out = np.zeros((models.size, *game.reward.shape[1:]))
    for f, h, s, a in np.ndindex(*out.shape):
        p = outcome_laws(models.transitions[f, h, s, a], models.rewards[f, :, h, s, a])
        q = outcome_laws(game.transition[h, s, a], game.reward[:, h, s, a])
        out[f, h, s, a] = 1.0 - sum(np.sqrt(p[z] * q[z]) for z in p)
    return out


# --- sampling ---


def test_rewards_are_zero_or_one_with_the_stated_means_and_independent():
    rng = np.random.default_rng(0)
    reward = rng.random((2, 2, 1, 1))
    game = mb.MarkovGame(np.ones((2, 1, 1, 1)), reward, (1, 1), random_rewards=True)
    simulator, N = Simulator(game), 20_000
    assert simulator.uniforms == 3 + 4
    table = np.zeros((2, 1), dtype=int)
    seen = np.stack([simulator.play(table, u).rewards for u in rng.random((N, 7))])
    assert set(np.unique(seen)) == {0.0, 1.0}
    error = np.sqrt(np.log(2 / 1e-6) / (2 * N))
    assert np.abs(seen.mean(axis=0) - reward[:, :, 0, 0]).max() < error
    flat = seen.reshape(N, 4)
    assert np.abs(np.cov(flat.T) - np.diag(flat.var(axis=0))).max() < 2 * error


def test_the_uniforms_of_rewards_come_last_agent_by_agent():
    instance = model_instance(1)
    game, rng = instance.game, np.random.default_rng(2)
    known = mb.MarkovGame(game.transition, game.reward, game.action_counts, game.initial)
    simulator, plain = Simulator(game), Simulator(known)
    assert plain.uniforms == 3
    for u in rng.random((50, simulator.uniforms)):
        joint = instance.policies.joint_actions(game, 1)
        one, two = simulator.play(joint, u), plain.play(joint, u[:3])
        assert np.array_equal(one.states, two.states)
        assert np.array_equal(one.actions, two.actions)
        assert np.array_equal(one.rewards, (u[3:].reshape(2, 2) < two.rewards).astype(float))


# --- payoffs and losses ---


@pytest.mark.parametrize("layered", [False, True])
@pytest.mark.parametrize("models", [1, 6, 21])
def test_every_model_is_valued_with_its_own_rewards(layered, models):
    instance = model_instance(3, layered, models)
    game, classes = instance.game, instance.hypothesis()
    values = instance.model_payoffs()
    again = class_payoffs(game, instance.policies, classes.transitions, classes.rewards)
    assert np.array_equal(values, again)
    for f in range(models):
        if layered:
            parts = game.layer_offsets, game.indptr, game.next_state, classes.transitions[f]
            own = mb.LayeredGame(*parts, classes.rewards[f], game.action_counts, game.initial)
        else:
            own = mb.MarkovGame(classes.transitions[f], classes.rewards[f], (2, 3), game.initial)
        expected = slow.payoffs(own, instance.policies).reshape(values[f].shape)
        np.testing.assert_allclose(values[f], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(values[0], instance.payoffs.reshape(2, -1), rtol=0, atol=1e-12)


@settings(max_examples=16)
@given(st.integers(0, 10_000), st.sampled_from(KINDS))
def test_payoffs_equal_the_definition(seed, kind):
    instance = random_instance(seed, kind, (2, 3) if seed % 2 else (2, 1, 2), random_rewards=True)
    learner = mb.learners.make("mamex", instance, concept="nash", eta=0.3, episodes=50)
    seen = observed(learner, 8, seed)
    expected = regularised_payoffs(instance, learner.hypotheses, seen, 0.3)
    assert np.abs(learner.optimistic_payoffs() - expected).max() < 1e-10


def observed(learner: Learner, episodes: int, seed: int) -> list[mb.Trajectory]:
    """`play`, with the uniforms that random rewards need."""
    rng, simulator = np.random.default_rng(seed), Simulator(learner.instance.game)
    seen = []
    for _ in range(episodes):
        joint = learner.choose().play(learner.instance.game, rng)
        seen.append(simulator.play(joint, rng.random(simulator.uniforms)))
        learner.observe(seen[-1])
    return seen


@pytest.mark.parametrize("layered", [False, True])
def test_models_that_exclude_a_reward_are_out(layered):
    instance = model_instance(5, layered)
    learner = mb.learners.make("mamex", instance, concept="cce", eta=0.3, episodes=60)
    seen = observed(learner, 20, 0)
    expected = regularised_payoffs(instance, "models", seen, 0.3)
    assert np.abs(learner.optimistic_payoffs() - expected).max() < 1e-10
    assert (learner._evidence.losses > 1e100).any()
    assert learner._evidence.losses[0] < 1e3


def test_rewards_that_are_known_are_as_they_were():
    """The mean of what was paid is exactly what is paid, however often it was paid."""
    instance = random_instance(2, "tabular")
    learner = mb.learners.make("mamex", instance, concept="cce", eta=0.3, episodes=300)
    play(learner, 300, 0)
    assert not learner._evidence.surplus.any()
    assert learner._evidence.reward is instance.game.rewards


# --- discrepancies ---


@pytest.mark.parametrize("seed", range(4))
def test_the_discrepancy_is_that_of_next_state_and_rewards_jointly(seed):
    instance = model_instance(seed)
    game, models = instance.game, instance.hypothesis()
    squares = enumerated_squares(instance)
    found = discrepancies(instance)
    for q in range(instance.policies.size):
        joint = instance.policies.joint_actions(game, q)
        x = np.eye(game.actions)[joint]
        visits = slow.occupancy(game, x)
        expected = np.einsum("hs,hsa,fhsa->f", visits, x, squares)
        for agent in range(2):
            losses = found[agent].losses(np.array([q]), 0)[0]
            assert np.abs(losses - expected).max() < 1e-12
            again = Definition(instance, None, agent).losses(np.array([q]), 0)[0]
            assert np.abs(again - expected).max() < 1e-12
            assert losses[0] == again[0] == 0.0
    assert (squares[:, 0, 1] > 0.0).any(), "rewards alone tell models apart where rows agree"
    assert models.truth == 0


@pytest.mark.parametrize("layered", [False, True])
def test_errors_are_seen_by_the_discrepancy_and_brackets_are_certified(layered):
    """The ceiling R sqrt(2 H D) cuts nothing off: R covers what may be paid, not its mean alone."""
    instance = model_instance(7, layered)
    values, R, H = instance.model_payoffs(), instance.value_bound(), instance.game.horizon
    for agent, found in enumerate(discrepancies(instance)):
        errors = (values[:, agent] - values[0, agent]).T
        assert np.abs(found.errors - errors).max() < 1e-12
        assert (errors <= R * np.sqrt(2.0 * H * found.own) + 1e-12).all()
    bracket = complexity.decoupling(instance, 200)
    complexity.check_bracket(instance, bracket)
    assert 0.0 < bracket.lower <= bracket.upper


def test_a_range_of_expected_values_alone_would_hide_errors():
    """Models whose every value is small: with R = 0.04 the ceiling would cut the error 0.03."""
    P, means = np.ones((2, 1, 1, 1, 1)), np.array([0.01, 0.04]).reshape(2, 1, 1, 1, 1)
    game = mb.MarkovGame(P[0], means[0], (1,), random_rewards=True)
    instance = Instance(game, mb.PurePolicies.all(game), mb.ModelClass(P, 0, means))
    found = discrepancies(instance)[0]
    assert found.errors[0, 1] == pytest.approx(0.03, abs=1e-15)
    assert 0.04 * np.sqrt(2.0 * found.own[0, 1]) < 0.03
    assert instance.value_bound() == 1.0


def test_value_bounds_cover_what_is_paid_and_then_expected():
    instance = model_instance(11)
    game, models = instance.game, instance.hypothesis()
    largest = 0.0
    for P, means in zip(models.transitions, models.rewards):
        for own in means:
            V = np.zeros(3)
            for h in (1, 0):
                largest = max(largest, 1.0 + float(V.max()))
                V = (own[h] + P[h] @ V).max(axis=1)
            largest = max(largest, float(V.max()))
    assert instance.value_bound() == pytest.approx(largest, abs=1e-12)
    assert game.return_range <= 2.0


def test_bellman_residuals_of_models_count_their_rewards():
    """Along pi they sum to the prediction error: sum_h E_pi b_h(f, pi) = V_f - V."""
    instance = model_instance(9)
    game, M = instance.game, instance.policies.size
    for agent in range(2):
        residuals = bellman_residuals(instance, agent)
        error = instance.model_payoffs()[:, agent] - instance.payoffs[agent].reshape(-1)
        for m in range(M):
            x = np.eye(game.actions)[instance.policies.joint_actions(game, m)]
            visits = slow.occupancy(game, x)[..., None] * x
            total = sum(np.einsum("fsa,sa->f", b[:, m], v) for b, v in zip(residuals, visits))
            np.testing.assert_allclose(total, error[:, m], rtol=0, atol=1e-12)


# --- constants of the bounds ---


def test_cells_steps_and_step_bounds_count_random_rewards():
    transition = np.zeros((2, 2, 4, 2))
    transition[..., 0] = 1.0
    transition[0, 0, 1] = 0.5
    reward = np.zeros((2, 2, 2, 4))
    reward[0, 0, 0, 1] = 0.5  # counted once: its next state is random too
    reward[0, 0, 0, 2] = 1.0  # certain
    reward[1, 1, 0, 3] = 0.3
    game = mb.MarkovGame(transition, reward, (2, 2), random_rewards=True)
    known = mb.MarkovGame(transition, reward, (2, 2))
    policies = mb.PurePolicies.all(game)
    assert random_cells(Instance(game, policies)).tolist() == [1.0, 1.0]
    assert random_cells(Instance(known, policies)).tolist() == [1.0, 0.0]
    values = [np.full((1, 2, 2, 4), 0.25)] * 2
    classes = mb.ValueClass(values)
    # y = r + f with r in {0, 1}: 1 + 0.25 and 1; r = 0 for sure gives 0 + 0.25.
    assert classes.step_bounds(game).tolist() == [[1.25, 0.25], [0.25, 1.0]]
    assert classes.step_bounds(known).tolist() == [[1.25, 0.25], [0.25, 0.3]]
    means = np.stack([reward, reward])
    means[1, 1, 1, 0, 3] = 0.6
    models = mb.ModelClass(np.stack([transition] * 2), 0, means)
    found = concentration(Instance(game, policies, models), None, 10)
    assert found.U(0.1) == pytest.approx(2 * 1 * np.log(2 / 0.1))


def test_likelihoods_of_rewards_single_out_the_truth_as_fast_as_stated():
    """W1 of many runs: its mean within the expected U1, beyond U1(delta) at most delta of them."""
    instance = model_instance(13)
    game, K, delta = instance.game, 30, 0.2
    squares = enumerated_squares(instance)
    constants = concentration(instance, None, K)
    rng, worst = np.random.default_rng(1), []
    simulator = Simulator(game)
    for _ in range(60):
        learner = mb.learners.make("mamex", instance, concept="cce", eta=0.1, episodes=K)
        seen, told = np.zeros(6), 0.0
        most = 0.0
        for _ in range(K):
            profile = learner.choose()
            index = profile.sample(rng)
            joint = instance.policies.joint_actions(game, index)
            x = np.eye(game.actions)[joint]
            seen += np.einsum("hs,hsa,fhsa->f", slow.occupancy(game, x), x, squares)
            learner.observe(simulator.play(joint, rng.random(simulator.uniforms)))
            losses = learner._evidence.losses
            most = max(most, float((constants.c * seen - losses + losses[0]).max()))
        worst.append(most)
        told += float(seen.max())
    assert (np.array(worst) > constants.U(delta)).mean() <= delta
    assert np.mean(worst) <= constants.expected_U
    assert min(worst) >= 0.0
    assert max(worst) > 0.1 * constants.expected_U


@pytest.mark.parametrize("name", ["models", "values"])
def test_the_bound_holds_on_runs(name):
    small = {"policies": 2, "models": 8, "states": 3, "horizon": 2, "actions": 2}
    instance = catalogue.make("random_game", rewards="random", seed=3, **small)
    K = 400
    bracket = complexity.decoupling(instance, K, name)
    constants = concentration(instance, name, K)
    eta = bounds.tuned_eta(constants, bracket.upper_value, K)
    bound = bounds.regret(
        instance, concept="cce", episodes=K, eta=eta, coefficient=bracket, hypotheses=name
    )
    regrets = []
    for seed in range(5):
        options = {"eta": eta, "hypotheses": name}
        learner = mb.learners.make("mamex", instance, concept="cce", episodes=K, **options)
        found = mb.run(instance, learner, episodes=K, seed=seed)
        regrets.append(np.maximum(found.regret, 0.0).sum(axis=0).max())
        assert found.diagnostics["epsilon_sum"] <= 1.0
    assert max(regrets) <= bound.explicit


def coins(arms=4):
    """H = 1: model m says that arm m pays 1 and the others 0; the last arm is the one that does."""
    P, means = np.ones((arms + 1, 1, 1, arms, 1)), np.zeros((arms + 1, 1, 1, 1, arms))
    for m in range(arms):
        means[m + 1, ..., m] = 1.0
    game = mb.MarkovGame(P[0], means[-1], (arms,), random_rewards=True)
    return Instance(game, mb.PurePolicies.all(game), mb.ModelClass(P, arms, means))


def test_a_learner_that_ignores_rewards_breaks_the_bound():
    instance, K = coins(), 2000
    bracket = complexity.decoupling(instance, K)
    eta = bounds.tuned_eta(concentration(instance, None, K), bracket.upper_value, K)
    bound = bounds.regret(instance, concept="cce", episodes=K, eta=eta, coefficient=bracket)
    assert not bound.vacuous
    total = {}
    for name in ("mamex", "planted_ignored_step"):
        learner = mb.learners.make(name, instance, concept="cce", episodes=K, eta=eta)
        total[name] = mb.run(instance, learner, episodes=K, seed=0).regret.sum()
    assert total["mamex"] <= 3.0
    assert total["planted_ignored_step"] == K > bound.explicit


# --- the family ---


def test_a_net_with_rewards_lies_at_the_stated_joint_distances():
    instance = catalogue.make("random_game", rewards="random", models=9, policies=2)
    squares = enumerated_squares(
        Instance(instance.game, instance.policies, instance.hypothesis("models"))
    )
    delta = np.concatenate([[0.0], np.geomspace(0.02, 0.4, 8)])
    expected = np.broadcast_to(delta[:, None, None, None], squares.shape)
    np.testing.assert_allclose(np.sqrt(np.maximum(squares, 0.0)), expected, atol=1e-7)
    radius = instance.known["covering_radius"].value
    assert 0.19 < radius < 0.21  # about half of the greatest distance


@pytest.mark.parametrize("seed", range(10))
def test_the_certificate_holds_on_ten_members(seed):
    instance = catalogue.make("random_game", rewards="random", seed=seed)
    assert [str(c) for c in catalogue.certify("random_game", instance) if not c.holds] == []
    assert mb.model.instance.realizable(instance, "values")


def test_the_certificate_fails_on_planted_members():
    instance = catalogue.make("random_game", rewards="random", models=8, policies=2)
    game, models = instance.game, instance.hypothesis("models")
    # One reward of one model moved far away: the radius is too small.
    means = models.rewards.copy()
    means[-1, 0, 0, 0, 0] = 1.0 - np.round(game.reward[0, 0, 0, 0])
    far = mb.ModelClass(models.transitions, 0, means)
    moved = Instance(game, instance.policies, far, known=instance.known)
    assert not all(check.holds for check in catalogue.certify("random_game", moved))
    # One reward that is certain.
    reward = game.reward.copy()
    reward[0, 0, 0, 0] = 1.0
    sure = mb.MarkovGame(
        game.transition, reward, game.action_counts, game.initial, random_rewards=True
    )
    one = mb.ModelClass(models.transitions[:1], 0, reward[None])
    certain = Instance(sure, instance.policies, one, known=instance.known)
    assert not all(check.holds for check in catalogue.certify("random_game", certain))


# --- suites ---

SUITE = """
title = "Random rewards"
episodes = 80
seeds = 2

[[instance]]
id = "coins"
family = "random_game"
parameters = { rewards = "random", policies = 2, models = 6, states = 3, horizon = 2, actions = 2 }

[[learner]]
id = "models"
name = "mamex"
concept = ["nash", "cce"]
eta = "tuned"

[[learner]]
id = "values"
name = "mamex"
concept = "ce"
eta = 0.02
mode = "model-free"

[[learner]]
id = "rival"
name = "optimistic_vi_tuned"
concept = "ce"
"""


def test_suites_run_verify_and_list_what_does_not_apply(tmp_path):
    (tmp_path / "coins.toml").write_text(SUITE)
    path = run_suite(tmp_path / "coins.toml", tmp_path / "coins.sqlite", workers=1, quiet=True)
    cells = {(cell.learner, cell.concept): cell for cell in load_results(path).cells}
    assert cells["rival", "ce"].status == "not applicable"
    assert "needs known rewards" in cells["rival", "ce"].reason
    done = [cells["models", "nash"], cells["models", "cce"], cells["values", "ce"]]
    assert [cell.status for cell in done] == ["done"] * 3
    assert all(cell.bounds is not None for cell in done)
    assert verify(path, quiet=True).findings == []


# --- refusals and files ---


def test_what_does_not_fit_is_refused():
    instance = model_instance(0)
    game, models = instance.game, instance.hypothesis()
    P, means = models.transitions, models.rewards
    for words, classes in (
        ("models have no rewards, but those of the game are random", mb.ModelClass(P)),
        (r"rewards has shape \(6, 1, 2, 3, 6\)", mb.ModelClass(P, 0, means[:, :1])),
        ("rewards.1. are named the truth but differ", mb.ModelClass(P[[1, 0]], 1, means[:2])),
    ):
        with pytest.raises(InputError, match=words):
            Instance(game, instance.policies, classes)
    known = mb.MarkovGame(game.transition, game.reward, (2, 3), game.initial)
    with pytest.raises(InputError, match="models have rewards, but those of the game are known"):
        Instance(known, instance.policies, models)
    with pytest.raises(InputError, match=r"rewards\[.*expected \[0, 1\]"):
        mb.ModelClass(P, 0, means + 0.5)
    with pytest.raises(InputError, match="rewards is 'wild'"):
        catalogue.make("random_game", rewards="wild")
    for name in ("optimistic_vi", "optimistic_vi_tuned", "optimistic_vi_tuned_lazy"):
        with pytest.raises(NotApplicableError, match=f"{name} needs known rewards"):
            mb.learners.make(name, instance, concept="cce", episodes=10)
    learner = mb.learners.make("mamex", instance, concept="cce", episodes=10)
    seen = Simulator(game).play(instance.policies.joint_actions(game, 0), np.full(7, 0.5))
    for rewards, words in ((seen.rewards + 0.5, "expected 0 or 1"), (np.ones((2, 3)), r"\(n, H\)")):
        with pytest.raises(InputError, match=words):
            learner.observe(mb.Trajectory(seen.states, seen.actions, rewards))


def test_a_reward_that_no_model_allows_is_told():
    P, means = np.ones((2, 1, 1, 2, 1)), np.zeros((2, 1, 1, 1, 2))
    game = mb.MarkovGame(P[0], np.ones((1, 1, 1, 2)), (2,), random_rewards=True)
    instance = Instance(game, mb.PurePolicies.all(game), mb.ModelClass(P, None, means))
    learner = mb.learners.make("mamex", instance, concept="cce", episodes=10)
    with pytest.raises(MisspecifiedError, match="by episode 1 what was observed has probability"):
        mb.run(instance, learner, episodes=10)


@pytest.mark.parametrize("layered", [False, True])
def test_files_bring_random_rewards_back(layered, tmp_path):
    instance = model_instance(4, layered)
    path = mb.save(instance, tmp_path / "it.npz")
    same(mb.load(path), instance)
    assert mb.load(path).game.random_rewards
    assert "random rewards" in repr(mb.load(mb.save(instance.game, tmp_path / "game.npz")))
    if layered:
        assert instance.game.dense().random_rewards
    else:
        assert instance.game.layered().random_rewards
