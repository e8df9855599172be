"""The report: whole, self-contained, reproducible, honest about what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, pairwise, product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic_results as synthetic
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from mamex_bench.errors import InputError
from mamex_bench.reporting import figures, kinds, labels, style, summary, tables, wording
from mamex_bench.reporting.document import Document, write_report_from
from mamex_bench.reporting.mathml import space_operators
from mamex_bench.reporting.svg import inline
from mamex_bench.reporting.table import Mark, Table
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
    assert {path.stem for path in (written / "figures").glob("*.pdf")} == set(document.figures)
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


# ----- figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("instance", ["lock", "needle_8"])
def test_labels_in_figures_do_not_overlap(instance: str) -> None:
    whole = synthetic.results(2, ("cce",))
    cells = [cell for cell in whole.cells if cell.instance == instance]
    for draw in (figures.regret, figures.gaps):
        figure = draw(cells)
        renderer = figure.canvas.get_renderer()
        for axes in figure.axes:
            boxes = [t.get_window_extent(renderer) for t in axes.texts if t.get_label() == "_end"]
            assert all(t.get_fontsize() >= 7 for t in axes.texts)
            for box in boxes:
                assert box.x1 <= figure.bbox.x1 + 0.5
            boxes.sort(key=lambda box: box.y0)
            centres = [(box.y0 + box.y1) / 2 for box in boxes]
            assert all(b - a > 7 for a, b in pairwise(centres))


def test_one_column_names_every_line_below() -> None:
    cells = [c for c in synthetic.results(1, ("cce",)).cells if c.instance == "lock"]
    wide, narrow = figures.regret(cells), figures.regret(cells, width=style.ONE_COLUMN)
    assert narrow.get_figwidth() == style.ONE_COLUMN
    named = {t.get_text() for t in narrow.texts}
    assert named == {t.get_text() for t in wide.axes[0].texts}
    with style.paper_style():
        renderer = FigureCanvasAgg(narrow).get_renderer()
        boxes = sorted((t.get_window_extent(renderer) for t in narrow.texts), key=lambda b: b.y0)
    assert all(box.x1 <= narrow.bbox.x1 and box.y0 >= 0 for box in boxes)
    assert all(lower.y1 <= upper.y1 - 9 for lower, upper in pairwise(boxes))
    assert boxes[-1].y1 < min(axes.get_window_extent().y0 for axes in narrow.axes)


def test_bound_far_above_the_trivial_one_is_named_not_drawn() -> None:
    cell = synthetic.cell("lock", synthetic.LEARNERS[0], "cce", 1000)
    assert cell.bounds is not None
    huge = replace(cell.bounds, explicit=cell.bounds.explicit * 1e6)
    figure = figures.regret([replace(cell, bounds=huge)])
    assert any("↑" in text.get_text() for text in figure.axes[0].texts)
    assert figure.axes[0].get_ylim()[1] < huge.explicit[-1]


def test_envelope_recovers_a_planted_exponent() -> None:
    rng = np.random.default_rng(0)
    cells = []
    for episodes in (100, 1_000, 10_000):
        cell = synthetic.cell(f"g@{episodes}", synthetic.LEARNERS[0], "cce", episodes)
        scale = 3.0 * episodes**0.5 * np.exp(0.05 * rng.standard_normal((20, 1, 1)))
        cells.append(replace(cell, regret=np.broadcast_to(scale, cell.regret.shape)))
    figure = figures.envelope(cells)
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert any(re.search(r"slope 0\.(49|50|51) \[", text) for text in texts), texts


def test_named_operators_stand_apart_from_letters() -> None:
    import pypandoc

    source = r"$\max_x \frac{1}{2} f \le 2 H \log n, \quad \operatorname{gap}_i(x)$"
    page = pypandoc.convert_text(source, "html5", format="markdown", extra_args=["--mathml"])
    spaced = space_operators(page)
    thin = '<mspace width="0.167em" />'
    assert spaced.count(thin) == 3
    assert f"<mi>x</mi></msub>{thin}<mfrac>" in spaced
    assert f"<mi>H</mi>{thin}<mrow>" in spaced
    assert "</msub><mo" in spaced
    display = pypandoc.convert_text(
        r"$$\min_{q} D = \min f$$", "html5", format="markdown", extra_args=["--mathml"]
    )
    assert space_operators(display).count(thin) == 2


def test_inlined_drawing_has_its_own_ids_and_theme_colours() -> None:
    drawing = (
        '<?xml version="1.0"?><svg height="10pt" width="20pt"><g id="a" style="fill: #1b1b1f">'
        '<use href="#a" x="1.23456"/><path clip-path="url(#a)"/></g></svg>'
    )
    out = inline(drawing, "one", 'say "so"')
    assert 'id="one-a"' in out
    assert 'href="#one-a"' in out
    assert "url(#one-a)" in out
    assert "var(--f1b1b1f)" in out
    assert 'x="1.23"' in out
    assert "&quot;so&quot;" in out
    assert "20pt" not in out


# ----- parts -------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(-50, 150), max_size=14),
    st.floats(1, 12),
)
def test_labels_never_overlap_and_stay_inside_when_they_fit(
    wanted: list[float], height: float
) -> None:
    placed = labels.place(wanted, height, 0.0, 100.0)
    assert len(placed) == len(wanted)
    ordered = sorted(placed)
    assert all(b - a >= height - 1e-9 for a, b in pairwise(ordered))
    if wanted and len(wanted) * height <= 100:
        assert ordered[0] >= height / 2 - 1e-9
        assert ordered[-1] <= 100 - height / 2 + 1e-9
    for (a, x), (b, y) in pairwise(sorted(zip(wanted, placed, strict=True))):
        assert a == b or x < y  # the order of the lines is kept


def test_labels_with_room_stay_where_they_want() -> None:
    assert labels.place([10.0, 80.0, 40.0], 5.0, 0.0, 100.0) == pytest.approx([10.0, 80.0, 40.0])
    assert labels.place([50.0, 50.0], 10.0, 0.0, 100.0) == pytest.approx([45.0, 55.0])


def test_special_characters_survive_markdown_and_latex() -> None:
    nasty = r"a|b_c*d%e#f&g$h{i}~^\ <x> [y](z) `k` @l"
    table = Table("t", nasty, (nasty,), "l", ((nasty,), (Mark(style.STATUSES["holds"], nasty),)))
    tex = table.to_latex()
    for sign in "%#&$_{}":
        assert not re.search(rf"(?<!\\)\{sign}b_", tex)
    assert r"a\textbar{}b\_c*d\%e\#f\&g\$h\{i\}\textasciitilde{}\textasciicircum{}" in tex
    assert r"\textless{}x\textgreater{}" in tex
    import pypandoc

    plain = pypandoc.convert_text(
        table.to_markdown(anchored=True),
        "plain",
        format="markdown-smart",
        extra_args=["--wrap=none", "--columns=500"],
    )
    assert plain.count(nasty) == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        (0.0, "0"),
        (0.01234, "0.0123"),
        (1234.5, "1\u202f234"),
        (-0.5, "−0.500"),
        (20_000, "20\u202f000"),
        (3.14e7, "3.1\u00a0×\u00a010⁷"),
        (9.99e-5, "1.0\u00a0×\u00a010⁻⁴"),
    ],
)
def test_numbers_as_written(value: float | None, text: str) -> None:
    assert wording.number(value) == text


def test_learner_styles_tell_apart() -> None:
    styles = style.learner_styles(
        [("mamex", "mamex"), ("paper", "mamex"), ("a", "foreign"), ("b", "other"), ("u", "uniform")]
    )
    looks = {(look.color, str(look.dashes)) for look in styles.values()}
    assert len(looks) == len(styles) == 5
    assert styles["mamex"].color == styles["paper"].color


def test_all_known_learners_look_different() -> None:
    """Every algorithm and its tuned variant, at once: no two have the same colour and dashes."""
    names = [
        name + ending
        for each in kinds.KINDS
        for name in each.names
        for ending in ("", "_tuned")
        if name not in kinds.REFERENCE.names or not ending
    ]
    assert len(names) > 30
    styles = style.learner_styles([(name, name) for name in names])
    assert len({(look.color, str(look.dashes)) for look in styles.values()}) == len(names)
    assert {look.color for look in styles.values()} <= set(style.THEME)
    assert kinds.kind("optimistic_vi_tuned_lazy") is kinds.kind("optimistic_vi")
    assert kinds.kind("planted_anything") is kinds.PLANTED
    assert kinds.kind("of_another_package") is kinds.OTHER


def test_shades_of_different_kinds_stay_apart_for_the_colour_blind() -> None:
    """Also with protanopia or deuteranopia (Machado et al. 2009): distances in linear RGB."""
    protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    deutan = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    seen = {hue: [to_rgb(color) for color in colors] for hue, colors in style.HUES.items()}
    for matrix in (np.eye(3), np.array(protan), np.array(deutan)):
        for one, other in combinations(seen, 2):
            for a, b in product(seen[one], seen[other]):
                linear = [np.array(matrix) @ np.power(c, 2.2) for c in (a, b)]
                assert np.linalg.norm(linear[0] - linear[1]) > 0.03, (one, other, a, b)
