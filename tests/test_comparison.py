"""Who wins where: known answers on invented results, honest intervals, nothing dropped or mixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_results as synthetic
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Rectangle

from mamex_bench.model._arrays import Floats
from mamex_bench.reporting import (
    comparison_figures,
    comparison_tables,
    comparison_words,
    contests,
    cost_tables,
    estimates,
    style,
)
from mamex_bench.reporting.document import Document
from mamex_bench.reporting.wording import MARKOV_MARK
from mamex_bench.runs.results import Cell, Results


def cell(
    instance: str, learner: str, finals: list[float], kind: str = "class", **change: object
) -> Cell:
    """Regret that grows linearly to these final values, half of it on each of two agents."""
    name = str(change.pop("name", learner))
    concept = str(change.pop("concept", "cce"))
    made = synthetic.cell(instance, (learner, name, 1.0, 1.0, kind, None), concept, 1000)
    at = made.checkpoints / made.checkpoints[-1]
    regret = np.array(finals)[:, None, None] * at[None, :, None] * np.ones(2) / 2
    seeds = {"seeds": tuple(range(len(finals))), "seconds": np.full(len(finals), 0.5)}
    diagnostics = {"solves": np.full(len(finals), 7.0), "solve_seconds": np.full(len(finals), 0.1)}
    arrays = {"regret": regret, "class_regret": regret, **seeds, "diagnostics": diagnostics}
    return replace(made, **{**arrays, **change})


def outcome(*cells: Cell, K: int = 1000, instances: tuple[str, ...] = ("lock",)) -> Results:
    """Results whose instances have two agents and R_true = 1, so u = 2."""
    whole = synthetic.results(1, ("cce",), learners=1)
    records = [
        replace(whole.instances[0], id=id, group=id, agents=2, return_range=1.0, episodes=K)
        for id in instances
    ]
    return replace(whole, instances=tuple(records), cells=cells, verdicts=())


def spread(middle: float, width: float = 1.0) -> list[float]:
    return [middle - width, middle, middle + width]


# ----- contests ----------------------------------------------------------------------------------


def test_factors_and_ranks_of_a_worked_case() -> None:
    """R = 10, 40, −5 with u = 2: factors 12/2, 42/2, 2/2."""
    (contest,) = contests.contests(
        outcome(
            cell("lock", "mamex", spread(10)),
            cell("lock", "uniform", spread(40)),
            cell("lock", "vi", spread(-5)),
        )
    )
    assert contest.unit == 2.0
    np.testing.assert_allclose(contest.factors, [6.0, 21.0, 1.0])
    assert contest.ranks().tolist() == [2.0, 3.0, 1.0]
    assert contest.best == 2
    assert contest.difference(0, 2)[0] == pytest.approx(10.0), "below zero counts as zero"
    assert contest.sign(0, 2) == 1
    assert contest.sign(0, 1) == -1


def test_regrets_at_or_below_zero_are_all_equal_firsts() -> None:
    (contest,) = contests.contests(
        outcome(
            cell("lock", "mamex", spread(-1, 0.1)),
            cell("lock", "uniform", spread(-100, 0.1)),
            cell("lock", "vi", spread(7, 0.1)),
        )
    )
    assert contest.ranks().tolist() == [1.5, 1.5, 3.0]
    np.testing.assert_allclose(contest.factors, [1.0, 1.0, 4.5])
    assert contest.level_with_best() == [0]


def test_a_difference_below_one_bad_episode_is_level_however_sure() -> None:
    surely = [
        cell("lock", "mamex", [7.0, 7.0]),
        cell("lock", "uniform", [5.1, 5.1]),
        cell("lock", "vi", [9.2, 9.2]),
    ]
    (contest,) = contests.contests(outcome(*surely))
    assert contest.difference(0, 1)[1] > 0
    assert contest.sign(0, 1) == 0
    assert contest.sign(2, 0) == 1


@given(st.lists(st.floats(-10, 100), min_size=2, max_size=8))
def test_ranks_are_those_of_a_slow_count(values: list[float]) -> None:
    fast = contests.ranks(np.array([values]))[0]
    for mine, value in zip(fast, values, strict=True):
        places = [i + 1 for i, other in enumerate(sorted(values)) if other == value]
        assert mine == pytest.approx(np.mean(places))


def test_no_pairs_the_interval_is_that_of_two_independent_samples() -> None:
    """Two copies of the same numbers: pairing would give a certain zero, independence does not.

    For independent samples the standard deviation of the difference is sqrt(2) that of one mean.
    """
    rng = np.random.default_rng(0)
    values: Floats = rng.normal(50.0, 10.0, size=40)
    middle, low, high = estimates.difference(values, values)
    assert middle == 0.0
    expected = 1.96 * np.sqrt(2.0) * values.std() / np.sqrt(40)
    assert -low == pytest.approx(expected, rel=0.1)
    assert high == pytest.approx(expected, rel=0.1)
    (contest,) = contests.contests(
        outcome(cell("lock", "mamex", values.tolist()), cell("lock", "twin", values.tolist()))
    )
    _, low, high = contest.difference(0, 1)
    assert -low == pytest.approx(expected, rel=0.1)
    assert contest.rank_interval(0) == (1.0, 2.0)


def test_planted_faults_and_yardsticks_take_no_part() -> None:
    results = outcome(
        cell("lock", "mamex", spread(10)),
        cell("lock", "uniform", spread(40)),
        cell("lock", "oracle", spread(0)),
        cell("lock", "wrong", spread(90), name="planted_wrong_sign"),
        cell("lock", "marked", spread(90), name="mine", expected="violated"),
    )
    (contest,) = contests.contests(results)
    assert [each.learner for each in contest.cells] == ["mamex", "uniform"]
    assert not contests.contests(outcome(*results.cells[:1], *results.cells[2:]))


def test_the_two_gaps_are_never_mixed() -> None:
    """Inside the class all take part, on their class regret; against all policies only Markov."""
    wide = {"kind": "markov"}
    markov = [cell("lock", name, spread(value), **wide) for name, value in (("a", 30), ("b", 80))]
    markov = [replace(each, class_regret=each.regret * 0.1) for each in markov]
    results = outcome(cell("lock", "mamex", spread(10)), *markov)
    assert contests.contests(results) == [], "of those that play mixtures there is one alone"
    (outside,) = contests.contests(results, "all")
    (every,) = contests.contests(results, "inside")
    np.testing.assert_allclose(every.means, [10, 3, 8])
    np.testing.assert_allclose(outside.means, [30, 80])
    assert [each.learner for each in outside.cells] == ["a", "b"]
    assert every.mixed
    assert not outside.mixed
    words = comparison_tables.standings([outside], "cce", "x").caption
    assert f"against every policy, learners marked {MARKOV_MARK}" in words
    assert comparison_words.sentences_on_markov([outside]) == []
    assert comparison_words.sentences_on_markov([every]) == [
        f"CCE, 1 instance: MAMEX has more regret than the best learner marked {MARKOV_MARK} on 1 "
        "(lock)."
    ]
    text = Document(results).markdown()
    assert "a learner marked † can have no regret here and much against every policy" in text
    slugs = set(Document(results).tables)
    assert "comparison-cce-all-policies" in slugs
    assert "comparison-cce" not in slugs


def test_of_a_group_only_the_instance_of_largest_episodes_counts() -> None:
    results = outcome(
        *(cell(id, name, spread(5)) for id in ("g@10", "g@20") for name in ("mamex", "uniform")),
        instances=("g@10", "g@20"),
    )
    records = [
        replace(record, group="g", episodes=K)
        for record, K in zip(results.instances, (10, 20), strict=True)
    ]
    found = contests.contests(replace(results, instances=tuple(records)))
    assert [contest.instance for contest in found] == ["g@20"]


def test_a_panel_of_few_learners_stands_by_itself() -> None:
    many = [cell("lock", f"l{i}", spread(i + 1.0)) for i in range(5)]
    few = [cell("slow", f"l{i}", spread(i + 1.0)) for i in range(2)]
    found = contests.contests(outcome(*many, *few, instances=("lock", "slow")))
    assert [[c.instance for c in panel] for panel in contests.panels(found)] == [["lock"], ["slow"]]
    assert contests.panels([]) == []


# ----- profiles ----------------------------------------------------------------------------------


@pytest.fixture
def profiled() -> list[contests.Contest]:
    """Four instances; regrets with u = 2: a is best on 3 and absent from the last, b 1.5, 2, 4, 1.

    Factors: a 1, 1, 1, -; b (4 + 2)/(2 + 2) = 1.5, (6 + 2)/4 = 2, (14 + 2)/4 = 4, 1.
    """
    a = [cell(f"i{k}", "mamex", [2.0, 2.0]) for k in range(3)]
    b = [cell(f"i{k}", "b", [v, v]) for k, v in enumerate((4.0, 6.0, 14.0, 3.0))]
    c = [cell("i3", "c", [30.0, 30.0])]
    instances = tuple(f"i{k}" for k in range(4))
    return contests.contests(outcome(*a, *b, *c, instances=instances))


def test_profile_of_a_worked_case(profiled: list[contests.Contest]) -> None:
    factors, total = contests.profile(profiled, "b")
    np.testing.assert_allclose(factors, [1.0, 1.5, 2.0, 4.0])
    assert total == 4
    factors, total = contests.profile(profiled, "mamex")
    np.testing.assert_allclose(factors, [1.0, 1.0, 1.0])
    assert total == 4, "where it does not apply it never arrives"


def test_profiles_are_drawn_as_steps_at_the_factors(profiled: list[contests.Contest]) -> None:
    styles = style.learner_styles([("mamex", "mamex"), ("b", "b"), ("c", "c")])
    figure = comparison_figures.profiles(profiled, styles)
    (axes,) = (each for each in figure.axes if each.get_title(loc="left") == "other learners")
    heights = {}
    for line in axes.lines:
        if line.get_drawstyle() == "steps-post":
            x, y = line.get_data()
            heights[line.get_color(), str(line._unscaled_dash_pattern)] = {
                tau: float(y[np.searchsorted(x, tau, "right") - 1]) for tau in (1.0, 1.6, 3.0, 5.0)
            }
    found = list(heights.values())
    assert {1.0: 0.25, 1.6: 0.5, 3.0: 0.75, 5.0: 1.0} in found
    assert {1.0: 0.75, 1.6: 0.75, 3.0: 0.75, 5.0: 0.75} in found


def test_the_map_shows_every_cell_once_and_dots_elsewhere(
    profiled: list[contests.Contest],
) -> None:
    figure = comparison_figures.factors(profiled)
    (axes,) = figure.axes
    assert len([p for p in axes.patches if isinstance(p, Rectangle)]) == 3 + 4 + 1
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("·") == 3 * 4 - 8
    assert {"1.50", "2.00", "4.00", "6.40"} <= set(texts)
    bold = [t.get_text() for t in axes.texts if t.get_fontweight() == 700 and "." in t.get_text()]
    assert bold == ["1.00"] * 4


def test_standings_of_a_worked_case(profiled: list[contests.Contest]) -> None:
    table = comparison_tables.standings(profiled, "cce", "comparison-cce")
    rows = {str(row[0]): row[1:] for row in table.rows}
    assert rows["mamex"][:2] == ("3 of 4", "3")
    assert rows["b"][:2] == ("4 of 4", "1")
    assert rows["b"][2].startswith("1.8 [")
    assert rows["b"][3:6] == (f"{12**0.25:.2f}", "4.00", "3 of 4")
    assert rows["b"][6:] == ("500\u00a0µs", "7", "20\u00a0%")


def test_solves_before_the_first_episode_are_no_share_of_the_run() -> None:
    within = cell("lock", "mamex", [1.0, 1.0])
    assert cost_tables.share_in_solves(within) == pytest.approx(0.2)
    before = {"solves": np.ones(2), "solve_seconds": np.full(2, 0.6)}
    oracle = cell("lock", "oracle", [0.0, 0.0], diagnostics=before)
    assert cost_tables.share_in_solves(oracle) is None
    assert cost_tables.of_cells([oracle])[1:] == ("1", "–")
