"""Who wins where: known answers on invented results, honest intervals, nothing dropped or mixed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import synthetic_results as synthetic
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Rectangle

from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.model._arrays import Floats
from mamex_bench.reporting import (
    absence,
    comparison_figures,
    comparison_tables,
    comparison_words,
    contests,
    cost_tables,
    estimates,
    guarantee_table,
    multiples,
    outputs,
    style,
)
from mamex_bench.reporting.document import Document
from mamex_bench.reporting.table import Formula, Table
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


# ----- words and tables --------------------------------------------------------------------------


def test_winners_name_the_best_and_what_is_level() -> None:
    results = outcome(
        cell("lock", "mamex", spread(10)),
        cell("lock", "uniform", spread(10.5)),
        cell("lock", "vi", spread(400)),
    )
    found = contests.contests(results)
    (row,) = comparison_tables.winners(found).rows
    assert row[:2] == ("lock", "CCE")
    assert row[3] == "mamex"
    assert row[5] == "uniform"
    assert str(row[-1]).startswith("−0.500 [")
    assert comparison_words.sentences(found) == [
        "CCE, 1 instance: MAMEX is level with the best other learner on 1 (lock)."
    ]


def test_sentences_count_victories_and_defeats() -> None:
    cells = [
        cell(instance, name, [value, value])
        for instance, own, other in (("won", 1, 90), ("lost", 90, 1), ("even", 5, 5))
        for name, value in (("mamex", own), ("mamex_other", own + 50), ("rival", other))
    ]
    cells = [replace(c, learner_name="mamex") if c.learner == "mamex_other" else c for c in cells]
    results = outcome(*cells, instances=("won", "lost", "even"))
    (line,) = comparison_words.sentences(contests.contests(results))
    assert line == (
        "CCE, 3 instances: MAMEX has less regret than every other learner on 1 (won); is level "
        "with the best other learner on 1 (even); has more regret than the best other learner on 1 "
        "(lost)."
    )


def test_guarantees_stand_beside_measured_exponents(monkeypatch: pytest.MonkeyPatch) -> None:
    promise = Guarantee(
        rate=r"$\sqrt{H^2 S A K}$ up to logs",
        exponent=0.5,
        games="two-player zero-sum",
        concepts=("nash", "cce"),
        about="executed",
        source="A & B 2020, Theorem 1",
        deviation="another bonus, $c = 2$",
    )
    monkeypatch.setattr(
        guarantee_table, "guarantee_of", lambda name: promise if name == "vi" else None
    )
    at = synthetic.checkpoints(1000).astype(float)

    def grown(instance: str, power: float, concept: str = "cce") -> Cell:
        made = cell(instance, "vi", [1.0, 1.0], concept=concept)
        curves = np.broadcast_to(at[None, :, None] ** power, made.regret.shape)
        return replace(made, regret=curves, class_regret=curves)

    results = outcome(
        grown("lock", 0.5), grown("key", 0.9), grown("key", 0.1, "ce"), instances=("lock", "key")
    )
    table = guarantee_table.guarantees(results)
    (row,) = table.rows
    assert row[0] == "vi"
    assert row[3:6] == ("executed", "0.5", "0.70 [0.50,\u00a00.90]")
    assert row[6] == Formula("A & B 2020, Theorem 1 (recalled)")
    assert r"$\sqrt{H^2 S A K}$ up to logs" in table.to_markdown()
    assert r"$\sqrt{H^2 S A K}$ up to logs" in table.to_latex()
    assert r"A \& B 2020" in table.to_latex()
    assert guarantee_table.deviations(results) == [("vi", "another bonus, $c = 2$")]

    def shown(kept: Guarantee) -> str:
        monkeypatch.setattr(guarantee_table, "guarantee_of", lambda name: kept)
        return str(guarantee_table.guarantees(results).rows[0][5])

    assert shown(replace(promise, agents=2)) == row[5]
    for beyond in ({"about": "output"}, {"agents": 1}, {"zero_sum": True}):
        assert shown(replace(promise, **beyond)) == "–"
    fair = [replace(game, constant_sum=game.id == "key") for game in results.instances]
    results = replace(results, instances=tuple(fair))
    assert shown(replace(promise, zero_sum=True)) == "0.90"


def test_a_formula_is_safe_in_a_table() -> None:
    rows = ((Formula("$|x|$ and | and $5"),), (Formula("$a|b$"),), (Formula("$ |b| $"),))
    table = Table("x", "y", ("a",), "l", rows)
    lines = table.to_markdown().splitlines()
    assert lines[2] == r"| \$\|x\|\$ and \| and \$5 |", "an odd dollar: nothing is TeX"
    assert lines[3] == r"| $a\vert b$ |"
    assert lines[4] == r"| $\vert b\vert$ |", "no space before a dollar that ends TeX"


def test_every_learner_of_the_package_has_a_row_of_guarantees() -> None:
    from mamex_bench import learners

    for name in learners.names():
        found = guarantee_table.guarantee_of(name)
        assert found is not None, name
        entry = Table("x", "y", ("a",), "l", ((Formula(found.rate),),)).to_markdown()
        assert found.rate.count("$") % 2 == 0, name
        assert "\n|" in entry
    assert guarantee_table.guarantee_of("of_another_package") is None


def test_outputs_of_the_learners_own_stand_beside_what_was_executed() -> None:
    gaps = {"output_gap": np.array([0.3, 0.5]), "output_gap_lower": np.array([0.1, 0.1])}
    own = cell("lock", "v_learning", [9.0, 9.0], kind="markov", diagnostics=gaps, offered="history")
    own = replace(own, output_gap=np.full((2, len(own.checkpoints)), 0.7))
    results = outcome(own, cell("lock", "mamex", spread(1)))
    (row,) = outputs.table(results).rows
    assert row[3:] == ("history", "0.100", "0.400", "0.700")
    assert "of the learners’ own" in Document(results).markdown()
    assert not outputs.table(outcome(*results.cells[1:])).rows


def test_cells_that_do_not_apply_are_listed_with_their_reason_and_not_as_missing() -> None:
    run = cell("lock", "mamex", spread(1))
    reason = "vi needs two agents, but instance '{}' has 1"
    absent = [
        synthetic.without_data(
            cell(id, "vi", [0.0], concept=name), "not applicable", reason.format(id)
        )
        for id in ("lock", "key")
        for name in ("cce", "ce")
    ]
    results = outcome(run, *absent, instances=("lock", "key"))
    table = absence.table(results)
    assert table.rows == (
        ("vi", "lock, key (CCE, CE)", "vi needs two agents, but the instance has 1"),
    )
    document = Document(results)
    assert "missing" not in document.tables
    text = document.markdown()
    assert "## What does not apply" in text
    assert "vi needs two agents, but the instance has 1" in text


def test_the_section_appears_with_two_learners_and_says_what_is_compared() -> None:
    two = outcome(cell("lock", "mamex", spread(10)), cell("lock", "uniform", spread(40)))
    text = Document(two).markdown()
    for words in (
        "# Comparison {#comparison}",
        "by their regret inside it, learners marked †, which play Markov profiles, by their regret "
        "against every policy; the two are never mixed.",
        "nothing is paired",
        "A gap of zero or below is an equilibrium",
    ):
        assert words in text
    alone = outcome(cell("lock", "mamex", spread(10)))
    assert "# Comparison" not in Document(alone).markdown()


# ----- many learners -----------------------------------------------------------------------------


def many(count: int) -> list[Cell]:
    names = [
        "mamex",
        "uniform",
        *("optimistic_vi", "nash_vi", "ucbvi", "nash_q", "v_learning", "golf", "onemg", "vmg"),
        *("double_oracle", "exp3_self_play", "monte_carlo_ucb", "mex", "e2d", "omni_vi"),
    ]
    return [cell("lock", name, spread(3.0 + i)) for i, name in enumerate(names[:count])]


def test_many_learners_are_drawn_in_panels_by_kind_with_mamex_in_each() -> None:
    cells = many(16)
    figure = multiples.regret(cells)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "policy space",
        "tabular, planning",
        "tabular, without a model",
        "function approximation",
        "linear structure",
    ]
    for axes in figure.axes:
        ends = [t.get_text() for t in axes.texts if t.get_label() == "_end"]
        assert "mamex" in ends
        assert len(ends) <= multiples.MOST
    shown = {t.get_text() for axes in figure.axes for t in axes.texts}
    assert {c.learner.replace("_", " ") for c in cells} - shown == {"uniform"}
    assert [c.learner for c in multiples.alone(cells)] == ["mamex", "uniform"]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_a_report_of_many_learners_draws_both_and_few_learners_one() -> None:
    slugs = set(Document(outcome(*many(16))).figures)
    assert {"regret-lock-cce", "regret-by-kind-lock-cce", "gaps-by-kind-lock-cce"} <= slugs
    assert "overview" not in slugs
    slugs = set(Document(outcome(*many(multiples.MOST))).figures)
    assert {"regret-lock-cce", "overview"} <= slugs
    assert "regret-by-kind-lock-cce" not in slugs


@pytest.mark.parametrize("draw", [multiples.regret, multiples.gaps])
def test_labels_of_the_panels_stay_apart_and_inside(draw: object) -> None:
    figure = draw(many(16))  # type: ignore[operator]
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        boxes = [t.get_window_extent(renderer) for t in axes.texts if t.get_label() == "_end"]
        assert all(box.x1 <= figure.bbox.x1 + 0.5 for box in boxes)
        centres = sorted((box.y0 + box.y1) / 2 for box in boxes)
        assert all(b - a > 7 for a, b in pairwise(centres))
