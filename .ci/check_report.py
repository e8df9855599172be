"""Look at a written report as a reader would: `python .ci/check_report.py RESULTS DIR`.

The HTML parses, loads nothing from elsewhere and shows its sections; the PDF has pages with text;
the verdicts contain what holds, what was planted to be violated, and what is vacuous.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mamex_bench.runs.results import Results

VOID = {"br", "hr", "img", "input", "link", "meta", "source", "wbr", "col", "area", "base", "embed"}
LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """Headings, figures, outside resources and unbalanced tags of one page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.problems: list[str] = []
        self.headings: list[str] = []
        self.pictures = 0
        self.style = ""
        self.anchors: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.anchors.add(str(values["id"]))
        if tag == "a" and str(values.get("href", "")).startswith("#"):
            self.links.add(str(values["href"])[1:])
        if tag in {"h1", "h2"}:
            self.headings.append("")
        if tag == "svg" or (tag == "img" and values.get("src")):
            self.pictures += 1
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
        if self.headings and {"h1", "h2"} & set(self.open):
            self.headings[-1] += data


def check_html(path: Path) -> list[str]:
    """What is wrong with the page; an empty list if nothing is."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    problems = list(page.problems)
    problems += [f"<{tag}> is never closed" for tag in page.open]
    problems += [f"link to #{name}, which is nowhere" for name in page.links - page.anchors]
    problems += ["style sheet loads from elsewhere"] * ("url(http" in page.style.replace('"', ""))
    if page.pictures < 1:
        problems.append("no figure")
    if len(page.headings) < 4:
        problems.append(f"only the headings {page.headings}")
    return [f"{path}: {problem}" for problem in problems]


def check_pdf(path: Path) -> list[str]:
    """What is wrong with the document; an empty list if nothing is."""
    import pypdf

    pages = pypdf.PdfReader(path).pages
    words = sum(len(page.extract_text().split()) for page in pages)
    if len(pages) < 2 or words < 200:
        return [f"{path}: {len(pages)} pages, {words} words"]
    return []


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
    print("\n".join(problems) or f"report in {folder}: no problem found")
    committed = Path(gallery) / "verdicts.txt"
    if committed.is_file() and committed.read_text("utf-8").splitlines() != verdict_lines(loaded):
        print(f"{gallery} is stale, its verdicts are others: refresh it with `make gallery`")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
