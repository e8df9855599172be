"""The report: whole, self-contained, reproducible, honest about what is missing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import synthetic_results as synthetic

from mamex_bench import content
from mamex_bench.errors import InputError
from mamex_bench.reporting import figures, style, summary, tables, wording
from mamex_bench.reporting.document import Document, write_report_from
from mamex_bench.runs.results import Results


@pytest.fixture(scope="module")
def results() -> Results:
    """Two instances, two concepts, all learners and every verdict status."""
    return synthetic.mixed_statuses(synthetic.results(2, ("nash", "cce")))


@pytest.fixture(scope="module")
def written(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report_from(results, folder)
    return folder


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return (written / "report.html").read_text("utf-8")


def words(page: str) -> str:
    """What a reader reads: no styles, no tags, no listings."""
    hidden = r"<style>.*?</style>|<pre.*?</pre>|<annotation.*?</annotation>"
    return re.sub(r"<[^>]+>", " ", re.sub(hidden, "", page, flags=re.DOTALL))


# ----- the whole ---------------------------------------------------------------------------------


def test_page_has_every_section_figure_and_table(results: Results, page: str) -> None:
    text = words(page)
    wanted = (
        "Verdicts",
        "Across instances",
        "Comparison",
        "Decoupling coefficient",
        "Instances",
        "Theory",
        "All verdicts in words",
        "Configuration and provenance",
        "commit 0123abc",
    )
    assert not [one for one in wanted if one not in text]
    document = Document(results)
    assert page.count("<svg") == len(document.figures) == 2 + 5 + 2 * (2 * 2)
    anchors = set(re.findall(r'\bid="([^"]+)"', page))
    assert not {f"fig:{name}" for name in document.figures} - anchors
    assert {f"tbl:{name}" for name in document.tables} - anchors == {"tbl:statements"}
    assert text.count("Mean signed sum of regrets") == sum(
        verdict.status != "not applicable" for verdict in results.verdicts
    )
    assert "&lt;tags&gt;" in page[page.index("The suite, as it was run") :]


def test_the_contents_list_every_page_of_theory(page: str) -> None:
    names = {path.stem for path in content.find("theory").glob("*.md")}
    assert names == set(re.findall(r'\bid="toc-theory-([^"]+)"', page))


def test_page_needs_no_other_file(page: str) -> None:
    styles = page[page.index("<style>") : page.index("</style>")]
    assert not re.findall(r"<(?:script|link|img|iframe|object)\b", page)
    assert all(
        u.startswith("data:font/woff2;base64,") for u in re.findall(r"url\(([^)]*)\)", styles)
    )
    targets = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert targets
    assert all(target.startswith("#") for target in targets)


def test_anchors_are_unique_and_references_lead_somewhere(page: str) -> None:
    anchors = re.findall(r'\bid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    missing = set(re.findall(r'href="#([^"]+)"', page)) - set(anchors)
    assert not missing


@pytest.mark.parametrize("kind", ["Figure", "Table"])
def test_numbers_count_from_one_in_order(page: str, kind: str) -> None:
    found = re.findall(rf'<span class="number">{kind}\s(\d+)\.</span>', page)
    assert [int(number) for number in found] == list(range(1, len(found) + 1))
    assert len(found) > 3


def test_references_carry_the_number_of_their_target(page: str) -> None:
    for target, text in re.findall(r'<a href="#((?:fig|tbl):[^"]+)">([^<]*)</a>', page):
        after = page[page.index(f'id="{target}"') :]
        number = re.search(r'<span class="number">([^<]*)\.</span>', after)
        assert number
        assert number.group(1).split() == text.split()


def test_no_markup_leaks_into_the_page(page: str) -> None:
    text = words(page)
    signs = ("<<", "<%", ":::", "{#", "{.", r"\_", r"\[", "Undefined")
    assert not [sign for sign in signs if sign in text]
    assert not re.findall(r"<td[^>]*>\s*(?:nan|None)\b", page)


def test_pdf_has_pages_and_no_date(written: Path) -> None:
    data = (written / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert len(data) > 100_000
    assert b"CreationDate" not in data


def test_tables_and_figures_lie_beside_the_report(results: Results, written: Path) -> None:
    document = Document(results)
    names = {path.stem for path in (written / "tables").glob("*.tex")}
    assert (
        names == {path.stem for path in (written / "tables").glob("*.md")} == set(document.tables)
    )
    for suffix in ("pdf", "tex"):
        found = {path.stem for path in (written / "figures").glob(f"*.{suffix}")}
        assert found == set(document.figures)
    source = (written / "figures" / "regret-lock-cce.tex").read_text("utf-8")
    assert r"\includegraphics[width=\textwidth]{regret-lock-cce.pdf}" in source
    assert r"10 \% to 90 \% quantile over seeds" in source
    assert not list(written.rglob("tmp*"))


def test_rebuilding_gives_the_same_bytes(results: Results, tmp_path: Path) -> None:
    small = replace(results, instances=results.instances[:1], cells=results.cells[:3], verdicts=())
    for name in ("first", "second"):
        write_report_from(small, tmp_path / name)
    for path in sorted((tmp_path / "first").rglob("*.*")):
        other = tmp_path / "second" / path.relative_to(tmp_path / "first")
        assert path.read_bytes() == other.read_bytes(), path.name


def test_unknown_format_is_refused(results: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="docx"):
        write_report_from(results, tmp_path, formats=("docx",))
    assert not list(tmp_path.iterdir())


# ----- honesty -----------------------------------------------------------------------------------


def test_interrupted_suite_says_what_is_missing() -> None:
    whole = synthetic.results(1, ("cce",))
    cells = (
        whole.cells[0],
        synthetic.without_data(whole.cells[1], "missing", "0 of 20 seeds run"),
        synthetic.without_data(whole.cells[2], "failed", "ConvergenceError: gap | 3e-4"),
        *whole.cells[3:],
    )
    text = Document(replace(whole, cells=cells, verdicts=())).markdown()
    wanted = (
        "This suite is not finished",
        "1 cell failed",
        "0 of 20 seeds run",
        r"ConvergenceError: gap \| 3e-4",
        "No claims have been judged",
    )
    assert not [one for one in wanted if one not in text]


def test_partial_seeds_are_shown_and_named() -> None:
    whole = synthetic.results(1, ("cce",), learners=1)
    cell = whole.cells[0]
    few = {
        name: getattr(cell, name)[:7]
        for name in (
            "seeds",
            "regret",
            "class_regret",
            "positive_regret",
            "gap",
            "output_gap",
            "best_gap",
            "seconds",
        )
    }
    part = replace(cell, status="missing", reason="7 of 20 seeds run", **few)
    document = Document(replace(whole, cells=(part,)))
    assert "regret-lock-cce" in document.figures
    assert "7 seeds" in document.figures["regret-lock-cce"].caption
    assert document.markdown().count("7 of 20 seeds run") > 0


def test_nothing_run_still_gives_a_report(tmp_path: Path) -> None:
    whole = synthetic.results(1, ("cce",), learners=2)
    cells = tuple(synthetic.without_data(c, "missing", "not run yet") for c in whole.cells)
    empty = replace(whole, cells=cells, verdicts=())
    paths = write_report_from(empty, tmp_path)
    assert {p.name for p in paths[:2]} == {"report.html", "report.pdf"}
    assert words((tmp_path / "report.html").read_text("utf-8")).count("not run yet") > 1


def test_only_what_is_proved_is_called_a_bound(results: Results, page: str) -> None:
    cells = [c for c in results.cells if c.instance == "lock" and c.concept == "cce"]
    figure = figures.regret(cells)
    texts = [t.get_text() for axes in figure.axes for t in axes.texts]
    bounds = [text for text in texts if "bound" in text]
    assert "paper shape (no bound at finite K)" in texts
    assert all(
        text.startswith(("explicit bound", "trivial bound", "paper shape (no bound"))
        for text in bounds
    )
    for sentence in re.findall(r"[^.]*paper shape[^.]*", words(page), re.IGNORECASE):
        assert re.search(r"not? (?:a )?bound|published", sentence), sentence


def test_markov_learners_carry_their_mark(results: Results) -> None:
    table = tables.rivals(results, "lock")
    for row in table.rows:
        marked = wording.MARKOV_MARK in str(row[1])
        assert marked == str(row[1]).startswith("optimistic")
        assert (row[3] == "the same") != marked


def test_difference_to_a_copy_is_zero_and_knows_no_pairs() -> None:
    """Runs of two learners share no stream: equal numbers seed by seed do not make it sure."""
    whole = synthetic.results(1, ("cce",), learners=1)
    twin = replace(whole.cells[0], learner="twin", learner_name="twin")
    table = tables.rivals(replace(whole, cells=(whole.cells[0], twin)), "lock")
    assert re.match(r"0 \[−\d.*\d\]$", str(table.rows[1][4])), table.rows[1]


def test_planted_violations_have_words_of_their_own(results: Results) -> None:
    assert style.status("violated", "violated").css == "planted"
    assert style.status("violated").css == "violated"
    symbols = [style.STATUSES[name].symbol for name in style.STATUSES]
    assert len(set(symbols)) == len(symbols)
    sentences = " ".join(summary.sentences(results))
    assert "not expected" in sentences  # the mixed fixture violates a claim for an honest learner


def test_planted_fault_that_went_unseen_is_named() -> None:
    whole = synthetic.results(1, ("cce",))
    calm = tuple(SimpleNamespace(**{**vars(v), "status": "holds"}) for v in whole.verdicts)
    caught = " ".join(summary.sentences(whole))
    assert "2 of 2 cells with a planted fault were caught" in caught
    assert "not caught" not in caught
    missed = " ".join(summary.sentences(replace(whole, verdicts=calm)))
    assert "**Planted and not caught:** planted no optimism on lock (CCE), " in missed


def test_episodes_until_says_when_the_level_is_not_reached() -> None:
    whole = synthetic.results(1, ("cce",))
    table = tables.episodes_until(whole, "lock")
    row = next(row for row in table.rows if row[1] == "uniform")
    last = wording.number(int(whole.cells[0].checkpoints[-1]))
    assert row[2] == f">{wording.FIXED}{last}"
    mamex = next(cell for cell in whole.cells if cell.learner == "mamex")
    first = [np.flatnonzero(gaps <= 0.1)[0] for gaps in mamex.output_gap]
    expected = int(np.median(mamex.checkpoints[first]))
    assert next(r for r in table.rows if r[1] == "mamex")[2] == wording.number(expected)


# ----- the check of a written report -------------------------------------------------------------


@pytest.fixture(scope="module")
def check() -> Any:
    """`.ci/check_report.py`, as a module."""
    path = Path(__file__).parents[1] / ".ci" / "check_report.py"
    spec = spec_from_file_location("check_report", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["check_report"] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_check_finds_nothing_in_a_whole_report(check: Any, written: Path) -> None:
    assert check.check_html(written / "report.html") == []
    (problem,) = check.check_pdf(written / "report.pdf", [*check.SECTIONS, "No such section"])
    assert problem.endswith("'No such section' is missing")
    assert [
        p for path in (written / "figures").glob("*.pdf") for p in check.check_figure(path)
    ] == []


def without_data(page: str) -> str:
    """The first figure with all its lines and areas gone."""
    start = page.index("<svg")
    stop = page.index("</svg>", start)
    return page[:start] + re.sub(r"<(path|use)\b[^>]*>", "", page[start:stop]) + page[stop:]


def once(pattern: str, replacement: str) -> Callable[[str], str]:
    return lambda page: re.sub(pattern, replacement, page, count=1)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (without_data, "is empty"),
        (once(" Comparison</h1>", " Contest</h1>"), "'Comparison' is missing"),
        (once("font-size: 7px", "font-size: 4px"), "letters of 4 points"),
        (once("(?s)<tbody>.*?</tbody>", "<tbody></tbody>"), "no rows"),
        (once('role="img" aria-label="[^"]*"', 'role="img" aria-label="x"'), "no caption"),
        (once("</p>", " \ufffd</p>"), "stands in the text"),
        (once("</table>", ""), "closes table"),
        (once('href="#', 'href="#no-'), "which is nowhere"),
        (once("<main>", '<main><img src="a.png">'), "loads 'a.png'"),
    ],
)
def test_the_check_finds_what_was_spoilt(
    check: Any, page: str, tmp_path: Path, spoil: Callable[[str], str], problem: str
) -> None:
    spoilt = spoil(page)
    assert spoilt != page
    path = tmp_path / "report.html"
    path.write_text(spoilt, "utf-8")
    assert [found for found in check.check_html(path) if problem in found]


def test_a_figure_that_does_not_fit_on_a_page_is_found(check: Any, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    for size, fits in (((7.0, 8.0), True), ((7.0, 9.5), False), ((8.0, 3.0), False)):
        figure = Figure(figsize=size)
        figure.text(0.5, 0.5, "words")
        figure.savefig(tmp_path / "figure.pdf")
        assert (check.check_figure(tmp_path / "figure.pdf") == []) == fits
    Figure(figsize=(3.0, 3.0)).savefig(tmp_path / "figure.pdf")
    assert "no words" in check.check_figure(tmp_path / "figure.pdf")[0]
