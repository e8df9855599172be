"""Whether regret follows a measure: ranks, intervals, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_atlas import game, planted, reading

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.answers.ranks import spearman, weighted_spearman
from mamex_bench.experiments.atlas.specs import MeasureSpec
from mamex_bench.reporting.atlas import words


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12))
def test_rank_correlation_is_spearmans(pairs) -> None:
    from scipy.stats import spearmanr

    first, second = np.array(pairs, dtype=float).T
    mine = spearman(first, second)
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        assert np.isnan(mine)
    else:
        assert mine == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    # Entries drawn several times are entries written several times.
    weights = np.arange(first.size, dtype=float)[None] % 3
    many = np.repeat(np.arange(first.size), weights[0].astype(int))
    drawn = weighted_spearman(first, second, weights)[0]
    copied = spearman(first[many], second[many]) if many.size else np.nan
    assert drawn == pytest.approx(copied, abs=1e-12, nan_ok=True)


def test_regret_sentences_follow_the_numbers() -> None:
    values = np.geomspace(0.1, 50.0, 24)
    pairs = list(enumerate(zip(values, np.random.default_rng(0).permutation(values))))
    follows = planted([game(f"g{k}", (v, v), regret=v, other=(o, o)) for k, (v, o) in pairs])
    against = planted([game(f"g{k}", (o, o), regret=v, other=(v, v)) for k, (v, o) in pairs])
    yes, no = words.regret(follows), words.regret(against)
    assert yes.startswith("Yes.")
    assert "coefficient is 1.00 [1.00" in yes
    assert "more closely than the other one (" in yes
    assert "divided by n R_true, the coefficient is not" in yes
    assert "the one class that the learner takes, 24 of models, ranked together" in yes
    assert "η of MAMEX is tuned with the coefficient’s certificate" in yes
    assert no.startswith("No.")
    assert "Regret follows more closely than the coefficient" not in yes
    few = planted([game("g", (1.0, 1.0), regret=1.0, other=(1.0, 1.0))])
    assert "fewer than four" in words.regret(few)
    equal = planted([game(f"g{k}", (v, v), regret=v, other=(v, v)) for k, v in enumerate(values)])
    assert words.regret(equal).startswith("Not established.")
    noise = np.exp(np.random.default_rng(1).standard_normal((2, values.size)))
    close = planted(
        [
            game(f"g{k}", (v * x, v * x), regret=v, other=(v * y, v * y))
            for k, (v, x, y) in enumerate(zip(values, *noise))
        ]
    )
    assert words.regret(close).startswith("Not established.")
    assert "Undecided, as the interval of the difference holds 0: the other one" in (
        words.regret(close)
    )


def test_one_family_counts_once_in_the_interval() -> None:
    values = np.geomspace(0.1, 50.0, 12)
    many = planted([game(f"g{k}", (v, v), regret=v, other=(v, v)) for k, v in enumerate(values)])
    one = planted(
        [replace(row, family="same" if k < 11 else "other") for k, row in enumerate(many.games)]
    )
    found = answers.correlation(one, "decoupling")
    assert found is not None
    assert (found.instances, found.families) == (12, 2)


def test_regret_bounds_are_no_other_measure_and_kinds_are_told_apart() -> None:
    values = np.geomspace(0.1, 50.0, 8)
    rows = [game(f"g{k}", (v, v), regret=1 / v, other=(1 / v, 1 / v)) for k, v in enumerate(values)]
    bound = MeasureSpec("other", "regret_bound", "explicit bound", {})
    text = words.regret(planted(rows, [], bound))
    assert not text.startswith(("Yes", "No"))
    kinds = {"values": {"kind": "values", "size": 5}}
    more = [
        replace(
            game(f"v{k}", (v, v), regret=v, other=(v, v)),
            facts={**rows[0].facts, "classes": kinds},
            hypotheses="values",
        )
        for k, v in enumerate(values)
    ]
    text = words.regret(planted(rows + more))
    assert "8 of models and 8 of values, ranked together" in text
    assert "apart it is −1.00 on models and 1.00 on values" in text
    ranges = [
        replace(row, facts={**row.facts, "return_range": 0.5 * k + 0.5})
        for k, row in enumerate(rows)
    ]
    atlas = planted(ranges, [], bound)
    regret = [np.mean(row.regret) / 2 for row in ranges]
    found = answers.plain_correlation(atlas, "decoupling", divided=False)
    assert found == (pytest.approx(spearman(values, np.array(regret))), 8)


def test_the_difference_spans_the_choices_of_ends() -> None:
    values = np.geomspace(0.1, 50.0, 12)
    wide = [game(f"g{k}", (v, v), regret=v, other=(v, 1e6 / v**3)) for k, v in enumerate(values)]
    found = answers.correlation(planted(wide), "other")
    assert found is not None
    assert found.difference.low <= 0.0  # all lower ends rank as the coefficient does
    assert found.difference.high == pytest.approx(2.0)  # all upper ends rank the other way round


def test_a_reading_without_interval_is_no_number() -> None:
    row = game("g", (1.0, 1.0), regret=1.0)
    absent = replace(row, readings={"other": reading("other", None)})
    assert answers.correlation(planted([absent] * 5), "other") is None
