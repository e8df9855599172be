"""Learners on layered games: the same play as on the dense form, payoffs as defined, no peeking."""

from __future__ import annotations

import dataclasses
from importlib import import_module

import numpy as np
import pytest
from layered_games import (
    dense_models,
    dense_policies,
    layered_models,
    layered_policies,
    random_layered_game,
    with_probability,
)

import mamex_bench as mb
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels.evidence import IMPOSSIBLE
from mamex_bench.kernels.explore import record_one
from mamex_bench.learners._base import FusedLearner
from mamex_bench.learners._optimistic_planning import (
    OptimisticValueIteration,
    log_factor,
)
from mamex_bench.learners._tuned import tuned_confidence
from mamex_bench.learners.optimistic_vi import theorem_confidence
from mamex_bench.model.evaluation import dense
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference.regularised_payoffs import regularised_payoffs
from mamex_bench.reference.rows import padded

KINDS = ("models", "tabular", "completion", "linear")
CONCEPTS = ("nash", "ce", "cce")
EPISODES = 80


def forms(
    seed: int,
    kind: str,
    counts: tuple[int, ...] = (2, 3),
    sizes: tuple[int, ...] = (2, 4, 1, 3),
) -> tuple[mb.Instance, mb.Instance]:
    """(layered, dense): one random game, its policies and hypotheses in both forms."""
    rng = np.random.default_rng(seed)
    game = random_layered_game(seed, counts, sizes)
    policies = layered_policies(game, seed)
    shape = (game.states, game.actions)

    def wide(tables: np.ndarray) -> np.ndarray:
        return np.stack([padded(game, table) for table in tables])

    if kind == "models":
        models = layered_models(game, seed, 5)
        pair = mb.ModelClass(models), mb.ModelClass(dense_models(game, models))
    elif kind == "tabular":
        values = [3.0 * rng.random((F, *shape)) for F in (4, 3, 5)[: len(counts)]]
        pair = mb.ValueClass(values), mb.ValueClass([wide(each) for each in values])
    else:
        features = rng.random((*shape, 2))
        other = padded(game, features)
        if kind == "linear":
            pair = mb.LinearValueClass(features, 0.7), mb.LinearValueClass(other, 0.7)
        else:
            layer = np.repeat(np.arange(len(sizes)), sizes)
            theta = rng.random((4, len(sizes), 2))[:, layer]
            values = [np.einsum("xad,fxd->fxa", features, theta)] * len(counts)
            narrow = mb.ValueClass(values, features, 0.7)
            pair = narrow, mb.ValueClass([wide(each) for each in values], other, 0.7)
    full = mb.Instance(dense(game), dense_policies(game, policies), pair[1])
    return mb.Instance(game, policies, pair[0]), full


def make(name: str, instance: mb.Instance, concept: str) -> mb.learners.Learner:
    options = {"eta": 0.2} if "eta" in mb.learners.options(name) else {}
    try:
        return mb.learners.make(name, instance, concept=concept, episodes=EPISODES, **options)
    except NotApplicableError as reason:
        pytest.skip(f"does not apply: {reason}")


def profiles(run: mb.Run) -> list[np.ndarray]:
    class_kind = isinstance(run.final_profile, mb.ClassProfile)
    return [p.distribution if class_kind else p.joint for p in run.profiles]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("name", mb.learners.names())
def test_play_is_that_of_the_dense_form_and_repeats_step_by_step(
    name: str, concept: str, kind: str
) -> None:
    layered, full = forms(4, kind)
    learner = make(name, layered, concept)
    first = mb.run(layered, learner, EPISODES, seed=1)
    again = mb.run(layered, make(name, layered, concept), EPISODES, seed=1, fused=False)
    np.testing.assert_array_equal(first.regret, again.regret)
    assert [x.tobytes() for x in profiles(first)] == [x.tobytes() for x in profiles(again)]
    assert isinstance(learner, FusedLearner)
    if learner.profile_kind == "markov":
        return  # its constants depend on the number of states: see below
    if name in ("exp3_self_play", "monte_carlo_ucb", "monte_carlo_ucb_tuned"):
        return  # theirs depend on which returns are possible: see test_policy_space_learners
    other = mb.run(full, make(name, full, concept), EPISODES, seed=1)
    np.testing.assert_array_equal(first.regret, other.regret)
    assert [x.tobytes() for x in profiles(first)] == [x.tobytes() for x in profiles(other)]


@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("constants", ["theorem", "tuned", "lazy"])
@pytest.mark.parametrize("counts", [(2, 3), (3,), (2, 1, 2)])
def test_plans_are_those_of_the_dense_form(
    constants: str, concept: str, counts: tuple[int, ...]
) -> None:
    """With the bounds of the layered game on its dense form, and the same draws in each state."""
    layered, full = forms(len(counts), "tabular", counts)
    game, K = layered.game, 60
    iota = log_factor(game, K, 0.05)
    if constants == "theorem":
        own = theorem_confidence(game, iota)
    else:
        own = tuned_confidence(game, 0.25, iota)
    wide = [np.stack([padded(game, a) for a in array]) for array in (own.ceiling, own.floor)]
    n, A = game.agents, game.actions
    ceiling, floor = (array.reshape(n, -1, A) for array in wide)
    broad = dataclasses.replace(own, ceiling=ceiling, floor=floor)
    growth = 1.25 if constants == "lazy" else 1.0
    a = OptimisticValueIteration(layered, concept, K, "layered", own, growth)
    b = OptimisticValueIteration(full, concept, K, "dense", broad, growth)

    cells = padded(game, np.ones(game.states, dtype=bool)).reshape(-1)
    draws = np.random.default_rng(0).random((K, cells.size + 1 + game.horizon))
    fewer = draws[:, np.append(cells, np.ones(1 + game.horizon, dtype=bool))]
    played = a.advance(Simulator(game), fewer), b.advance(Simulator(full.game), draws)
    assert len(played[0]) > (2 if constants == "tuned" and counts == (2, 3) else 0)
    for (x, count), (y, again) in zip(*played, strict=True):
        assert count == again
        np.testing.assert_array_equal(padded(game, x.joint)[cells.reshape(full.game.table_shape)],
                                      y.joint[cells.reshape(full.game.table_shape)])  # fmt: skip
        np.testing.assert_array_equal(x.gaps(layered), y.gaps(full))
        np.testing.assert_allclose(x.class_gaps(layered), y.class_gaps(full), atol=1e-14)
    np.testing.assert_allclose(a.interval(), b.interval(), atol=1e-14)
    assert not b._data.met[: cells.size][~cells].any()
    assert a.output_profile().joint.shape == (game.states, A)


@pytest.mark.parametrize("kind", KINDS)
def test_payoffs_equal_the_definition(kind: str) -> None:
    for seed, counts in enumerate([(2, 3), (3,), (2, 1, 2)]):
        instance, full = forms(seed, kind, counts)
        learner = mb.learners.make("mamex", instance, concept="cce", eta=0.3, episodes=EPISODES)
        game, rng = instance.game, np.random.default_rng(seed)
        seen = []
        for _ in range(12):
            joint = learner.choose().play(game, rng)
            seen.append(Simulator(game).play(joint, rng.random(game.horizon + 1)))
            learner.observe(seen[-1])
        name = next(iter(instance.hypotheses))
        expected = regularised_payoffs(instance, name, seen, 0.3)
        assert np.abs(learner.optimistic_payoffs() - expected).max() < 1e-10
        renamed = [
            mb.Trajectory(full.game.named(dense_numbers(game, t.states)), t.actions, t.rewards)
            for t in seen
        ]
        again = regularised_payoffs(full, name, renamed, 0.3)
        np.testing.assert_allclose(again, expected, atol=1e-11)


def dense_numbers(game: mb.LayeredGame, states: np.ndarray) -> np.ndarray:
    """Where the states of a trajectory lie among those of the dense form."""
    width = dense(game).states
    return np.arange(game.horizon + 1) * width + states - game.layer_offsets


@pytest.mark.parametrize("kind", ["models", "tabular"])
@pytest.mark.parametrize("name", mb.learners.names())
def test_learners_know_what_can_follow_but_not_how_likely_it_is(name: str, kind: str) -> None:
    one, _ = forms(8, kind)
    game = one.game
    other = with_probability(game, layered_models(game, 1, 2)[1])
    classes = one.hypothesis()
    if isinstance(classes, mb.ModelClass):
        classes = mb.ModelClass(classes.transitions, truth=None)
    pair = [mb.Instance(each, one.policies, classes) for each in (game, other)]
    a, b = (make(name, each, "cce") for each in pair)
    if a.reads_truth:
        pytest.skip("a yardstick, which says that it reads the truth")
    simulator, rng = Simulator(game), np.random.default_rng(0)
    for _ in range(40):
        x, y = a.choose(), b.choose()
        table = x.play(game, rng)
        for field in ("distribution", "joint"):
            np.testing.assert_array_equal(getattr(x, field, 0), getattr(y, field, 0))
        trajectory = simulator.play(table, rng.random(game.horizon + 1))
        a.observe(trajectory)
        b.observe(trajectory)


def test_transitions_that_the_game_does_not_have() -> None:
    instance, full = forms(4, "models")
    game = instance.game
    row = np.flatnonzero(np.diff(game.indptr)[: 2 * game.actions] < 4)[0]
    x, action = divmod(int(row), game.actions)
    entries = game.next_state[game.indptr[row] : game.indptr[row + 1]]
    absent = next(y for y in range(2, 6) if y not in entries)
    states = np.array([x, absent, 6, 7, game.next_state[-1]])
    actions = np.array([action, 0, 0, 0])
    trajectory = mb.Trajectory(states, game.action_table[actions], np.zeros((2, 4)))
    for name in ("mamex", "optimistic_vi"):
        with pytest.raises(InputError, match=r"states\[0:2\] is .* expected a transition of"):
            make(name, instance, "cce").observe(trajectory)
    beyond = mb.Trajectory(states, game.action_table[actions], np.zeros((2, 4)))
    with pytest.raises(InputError, match="expected a transition of MarkovGame"):
        make("mamex", full, "cce").observe(beyond)
    # Compiled code, which trusts its caller, lets no model explain it.
    learner = make("mamex", instance, "cce")
    record_one(learner._evidence, states, actions, np.zeros((2, 4)))
    assert (learner._evidence.losses >= IMPOSSIBLE).all()


def test_snapshots_and_draws_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither changes what is played."""
    instance, _ = forms(6, "tabular")
    runs = []
    for numbers in (1 << 20, 1):
        monkeypatch.setattr(import_module("mamex_bench.runs.run"), "BLOCK_DRAWS", numbers)
        monkeypatch.setattr("mamex_bench.learners._planner.SNAPSHOT_NUMBERS", numbers)
        learner = make("optimistic_vi_tuned", instance, "cce")
        runs.append(mb.run(instance, learner, EPISODES, seed=0))
    np.testing.assert_array_equal(runs[0].gaps, runs[1].gaps)
    np.testing.assert_array_equal(runs[0].lengths, runs[1].lengths)
    assert learner._snapshots.shape[0] == 2
