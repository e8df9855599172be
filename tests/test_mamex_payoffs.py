"""Regularised payoffs: worked cases, slow twins, pruning, and what the data can do to them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mamex_bench as mb
from mamex_bench.kernels.evidence import LIKELIEST, LIKELIEST_MEAN
from mamex_bench.kernels.model_evidence import models_payoffs
from mamex_bench.kernels.value_evidence import tabular_record
from mamex_bench.learners._evidence import Settings, gather, joint_table
from mamex_bench.learners._maximise_to_explore import MaximiseToExplore
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference.regularised_payoffs import model_losses, regularised_payoffs

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_mamex.json").read_text())


def golden_instance(key: str) -> mb.Instance:
    case = GOLDEN[key]
    if key == "mamex_model_based":
        hypotheses = mb.ModelClass(case["models"], case["truth"])
        transition = np.array(case["models"][case["truth"]])
    else:
        transition = np.array(case["transition"])
        hypotheses = (
            mb.ValueClass(case["value_class"])
            if "value_class" in case
            else mb.LinearValueClass(case["features"], case["ridge"])
        )
    game = mb.MarkovGame(transition, case["reward"], case["action_counts"], case.get("initial"))
    return mb.Instance(game, mb.PurePolicies(case["policies"]), hypotheses)


def trajectory(case: dict[str, list[float]]) -> mb.Trajectory:
    return mb.Trajectory(
        np.array(case["states"]), np.array(case["actions"]), np.array(case["rewards"])
    )


def random_game(
    rng: np.random.Generator, counts: tuple[int, ...], H: int, S: int, random_rewards: bool = False
) -> mb.MarkovGame:
    A = int(np.prod(counts))
    return mb.MarkovGame(
        rng.dirichlet(np.ones(S), size=(H, S, A)),
        rng.random((len(counts), H, S, A)),
        counts,
        rng.dirichlet(np.ones(S)),
        random_rewards=random_rewards,
    )


def random_instance(
    seed: int, kind: str, counts: tuple[int, ...] = (2, 3), random_rewards: bool = False
) -> mb.Instance:
    """A small random instance; the hypotheses need not hold the truth."""
    rng = np.random.default_rng(seed)
    H, S = 3, 3
    game = random_game(rng, counts, H, S, random_rewards)
    policies = mb.PurePolicies.sample(game, [3, 2, 2][: len(counts)], seed)
    A = game.actions
    if kind == "models":
        models = rng.dirichlet(np.ones(S), size=(6, H, S, A))
        models[2] = game.transition
        means = None
        if random_rewards:
            means = rng.random((6, *game.reward.shape))
            means[2] = game.reward
        hypotheses: object = mb.ModelClass(models, truth=2, rewards=means)
    elif kind == "tabular":
        sizes = [4, 3, 5][: len(counts)]
        hypotheses = mb.ValueClass([3.0 * rng.random((F, H, S, A)) for F in sizes])
    else:
        features = rng.random((H, S, A, 3))
        if kind == "linear":
            hypotheses = mb.LinearValueClass(features, ridge=0.7)
        else:
            theta = rng.random((4, H, 3))
            values = np.einsum("hsad,fhd->fhsa", features, theta)
            hypotheses = mb.ValueClass([values + 0.0] * len(counts), features, ridge=0.7)
    return mb.Instance(game, policies, hypotheses)


def play(learner: MaximiseToExplore, episodes: int, seed: int) -> list[mb.Trajectory]:
    """Step a learner through its own protocol."""
    rng = np.random.default_rng(seed)
    simulator = Simulator(learner.instance.game)
    seen = []
    for _ in range(episodes):
        joint = learner.choose().play(learner.instance.game, rng)
        seen.append(simulator.play(joint, rng.random(learner.instance.game.horizon + 1)))
        learner.observe(seen[-1])
    return seen


@pytest.mark.parametrize("key", sorted(GOLDEN))
def test_worked_cases(key: str) -> None:
    instance = golden_instance(key)
    case = GOLDEN[key]
    learner = mb.learners.make("mamex", instance, concept="cce", eta=case["eta"], episodes=100)
    for item in case["trajectories"]:
        learner.observe(trajectory(item))
    assert np.abs(learner.optimistic_payoffs() - case["optimistic_payoffs"]).max() < 1e-10


@settings(max_examples=16)
@given(st.integers(0, 10_000), st.sampled_from(["models", "tabular", "completion", "linear"]))
def test_payoffs_equal_the_definition(seed: int, kind: str) -> None:
    instance = random_instance(seed, kind, counts=(2, 3) if seed % 2 else (2, 1, 2))
    name = next(iter(instance.hypotheses))
    learner = mb.learners.make("mamex", instance, concept="nash", eta=0.3, episodes=50)
    seen = play(learner, 8, seed)
    expected = regularised_payoffs(instance, name, seen, 0.3)
    assert np.abs(learner.optimistic_payoffs() - expected).max() < 1e-10


def test_long_runs_lose_no_digits() -> None:
    instance = random_instance(5, "models")
    game = instance.game
    learner = mb.learners.make("mamex", instance, concept="cce", eta=1e-3, episodes=20_000)
    draws = np.random.default_rng(0).random((20_000, game.horizon + 2))
    learner.advance(Simulator(game), draws)
    counts = np.zeros(game.transition.shape)
    # the same trajectories, replayed; the losses from exact integer counts
    again = mb.learners.make("mamex", instance, concept="cce", eta=1e-3, episodes=20_000)
    simulator = Simulator(game)
    for row in draws:
        profile = again.choose()
        index = int(np.searchsorted(profile.cumulative, row[0], side="right"))
        one = simulator.play(instance.policies.joint_actions(game, index), row[1:])
        again.observe(one)
        for h in range(game.horizon):
            counts[h, one.states[h], one.actions[h] @ game.strides, one.states[h + 1]] += 1.0
    models = instance.hypothesis().transitions
    exact = -(counts[None] * np.log(models)).sum(axis=(1, 2, 3, 4))
    assert np.abs(learner._evidence.losses / exact - 1.0).max() < 1e-15 * 4
    assert np.array_equal(learner._evidence.losses, again._evidence.losses)


@given(st.integers(0, 10_000))
def test_pruning_never_changes_a_payoff(seed: int) -> None:
    instance = random_instance(seed, "models")
    learner = mb.learners.make("mamex", instance, concept="cce", eta=0.8, episodes=60)
    seen = play(learner, 30, seed)
    evidence = learner._evidence
    live = evidence.live[: evidence.state[0]]
    every = instance.model_payoffs() - 0.8 * model_losses(
        instance.game, instance.hypothesis(), seen
    ).reshape(-1, 1, 1)
    assert np.allclose(every.max(axis=0), every[live].max(axis=0), atol=1e-12, rtol=0.0)


def test_pruning_prunes() -> None:
    instance = random_instance(3, "models")
    learner = mb.learners.make("mamex", instance, concept="cce", eta=0.8, episodes=400)
    play(learner, 400, 3)
    assert learner.diagnostics()["live"] == 1
    assert learner._evidence.live[0] == instance.hypothesis().truth


def test_an_optimistic_zero_sum_game_is_not_zero_sum() -> None:
    rng = np.random.default_rng(1)
    game = random_game(rng, (2, 2), 2, 2)
    reward = np.stack([game.reward[0], 1.0 - game.reward[0]])
    game = mb.MarkovGame(game.transition, reward, (2, 2))
    models = np.concatenate([game.transition[None], rng.dirichlet(np.ones(2), size=(5, 2, 2, 4))])
    instance = mb.Instance(game, mb.PurePolicies.all(game), mb.ModelClass(models))
    assert np.ptp(instance.payoffs.sum(axis=0)) < 1e-12
    learner = mb.learners.make("mamex", instance, concept="nash", eta=0.1, episodes=10)
    assert np.ptp(learner.optimistic_payoffs().sum(axis=0)) > 0.01


def test_optimism_at_the_start_is_the_largest_value_of_the_class() -> None:
    instance = random_instance(11, "models")
    learner = mb.learners.make("mamex", instance, concept="cce", eta=2.0, episodes=10)
    expected = instance.model_payoffs().max(axis=0).reshape(2, *instance.policies.counts)
    assert np.array_equal(learner.optimistic_payoffs(), expected)


def test_signs_and_modes() -> None:
    instance = random_instance(7, "models")
    values = instance.model_payoffs()
    joint = joint_table(instance)
    entries = np.arange(values[0].size)

    def at_start(settings: Settings) -> np.ndarray:
        out = np.empty(entries.size)
        models_payoffs(gather(instance, "models", joint, settings), entries, out)
        return out.reshape(values[0].shape)

    assert np.array_equal(at_start(Settings(1.0, sign=-1.0)), values.min(axis=0))
    pessimist = Settings(1.0, sign=-1.0, mode=LIKELIEST)
    assert np.array_equal(at_start(pessimist), values.min(axis=0))
    mean = Settings(1.0, mode=LIKELIEST_MEAN)
    assert np.allclose(at_start(mean), values.mean(axis=0))


@given(st.permutations(range(6)), st.integers(0, 1000))
def test_the_order_of_hypotheses_does_not_matter(order: list[int], seed: int) -> None:
    instance = random_instance(seed, "models")
    classes = instance.hypothesis()
    shuffled = mb.ModelClass(classes.transitions[order], truth=order.index(2))
    other = mb.Instance(instance.game, instance.policies, shuffled)
    for name in ("mamex", "certainty_equivalence"):
        options = {"eta": 0.4} if name == "mamex" else {}
        a = mb.learners.make(name, instance, concept="cce", episodes=9, **options)
        b = mb.learners.make(name, other, concept="cce", episodes=9, **options)
        for one in play(a, 5, seed):
            b.observe(one)
        assert np.allclose(a.optimistic_payoffs(), b.optimistic_payoffs(), atol=1e-12, rtol=0.0)


def test_a_step_ignored_leaves_its_data_unused() -> None:
    instance = random_instance(9, "tabular")
    joint = joint_table(instance)
    full = gather(instance, "values", joint, Settings(0.5))
    deaf = gather(instance, "values", joint, Settings(0.5, ignored_step=1))
    states, actions = np.array([0, 1, 2, 0]), np.array([1, 2, 3])
    rewards = instance.game.rewards[:, states[:3] + 3 * np.arange(3), actions]
    tabular_record(full, states + 3 * np.arange(4), actions, rewards)
    tabular_record(deaf, states + 3 * np.arange(4), actions, rewards)
    assert (full.losses > deaf.losses).any()
    assert (full.losses >= deaf.losses - 1e-15).all()


@given(st.integers(0, 10_000))
def test_the_wrong_sign_is_the_infimum(seed: int) -> None:
    """planted_wrong_sign: inf_f { V_f + eta L(f) } with raw losses."""
    instance = random_instance(seed, "models")
    learner = mb.learners.make("planted_wrong_sign", instance, concept="cce", eta=0.3, episodes=30)
    seen = play(learner, 10, seed)
    losses = model_losses(instance.game, instance.hypothesis(), seen)
    expected = (instance.model_payoffs() + 0.3 * losses[:, None, None]).min(axis=0)
    found = learner.optimistic_payoffs().reshape(expected.shape)
    assert np.abs(found - expected).max() < 1e-10
