"""Planners break ties of their stage games by lot: how a game numbers actions decides nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from games import random_game
from linear_games import case as linear_case
from planning_games import instance_of, zero_sum_game

import mamex_bench as mb
from mamex_bench.kernels import nash_q
from mamex_bench.learners._stage_games import StageGames
from mamex_bench.model.simulator import Simulator

GENERAL = ("optimistic_vi", "optimistic_vi_tuned", "optimistic_vi_tuned_lazy")
ZERO_SUM = ("nash_vi", "nash_vi_tuned", "nash_vi_tuned_lazy", "nash_q", "nash_q_tuned")
ONE_AGENT = ("ucbvi", "ucbvi_tuned")
LINEAR = {
    "nash_ucrl": "mixture",
    "nash_ucrl_tuned": "mixture",
    "omni_vi": "linear",
    "omni_vi_tuned": "linear",
}
CONCEPTS = ("nash", "ce", "cce")


def make(name: str, instance: mb.Instance, concept: str, episodes: int, seed: int = 0) -> Any:
    learner = mb.learners.make(name, instance, concept=concept, episodes=episodes)
    learner.begin(np.random.default_rng(seed))
    return learner


def game_for(name: str, seed: int = 4) -> mb.MarkovGame:
    if name in ONE_AGENT:
        return random_game(seed, (3,), states=3, horizon=3)
    return zero_sum_game(seed) if name in ZERO_SUM else random_game(seed, (2, 3), 3, 3)


def swapped_names(game: mb.MarkovGame, rng: np.random.Generator) -> np.ndarray:
    """(H, S, A): in every state the old joint action of a new one, agent by agent at random."""
    names = np.empty((game.horizon, game.states, game.actions), dtype=np.int64)
    for h, s in np.ndindex(names.shape[:2]):
        own = [rng.permutation(count) for count in game.action_counts]
        for a, each in enumerate(np.ndindex(*game.action_counts)):
            old = tuple(own[i][b] for i, b in enumerate(each))
            names[h, s, a] = np.ravel_multi_index(old, game.action_counts)
    return names


def renamed(game: mb.MarkovGame, names: np.ndarray) -> mb.MarkovGame:
    transition = np.take_along_axis(game.transition, names[..., None], axis=2)
    reward = np.take_along_axis(game.reward, names[None], axis=3)
    return mb.MarkovGame(transition, reward, game.action_counts, game.initial)


# --- the order ---


def test_an_order_is_one_permutation_for_each_agent() -> None:
    game = random_game(0, (2, 3, 2), states=200, horizon=2)
    games = StageGames(game, "cce")
    np.testing.assert_array_equal(games.order, np.tile(np.arange(12), (400, 1)))
    games.shuffle(np.random.default_rng(0))
    seen = set()
    for row in games.order:
        places = np.array(np.unravel_index(row, game.action_counts)).reshape(3, 2, 3, 2)
        own = [places[0][:, 0, 0], places[1][0, :, 0], places[2][0, 0, :]]
        for i, each in enumerate(own):
            assert sorted(each) == list(range(game.action_counts[i]))
            shape = [1, 1, 1]
            shape[i] = -1
            assert (places[i] == each.reshape(shape)).all()
        seen.add(tuple(row))
    assert len(seen) == 2 * 6 * 2  # all of them
    shares = np.bincount(games.order[:, 0], minlength=12) / 400  # all actions come first equally
    np.testing.assert_allclose(shares, 1 / 12, atol=4 * np.sqrt(1 / 12 / 400))


@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("name", [*GENERAL, *ZERO_SUM, *ONE_AGENT])
def test_other_names_in_the_same_order_change_nothing(name: str, concept: str) -> None:
    """Same data under other names, and the order of the stage games carried along."""
    game, K = game_for(name), 40
    names = swapped_names(game, np.random.default_rng(1))
    other = renamed(game, names)
    a = make(name, instance_of(game), concept, K, seed=0)
    b = make(name, instance_of(other), concept, K, seed=1)
    flat, inverse = names.reshape(-1, game.actions), np.argsort(names).reshape(-1, game.actions)
    b._games.order[:] = np.take_along_axis(inverse, a._games.order, axis=1)
    b._start()
    simulator, rng = Simulator(game), np.random.default_rng(2)
    for _ in range(K):
        x, y = (each.choose().joint.reshape(flat.shape) for each in (a, b))
        np.testing.assert_allclose(y, np.take_along_axis(x, flat, axis=1), atol=1e-9)
        table = rng.integers(game.actions, size=(game.horizon, game.states))
        uniforms = rng.random(simulator.uniforms)
        trajectory = simulator.play(table, uniforms)
        a.observe(trajectory)
        new = np.take_along_axis(np.argsort(names), table[..., None], axis=2)[..., 0]
        b.observe(Simulator(other).play(new, uniforms))


@pytest.mark.parametrize("name", [*GENERAL, *ZERO_SUM, *ONE_AGENT, *LINEAR])
def test_to_begin_is_to_begin_anew(name: str) -> None:
    """Whatever was planned before: profiles, certificates and counters are those of that order."""
    instance = linear_case(LINEAR[name]) if name in LINEAR else instance_of(game_for(name))
    learners = [mb.learners.make(name, instance, concept="cce", episodes=30) for _ in range(2)]
    learners[0].choose()
    learners[0].begin(np.random.default_rng(5))
    learners[0].choose()
    runs = [mb.run(instance, each, 30, seed=1) for each in learners]
    np.testing.assert_array_equal(runs[0].regret, runs[1].regret)
    np.testing.assert_array_equal(runs[0].lengths, runs[1].lengths)
    for key, value in runs[0].diagnostics.items():
        if "seconds" not in key:
            assert runs[1].diagnostics[key] == value, key


# --- what follows from it ---

TIED = ("optimistic_vi", "nash_vi", "nash_q", "ucbvi", "nash_ucrl", "omni_vi")


@pytest.mark.parametrize("name", TIED)
def test_first_plans_are_drawn_from_all_joint_actions(name: str) -> None:
    """All payoffs are tied: one action per state, each equally often; nash_q begins uniformly."""
    instance = linear_case(LINEAR[name]) if name in LINEAR else instance_of(game_for(name))
    A, seeds = instance.game.actions, 300
    shares = np.zeros(A)
    for seed in range(seeds):
        joint = make(name, instance, "cce", 5, seed).choose().joint.reshape(-1, A)
        shares += joint[0] / seeds
        if name != "nash_q":
            assert set(np.unique(joint)) == {0.0, 1.0}
    np.testing.assert_allclose(shares, 1.0 / A, atol=4 * np.sqrt(1.0 / A / seeds))


def early_regret(game: mb.MarkovGame, seeds: int) -> np.ndarray:
    """(seeds,): per episode, both agents' gaps, theorem's constants, 20 episodes of each run."""
    instance = instance_of(game)
    totals = []
    for seed in range(seeds):
        learner = mb.learners.make("optimistic_vi", instance, concept="cce", episodes=20)
        run = mb.run(instance, learner, 20, seed=seed)
        totals.append(float((run.gaps.sum(axis=1) * run.lengths).sum()) / 20)
    return np.array(totals)


def numbering_matters() -> bool:
    """Whether early regret on gridworld is, beyond chance, another one under other names."""
    game = mb.catalogue.make("gridworld").dense
    rng = np.random.default_rng(7)
    one = early_regret(game, 40)
    others = [renamed(game, swapped_names(game, rng)) for _ in range(40)]
    many = np.array([early_regret(each, 1)[0] for each in others])
    spread = np.sqrt((one.var() + many.var()) / 40)
    return bool(abs(one.mean() - many.mean()) > 4 * spread)


def test_the_numbering_of_actions_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On gridworld the lowest joint action everywhere happens to be an equilibrium."""
    game = mb.catalogue.make("gridworld").dense
    lowest = np.zeros((game.horizon, game.states, game.actions))
    lowest[..., 0] = 1.0
    assert mb.MarkovProfile(lowest, "cce").gaps(instance_of(game)).max() <= 1e-9
    assert not numbering_matters()
    assert early_regret(game, 20).mean() > 0.3
    monkeypatch.setattr(StageGames, "shuffle", lambda games, rng: None)
    assert early_regret(game, 1)[0] <= 1e-9
    assert numbering_matters()


# --- Nash Q-learning before the first visit ---


def test_nash_q_is_uniform_where_it_has_not_been() -> None:
    game, K = zero_sum_game(11, (3, 2)), 30
    learner = make("nash_q", instance_of(game), "nash", K)
    assert learner.diagnostics()["solves"] == 0.0
    simulator, rng = Simulator(game), np.random.default_rng(0)
    for episode in range(K):
        joint = learner.choose().joint.reshape(-1, game.actions)
        tables = learner._tables
        unseen = tables.visits.sum(axis=1) == 0
        assert unseen.all() == (episode == 0)
        np.testing.assert_array_equal(joint[unseen], 1.0 / game.actions)
        np.testing.assert_allclose(tables.value_high[: unseen.size][unseen], game.horizon)
        np.testing.assert_array_equal(tables.value_low[: unseen.size][unseen], 0.0)
        assert (joint[~unseen] != 1.0 / game.actions).any() or episode == 0
        table = np.minimum(rng.integers(game.actions, size=(game.horizon, game.states)), 2)
        learner.observe(simulator.play(table, rng.random(simulator.uniforms)))
    assert tables.counters[nash_q.SOLVES] == game.horizon * K


# --- ends of intervals ---


@pytest.mark.parametrize("name", [*GENERAL, *ZERO_SUM, *ONE_AGENT])
def test_lower_ends_are_below_upper_ends(name: str) -> None:
    """And UCBVI, which has upper bounds alone, offers no output."""
    for seed in range(3):
        instance, K = instance_of(game_for(name, seed)), 300
        learner = mb.learners.make(name, instance, concept="nash", episodes=K)
        run = mb.run(instance, learner, K, seed=seed)
        if name in ONE_AGENT:
            assert run.offered is None
            assert "output_width" not in run.diagnostics
            assert not hasattr(learner, "interval")
            continue
        low, high = learner.interval()
        assert (np.asarray(low) <= np.asarray(high) + 1e-9).all()
        assert run.diagnostics.get("output_width", 0.0) >= -1e-9
