"""Slopes and curves: intervals that hold whatever the certified ends allow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_atlas import planted, seeds, sweep

from mamex_bench.experiments.atlas import answers
from mamex_bench.reporting.atlas import words


@given(st.floats(-2.0, 2.0), st.floats(0.0, 0.7), st.integers(2, 8), st.integers(0, 10**6))
def test_the_interval_holds_every_slope_that_the_ends_allow(exponent, width, points, seed):
    rng = np.random.default_rng(seed)
    at = np.geomspace(1.0, 100.0, points)
    truth = 3.0 * at**exponent
    lower = truth * np.exp(-width * rng.random(points))
    upper = truth * np.exp(width * rng.random(points))
    found = answers.slope(at, lower[None], upper[None], 0)
    assert found is not None
    assert found.holds(exponent)
    inside = lower + rng.random(points) * (upper - lower)
    own = answers.slope(at, inside[None], inside[None], 0)
    assert own is not None
    assert found.low - 1e-9 <= own.low == own.high <= found.high + 1e-9
    for end in (found.lower_end, found.upper_end):
        assert found.low - 1e-9 <= end <= found.high + 1e-9
    exact = answers.slope(at, truth[None], truth[None], 0)
    assert exact is not None
    assert exact.low == pytest.approx(exponent, abs=1e-9)


def test_the_bootstrap_over_seeds_covers() -> None:
    at = np.array([2.0, 4.0, 8.0, 16.0])
    rng = np.random.default_rng(5)
    covered = 0
    for draw in range(60):
        values = at**0.7 * np.exp(0.3 * rng.standard_normal((12, 4)))
        found = answers.slope(at, values * 0.99, values * 1.01, draw)
        covered += found is not None and found.holds(0.7)
    assert covered >= 50


def test_few_seeds_have_a_range() -> None:
    at = np.array([1.0, 2.0, 4.0])
    values = np.array([at**exponent for exponent in (0.2, 0.4, 0.5, 0.6, 0.9, 1.4)])
    found = answers.slope(at, values, values, 0)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.2), pytest.approx(1.4))


def test_places_without_a_positive_interval_are_left_out() -> None:
    at = np.array([1.0, 2.0, 4.0, 8.0])
    low, high = np.array([[0.0, 2.0, 4.0, 8.0]]), np.array([[1.0, 2.0, 4.0, np.inf]])
    found = answers.slope(at, low, high, 0)
    assert found is not None
    assert (found.points, found.low) == (2, pytest.approx(1.0))
    assert answers.slope(at, low * 0.0, high, 0) is None


def test_growth_is_certain_or_not_said() -> None:
    wide = sweep("a", [1, 2, 4], [(1.0, 3.0), (2.0, 6.0), (4.0, 12.0)])
    sharp = sweep("b", [1, 2, 4], [(1.0, 1.1), (2.0, 2.2), (4.0, 4.4)])
    still = sweep("c", [1, 2, 4], [(1.0, 1.1), (1.0, 1.2), (1.1, 1.2)])
    assert answers.curve(wide).verdict == "neither"
    assert answers.curve(wide).growth == (pytest.approx(4 / 3), pytest.approx(12.0))
    assert answers.curve(sharp).verdict == "grows"
    assert answers.curve(still).verdict == "flat"


def test_what_a_linear_program_leaves_is_zero() -> None:
    found = sweep("s", [1, 2], [(-8e-17, 9e-17), (0.0, 2e-16)])
    assert answers.curve(found).growth == (1.0, 1.0)
    assert answers.curve(found).verdict == "flat"


def test_one_seed_of_zero_does_not_make_a_curve_zero() -> None:
    parts = [[(0.0, 0.0), (0.0, 0.0)], [(0.0, 0.0), (3.0, 3.0)], [(3.0, 3.0), (9.0, 9.0)]]
    found = answers.curve(seeds(*(sweep("s", [1, 2], each) for each in parts)))
    assert [found.ends_of(k) for k in (0, 1)] == [(1.0, 1.0), (4.0, 4.0)]
    assert found.verdict == "grows"


def test_bounds_are_divided_by_the_coefficient_of_their_own_instance() -> None:
    own = sweep("s", [1, 2], [(1.0, 1.0), (2.0, 2.0)])
    found = seeds(own, sweep("s", [1, 2], [(100.0, 100.0)] * 2))
    assert answers.bound_factors(found, "bilinear") == [40.0, 40.0]
    assert "coefficient’s upper end (both of the first seed’s instance): bilinear bound 40." in (
        words.law(planted([]), found)
    )
