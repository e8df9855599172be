"""Nash-UCRL and OMNI-VI on the games that they apply to, where universal tests have
none; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layered_games import layered_form
from linear_games import NAMES, applicable, build, case, played

import mamex_bench as mb
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels import linear_planning as kernel
from mamex_bench.model.mixture import Mixture
from mamex_bench.model.simulator import Simulator


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
