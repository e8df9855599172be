"""Whole runs of MAMEX: certificates, reductions, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from test_mamex_payoffs import random_game, random_instance

import mamex_bench as mb
from mamex_bench.equilibria import gaps
from mamex_bench.errors import InputError, MisspecifiedError


@pytest.mark.parametrize("concept", ["nash", "ce", "cce"])
def test_what_is_played_is_an_equilibrium_of_the_optimistic_game(concept: str) -> None:
    instance = random_instance(21, "models")
    K = 60
    learner = mb.learners.make("mamex", instance, concept=concept, eta=0.2, episodes=K)
    simulator = mb.model.simulator.Simulator(instance.game)
    rng = np.random.default_rng(2)
    total = np.zeros(2)
    for _ in range(K):
        profile = learner.choose()
        certificate = gaps(learner.optimistic_payoffs(), profile.distribution, concept)
        assert certificate.max() <= 1.0 / K + 1e-12
        total += np.maximum(certificate, 0.0)
        learner.observe(simulator.play(profile.play(instance.game, rng), rng.random(4)))
    assert abs(learner.diagnostics()["epsilon_sum"] - total.max()) < 1e-9
    assert learner.diagnostics()["epsilon_sum"] <= 1.0


def test_one_hypothesis_leaves_nothing_to_regret() -> None:
    rng = np.random.default_rng(5)
    game = random_game(rng, (2, 2), 2, 3)
    policies = mb.PurePolicies.sample(game, [4, 4], 0)
    instance = mb.Instance(game, policies, mb.ModelClass(game.transition[None]))
    for concept in ("nash", "ce", "cce"):
        learner = mb.learners.make("mamex", instance, concept=concept, eta=1.0, episodes=50)
        regret = mb.run(instance, learner, episodes=50, seed=0).regret.sum(axis=0)
        if concept == "cce":
            assert (regret <= 1e-7).all()
        else:
            assert np.abs(regret).max() <= 1e-7


def test_one_agent_is_maximise_to_explore() -> None:
    """n = 1: the policy played attains the largest V_f - eta L(f)."""
    instance = random_instance(13, "models", counts=(3,))
    learner = mb.learners.make("mamex", instance, concept="nash", eta=0.1, episodes=40)
    simulator = mb.model.simulator.Simulator(instance.game)
    rng = np.random.default_rng(0)
    for _ in range(40):
        profile = learner.choose()
        optimistic = learner.optimistic_payoffs()[0]
        assert optimistic @ profile.distribution >= optimistic.max() - 1.0 / 40
        learner.observe(simulator.play(profile.play(instance.game, rng), rng.random(4)))
    run = mb.run(
        instance,
        mb.learners.make("mamex", instance, concept="nash", eta=0.1, episodes=2000),
        episodes=2000,
        seed=1,
    )
    assert run.regret[-1, 0] < 1e-9


def test_horizon_one_is_a_matrix_game() -> None:
    """H = 1: values do not depend on the model, so every gap vanishes at once."""
    rng = np.random.default_rng(3)
    reward = rng.random((2, 1, 1, 9))
    game = mb.MarkovGame(np.ones((1, 1, 9, 1)), reward, (3, 3))
    instance = mb.Instance(game, mb.PurePolicies.all(game), mb.ModelClass(game.transition[None]))
    assert np.array_equal(instance.payoffs.reshape(2, 9), reward.reshape(2, 9))
    for concept in ("nash", "ce", "cce"):
        learner = mb.learners.make("mamex", instance, concept=concept, eta="paper", episodes=20)
        assert mb.run(instance, learner, episodes=20, seed=0).regret.max() <= 1e-9


def test_zero_sum_play_converges_to_the_minimax_value() -> None:
    rng = np.random.default_rng(1)
    base = random_game(rng, (2, 2), 2, 2)
    game = mb.MarkovGame(base.transition, np.stack([base.reward[0], 1 - base.reward[0]]), (2, 2))
    policies = mb.PurePolicies.all(game)
    models = np.concatenate([game.transition[None], rng.dirichlet(np.ones(2), size=(9, 2, 2, 4))])
    instance = mb.Instance(game, policies, mb.ModelClass(models))
    learner = mb.learners.make("mamex", instance, concept="nash", eta="paper", episodes=3000)
    last = mb.run(instance, learner, episodes=3000, seed=0).final_profile
    minimax = mb.equilibria.solve(instance.payoffs, "nash").distribution
    value = (instance.payoffs[0] * minimax).sum()
    assert abs((instance.payoffs[0] * last.distribution).sum() - value) < 1e-6


def test_realizable_value_classes_learn() -> None:
    instance = mb.catalogue.make("linear_game")
    values = [k for k, v in instance.hypotheses.items() if isinstance(v, mb.ValueClass)]
    for hypotheses in values:
        learner = mb.learners.make(
            "mamex", instance, concept="nash", eta="paper", episodes=2000, hypotheses=hypotheses
        )
        regret = mb.run(instance, learner, episodes=2000, seed=0).regret.sum(axis=1)
        assert regret[-500:].mean() < 0.2 * regret[0]


def test_eta_paper_and_numbers() -> None:
    instance = random_instance(0, "models")
    learner = mb.learners.make("mamex", instance, concept="cce", eta="paper", episodes=400)
    assert learner.eta == 0.2
    for bad in (0.0, -1.0, np.nan, np.inf, "large", True):
        with pytest.raises(InputError, match="eta is"):
            mb.learners.make("mamex", instance, concept="cce", eta=bad, episodes=400)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"concept": "cee"}, "unknown concept 'cee'"),
        ({"episodes": 0}, "episodes is 0"),
        ({"episodes": 2.5}, "episodes is 2.5"),
        ({"hypotheses": "value"}, "no hypotheses 'value'"),
        ({"mode": "model-free"}, "no class for mode 'model-free'"),
        ({"mode": "both"}, "mode is 'both'"),
        ({"temperature": 1.0}, "no option 'temperature'"),
    ],
)
def test_bad_options_are_named(change: dict[str, object], words: str) -> None:
    options = {"concept": "cce", "episodes": 10, "eta": 1.0, **change}
    with pytest.raises(InputError, match=words):
        mb.learners.make("mamex", random_instance(0, "models"), **options)


def test_an_unknown_learner_is_named() -> None:
    with pytest.raises(InputError, match="unknown learner 'mamx'"):
        mb.learners.make("mamx", random_instance(0, "models"), concept="cce", episodes=10)


@pytest.mark.parametrize("fused", [True, False])
def test_a_class_that_excludes_what_happens_is_reported(fused: bool) -> None:
    game = mb.MarkovGame(np.eye(2)[[[[1, 1], [1, 1]]]], np.zeros((1, 1, 2, 2)), (2,))
    stay = np.eye(2)[[[[0, 0], [1, 1]]]]
    instance = mb.Instance(game, mb.PurePolicies.all(game), mb.ModelClass(stay[None], truth=None))
    learner = mb.learners.make("mamex", instance, concept="nash", eta=1.0, episodes=10)
    with pytest.raises(MisspecifiedError, match="probability zero under every model"):
        mb.run(instance, learner, episodes=10, seed=0, fused=fused)


def test_a_linear_class_has_no_ties() -> None:
    with pytest.raises(mb.errors.NotApplicableError, match="no ties"):
        mb.learners.make(
            "planted_no_optimism",
            random_instance(0, "linear"),
            concept="cce",
            episodes=10,
            eta=1.0,
        )
