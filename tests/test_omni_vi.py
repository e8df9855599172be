"""OMNI-VI: a batch regression from all data agrees with it; reductions."""

from __future__ import annotations

import numpy as np
import pytest
from linear_games import arms, build, case, expect_cce, extremes, payoffs_of, played, uniform_gap

import mamex_bench as mb
from mamex_bench.learners.omni_vi import theorem_radius


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
