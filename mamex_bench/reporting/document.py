"""The document: results -> one Markdown source -> self-contained HTML and PDF, tables and figures.

Jinja2 fills `reports/report.md`; pandoc turns that one source into HTML with MathML and into Typst,
which is compiled to PDF. Output does not depend on time or place: the same results give the same
bytes.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mamex_bench import content
from mamex_bench.errors import InputError
from mamex_bench.reporting import captions, figures, style, summary, tables
from mamex_bench.reporting.svg import inline
from mamex_bench.reporting.wording import has_data, markdown, slug
from mamex_bench.runs.results import Cell, InstanceRecord, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("html", "pdf")
_READER = (
    "markdown-smart-auto_identifiers+gfm_auto_identifiers+pipe_tables+table_captions"
    "+tex_math_dollars+implicit_figures+bracketed_spans+fenced_divs"
)


@dataclass(frozen=True)
class Illustration:
    """A figure to be drawn when it is needed, with its caption."""

    slug: str
    caption: str
    draw: Callable[[], Figure]


def write_report(
    results_path: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Read a results file, judge its claims and write the report; see `write_report_from`."""
    from mamex_bench.runs.store import load_results

    return write_report_from(load_results(Path(results_path)), output_dir, formats)


def write_report_from(
    results: Results, output_dir: str | os.PathLike[str], formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write report.html, report.pdf, tables/*.{md,tex} and figures/*.pdf.

    Args:
        results: with verdicts, if claims were judged; incomplete results are shown as such.
        output_dir: made when missing; files of the same names are replaced one by one, each only
            when its successor is complete.
        formats: any of "html" and "pdf".

    Returns:
        The paths written: documents first.

    Raises:
        InputError: an unknown format, or the extra `report` is not installed.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(f"report formats are {', '.join(FORMATS)}; got {list(formats)}")
    _require_extra()
    document = Document(results)
    target = Path(output_dir)
    with tempfile.TemporaryDirectory(prefix="mamex-bench-") as scratch:
        work = Path(scratch)
        document.draw(work / "figures")
        written = []
        if "html" in formats:
            written.append(_put(target / "report.html", document.html(work).encode()))
        if "pdf" in formats:
            written.append(_put(target / "report.pdf", document.pdf(work)))
        for path in sorted((work / "figures").glob("*.pdf")):
            written.append(_put(target / "figures" / path.name, path.read_bytes()))
    for table in document.tables.values():
        for suffix, text in ((".md", table.to_markdown()), (".tex", table.to_latex())):
            written.append(_put(target / "tables" / f"{table.slug}{suffix}", text.encode()))
    return written


class Document:
    """Everything one report shows: its tables, its figures, and the Markdown that orders them."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.styles = style.learner_styles([(c.learner, c.learner_name) for c in results.cells])
        self.tables: dict[str, tables.Table] = {}
        self.figures: dict[str, Illustration] = {}
        self._claims = self._add_verdicts()
        self._across()
        self._groups = self._add_groups()
        self._instances = [self._add_instance(record) for record in results.instances]
        self._table(tables.statements(results))
        self._table(
            tables.key_values("provenance", "Where these numbers come from.", results.provenance)
        )

    # ----- parts ---------------------------------------------------------------------------------

    def _table(self, table: tables.Table) -> str | None:
        """Keep a table if it has rows; its slug, or None."""
        if not table.rows:
            return None
        self.tables[table.slug] = table
        return table.slug

    def _figure(self, name: str, caption: str, draw: Callable[[], Figure]) -> str:
        self.figures[name] = Illustration(name, caption, draw)
        return name

    def _add_verdicts(self) -> list[dict[str, Any]]:
        results = self.results
        self._table(tables.verdict_counts(results))
        self._table(tables.gaps_in_data(results))
        claims = []
        for claim in dict.fromkeys(v.claim for v in results.verdicts):
            name = self._table(tables.verdict_grid(results, claim))
            title = claim.replace("_", " ").capitalize()
            claims.append({"title": title, "slug": name, "useful": name is not None})
        return claims

    def _across(self) -> None:
        results, styles = self.results, self.styles
        self._table(tables.instances(results))
        if any(has_data(cell) for cell in results.cells):
            scales = {r.id: r.agents * float(r.return_range) for r in results.instances}
            self._figure(
                "overview",
                captions.overview(results.cells),
                lambda: figures.overview(results.cells, scales, styles),
            )
        if self._table(tables.brackets(results)):
            self._figure(
                "brackets", captions.brackets(), lambda: figures.brackets(results.instances)
            )

    def _add_groups(self) -> list[dict[str, Any]]:
        groups = []
        for name in dict.fromkeys(record.group for record in self.results.instances):
            members = [r.id for r in self.results.instances if r.group == name]
            if len(members) < 2:
                continue
            slugs = []
            for concept, cells in _by_concept(self.results.cells, members):
                title = f"envelope-{slug(name)}-{concept}"
                caption = captions.envelope(name, concept, cells)
                slugs.append(
                    self._figure(title, caption, lambda c=cells: figures.envelope(c, self.styles))
                )
            if slugs:
                groups.append({"id": name, "slugs": slugs})
        return groups

    def _add_instance(self, record: InstanceRecord) -> dict[str, Any]:
        results, styles = self.results, self.styles
        drawn = []
        for concept, cells in _by_concept(results.cells, [record.id]):
            ending = f"{slug(record.id)}-{concept}"
            drawn.append(
                self._figure(
                    f"regret-{ending}",
                    captions.regret(record, concept, cells),
                    lambda c=cells: figures.regret(c, styles),
                )
            )
            drawn.append(
                self._figure(
                    f"gaps-{ending}",
                    captions.gaps(record, concept, cells),
                    lambda c=cells: figures.gaps(c, styles),
                )
            )
        own = [
            self._table(make(results, record.id))
            for make in (tables.rivals, tables.exponents, tables.episodes_until)
        ]
        reasons = {c.reason for c in results.cells if c.instance == record.id and c.reason}
        return {
            "id": record.id,
            "slug": slug(record.id),
            "description": record.description,
            "facts": summary.facts(record),
            "known": summary.known(record),
            "figures": drawn,
            "tables": [name for name in own if name],
            "reason": "; ".join(sorted(reasons)) or "nothing was run.",
        }

    # ----- rendering -----------------------------------------------------------------------------

    def markdown(self) -> str:
        """The one source of both formats, in pandoc's Markdown."""
        import jinja2

        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(content.find("reports")),
            variable_start_string="<<",
            variable_end_string=">>",
            block_start_string="<%",
            block_end_string="%>",
            comment_start_string="<#",
            comment_end_string="#>",
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,
        )
        environment.filters["md"] = markdown
        results = self.results
        text = environment.get_template("report.md").render(
            title=results.title or results.suite,
            suite=results.suite,
            description=results.description,
            version=summary.version(results),
            summary=summary.sentences(results),
            warnings=summary.warnings(results),
            claims=self._claims,
            missing="missing" in self.tables,
            groups=self._groups,
            instances=self._instances,
            theory=_theory_pages(),
            suite_code=_code_block(results.suite_text, "toml"),
            table=lambda name: (
                self.tables[name].to_markdown(anchored=True) if name in self.tables else ""
            ),
            figure=lambda name: _figure_markdown(self.figures[name]),
            has=lambda name: name in self.figures or name in self.tables,
        )
        return re.sub(r"\n{3,}", "\n\n", text)

    def draw(self, folder: Path) -> None:
        """Draw every figure into `folder`, as SVG and as PDF."""
        folder.mkdir(parents=True, exist_ok=True)
        for illustration in self.figures.values():
            with style.paper_style():
                figure = illustration.draw()
                for suffix, metadata in (
                    ("svg", {"Date": None, "Creator": None}),
                    ("pdf", {"CreationDate": None, "Creator": None, "Producer": None}),
                ):
                    path = folder / f"{illustration.slug}.{suffix}"
                    figure.savefig(path, metadata=metadata)

    def html(self, work: Path) -> str:
        """One HTML page that needs no other file; figures are read from `work`/figures."""
        reports = content.find("reports")
        page = _pandoc(
            self.markdown(),
            "html5",
            ["--mathml", "--section-divs", "--toc", "--toc-depth=2", "--template=report.html"],
        )

        def picture(match: re.Match[str]) -> str:
            name = match.group(1)
            drawing = (work / "figures" / f"{name}.svg").read_text(encoding="utf-8")
            return inline(drawing, name, self.figures[name].caption)

        page = re.sub(r'<img\s[^>]*?src="figures/([\w-]+)\.svg"[^>]*?/?>', picture, page)
        css = _font_faces(reports / "fonts") + (reports / "report.css").read_text("utf-8")
        return page.replace("/*STYLE*/", css + _dark_variables())

    def pdf(self, work: Path) -> bytes:
        """The PDF; figures are read from `work`/figures."""
        import typst

        source = _pandoc(self.markdown(), "typst", ["--template=report.typ"])
        path = work / "report.typ"
        path.write_text(source, encoding="utf-8")
        return typst.compile(
            str(path),
            root=str(work),
            font_paths=[str(content.find("reports") / "fonts")],
            ignore_system_fonts=True,
            timestamp=0,
        )


def _by_concept(cells: Sequence[Cell], instances: Sequence[str]) -> list[tuple[str, list[Cell]]]:
    """Cells with data of these instances, by concept, in the suite's order."""
    own = [cell for cell in cells if cell.instance in instances and has_data(cell)]
    concepts = dict.fromkeys(cell.concept for cell in own)
    return [(name, [cell for cell in own if cell.concept == name]) for name in concepts]


def _figure_markdown(illustration: Illustration) -> str:
    caption = markdown(illustration.caption)
    return f"![{caption}](figures/{illustration.slug}){{#fig:{illustration.slug} width=100%}}\n"


def _code_block(text: str, language: str) -> str:
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
    return f"{fence} {language}\n{text.rstrip()}\n{fence}\n"


def _theory_pages() -> list[str]:
    """The pages of theory, headings moved down one level, anchors made unique by page."""
    try:
        paths = sorted(content.find("theory").glob("*.md"))
    except InputError:
        return []
    pages = []
    for path in paths:
        if path.stem.lower() == "readme":
            continue
        text = path.read_text(encoding="utf-8").strip()
        text = re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE)
        text = re.sub(r"\]\((?:\./)?([\w-]+)\.md(?:#[\w-]+)?\)", r"](#theory-\1)", text)
        text = re.sub(r"^(## .*?)\s*$", rf"\1 {{#theory-{path.stem}}}", text, count=1, flags=re.M)
        pages.append(text + "\n")
    return pages


def _pandoc(source: str, target: str, options: Sequence[str]) -> str:
    import pypandoc

    reports = content.find("reports")
    options = [
        *(o.replace("--template=", f"--template={reports}{os.sep}") for o in options),
        "--standalone",
        "--number-sections",
        "--wrap=none",
        f"--lua-filter={reports / 'filter.lua'}",
    ]
    return pypandoc.convert_text(source, target, format=_READER, extra_args=options)


def _font_faces(folder: Path) -> str:
    """@font-face rules with the fonts themselves as data URIs."""
    rules = []
    for name, family, weight, slant in (
        ("STIXTwoText-Regular", "STIX Two Text", 400, "normal"),
        ("STIXTwoText-Italic", "STIX Two Text", 400, "italic"),
        ("STIXTwoText-Bold", "STIX Two Text", 700, "normal"),
        ("STIXTwoMath-Regular", "STIX Two Math", 400, "normal"),
        ("FiraSans-Regular", "Fira Sans", 400, "normal"),
        ("FiraSans-Italic", "Fira Sans", 400, "italic"),
        ("FiraSans-Bold", "Fira Sans", 700, "normal"),
    ):
        data = base64.b64encode((folder / f"{name}.woff2").read_bytes()).decode()
        rules.append(
            f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {slant}; '
            f"src: url(data:font/woff2;base64,{data}) format('woff2'); }}\n"
        )
    return "".join(rules)


def _dark_variables() -> str:
    """The figures' colours as variables, exchanged in dark mode."""
    light = " ".join(f"--f{key[1:]}: {key};" for key in style.THEME)
    dark = " ".join(f"--f{key[1:]}: {value};" for key, value in style.THEME.items())
    return (
        f":root {{ {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ @media screen {{ :root {{ {dark} }} }} }}\n"
    )


def _put(path: Path, data: bytes) -> Path:
    """Write under a temporary name, then rename: never half a file under the real name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = tempfile.NamedTemporaryFile(dir=path.parent, delete=False)  # noqa: SIM115
    with handle:
        handle.write(data)
    os.chmod(handle.name, 0o644)
    os.replace(handle.name, path)
    return path


def _require_extra() -> None:
    """Raise a clear InputError when the extra `report` is not installed."""
    from importlib.util import find_spec

    absent = [n for n in ("seaborn", "jinja2", "pypandoc", "typst") if find_spec(n) is None]
    if absent:
        raise InputError(
            f"a report needs {', '.join(absent)}: install them with "
            "pip install 'mamex-bench[report]'"
        )
