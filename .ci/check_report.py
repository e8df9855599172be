"""Look at a written report as a reader would: `python .ci/check_report.py RESULTS DIR`.

The HTML parses, loads nothing from elsewhere, has every section, no empty table, and in every
figure data, words of a readable size and a caption; the PDF has every section, no page that is all
but empty and no sign that stands for a missing one; every figure's own file fits on a page; the
verdicts contain what holds, what was planted to be violated, and what is vacuous.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mamex_bench.reporting import style

if TYPE_CHECKING:
    from mamex_bench.runs.results import Results

VOID = {"br", "hr", "img", "input", "link", "meta", "source", "wbr", "col", "area", "base", "embed"}
SECTIONS = (
    "In brief",
    "Verdicts",
    "Comparison",
    "Across instances",
    "Theory",
    "All verdicts in words",
    "Configuration and provenance",
    "Instance by instance",
)
ON_THE_WEB = ("Instance by instance",)  # the PDF of many learners has no such section
GARBLED = ("\ufffd", "\u25a1", ":::", "{#", "<<", "<%", "Undefined", "None None", "nan nan")
QUIET = (style.MUTED, style.GRID, style.INK)
SMALLEST = style.SMALL - 0.01  # points
MIN_CAPTION = 8  # words
WIDEST, TALLEST = style.TWO_COLUMNS, 8.9  # inches
LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """Headings, figures, tables, words, outside resources and unbalanced tags of one page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.problems: list[str] = []
        self.headings: list[str] = []
        self.figures: list[Drawing] = []
        self.rows: list[int] = []  # of every table
        self.words = ""
        self.style = ""
        self.anchors: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if values.get("id"):
            self.anchors.add(values["id"])
        if tag == "a" and values.get("href", "").startswith("#"):
            self.links.add(values["href"][1:])
        if tag in {"h1", "h2"}:
            self.headings.append("")
        if tag == "table":
            self.rows.append(0)
        if tag == "tr" and "tbody" in self.open and self.rows:
            self.rows[-1] += 1
        if tag == "svg":
            self.figures.append(Drawing(values.get("aria-label", "")))
        elif "svg" in self.open and self.figures:
            self.figures[-1].add(tag, values)
        address = values.get(LOADS.get(tag, ""))
        if address and not address.startswith(("data:", "#")):
            self.problems.append(f"<{tag}> loads {address[:80]!r}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            inner = self.open[-1] if self.open else "nothing"
            self.problems.append(f"</{tag}> closes {inner} at line {self.getpos()[0]}")
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
            return
        if self.headings and {"h1", "h2"} & set(self.open):
            self.headings[-1] += data
        if "svg" in self.open and self.figures:
            self.figures[-1].words += data
        if not {"pre", "code", "math"} & set(self.open):
            self.words += data


@dataclass
class Drawing:
    """What one figure holds: its label, its words, its letters' sizes, lines and areas of data."""

    label: str
    words: str = ""
    sizes: list[float] = field(default_factory=list)
    data: int = 0

    def add(self, tag: str, values: dict[str, str]) -> None:
        look = values.get("style", "")
        sizes = re.findall(r"font(?:-size)?: ?[^;]*?([\d.]+)px", look)
        self.sizes += [float(size) for size in sizes]
        # Frames, ticks, grids and bounds are black or grey; leaders to a label are thin and faint.
        colours = re.findall(r"(?:#|--f)([0-9a-f]{6})", look)
        shown = any(f"#{colour}" not in QUIET for colour in colours) and "-opacity: 0.7" not in look
        self.data += shown and (tag == "use" or (tag == "path" and bool(values.get("d"))))

    def problems(self) -> list[str]:
        name = self.label[:60]
        found = []
        if len(self.label.split()) < MIN_CAPTION:
            found.append(f"figure {name!r} has no caption that stands alone")
        if self.data < 1:
            found.append(f"figure {name!r} is empty")
        if len(self.words.split()) < 3:
            found.append(f"figure {name!r} has no words")
        if self.sizes and min(self.sizes) < SMALLEST:
            found.append(f"figure {name!r} has letters of {min(self.sizes):g} points")
        return found


def check_html(path: Path, wanted: Sequence[str] = SECTIONS) -> list[str]:
    """What is wrong with the page; an empty list if nothing is."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    problems = list(page.problems)
    problems += [f"<{tag}> is never closed" for tag in page.open]
    problems += [f"link to #{name}, which is nowhere" for name in page.links - page.anchors]
    problems += ["style sheet loads from elsewhere"] * ("url(http" in page.style.replace('"', ""))
    problems += ["no figure"] * (not page.figures)
    for figure in page.figures:
        problems += figure.problems()
    problems += [
        f"table {place} has no rows" for place, rows in enumerate(page.rows, 1) if not rows
    ]
    titles = [re.sub(r"^[\d.\s]+", "", heading).strip() for heading in page.headings]
    problems += [f"section {name!r} is missing" for name in wanted if name not in titles]
    problems += [f"{sign!r} stands in the text" for sign in GARBLED if sign in page.words]
    return [f"{path}: {problem}" for problem in problems]


def check_pdf(path: Path, wanted: Sequence[str] = SECTIONS) -> list[str]:
    """What is wrong with the document; an empty list if nothing is."""
    import pypdf

    pages = pypdf.PdfReader(path).pages
    texts = [page.extract_text() for page in pages]
    words = sum(len(text.split()) for text in texts)
    problems = []
    if len(pages) < 2 or words < 200:
        problems.append(f"{len(pages)} pages, {words} words")
    whole = " ".join(" ".join(texts).split())
    sections = [name for name in wanted if name not in ON_THE_WEB]
    problems += [f"section {name!r} is missing" for name in sections if name not in whole]
    problems += [f"{sign!r} stands in the text" for sign in (*GARBLED, "(cid:") if sign in whole]
    for place, (page, text) in enumerate(zip(pages, texts), start=1):
        if len(text.split()) < 12 and place < len(pages) and not _pictures(page):
            problems.append(f"page {place} is all but empty")
    return [f"{path}: {problem}" for problem in problems]


def check_figure(path: Path) -> list[str]:
    """What is wrong with a figure's own file: it must fit on a page, in one column or two."""
    import pypdf

    (page,) = pypdf.PdfReader(path).pages
    wide, tall = (float(side) / 72 for side in page.mediabox[2:])
    problems = []
    if wide > WIDEST + 0.01 or tall > TALLEST:
        problems.append(f"{wide:.2f} x {tall:.2f} inches do not fit on a page")
    if not page.extract_text().strip():
        problems.append("no words")
    return [f"{path}: {problem}" for problem in problems]


def _pictures(page: Any) -> bool:
    """Whether a PDF page holds a drawing."""
    return bool((page.get("/Resources") or {}).get("/XObject"))


def check_verdicts(results: Results, path: str) -> list[str]:
    """Which kinds of verdicts are missing, and whether one came unexpected."""
    seen = {(v.status, v.expected) for v in results.verdicts}
    wanted = {("holds", None), ("violated", "violated"), ("vacuous", None)}
    problems = [f"{path}: no verdict {status!r}" for status, _ in wanted - seen]
    if ("violated", None) in seen:
        problems.append(f"{path}: a violation that nobody planted")
    if {expected for status, expected in seen if status != "violated"} != {None}:
        problems.append(f"{path}: a planted violation was not found")
    return problems


def verdict_lines(results: Results) -> list[str]:
    """One line per verdict, without its numbers."""
    return [
        f"{v.status}: {v.claim}, {v.instance} {v.learner} {v.concept}".rstrip()
        for v in results.verdicts
    ]


def main(results: str, folder: str, gallery: str = "reports/gallery") -> int:
    """Check everything; print the problems; 1 if there are any."""
    from mamex_bench import experiments

    loaded = experiments.results(results)
    problems = check_verdicts(loaded, results)
    for suffix, check in ((".html", check_html), (".pdf", check_pdf)):
        files = sorted(Path(folder).glob(f"*{suffix}"))
        problems += [] if files else [f"{folder}: no {suffix} file"]
        for file in files:
            problems += check(file)
    for file in sorted((Path(folder) / "figures").glob("*.pdf")):
        problems += check_figure(file)
    print("\n".join(problems) or f"report in {folder}: no problem found")
    committed = Path(gallery) / "verdicts.txt"
    if committed.is_file() and committed.read_text("utf-8").splitlines() != verdict_lines(loaded):
        print(f"{gallery} is stale, its verdicts are others: refresh it with `make gallery`")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
