"""The section on who wins where: its words and tables, guarantees, and figures of many learners."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import synthetic_results as synthetic
from test_comparison import cell, outcome, spread

from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.reporting import (
    absence,
    comparison_tables,
    comparison_words,
    contests,
    guarantee_table,
    multiples,
    outputs,
)
from mamex_bench.reporting.document import Document
from mamex_bench.reporting.table import Formula, Table
from mamex_bench.runs.results import Cell

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
    best = ["double oracle", "optimistic vi", "nash q", "golf", "omni vi"]
    for axes in figure.axes:
        ends = [t.get_text() for t in axes.texts if t.get_label() == "_end"]
        assert "mamex" in ends
        bold = {t.get_text() for t in axes.texts if t.get_fontweight() == 700}
        assert bold == {"mamex", best.pop(0)}, "MAMEX and the least final regret of the kind"
        assert len(ends) <= multiples.MOST
    shown = {t.get_text() for axes in figure.axes for t in axes.texts}
    assert {c.learner.replace("_", " ") for c in cells} - shown == {"uniform"}
    assert [c.learner for c in multiples.alone(cells)] == ["mamex", "uniform"]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_a_report_of_many_learners_draws_both_and_few_learners_one() -> None:
    slugs = set(Document(outcome(*many(16))).figures)
    assert {"regret-lock-cce", "regret-by-kind-lock-cce", "gaps-by-kind-lock-cce"} <= slugs
    assert "overview" not in slugs
    text = Document(outcome(*many(16))).markdown()
    assert re.search(r"::: web\n+```(?s:.*?)```\n+# Instance by instance", text)
    assert "stands in the HTML report" in text
    assert "stands in the HTML report, and" not in Document(outcome(*many(9))).markdown()
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
