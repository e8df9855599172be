"""Whether regret follows a measure: rank correlation, intervals, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_atlas import game, planted, reading

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.answers import resampling
from mamex_bench.experiments.atlas.answers.ranks import agreement, spearman, taus
from mamex_bench.experiments.atlas.data import Atlas
from mamex_bench.experiments.atlas.specs import MeasureSpec
from mamex_bench.reporting.atlas import words

VALUES = np.geomspace(0.1, 50.0, 24)
PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12)


def tau_of(values, regret, copies=None) -> float:
    used = np.ones((1, len(values))) if copies is None else copies[None]
    values, regret = np.asarray(values, dtype=float), np.asarray(regret, dtype=float)
    return float(taus(agreement(values, values, values, regret), used)[1, 0])


def said(atlas: Atlas) -> str:
    return " ".join(words.regret(atlas))


# --- rank correlation ------------------------------------------------------------------------


@given(PAIRS)
def test_rank_correlations_are_those_of_the_textbook(pairs) -> None:
    from scipy.stats import kendalltau, spearmanr

    first, second = np.array(pairs, dtype=float).T
    if np.ptp(second) == 0.0:
        assert np.isnan(tau_of(first, second))
        assert np.isnan(spearman(first, second))
        return
    if np.ptp(first) == 0.0:
        assert tau_of(first, second) == 0.0
    else:
        # Kendall's tau-b is the geometric mean of the correlations conditional on either's ties.
        both = tau_of(first, second) * tau_of(second, first)
        tau_b = kendalltau(first, second).statistic
        assert tau_b**2 == pytest.approx(both, abs=1e-12)
        assert np.sign(round(tau_b, 12)) == np.sign(round(tau_of(first, second), 12))
        assert spearman(first, second) == pytest.approx(
            spearmanr(first, second).statistic, abs=1e-12
        )
    # Entries drawn several times are entries written several times.
    copies = np.arange(first.size) % 3
    many = np.repeat(np.arange(first.size), copies)
    drawn = tau_of(first, second, copies.astype(float))
    assert drawn == pytest.approx(tau_of(first[many], second[many]), abs=1e-12, nan_ok=True)


@given(st.integers(0, 10**6), st.integers(3, 9))
def test_ends_hold_for_mixed_choices_between_ends(seed: int, games: int) -> None:
    rng = np.random.default_rng(seed)
    lower = rng.integers(0, 6, games).astype(float)
    upper = lower + rng.integers(0, 4, games)
    regret = rng.integers(0, 5, games).astype(float)
    if np.ptp(regret) == 0.0:
        return
    low, _, high = taus(agreement(lower, lower, upper, regret), np.ones((1, games)))[:, 0]
    tried = [rng.uniform(lower, upper) for _ in range(20)]
    tried += [np.where(rng.random(games) < 0.5, lower, upper) for _ in range(20)]
    found = [tau_of(each, regret) for each in tried]
    assert low - 1e-12 <= min(found) <= max(found) <= high + 1e-12


def test_ends_are_reached_where_all_pairs_are_open() -> None:
    lower, upper, regret = np.zeros(4), np.ones(4), np.arange(4.0)
    low, _, high = taus(agreement(lower, lower, upper, regret), np.ones((1, 4)))[:, 0]
    assert (low, high) == (-1.0, 1.0)
    # Intervals that touch are never opposite.
    touching = agreement(np.arange(4.0), np.arange(4.0), np.arange(1.0, 5.0), regret)
    assert taus(touching, np.ones((1, 4)))[:, 0] == pytest.approx([0.5, 1.0, 1.0])


# --- intervals -------------------------------------------------------------------------------


def test_an_expanded_tail_is_students() -> None:
    from scipy.stats import norm, t

    for count in (5, 26):
        found = norm.ppf(resampling.expanded(0.025, count)) * np.sqrt((count - 1) / count)
        assert found == pytest.approx(t.ppf(0.025, count - 1))
    assert resampling.expanded(0.025, 10**7) == pytest.approx(0.025, rel=1e-4)
    assert resampling.expanded(0.025, 1) == 0.0


def test_joint_intervals_hold_together() -> None:
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((40_000, 6))
    found = np.array(resampling.joint_intervals(drawn, drawn + 1.0, [10**7] * 6))
    tail = (1.0 - 0.95 ** (1 / 6)) / 2.0  # of six independent two-sided intervals
    np.testing.assert_allclose(found[:, 0], norm.ppf(tail), atol=0.1)
    np.testing.assert_allclose(found[:, 1], 1.0 - norm.ppf(tail), atol=0.1)
    inside = ((drawn >= found[:, 0]) & (drawn + 1.0 <= found[:, 1])).all(axis=1)
    assert inside.mean() == pytest.approx(0.95, abs=0.005)
    # One that moves with another costs nothing.
    twice = np.repeat(drawn[:, :1], 6, axis=1)
    found = np.array(resampling.joint_intervals(twice, twice, [10**7] * 6))
    np.testing.assert_allclose(found, [[-1.96, 1.96]] * 6, atol=0.05)


def test_families_are_drawn_whole() -> None:
    copies = resampling.family_copies(["a", "a", "b", "c"], np.random.default_rng(0))
    assert (copies[:, 0] == copies[:, 1]).all()
    assert (copies[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert set(copies[:, 0]) == {0.0, 1.0, 2.0, 3.0}


def test_one_family_counts_once_in_the_interval() -> None:
    many = planted([game(f"g{k}", (v, v), regret=v, other=(v, v)) for k, v in enumerate(VALUES)])
    one = planted(
        [replace(row, family="same" if k < 11 else "other") for k, row in enumerate(many.games)]
    )
    found = answers.correlation(one, "decoupling")
    assert found is not None
    assert (found.instances, found.families) == (24, 2)


def test_the_difference_spans_the_choices_of_ends() -> None:
    wide = [game(f"g{k}", (v, v), regret=v, other=(v, 1e9 / v**3)) for k, v in enumerate(VALUES)]
    found = answers.correlation(planted(wide), "other")
    assert found is not None
    assert found.difference is not None
    assert found.difference.ends == pytest.approx((0.0, 2.0))  # all may agree, all may be opposite
    assert found.difference.interval[0] <= 0.0


def test_a_reading_without_interval_is_no_number() -> None:
    row = game("g", (1.0, 1.0), regret=1.0)
    absent = replace(row, readings={"other": reading("other", None)})
    assert answers.correlation(planted([absent] * 5), "other") is None


# --- sentences follow the numbers ------------------------------------------------------------


def test_regret_sentences_follow_the_numbers() -> None:
    shuffled = np.random.default_rng(0).permutation(VALUES)
    pairs = list(enumerate(zip(VALUES, shuffled)))
    follows = planted([game(f"g{k}", (v, v), regret=v, other=(o, o)) for k, (v, o) in pairs])
    against = planted([game(f"g{k}", (o, o), regret=v, other=(v, v)) for k, (v, o) in pairs])
    yes, no = said(follows), said(against)
    assert yes.startswith(
        "Yes. Of two games whose regrets differ the coefficient orders 100\u00a0%"
    )
    assert "τ = 1.00\u00a0[1.00,\u00a01.00] on 24 games of 24 families" in yes
    assert "regret follows the coefficient more closely than the other one (τ = " in yes
    assert "divided by n R_true, the coefficient is not" in yes
    assert "the one class that the learner takes, 24 of models, ranked together" in yes
    assert "single seeds order the games alike: τ is 1.00 or more" in yes
    assert "η of MAMEX is tuned with the coefficient’s certificate" in yes
    assert no.startswith("No.")
    assert "regret follows the other one (τ = 1.00 on 24) more closely than the coefficient" in no
    assert "more closely than the coefficient" not in yes
    few = planted([game("g", (1.0, 1.0), regret=1.0, other=(1.0, 1.0))])
    assert "fewer than four" in said(few)


def test_what_holds_here_need_not_hold_beyond() -> None:
    noise = np.exp(0.6 * np.random.default_rng(1).standard_normal((2, VALUES.size)))
    rows = [
        game(f"g{k}", (v * x, v * x), regret=v, other=(v * y, v * y))
        for k, (v, x, y) in enumerate(zip(VALUES, *noise))
    ]
    close = planted(rows)
    found = answers.correlation(close, "other")
    assert found is not None
    assert found.difference is not None
    assert found.difference.ends[0] == found.difference.ends[1] != 0.0
    assert found.difference.interval[0] < 0.0 < found.difference.interval[1]
    text = said(close)
    assert text.startswith("Not established beyond these games.")
    here, beyond = text.split("For families like these", 1)
    assert "more closely than" in here
    assert "undecided, as the intervals of differences hold 0: the other one" in beyond
    equal = planted([game(f"g{k}", (v, v), regret=v, other=(v, v)) for k, v in enumerate(VALUES)])
    assert "as ends leave open: the other one (τ = 1.00 on 24)" in said(equal)


def test_regret_bounds_are_no_other_measure_and_kinds_are_told_apart() -> None:
    values = VALUES[::3]
    rows = [game(f"g{k}", (v, v), regret=1 / v, other=(1 / v, 1 / v)) for k, v in enumerate(values)]
    bound = MeasureSpec("other", "regret_bound", "explicit bound", {})
    text = said(planted(rows, [], bound))
    assert not text.startswith(("Yes", "No"))
    assert "The explicit bound, which is made from the coefficient" in text
    kinds = {"values": {"kind": "values", "size": 5}}
    more = [
        replace(
            game(f"v{k}", (v, v), regret=v, other=(v, v)),
            facts={**rows[0].facts, "classes": kinds},
            hypotheses="values",
        )
        for k, v in enumerate(values)
    ]
    text = said(planted(rows + more))
    assert "8 of models and 8 of values, ranked together" in text
    assert "apart τ is −1.00 on models and 1.00 on values" in text
    ranges = [
        replace(row, facts={**row.facts, "return_range": 0.5 * k + 0.5})
        for k, row in enumerate(rows)
    ]
    regret = np.array([np.mean(row.regret) / 2 for row in ranges])
    found = answers.plain_correlation(planted(ranges, [], bound), "decoupling", divided=False)
    assert (found.tau, found.instances) == (pytest.approx(tau_of(values, regret)), 8)
    assert found.spearman == pytest.approx(spearman(values, regret))


def test_seeds_that_disagree_are_told() -> None:
    rows = [
        replace(game(f"g{k}", (v, v), other=(v, v)), regret=(v, 60.0 - v))
        for k, v in enumerate(VALUES)
    ]
    assert answers.repeatability(planted(rows)) == -1.0
    assert "τ is −1.00 or more" in said(planted(rows))
