"""ONEMG: optimistic strategies, best replies, and what it remembers of old ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from class_games import case, played

import mamex_bench as mb
from mamex_bench.learners import _exploiter
from mamex_bench.learners._exploiter import Exploiter
from mamex_bench.model.simulator import Simulator


def test_onemg_plays_the_optimistic_strategy_and_its_best_reply() -> None:
    instance, K = case("zero-sum"), 40
    learner = mb.learners.make("onemg_tuned", instance, concept="nash", episodes=K, scale=0.02)
    assert isinstance(learner, Exploiter)
    game, models = instance.game, instance.hypothesis().transitions
    H, S, _ = game.reward.shape[1:]
    F, counts = len(models), game.action_counts
    nash = []
    for P in models:
        twin = mb.MarkovGame(P, game.reward, counts, game.initial)
        solved = mb.equilibria.backward_induction(twin, "nash")
        nash.append((solved.policy.joint.reshape(H, S, *counts), solved.values))
    seen: list[mb.Trajectory] = []
    left = set()
    for k in range(K):
        agent = k % 2
        executed = learner.choose().joint.reshape(H, S, *counts)

        def inside(V: np.ndarray) -> list[int]:
            """V: (F, H + 1, S), of the main agent."""
            kept = []
            for f, W in enumerate(V):
                excess = -np.inf
                for h in range(H):
                    losses = np.zeros(F)
                    for t in seen:  # noqa: B023
                        a = int(np.ravel_multi_index(t.actions[h], counts))
                        s, after = t.states[h : h + 2]
                        losses += (models[:, h, s, a] @ W[h + 1] - W[h + 1, after]) ** 2
                    excess = max(excess, losses[f] - losses.min() - learner.beta[h])
                if excess <= 1e-9:
                    kept.append(f)
            return kept

        V = np.zeros((F, H + 1, S))
        V[:, :H] = [values[agent] for _, values in nash]
        members = inside(V)
        left.add(len(members))
        f = learner.main[agent]
        assert f in members
        start = V[:, 0] @ game.initial
        assert start[f] == pytest.approx(start[members].max(), abs=1e-9)
        mu = nash[f][0].sum(axis=3 - agent)
        np.testing.assert_allclose(executed.sum(axis=3 - agent), mu, atol=1e-9)
        # Best replies to mu under every model.
        W, replies = np.zeros((F, H + 1, S)), np.zeros((F, H, S), dtype=int)
        for g, h in itertools.product(range(F), range(H - 1, -1, -1)):
            Q = game.reward[agent, h] + models[g, h] @ W[g, h + 1]
            Q = np.moveaxis(Q.reshape(S, *counts), 1 + agent, 1)
            against = np.einsum("sab,sa->sb", Q, mu[h])
            W[g, h], replies[g, h] = against.min(axis=1), against.argmin(axis=1)
        members = inside(W)
        worth = W[:, 0] @ game.initial
        least = worth[members].min()
        reply = executed.sum(axis=2 + agent).argmax(axis=2)
        assert any(worth[g] <= least + 1e-9 and (replies[g] == reply).all() for g in members)
        seen += played(learner, instance, 1)
    assert len(left) > 2


def test_onemg_repeats_and_is_blind_to_the_truth() -> None:
    instance = case("zero-sum")
    runs = [
        mb.run(instance, mb.learners.make("onemg", instance, concept=c, episodes=60), 60, seed=1)
        for c in ("nash", "nash", "ce")
    ]
    np.testing.assert_array_equal(runs[0].regret, runs[1].regret)
    assert all(len(run.lengths) == len(runs[0].lengths) for run in runs)
    game, models = instance.game, instance.hypothesis()
    P = np.random.default_rng(0).dirichlet(np.ones(game.states), game.transition.shape[:3])
    P = np.where(game.transition > 0.0, P, 0.0)
    other = mb.MarkovGame(
        P / P.sum(axis=-1, keepdims=True), game.reward, game.action_counts, game.initial
    )
    hidden = mb.ModelClass(models.transitions, None)
    learners = [
        mb.learners.make(
            "onemg", mb.Instance(each, instance.policies, hidden), concept="nash", episodes=40
        )
        for each in (game, other)
    ]
    simulator, rng = Simulator(game), np.random.default_rng(2)
    for _ in range(40):
        x, y = (learner.choose().joint for learner in learners)
        np.testing.assert_array_equal(x, y)
        table = learners[0].choose().play(game, rng)
        trajectory = simulator.play(table, rng.random(simulator.uniforms))
        for learner in learners:
            learner.observe(trajectory)


def test_onemg_forgets_and_relearns_old_strategies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses rebuilt from counts are those kept up to date."""
    instance = case("zero-sum")
    regrets = []
    for kept in (8, 1):
        monkeypatch.setattr(_exploiter, "REMEMBERED", kept)
        learner = mb.learners.make("onemg_tuned", instance, concept="nash", episodes=120)
        regrets.append(mb.run(instance, learner, 120, seed=4).regret)
    np.testing.assert_array_equal(*regrets)
