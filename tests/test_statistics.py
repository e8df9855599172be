"""Intervals against their definitions, coverage by simulation, exponents on known powers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamex_bench import statistics
from mamex_bench.errors import InputError


def test_resampled_means_are_means_of_rows():
    values = np.arange(12.0).reshape(4, 3)
    means = statistics.resampled_means(values, 7, 500)
    assert means.shape == (500, 3)
    # Columns differ by one and two everywhere: whole rows were drawn.
    assert np.allclose(means[:, 1] - means[:, 0], 1.0)
    assert np.allclose(means[:, 2] - means[:, 0], 2.0)
    assert abs(means.mean() - values.mean()) < 0.2
    assert np.array_equal(means, statistics.resampled_means(values, 7, 500))
    assert not np.array_equal(means, statistics.resampled_means(values, 8, 500))


def test_bootstrap_agrees_with_the_normal_interval():
    values = np.random.default_rng(0).normal(5.0, 2.0, size=400)
    found = statistics.bootstrap_mean(values, [1, 2])
    half = 1.96 * values.std() / 20
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.15 * half)
    assert "N = 400" in repr(found)


def test_equal_values_have_a_point_for_a_bootstrap_interval():
    found = statistics.bootstrap_mean(np.full(9, 0.1), 1)
    assert found.low == found.estimate == found.high == 0.1 * 9 / 9


def test_hoeffding_is_the_formula():
    found = statistics.hoeffding_mean(np.array([0.0, 1.0, 1.0, 0.0]), 1.0, 0.9)
    half = np.sqrt(np.log(2 / 0.1) / 8)
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))
    with pytest.raises(InputError, match=r"width is 0\.5"):
        statistics.hoeffding_mean(np.array([0.0, 1.0]), 0.5)


@pytest.mark.parametrize("N", [3, 20])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_betting_and_hoeffding_cover_the_mean_exactly(N, p):
    """Bernoulli values: the probability of a miss is a finite sum, at most 5 %."""
    from scipy.stats import binom

    for interval in (statistics.betting_mean, statistics.hoeffding_mean):
        miss = 0.0
        for x in range(N + 1):
            found = interval(np.repeat([1.0, 0.0], [x, N - x]), 1.0)
            if not found.low <= p <= found.high:
                miss += binom.pmf(x, N, p)
        assert miss <= 0.05


def test_betting_is_shorter_than_hoeffding_for_low_variance():
    values = np.random.default_rng(1).uniform(0.4, 0.6, size=20)
    bet, wide = statistics.betting_mean(values, 1.0), statistics.hoeffding_mean(values, 1.0)
    assert wide.low < bet.low < values.mean() < bet.high < wide.high
    assert bet.high - bet.low < 0.5 * (wide.high - wide.low)
    scaled = statistics.betting_mean(50 * values, 50.0)
    assert (scaled.low, scaled.high) == pytest.approx((50 * bet.low, 50 * bet.high))
    shuffled = statistics.betting_mean(values[::-1], 1.0)
    assert (shuffled.low, shuffled.high) == pytest.approx((bet.low, bet.high))


def test_betting_ends():
    """N values all equal to x: wealth at m is the mean over stakes t of (1 + t (x/m - 1))^N."""
    found = statistics.betting_mean(np.full(20, 0.5), 1.0)
    wealth = np.mean((1 + statistics.STAKES * (0.5 / found.low - 1)) ** 20)
    assert wealth == pytest.approx(40.0)
    zero = statistics.betting_mean(np.zeros(20), 1.0)
    assert zero.low == 0.0 < zero.high < 0.5
    with pytest.raises(InputError, match=r"expected them in \[0, 1\]"):
        statistics.betting_mean(np.array([0.5, 1.5]), 1.0)


@given(st.integers(1, 30), st.data())
def test_clopper_pearson_solves_its_equations(N, data):
    from scipy.stats import binom

    x = data.draw(st.integers(0, N))
    found = statistics.clopper_pearson(x, N)
    if x > 0:
        assert binom.sf(x - 1, N, found.low) == pytest.approx(0.025)
    else:
        assert found.low == 0.0
    if x < N:
        assert binom.cdf(x, N, found.high) == pytest.approx(0.025)
    else:
        assert found.high == 1.0


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_exponents_of_powers(power):
    times = np.unique(np.geomspace(1, 1e5, 24).astype(int))
    scales = np.array([1.0, 2.0, 5.0])
    fits = statistics.exponents(times, scales[:, None] * times[None, :] ** power, 3)
    assert [fit.window for fit in fits] == ["all", "upper half", "last four"]
    assert [fit.points for fit in fits] == [times.size, times.size - times.size // 2, 4]
    assert fits[2].first == times[-4]
    for fit in fits:
        assert fit.last == 100_000
        assert fit.interval.count == 3
        found = fit.interval
        assert (found.estimate, found.low, found.high) == pytest.approx((power,) * 3, abs=1e-9)


def test_the_windows_tell_a_bend():
    """sqrt growth that stops: the last window sees it, the first does not."""
    times = np.geomspace(1, 1e4, 20)
    curve = np.sqrt(np.minimum(times, 1e3))
    whole, _, last = statistics.exponents(times, np.stack([curve, 2 * curve]), 1)
    assert last.interval.estimate == pytest.approx(0.0, abs=1e-9)
    assert 0.3 < whole.interval.estimate < 0.5


def test_an_exponent_interval_covers_noise_between_seeds():
    rng = np.random.default_rng(5)
    times = np.geomspace(10, 1e4, 12)
    powers = rng.normal(0.5, 0.1, size=30)
    fits = statistics.exponents(times, times[None, :] ** powers[:, None], 2)
    assert fits[0].interval.low < fits[0].interval.estimate < fits[0].interval.high
    assert fits[0].interval.high - fits[0].interval.low > 0.02


def test_no_exponent_where_means_are_not_positive():
    times = np.array([1.0, 2.0, 4.0, 8.0])
    fits = statistics.exponents(times, -np.ones((3, 4)), 1)
    assert all(np.isnan(fit.interval.estimate) and fit.points == 0 for fit in fits)
    mixed = statistics.exponents(times, np.array([[-1.0, 1, 2, 4], [-1.0, 1, 2, 4]]), 1)
    assert mixed[0].points == 3
    assert mixed[0].interval.estimate == pytest.approx(1.0)


def test_band_is_quantiles():
    curves = np.arange(101.0)[:, None] * np.array([[1.0, 2.0]])
    found = statistics.band(curves, 0.8)
    assert found.median.tolist() == [50.0, 100.0]
    assert found.low == pytest.approx([10.0, 20.0])
    assert found.high == pytest.approx([90.0, 180.0])


def test_paired_comparison_uses_the_pairs():
    rng = np.random.default_rng(0)
    shared = rng.normal(0.0, 10.0, size=25)
    found = statistics.paired(shared, shared + rng.uniform(0.1, 0.3, size=25), 4)
    assert (found.wins, found.losses, found.ties) == (25, 0, 0)
    assert found.difference.high < 0.0
    assert found.p_value == pytest.approx(2.0**-24)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=12))
def test_sign_test(differences):
    from scipy.stats import binomtest

    found = statistics.paired(np.array(differences), np.zeros(len(differences)), 1)
    decided = found.wins + found.losses
    assert found.ties == differences.count(0.0)
    expected = binomtest(found.wins, decided).pvalue if decided else 1.0
    assert found.p_value == pytest.approx(expected)


def test_bad_arguments():
    with pytest.raises(InputError, match="level"):
        statistics.bootstrap_mean(np.ones(3), 1, level=95.0)
    with pytest.raises(InputError, match="3 of 2"):
        statistics.clopper_pearson(3, 2)
    with pytest.raises(InputError, match="same seeds"):
        statistics.paired(np.ones(2), np.ones(3), 1)
    with pytest.raises(InputError, match="curves has shape"):
        statistics.exponents(np.ones(2), np.ones((3, 4)), 1)
