"""Optimistic value iteration: the plan, against a slow twin; what it guarantees; reductions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from games import random_game

import mamex_bench as mb
from mamex_bench.equilibria import solve
from mamex_bench.errors import InputError
from mamex_bench.kernels.stage_games import stage_equilibrium
from mamex_bench.learners import _optimistic_planning as planning
from mamex_bench.learners import _planner, _stage_games
from mamex_bench.learners._tuned import tuned_confidence
from mamex_bench.learners.optimistic_vi_tuned import SCALE
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.simulator import Simulator
from mamex_bench.reference import markov_gaps as slow_gaps
from mamex_bench.reference import optimistic_vi as slow

CONCEPTS = ("nash", "ce", "cce")
NAMES = ("optimistic_vi", "optimistic_vi_tuned", "optimistic_vi_tuned_lazy")
Learner = planning.OptimisticValueIteration


def instance_of(game: mb.MarkovGame) -> mb.Instance:
    return mb.Instance(game, mb.PurePolicies.sample(game, (2,) * game.agents, seed=0))


def make(
    name: str, instance: mb.Instance, concept: str, episodes: int, **options: float
) -> Learner:
    learner = mb.learners.make(name, instance, concept=concept, episodes=episodes, **options)
    assert isinstance(learner, Learner)
    return learner


def stage_solver(
    game: mb.MarkovGame, concept: str, order: np.ndarray
) -> Callable[[np.ndarray, int, int], np.ndarray]:
    """The package's choice among equilibria, so that the twin plans for the same one; payoffs are
    shown in the learner's order (H S, A) of joint actions."""
    counts = np.array(game.action_counts, dtype=np.int64)

    def answer(payoffs: np.ndarray, h: int, s: int) -> np.ndarray:
        shown = order[h * game.states + s]
        out, named = np.empty(payoffs.shape[1]), np.empty(payoffs.shape[1])
        flat = np.ascontiguousarray(payoffs[:, shown])
        if stage_equilibrium(flat, counts, concept_code(concept), out):
            shaped = flat.reshape(-1, *game.action_counts)
            out = solve(shaped, concept).distribution.reshape(-1)
        named[shown] = out
        return named

    return answer


def slow_widths(
    name: str, game: mb.MarkovGame, episodes: int
) -> tuple[list[list[float]], float, list[list[float]]]:
    """Over sqrt(t), standard errors, and over t, from the docstrings' formulas; p = 0.05."""
    H, S, A = game.horizon, game.states, game.actions
    iota = np.log(S * A * H * episodes / 0.05)
    nothing = [[0.0] * H for _ in range(game.agents)]
    if name == "optimistic_vi":
        c = np.sqrt((S * np.log(2) + iota) / (2 * S * iota))
        return [[c * np.sqrt(S * H**2 * iota)] * H for _ in range(game.agents)], 0.0, nothing
    left = [
        [sum(float(np.ptp(reward[g])) for g in range(h + 1, H)) for h in range(H)]
        for reward in game.reward
    ]
    linear = [[0.25**2 * iota * width for width in row] for row in left]
    return nothing, 0.25 * np.sqrt(iota), linear


@pytest.mark.parametrize("name", NAMES[:2])
@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("counts", [(2, 3), (3,), (2, 2, 2)])
def test_plans_equal_those_of_the_slow_twin(
    name: str, concept: str, counts: tuple[int, ...]
) -> None:
    episodes = 12 if len(counts) == 3 and concept == "nash" else 60
    game = random_game(sum(counts), counts, states=3, horizon=3, sparse=True)
    learner = make(name, instance_of(game), concept, episodes)
    learner.begin(np.random.default_rng(len(counts)))
    bounds = slow.theorem_bounds if name == "optimistic_vi" else slow.reward_bounds
    counts_seen = np.zeros(game.transition.shape, dtype=np.int64)
    simulator, rng = Simulator(game), np.random.default_rng(1)
    for episode in range(episodes):
        profile = learner.choose()
        if episode % 4 == 0:
            twin = slow.full_pass(
                game.reward,
                counts_seen,
                bounds(game.reward),
                slow_widths(name, game, episodes),
                stage_solver(game, concept, learner._games.order),
            )
            plan = learner._plan
            for field in ("high", "low", "value_high", "value_low", "joint"):
                expected = getattr(twin, field)
                found = getattr(plan, field).reshape(expected.shape)
                np.testing.assert_allclose(found, expected, atol=1e-10, rtol=0)
            np.testing.assert_array_equal(profile.joint.reshape(plan.joint.shape), plan.joint)
        # Uniform actions, so that much of the table is seen in few episodes.
        table = rng.integers(game.actions, size=(game.horizon, game.states))
        trajectory = simulator.play(table, rng.random(game.horizon + 1))
        for h in range(game.horizon):
            cell = h, trajectory.states[h], trajectory.actions[h] @ game.strides
            counts_seen[(*cell, trajectory.states[h + 1])] += 1
        learner.observe(trajectory)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("concept", "counts"), [("nash", (2, 3)), ("ce", (2, 3)), ("cce", (3, 2)), ("nash", (2, 2, 2))]
)
def test_the_fused_loop_is_bit_identical(
    name: str, concept: str, counts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_planner, "SNAPSHOTS", 8)  # so that blocks end inside
    episodes = 20 if len(counts) == 3 else 300
    instance = instance_of(random_game(4, counts, states=3, horizon=2))
    runs = [
        mb.run(instance, make(name, instance, concept, episodes), episodes, seed=2, fused=fused)
        for fused in (True, False)
    ]
    np.testing.assert_array_equal(runs[0].regret, runs[1].regret)
    np.testing.assert_array_equal(runs[0].lengths, runs[1].lengths)
    for key, value in runs[0].diagnostics.items():
        if "seconds" not in key:
            assert runs[1].diagnostics[key] == value, key


@pytest.mark.parametrize("concept", CONCEPTS)
def test_theorem_bounds_enclose_the_truth(concept: str) -> None:
    """High >= best deviation, low <= value of the plan, after any number of episodes."""
    game = random_game(3, (2, 2), states=2, horizon=2)
    instance = instance_of(game)
    learner = make("optimistic_vi", instance, concept, 4000)
    simulator, rng = Simulator(game), np.random.default_rng(5)
    for _ in range(20):
        joint = learner.choose().joint
        low, high = learner.interval()
        for i in range(2):
            best = slow_gaps.best_response_value(game, joint, i, concept == "ce")
            assert high[i] >= best - 1e-9
            assert low[i] <= slow_gaps.policy_value(game, joint, i) + 1e-9
        learner.advance(simulator, rng.random((200, 2 * 2 + 1 + 2)))
    # The statement above is not empty: the interval is far from [0, H].
    width = learner.diagnostics()["output_width"]
    assert width < 1.3
    assert learner.output_profile().gaps(instance).max() <= width


def break_nothing(confidence: planning.Confidence) -> planning.Confidence:
    return confidence


def flip_the_bonus(confidence: planning.Confidence) -> planning.Confidence:
    return replace(confidence, linear=-confidence.linear, deviation=0.0)


def drop_the_bonus(confidence: planning.Confidence) -> planning.Confidence:
    return replace(confidence, linear=0.0 * confidence.linear, deviation=0.0)


# family: (episodes, seeds, level of the mean final gap, parameters)
FAMILIES = {
    "combination_lock": (2000, 32, 0.01, {"slip": 0.1}),
    "linear_mixture": (4000, 12, 0.03, {"states": 4, "actions": 2, "policies": 4, "models": 4}),
    "gridworld": (6000, 2, 0.03, {}),
}


def mean_final_gap(
    family: str, concept: str, change: Callable[[planning.Confidence], planning.Confidence]
) -> float:
    """Over instances and runs, the mean of max_i gap of the tuned learner's last profile."""
    episodes, seeds, _, parameters = FAMILIES[family]
    finals = []
    for seed in range(seeds):
        instance = mb.catalogue.make(family, seed=seed, **parameters)
        iota = planning.log_factor(instance.game, episodes, 0.05)
        confidence = change(tuned_confidence(instance.game, SCALE, iota))
        learner = Learner(instance, concept, episodes, "changed", confidence)
        finals.append(mb.run(instance, learner, episodes, seed=seed).gaps[-1].max())
    return float(np.mean(finals))


@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_tuned_form_learns(family: str, concept: str) -> None:
    assert mean_final_gap(family, concept, break_nothing) <= FAMILIES[family][2]


@pytest.mark.parametrize("change", [flip_the_bonus, drop_the_bonus])
def test_without_a_bonus_it_stays_locked_out(
    change: Callable[[planning.Confidence], planning.Confidence],
) -> None:
    """A slip at the right code looks like a wrong one, and nothing brings the learner back."""
    assert mean_final_gap("combination_lock", "cce", change) > 3 * FAMILIES["combination_lock"][2]


@pytest.mark.parametrize("concept", CONCEPTS)
def test_one_agent_is_optimistic_value_iteration(concept: str) -> None:
    """n = 1: V_high = max_a Q_high, and the values are those of UCBVI's recursion."""
    game = random_game(8, (3,), states=3, horizon=3)
    episodes = 400
    learner = make("optimistic_vi_tuned", instance_of(game), concept, episodes)
    rng = np.random.default_rng(0)
    learner.advance(Simulator(game), rng.random((episodes, 3 * 3 + 1 + 3)))
    _, high = learner.interval()
    data, starts = learner._data, game.layers.rows
    counts = np.zeros(game.transition.shape)
    for row, size in enumerate(data.support.reshape(-1)):
        places = slice(starts[row], starts[row] + size)
        h, cell = divmod(row, game.states * game.actions)
        s, a = divmod(cell, game.actions)
        counts[h, s, a, data.successor[places] - game.layers.first[h + 1]] = data.tally[places]
    assert counts.sum() == episodes * game.horizon
    reward, t = game.reward[0], counts.sum(axis=-1)
    _, errors, linear = slow_widths("optimistic_vi_tuned", game, episodes)
    ceiling = slow.reward_bounds(game.reward)[0][0]
    floor = slow.reward_bounds(game.reward)[1][0]
    value = lowest = np.zeros(game.states)
    for h in reversed(range(game.horizon)):
        seen = np.maximum(t[h], 1)
        middle, squares = (value + lowest) / 2, counts[h] @ ((value + lowest) / 2) ** 2
        spread = squares / seen - (counts[h] @ middle / seen) ** 2
        width = errors * np.sqrt(np.maximum(spread, 0.0) / seen) + linear[0][h] / seen
        above, below = (reward[h] + counts[h] @ V / seen for V in (value, lowest))
        above = np.where(t[h] > 0, np.minimum(above + width, ceiling[h]), ceiling[h])
        below = np.where(t[h] > 0, np.maximum(below - width, floor[h]), floor[h])
        value, lowest = above.max(axis=1), below[np.arange(game.states), above.argmax(axis=1)]
    np.testing.assert_allclose(high[0], game.initial @ value, atol=1e-12)
    assert learner.choose().gaps(learner.instance)[0] < 0.05


def minimax_value(matrix: np.ndarray) -> float:
    """Value of a zero-sum matrix game for the row player, by linear programming."""
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


def test_zero_sum_play_converges_to_the_minimax_value() -> None:
    base = random_game(21, (3, 3), states=3, horizon=2)
    game = mb.MarkovGame(
        base.transition, np.stack([base.reward[0], 1.0 - base.reward[0]]), (3, 3), base.initial
    )
    value = np.zeros(game.states)
    for h in reversed(range(game.horizon)):
        Q = game.reward[0, h] + game.transition[h] @ value
        value = np.array([minimax_value(Q[s].reshape(3, 3)) for s in range(game.states)])
    instance = instance_of(game)
    learner = make("optimistic_vi_tuned", instance, "nash", 6000)
    run = mb.run(instance, learner, 6000, seed=0)
    joint = run.final_profile.joint
    assert slow_gaps.policy_value(game, joint, 0) == pytest.approx(game.initial @ value, abs=0.02)
    assert run.gaps[-1].max() < 0.02
    low, high = learner.interval()
    assert high[0] - low[0] < 0.2


def test_ties_and_constant_games_need_no_fallback() -> None:
    """All payoffs equal: one pure plan, one profile object, no gap."""
    game = mb.MarkovGame(np.full((2, 2, 4, 2), 0.5), np.full((2, 2, 2, 4), 0.5), (2, 2))
    instance = instance_of(game)
    for concept in CONCEPTS:
        learner = make("optimistic_vi_tuned", instance, concept, 200)
        run = mb.run(instance, learner, 200)
        assert run.lengths.tolist() == [200]
        assert run.final_profile is learner.choose()
        assert set(np.unique(run.final_profile.joint)) == {0.0, 1.0}
        np.testing.assert_allclose(run.gaps, 0.0, atol=1e-12)
        assert learner.diagnostics()["fallbacks"] == 0.0


def three_player_pennies() -> mb.Instance:
    """Jordan's game: 0 matches 1, 1 matches 2, 2 mismatches 0; no pure equilibrium."""
    reward = np.zeros((3, 1, 1, 8))
    for cell, (a, b, c) in enumerate(np.ndindex(2, 2, 2)):
        reward[:, 0, 0, cell] = [a == b, b == c, c != a]
    return instance_of(mb.MarkovGame(np.ones((1, 1, 8, 1)), reward, (2, 2, 2)))


def test_stage_games_beyond_the_compiled_solver_fall_back_visibly() -> None:
    instance = three_player_pennies()
    learner = make("optimistic_vi_tuned", instance, "nash", 10)
    run = mb.run(instance, learner, 10)
    assert run.diagnostics["fallbacks"] >= 1.0
    assert run.diagnostics["fallback_seconds"] > 0.0
    assert run.diagnostics["worst_stage_gap"] <= 1e-6
    assert run.gaps.max() <= 1e-6


def test_a_failed_stage_game_is_never_uniform_play(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the oracle answers is what is played, and its gap is on record."""

    class Poor:
        distribution = np.eye(1, 8, 5).reshape(2, 2, 2)
        gaps = np.array([0.0, 0.25, 0.0])

    monkeypatch.setattr(_stage_games, "solve", lambda payoffs, concept: Poor())
    learner = make("optimistic_vi_tuned", three_player_pennies(), "nash", 5)
    np.testing.assert_array_equal(learner.choose().joint[0, 0], np.eye(1, 8, 5)[0])
    assert learner.diagnostics()["worst_stage_gap"] == 0.25


def test_lazy_plans_are_few_and_growth_one_is_every_episode() -> None:
    game = random_game(6, (2, 2), states=3, horizon=2)
    instance, K = instance_of(game), 2000
    exact = mb.run(instance, make("optimistic_vi_tuned", instance, "ce", K), K, seed=1)
    assert exact.diagnostics["passes"] == K
    lazy = mb.run(instance, make("optimistic_vi_tuned_lazy", instance, "ce", K), K, seed=1)
    # Each plan but the first needs one of H S A cells to have grown by 1.25 (at least by one).
    cells = game.horizon * game.states * game.actions
    assert lazy.diagnostics["passes"] <= 1 + cells * (5 + np.log(K) / np.log(1.25))
    assert lazy.diagnostics["passes"] < K / 3
    iota = planning.log_factor(game, K, 0.05)
    one = Learner(instance, "ce", K, "lazy", tuned_confidence(game, SCALE, iota), growth=1.0)
    np.testing.assert_array_equal(
        mb.run(instance, one, K, seed=1, learner_id="optimistic_vi_tuned").gaps, exact.gaps
    )


def test_the_same_table_keeps_the_same_profile_object() -> None:
    instance = mb.catalogue.make("combination_lock")
    run = mb.run(instance, make("optimistic_vi_tuned", instance, "cce", 500), 500)
    assert run.lengths.size < 40
    assert run.diagnostics["passes"] == 500


def test_learners_are_blind_to_the_truth() -> None:
    game = random_game(1, (2, 3))
    other = random_game(2, (2, 3))
    blind = mb.MarkovGame(other.transition, game.reward, (2, 3), game.initial)
    simulator, rng = Simulator(game), np.random.default_rng(0)
    for name in NAMES:
        a, b = (make(name, instance_of(each), "cce", 40) for each in (game, blind))
        for _ in range(40):
            x, y = a.choose(), b.choose()
            np.testing.assert_array_equal(x.joint, y.joint)
            trajectory = simulator.play(x.play(game, rng), rng.random(4))
            a.observe(trajectory)
            b.observe(trajectory)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("optimistic_vi", {"failure": 0.0}, "failure is 0.0"),
        ("optimistic_vi", {"failure": float("nan")}, "failure is nan"),
        ("optimistic_vi", {"concept": "nahs"}, "unknown concept 'nahs'"),
        ("optimistic_vi", {"episodes": 0}, "episodes is 0"),
        ("optimistic_vi_tuned", {"scale": 0.0}, "scale is 0.0"),
        ("optimistic_vi_tuned", {"scale": float("inf")}, "scale is inf"),
        ("optimistic_vi_tuned_lazy", {"growth": 1.0}, "growth is 1.0"),
        ("optimistic_vi_tuned_lazy", {"growth": float("inf")}, "growth is inf"),
        ("optimistic_vi", {"scale": 0.1}, "no option 'scale'"),
    ],
)
def test_bad_options_are_named(name: str, change: dict[str, object], words: str) -> None:
    arguments: dict[str, object] = {"concept": "cce", "episodes": 10, **change}
    with pytest.raises(InputError, match=words):
        mb.learners.make(name, instance_of(random_game(0)), **arguments)  # type: ignore[arg-type]
