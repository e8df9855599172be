"""The atlas as a document: whole, self-contained, legible, and written by one command."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_atlas import game, planted, reading, sweep

from mamex_bench.cli import main
from mamex_bench.errors import InputError
from mamex_bench.experiments.atlas.data import Atlas
from mamex_bench.reporting import style
from mamex_bench.reporting.atlas import figures, tables
from mamex_bench.reporting.atlas.document import AtlasDocument, write_atlas
from mamex_bench.reporting.atlas.figures.axes import _ticks
from mamex_bench.reporting.atlas.words import captions

GROWS, STAYS = [(1.0, 1.2), (2.0, 2.2), (4.0, 4.5)], [(3.0, 3.1)] * 3


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    """Every case that a document must show."""
    values = np.geomspace(0.02, 60.0, 18)
    rows = [
        game(f"game_{k}", (v, 1.3 * v), regret=2 * v, other=(0.5 * v, v), violated=k == 3)
        for k, v in enumerate(values)
    ]
    rows += [
        game("solo", (2.0, 2.1), other=(1.0, 1.0), agents=1),
        game("pit|<b>", (83.0, 83.0), free=(np.inf, np.inf), other=(0.0, 0.0)),
        replace(game("no_dec", (0.0, 0.5)), readings={"other": reading("other", None)}),
        replace(
            game("lost", (1.0, 1.0)),
            coefficient=replace(
                game("x", (1.0, 1.0)).coefficient, lower=np.nan, upper=np.nan, reason="no truth"
            ),
        ),
    ]
    sweeps = [
        sweep("first", [1, 2, 4], GROWS, other=STAYS),
        sweep("second", [2, 3, 5], STAYS, other=GROWS),
        sweep("third", [10, 100, 1000], [(0.0, 0.0), (0.0, 1.0), (2.0, np.inf)]),
        replace(sweep("fourth", [1, 2], []), missing=("size = 1: it does not fit",)),
    ]
    return planted(rows, sweeps)


@pytest.fixture(scope="module")
def written(atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas")
    write_atlas(atlas, folder)
    return folder


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return (written / "atlas.html").read_text("utf-8")


def words(page: str) -> str:
    hidden = r"<style>.*?</style>|<pre.*?</pre>|<annotation.*?</annotation>"
    return re.sub(r"<[^>]+>", " ", re.sub(hidden, "", page, flags=re.DOTALL))


def test_the_page_has_every_figure_and_table(atlas: Atlas, page: str, written: Path) -> None:
    document = AtlasDocument(atlas)
    assert {"law-first", "law-second", "law-third"} < set(document.figures)
    assert {"coefficients-1", "single-figure", "regret-figure"} < set(document.figures)
    wanted = {"coefficients", "neighbours-1", "relations", "laws", "growth-1", "alone", "several"}
    wanted |= {"unbounded", "correlations", "regrets", "missing", "reasons", "provenance"}
    assert wanted <= set(document.tables)
    anchors = re.findall(r'\bid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert not {f"fig:{name}" for name in document.figures} - set(anchors)
    assert not {f"tbl:{name}" for name in document.tables} - set(anchors)
    assert page.count("<svg") == len(document.figures)
    for name in document.tables:
        for suffix in (".md", ".tex"):
            assert (written / "tables" / f"{name}{suffix}").stat().st_size > 50
    for name in document.figures:
        assert (written / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_page_needs_no_other_file_and_leaks_no_markup(page: str) -> None:
    assert not re.findall(r"<(?:script|link|img|iframe|object)\b", page)
    assert all(t.startswith("#") for t in re.findall(r'(?:href|src)="([^"]*)"', page))
    missing = set(re.findall(r'href="#([^"]+)"', page)) - set(re.findall(r'\bid="([^"]+)"', page))
    assert not missing
    text = words(page)
    signs = ("<<", "<%", ":::", "{#", "{.", r"\_", r"\[", "Undefined")
    assert not [sign for sign in signs if sign in text]
    assert not re.search(r"\bnan\b", text)
    assert "pit|&lt;b&gt;" in page


def test_the_pdf_is_the_same_document(atlas: Atlas, written: Path) -> None:
    from pypdf import PdfReader

    pages = PdfReader(written / "atlas.pdf").pages
    text = " ".join(page.extract_text() for page in pages).replace("\n", " ")
    assert len(pages) > 4
    for words_ in ("Planted", "The catalogue", "Laws", "Questions", "Counterexample"):
        assert words_ in text
    last = len(AtlasDocument(atlas).tables)
    assert f"Table {last}." in re.sub(r"\s+", " ", text)


def test_the_same_atlas_gives_the_same_bytes(atlas: Atlas, page: str, tmp_path: Path) -> None:
    document = AtlasDocument(atlas)
    document.draw(tmp_path / "figures")
    assert document.html(tmp_path) == page


def test_no_letter_is_smaller_than_seven_points(atlas: Atlas) -> None:
    from matplotlib.text import Text

    drawn = [figures.law(atlas, each) for each in atlas.sweeps[:3]]
    drawn += [
        *(figures.coefficients(part) for part in figures.parts(atlas)),
        figures.single(atlas),
        figures.regret(atlas),
    ]
    for figure in drawn:
        texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
        assert texts
        assert min(text.get_fontsize() for text in texts) >= style.SMALL


def test_labels_stay_outside_the_data(atlas: Atlas) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = figures.law(atlas, atlas.sweeps[0])
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        inside = axes.get_window_extent(renderer)
        for text in axes.texts:
            if text.get_label() == "_end":
                assert text.get_window_extent(renderer).x0 >= inside.x1


def test_what_cannot_be_drawn_beside_is_told(atlas: Atlas) -> None:
    grown, zero = (
        sweep("s", [1, 2, 4], GROWS, STAYS),
        sweep("s", [1, 2], GROWS[:2], [(0.0, 0.0)] * 2),
    )
    assert figures.drawn_beside(grown) == ["other"]
    assert "Right: every measure" in captions.law(atlas, grown, ["other"])
    assert figures.drawn_beside(zero) == []
    caption = captions.law(atlas, zero, [])
    assert "Not drawn, being 0 or unknown at the first value: other one." in caption
    assert "Left" not in caption


def test_small_spans_have_two_ticks() -> None:
    for low, high in ((0.6, 1.7), (50.0, 130.0), (0.031, 0.048), (1.0, 25.0)):
        ticks = _ticks(low, high)
        assert len(ticks) >= 2
        assert low <= min(ticks) < max(ticks) <= high
    assert _ticks(1.0, 25.0) == [1.0, 2.0, 5.0, 10.0, 20.0]


def test_tables_say_what_was_found(atlas: Atlas) -> None:
    rows = {row[0]: row for row in tables.catalogue.coefficients(atlas).rows}
    assert rows["game_0"][5:8] == ("0.0200", "0.0260", "1.30")
    assert rows["pit|<b>"][8] == "∞"
    assert rows["lost"][5:8] == ("–", "–", "–")
    reasons = tables.catalogue.reasons(atlas).rows
    assert ("coefficient", "no truth", "lost") in reasons
    found = {row[0]: row for row in tables.relations.relations(atlas).rows}
    (counts,) = found.values()
    assert counts[3:6] == ("17", "0", "0")
    assert counts[6].text == "1"  # a counterexample is marked
    laws = {row[0]: row for row in tables.laws.laws(atlas).rows}
    assert laws["first"][4].startswith("0.9")
    assert laws["third"][4] == "–"


def test_an_atlas_of_nothing_much_is_written_too(tmp_path: Path) -> None:
    paths = write_atlas(planted([game("only", (0.0, 0.0))]), tmp_path, ("html",))
    text = words(paths[0].read_text("utf-8"))
    assert "Not answered here" in text
    assert "fewer than four games" in text


def test_unknown_formats_are_refused(atlas: Atlas, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="html, pdf"):
        write_atlas(atlas, tmp_path, ("docx",))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["atlas", "nosuch"], "unknown atlas 'nosuch'"),
        (["atlas", "absent.toml"], "no atlas file 'absent.toml'"),
        (["atlas", "--quick", "mine.toml"], "--quick is an atlas of its own"),
    ],
)
def test_the_command_tells_mistakes_in_one_sentence(arguments, message, capsys) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_command_measures_and_writes(tmp_path: Path, monkeypatch, capsys) -> None:
    from mamex_bench.experiments.atlas import run as measuring
    from mamex_bench.experiments.atlas.tasks import performing

    monkeypatch.setattr(performing, "user_cache_directory", lambda: tmp_path / "cache")
    here = measuring.run_atlas
    monkeypatch.setattr(
        measuring, "run_atlas", lambda plan, workers, **more: here(plan, workers=0, **more)
    )
    path = tmp_path / "tiny.toml"
    path.write_text(
        'title = "Tiny"\n[[game]]\nid = "lock"\nfamily = "combination_lock"\n'
        "parameters = { length = 1 }\n[relations]\nepisodes = 10\n[regret]\nepisodes = 20\n"
        "seeds = 2\n",
        encoding="utf-8",
    )
    assert main(["atlas", str(path), "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "1 hypothesis class of 1 game" in printed
    assert str(tmp_path / "out" / "atlas.pdf") in printed
    assert (tmp_path / "out" / "tables" / "coefficients.md").is_file()
