"""The oracle: certified on every family, of maximal welfare, invariant, honest when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from normal_form_games import FAMILIES, payoffs
from scipy.optimize import linprog

from mamex_bench.equilibria import CONCEPTS, correlated, nash, solve
from mamex_bench.equilibria.certificate import marginals
from mamex_bench.equilibria.linear_program import (
    LinearProgram,
    LinearSolution,
    solve_linear_program,
)
from mamex_bench.equilibria.normal_form import NormalForm, Search
from mamex_bench.equilibria.reduction import kept_strategies
from mamex_bench.errors import ConvergenceError, InputError
from mamex_bench.kernels.lemke_howson import lemke_howson
from mamex_bench.kernels.simplex import OPTIMAL
from mamex_bench.kernels.welfare import maximal_cce
from mamex_bench.reference import gaps as slow

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_maximal_welfare.json").read_text())
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 10**6)
families = st.sampled_from(FAMILIES)


def welfare(U, equilibrium):
    return float((U.sum(axis=0) * equilibrium.distribution).sum())


def best_welfare(U, concept):
    """The linear program written out row by row from the definition, by scipy."""
    n, shape = U.shape[0], U.shape[1:]
    rows = []
    for i in range(n):
        for recommended in range(shape[i]) if concept == "ce" else [None]:
            for v in range(shape[i]):
                moved = np.take(U[i], [v], axis=i) - U[i]
                if recommended is not None:
                    own = np.arange(shape[i]).reshape([-1 if j == i else 1 for j in range(n)])
                    moved = moved * (own == recommended)
                rows.append(moved.reshape(-1))
    total = U.sum(axis=0).reshape(-1)
    answer = linprog(
        -total, np.array(rows), np.zeros(len(rows)), np.ones((1, total.size)), [1.0], method="highs"
    )
    assert answer.status == 0
    return -answer.fun


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["kind"])
@pytest.mark.parametrize("concept", ["ce", "cce"])
def test_golden_maximal_welfare(case, concept):
    U = np.array(case["payoffs"])
    found = solve(U, concept)
    assert found.status == "exact"
    assert welfare(U, found) == pytest.approx(case[f"welfare_{concept}"], abs=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("counts", [(2, 2), (5, 3), (16, 16), (3, 3, 3), (2, 4, 3)])
def test_certified_on_every_family(family, concept, counts):
    for seed in range(3):
        found = solve(payoffs(family, counts, seed), concept)
        assert found.status == "exact", found
        assert found.gap <= 1e-9


@pytest.mark.parametrize("family", FAMILIES)
def test_floor_of_two_player_nash_and_cce_at_64(family):
    U = payoffs(family, (64, 64), 0)
    for concept in ("nash", "cce"):
        assert solve(U, concept).gap <= 1e-9


@pytest.mark.parametrize("family", ["uniform", "duplicated rows", "clipped", "constant"])
def test_floor_of_ce_at_64(family):
    assert solve(payoffs(family, (64, 64), 1), "ce").gap <= 1e-9


@pytest.mark.parametrize("family", FAMILIES)
def test_floor_of_three_players_at_8(family):
    for seed in range(3):
        assert solve(payoffs(family, (8, 8, 8), seed), "nash").gap <= 1e-6


@pytest.mark.parametrize("counts", [(1,), (4,), (2, 2, 2, 2), (1, 5), (3, 1, 2)])
@pytest.mark.parametrize("concept", CONCEPTS)
def test_any_number_of_agents_and_single_strategies(counts, concept):
    found = solve(payoffs("anti-correlated", counts, 3), concept)
    assert found.status == "exact", found


@given(families, shapes, st.sampled_from(CONCEPTS), seeds)
def test_the_slow_checker_agrees_with_the_certificate(family, counts, concept, seed):
    U = payoffs(family, counts, seed)
    found = solve(U, concept)
    assert slow.gaps(U, found.distribution, concept).max() <= 1e-9
    np.testing.assert_allclose(
        found.gaps, slow.gaps(U, found.distribution, concept), rtol=0, atol=1e-12
    )


@given(families, shapes, st.sampled_from(["ce", "cce"]), seeds)
def test_welfare_is_that_of_the_written_out_program(family, counts, concept, seed):
    U = payoffs(family, counts, seed)
    assert welfare(U, solve(U, concept)) == pytest.approx(best_welfare(U, concept), abs=1e-7)


@pytest.mark.parametrize("concept", ["ce", "cce"])
@pytest.mark.parametrize("family", FAMILIES)
def test_welfare_of_larger_games(family, concept):
    for seed, counts in enumerate([(9, 12), (7, 7), (4, 5, 6)]):
        U = payoffs(family, counts, seed)
        found = solve(U, concept)
        assert "not maximal" not in found.method
        assert welfare(U, found) == pytest.approx(best_welfare(U, concept), abs=1e-7)


@given(shapes, st.sampled_from(["ce", "cce"]), seeds)
@settings(max_examples=15)
def test_maximal_welfare_is_invariant(counts, concept, seed):
    """Under renaming agents and actions, adding duplicates, and one affine map of all payoffs."""
    U = payoffs("anti-correlated", counts, seed)
    rng = np.random.default_rng(seed)
    before = welfare(U, solve(U, concept))
    agents = rng.permutation(len(counts))
    renamed = np.stack([U[i].transpose(agents) for i in agents])
    assert welfare(renamed, solve(renamed, concept)) == pytest.approx(before, abs=1e-8)
    doubled = np.take(U, rng.integers(0, counts[0], 2 * counts[0]), axis=1)
    doubled = np.concatenate([U, doubled], axis=1)
    assert welfare(doubled, solve(doubled, concept)) == pytest.approx(before, abs=1e-8)
    scaled = 100 * U - 60
    after = welfare(scaled, solve(scaled, concept))
    assert (after + 60 * len(counts)) / 100 == pytest.approx(before, abs=1e-8)


@given(shapes, seeds)
@settings(max_examples=15)
def test_nash_is_a_product_and_survives_rescaling(counts, seed):
    U = payoffs("anti-correlated", counts, seed)
    scaled = U * 100 - 250
    found = solve(scaled, "nash")
    assert found.status == "exact"
    assert slow.gaps(U, found.distribution, "nash").max() <= 1e-9
    joint = np.ones(())
    for own in found.marginals:
        joint = np.multiply.outer(joint, own)
    np.testing.assert_allclose(found.distribution, joint, atol=1e-12)


def test_pure_nash_of_greatest_welfare_then_lowest_index():
    U = np.zeros((2, 3, 3))
    for cell, value in (((0, 0), 1.0), ((1, 1), 2.0), ((2, 2), 2.0)):
        U[(slice(None), *cell)] = value
    found = solve(U, "nash")
    assert found.method == "pure equilibrium"
    assert found.distribution[1, 1] == 1.0


def test_constant_sum_games_take_the_minimax_simplex_and_highs_agrees(monkeypatch):
    A = np.random.default_rng(4).random((7, 9))
    U = np.stack([A, 3 - A])
    found = solve(U, "nash")
    assert found.method == "minimax simplex"
    assert found.gap <= 1e-12
    monkeypatch.setattr(nash, "minimax", lambda A, m, n, cap, x, y: (x.fill(1 / m), y.fill(1 / n)))
    fallback = solve(U, "nash")
    assert fallback.method == "HiGHS"
    assert fallback.gap <= 1e-9
    np.testing.assert_allclose(fallback.value, found.value, atol=1e-9)
    assert [method for method, _ in fallback.attempts] == ["minimax simplex", "HiGHS"]


def test_paths_and_simplex_end_on_games_full_of_ties():
    """Without the lexicographic rule a fifth of these paths and most of the programs cycle."""
    m = 24
    x, y, joint = np.empty(m), np.empty(m), np.empty(m * m)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        A = rng.integers(0, 3, (m, m)) / 2
        tilt = rng.integers(-1, 2, (m, m)) / 2 * (rng.random((m, m)) < 0.3)
        game = NormalForm.of(np.stack([A, 1 - A + (seed % 2) * tilt]))
        assert lemke_howson(game.unit, m, m, 0, 24 * m, x, y) == OPTIMAL
        status = maximal_cce(game.unit, game.counts, game.weights, np.array([0]), 40 * m, joint)
        assert status == OPTIMAL


def test_cold_solves_repeat_bit_for_bit():
    for concept in CONCEPTS:
        U = payoffs("anti-correlated", (6, 5), 8)
        first, second = solve(U, concept), solve(U.copy(), concept)
        np.testing.assert_array_equal(first.distribution, second.distribution)


@pytest.mark.parametrize("concept", ["ce", "cce"])
def test_a_start_changes_no_welfare(concept):
    U = payoffs("anti-correlated", (12, 12), 2)
    V = U + 0.01 * np.random.default_rng(0).standard_normal(U.shape)
    cold = solve(V, concept)
    for start in (solve(U, concept), solve(U, concept).distribution):
        warm = solve(V, concept, start=start)
        assert warm.status == "exact"
        assert welfare(V, warm) == pytest.approx(welfare(V, cold), abs=1e-9)


def test_an_impossible_tolerance_ends_in_best_found():
    # One strategy for agent 0 pays 1/3 of a cell: no rounding reaches a gap of exactly zero.
    U = payoffs("anti-correlated", (5, 5), 0)
    found = solve(U, "nash", tolerance=0.0)
    assert found.status == "best found"
    assert 0 < found.gap < 1e-12
    assert f"best found, gap {found.gap:.1g}" in repr(found)
    assert len(found.attempts) > 2
    assert found.gap == pytest.approx(min(gap for _, gap in found.attempts), rel=1e-6)


def test_short_paths_fall_back_on_long_ones_and_then_on_the_branch(monkeypatch):
    U = payoffs("anti-correlated", (6, 6), 0)
    monkeypatch.setattr(nash, "SHORT_PATHS", 0)
    long = solve(U, "nash")
    assert long.status == "exact"
    assert [name for name, _ in long.attempts] == [
        "Lemke-Howson, labels 0 to 11",
        "Lemke-Howson, label 0",
    ]
    monkeypatch.setattr(nash, "LONG_PATHS", 0)
    branch = solve(U, "nash")
    assert branch.method.startswith("logit branch")
    assert branch.gap <= 1e-9
    monkeypatch.setattr(nash, "RETRIES", -1)
    poor = solve(U, "nash")
    assert poor.status == "best found"
    assert poor.gap > 1e-3
    assert slow.gaps(U, poor.distribution, "nash").max() == pytest.approx(poor.gap)


@pytest.mark.parametrize("counts", [(3, 4), (2, 3, 4)])
def test_reduction_keeps_one_of_each_duplicate_and_no_dominated_strategy(counts):
    """A random game with a strategy of every agent listed twice and one far below another."""
    rng = np.random.default_rng(len(counts))
    U, kept = rng.random((len(counts), *counts)), []
    for i, m in enumerate(counts):
        again = np.take(U, [1], axis=1 + i)
        below = np.take(U, [0], axis=1 + i)
        below[i] -= 2.0
        U = np.concatenate([below, U, again], axis=1 + i)
        kept.append(np.arange(1, m + 1))
    for found, expected in zip(kept_strategies(NormalForm.of(U)), kept, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_highs_replaces_a_simplex_that_stopped_early(monkeypatch):
    monkeypatch.setattr(correlated, "_pivots", lambda game: 2)
    for concept in ("ce", "cce"):
        U = payoffs("anti-correlated", (4, 4), 5)
        found = solve(U, concept)
        assert found.method == "HiGHS"
        assert "stopped early" in found.attempts[0][0]
        assert welfare(U, found) == pytest.approx(best_welfare(U, concept), abs=1e-8)


def test_a_failed_program_falls_back_on_nash_and_says_so(monkeypatch):
    def fail(*_):
        raise ConvergenceError("HiGHS ended with status Unknown")

    monkeypatch.setattr(correlated, "_pivots", lambda game: 2)
    monkeypatch.setattr(correlated, "solve_linear_program", fail)
    for concept in ("ce", "cce"):
        found = solve(payoffs("anti-correlated", (6, 6), 5), concept)
        assert found.method.endswith("welfare not maximal")
        assert found.status == "exact"
        assert ("HiGHS ended with status Unknown", float("inf")) in found.attempts


def test_a_solution_without_mass_is_no_distribution(monkeypatch):
    def nothing(program, basis=None):
        return LinearSolution(np.zeros(program.objective.size), np.zeros(program.upper.size), None)

    monkeypatch.setattr(correlated, "_pivots", lambda game: 2)
    monkeypatch.setattr(correlated, "solve_linear_program", nothing)
    for concept in ("ce", "cce"):
        found = solve(payoffs("anti-correlated", (6, 6), 5), concept)
        assert found.method.endswith("welfare not maximal")
        assert ("HiGHS found no distribution", float("inf")) in found.attempts


def test_refinement_reaches_below_the_tolerance_of_the_solver(monkeypatch):
    """A corner that HiGHS is made to miss by 1e-5: the correction brings it back."""
    from mamex_bench.equilibria import linear_program

    original = linear_program._optimum
    calls = []

    def blurred(solver):
        x, duals = original(solver)
        calls.append(x)
        return (x + 1e-5, duals) if len(calls) == 1 else (x, duals)

    monkeypatch.setattr(linear_program, "_optimum", blurred)
    # max x0 + x1, x0 + 2 x1 <= 1, 2 x0 + x1 <= 1
    program = LinearProgram(
        np.ones(2),
        np.ones(2),
        np.array([0, 2, 4], dtype=np.int32),
        np.array([0, 1, 0, 1], dtype=np.int32),
        np.array([1.0, 2.0, 2.0, 1.0]),
    )
    solution = solve_linear_program(program)
    np.testing.assert_allclose(solution.x, [1 / 3, 1 / 3], rtol=0, atol=1e-15)
    np.testing.assert_allclose(solution.duals, [1 / 3, 1 / 3], atol=1e-12)
    assert len(calls) == 2


def test_polish_finds_the_equilibrium_of_a_support():
    U = payoffs("anti-correlated", (6, 6), 0)
    found = solve(U, "nash")
    p = np.concatenate(marginals(found.distribution))
    rough = np.where(p > 0, p + 0.02, 0.0)
    sharp = nash.polish(NormalForm.of(U), rough, p > 0)
    np.testing.assert_allclose(sharp, p, atol=1e-12)


def test_a_search_keeps_the_best_attempt():
    U = payoffs("anti-correlated", (3, 3), 0)
    search = Search(NormalForm.of(U), 0, 0.0)
    uniform, corner = np.full(9, 1 / 9), np.eye(9)[0]
    expected = min(
        (float(slow.gaps(U, x.reshape(3, 3), "nash").max()), name)
        for x, name in ((uniform, "uniform"), (corner, "corner"))
    )
    for order in (("uniform", "corner"), ("corner", "uniform")):
        search = Search(NormalForm.of(U), 0, 0.0)
        for name in order:
            search.offer(name, uniform if name == "uniform" else corner)
        assert search.method == expected[1]


@pytest.mark.parametrize(
    ("payoffs", "concept", "options", "message"),
    [
        (np.full((2, 2, 2), np.nan), "nash", {}, "must be finite"),
        (np.ones((2, 2)), "nash", {}, r"shape \(2, 2\)"),
        (np.ones((2, 2, 2)), "stackelberg", {}, "choose one of nash, ce, cce"),
        (np.ones((2, 2, 2)), "ce", {"tolerance": -1.0}, "tolerance must be"),
        (np.ones((2, 2, 2)), "ce", {"tolerance": float("nan")}, "tolerance must be"),
        (np.ones((2, 2, 2)), "cce", {"start": np.ones((2, 2))}, "sums to 4"),
        (np.ones((2, 2, 2)), "cce", {"start": np.ones(3) / 3}, r"shape \(3,\)"),
    ],
)
def test_bad_input_is_named(payoffs, concept, options, message):
    with pytest.raises(InputError, match=message):
        solve(payoffs, concept, **options)


def test_equilibria_print_and_draw():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    two = solve(payoffs("anti-correlated", (4, 3), 0), "cce")
    three = solve(payoffs("anti-correlated", (3, 2, 2), 0), "nash")
    assert repr(two).startswith("Equilibrium(cce, 4 x 3, exact, gap ")
    assert "<table>" in two._repr_html_()
    for found in (two, three):
        ax = found.plot()
        assert ax.get_title().startswith(found.concept)
        plt.close(ax.figure)
