"""The first pages of a report: duels with each kind, champions, tuning, costs, final regrets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_results as synthetic
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_comparison import cell, outcome, spread

from mamex_bench.reporting import (
    absence,
    champions,
    comparison_words,
    contests,
    cost_tables,
    duels,
    final_tables,
    outputs,
    standing_figures,
    style,
    tuning,
)
from mamex_bench.reporting.document import Document
from mamex_bench.runs.results import Cell, Results


def markov(instance: str, learner: str, finals: list[float], inside: float = 1.0) -> Cell:
    """A learner that plays Markov profiles; its regret inside the class is a share of the other."""
    made = cell(instance, learner, finals, kind="markov")
    return replace(made, class_regret=made.regret * inside)


@pytest.fixture
def two() -> Results:
    """u = 2. On "easy" both regrets of the Markov learner coincide, on "hard" they do not."""
    return outcome(
        cell("easy", "mamex", spread(4, 0.1)),
        cell("easy", "double_oracle", spread(40, 0.1)),
        cell("easy", "monte_carlo_ucb_tuned", spread(10, 0.1)),
        cell("easy", "posterior_sampling", spread(4.2, 0.1)),
        markov("easy", "optimistic_vi_tuned", spread(1, 0.1)),
        cell("hard", "mamex", spread(10, 0.1)),
        cell("hard", "double_oracle", spread(70, 0.1)),
        cell("hard", "posterior_sampling", spread(2, 0.1)),
        markov("hard", "optimistic_vi_tuned", spread(90, 0.1), inside=-1.0),
        instances=("easy", "hard"),
    )


def test_duels_of_a_worked_case(two: Results) -> None:
    """Factors (R + 2) / (R_mamex + 2): 12/6 and 72/12; not tuned 42/6; 6.2/6 and 4/12; 3/6."""
    found = {(each.kind.title, each.plain): each for each in duels.duels(two)}
    space = found["policy space", False]
    np.testing.assert_allclose(space.factors, [2.0, 6.0])
    assert space.signs == {("easy", "cce"): -1, ("hard", "cce"): -1}
    np.testing.assert_allclose(found["policy space", True].factors, [7.0, 6.0])
    same = found["function approximation", False]
    np.testing.assert_allclose(same.factors, [6.2 / 6.0, 4.0 / 12.0])
    assert same.signs == {("easy", "cce"): 0, ("hard", "cce"): 1}
    planning = found["tabular, planning", False]
    assert planning.signs == {("easy", "cce"): 1}, "elsewhere no regret speaks of both"
    np.testing.assert_allclose(planning.factors, [0.5])
    assert ("tabular, planning", True) not in found, "nothing of it is not tuned"
    assert ("function approximation", True) not in found, "the same learners"


def test_duels_in_words_answer_the_question_of_the_kind(two: Results) -> None:
    lines = {title: (said, caveat) for title, said, caveat in duels.sentences(duels.duels(two))}
    space = next(key for key in lines if key.startswith("policy space: Does structure pay"))
    assert lines[space][0] == (
        "Yes for mamex: less regret on 2 of 2 comparisons, the best of them loses 2.0 to 6.0 "
        "times as much, 4.0 in the median."
    )
    assert "no comparison at equal knowledge" in lines[space][1]
    same = next(key for key in lines if key.startswith("function approximation"))
    assert lines[same][0].startswith("No for mamex: level on 1, more on 1 of 2 comparisons")
    assert lines[same][0].endswith("More on hard (CCE).")
    assert all(caveat for _, caveat in lines.values())


def test_regret_against_every_policy_known_of_both_sides_is_a_duel_by_itself(two: Results) -> None:
    """Upper ends, where only an interval is certified: 30 on "hard", beside the oracle's 20."""
    cells = [
        replace(each, unrestricted_regret=np.stack([each.regret, upper * each.regret]))
        for each in two.cells
        if each.learner == "mamex"
        for upper in (3.0 if each.instance == "hard" else 1.0,)
    ]
    oracle = cell("hard", "oracle", spread(0, 0.1))
    far = np.full((2, *oracle.regret.shape), 10.0)
    cells += [each for each in two.cells if each.learner != "mamex"]
    known = replace(two, cells=(*cells, replace(oracle, unrestricted_regret=far)))
    found = {(each.kind.title, each.every): each for each in duels.duels(known)}
    assert found["tabular, planning", False].signs == {("easy", "cce"): 1}
    planning = found["tabular, planning", True]
    assert planning.signs == {("hard", "cce"): -1}
    np.testing.assert_allclose(planning.factors, [92.0 / 32.0])
    assert not any(every for title, every in found if title == "policy space")
    lines = {title: said for title, said, _ in duels.sentences(list(found.values()))}
    said = next(text for title, text in lines.items() if title.startswith("tabular, planning"))
    assert "Against every policy, where the class leaves something out: Yes for mamex" in said
    hard = next(each for each in contests.contests(known, "all") if each.instance == "hard")
    assert [each.learner for each in hard.cells] == ["mamex", "optimistic_vi_tuned"]
    np.testing.assert_allclose(hard.means, [30.0, 90.0])
    assert hard.confined == pytest.approx(20.0)
    assert contests.counted([hard]) == "against every policy, all learners"
    assert [each.learner for each in contests.only_markov(hard).cells] == ["optimistic_vi_tuned"]
    assert "All learners on one scale" in Document(known).markdown()
    assert "All learners on one scale" not in Document(two).markdown()
    (axes,) = standing_figures.standing([hard]).axes
    upright = [line for line in axes.lines if len(set(line.get_xdata())) == 1]
    assert any(line.get_xdata()[0] == pytest.approx(20.0 / 2.0) for line in upright)


def test_only_where_both_regrets_coincide_do_both_sorts_stand_in_one_ranking(two: Results) -> None:
    inside = {each.instance: each for each in contests.contests(two, "inside")}
    assert inside["easy"].coincide
    assert not inside["hard"].coincide
    text = Document(two).markdown()
    part = text[text.index("Where both regrets coincide") : text.index("## What each comparison")]
    assert "least regret has optimistic vi tuned\u00a0† on 1 (easy)" in part
    assert "hard" not in part


def test_champions_are_mamex_and_the_best_of_each_kind(two: Results) -> None:
    contest = contests.contests(two)[0]
    names = [contest.cells[i].learner for i in champions.champions(contest)]
    assert names == ["mamex", "monte_carlo_ucb_tuned", "posterior_sampling"]
    space = champions.rivals([contest])[0]
    assert contest.cells[champions.best_of(contest, space, plain=True) or 0].learner == (
        "double_oracle"
    )


def test_first_places_and_distances_in_words(two: Results) -> None:
    found = contests.contests(two)
    assert comparison_words.first_places(found) == [
        "CCE, 2 instances: least regret has mamex on 1 (easy); posterior sampling on 1 (hard). "
        "On 1 of them some other learner is level with the least."
    ]
    assert comparison_words.distances(found) == [
        "mamex has or is level with the least regret in 1 of 2 comparisons; its factor to the "
        "least is 2.0 in the median and 3.0 at worst (hard, CCE)."
    ]


def test_tuning_stands_beside_the_constants_of_the_same_algorithm() -> None:
    """u = 2: tuned (4 + 2) / (28 + 2) = 0.2 on one instance, (6 + 2) / (2 + 2) = 2 on the other."""
    results = outcome(
        cell("a", "golf", spread(28, 0.1)),
        cell("a", "golf_tuned", spread(4, 0.1)),
        cell("b", "golf", spread(2, 0.1)),
        cell("b", "golf_tuned", spread(6, 0.1)),
        cell("b", "e2d_tuned", spread(6, 0.1)),
        instances=("a", "b"),
    )
    (row,) = tuning.table(contests.contests(results)).rows
    assert row == ("golf\u00a0tuned", "golf", "2", "1", "0", "1", "0.20", "1.1", "2.0")


def test_costs_leave_the_time_in_solves_apart() -> None:
    """0.5 s for 1000 episodes, of which 0.1 s in 7 solves: 2000 episodes/s, 2500 without."""
    slow = cell("slow", "mamex", spread(1), seconds=np.full(3, 1.5))
    results = outcome(cell("lock", "mamex", spread(1)), slow, instances=("lock", "slow"))
    (row,) = cost_tables.costs(results).rows
    assert row[:4] == ("mamex", "2", "1.00\u00a0ms", "1.50\u00a0ms")
    assert row[4] == "1\u202f000"
    without = 1.0 / np.median([0.4e-3, 1.5e-3 * (1.0 - 0.1 / 1.5)])
    assert row[5] == f"{without:,.0f}".replace(",", "\u202f") == "1\u202f111"
    assert row[6:8] == ("7.0", "7.0")


def test_final_regrets_of_all_instances_in_tables_of_a_few() -> None:
    instances = tuple(f"i{k}" for k in range(7))
    cells = [cell(id, name, [3.0, 3.0]) for id in instances for name in ("mamex", "uniform")]
    found = contests.contests(outcome(*cells[:-1], *cells[-1:], instances=instances))
    tables = final_tables.finals(found)
    assert [len(table.header) for table in tables] == [5, 4]
    assert tables[0].rows[0][1] == "3.00 [3.00,\u00a03.00]"
    assert tables[0].header[1] == "i0: CCE, K = 1\u202f000, u = 2.00"
    assert final_tables.finals([]) == []


def test_outputs_are_summed_up_by_learner() -> None:
    cells = []
    for instance, high in (("a", 0.2), ("b", 0.6)):
        gaps = {"output_gap": np.full(2, high), "output_gap_lower": np.full(2, 0.1)}
        own = cell(instance, "v_learning", [9.0, 9.0], kind="markov", diagnostics=gaps)
        cells.append(replace(own, offered="history", output_gap=np.full((2, 30), 0.7)))
    (row,) = outputs.summary(outcome(*cells, instances=("a", "b"))).rows
    assert row[1:] == ("history", "2", "0.100", "0.400", "0.600", "0.700")


def test_reasons_name_the_learners_that_gave_them() -> None:
    absent = [
        synthetic.without_data(
            cell("lock", name, [0.0]), "not applicable", f"{name} needs two agents, unlike this"
        )
        for name in ("nash_vi", "nash_q")
    ]
    (row,) = absence.reasons(outcome(cell("lock", "mamex", [1.0]), *absent)).rows
    assert row == ("needs two agents, unlike this", "nash vi, nash q", "lock", "2")


def test_standing_names_the_least_and_marks_every_kind(two: Results) -> None:
    found = contests.contests(two)
    figure = standing_figures.standing(found)
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["mamex 2.0, 1 level", "posterior sampling 1.0"]
    marks = [line for line in axes.lines if line.get_marker() in standing_figures._MARKS.values()]
    assert len(marks) == (1 + 2 + 1) + (1 + 1 + 1), "the best and the best not tuned"
    with style.paper_style():
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        legend = figure.legends[0].get_window_extent(renderer)
        label = axes.xaxis.label.get_window_extent(renderer)
        assert legend.y1 <= label.y0, "the legend stands below the axis"
        assert all(t.get_window_extent(renderer).x1 <= figure.bbox.x1 for t in axes.texts)


def test_growth_has_a_panel_for_every_instance(two: Results) -> None:
    found = contests.contests(two)
    styles = style.learner_styles([(c.learner, c.learner_name) for c in two.cells])
    figure = standing_figures.growth(found, styles)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["easy", "hard"]
    ends = [{t.get_text() for t in axes.texts} for axes in figure.axes]
    assert ends[0] == {"mamex", "monte carlo ucb tuned", "posterior sampling"}
    lines = [line for line in figure.axes[0].lines if line.get_label() != "_leader"]
    trivial = lines[-1].get_xydata()
    np.testing.assert_allclose(trivial[:, 0], trivial[:, 1])
