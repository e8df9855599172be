"""A document: one Markdown source -> self-contained HTML and PDF, its figures and tables beside it.

Jinja2 fills a template of `reports/`; pandoc turns that one source into HTML with MathML and into
Typst, which is compiled to PDF. Output does not depend on time or place: the same numbers give the
same bytes.
"""

from __future__ import annotations

import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mamex_bench import content
from mamex_bench.errors import InputError
from mamex_bench.reporting import render, style
from mamex_bench.reporting.table import Formula, Table, entry_markdown
from mamex_bench.reporting.wording import latex, markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("html", "pdf")


@dataclass(frozen=True)
class Illustration:
    """A figure to be drawn when it is needed, with its caption."""

    slug: str
    caption: str
    draw: Callable[[], Figure]

    def to_markdown(self) -> str:
        caption = markdown(self.caption)
        return f"![{caption}](figures/{self.slug}){{#fig:{self.slug} width=100%}}\n"

    def to_latex(self) -> str:
        """A figure across two columns that includes the vector file beside it."""
        return "\n".join(
            [
                r"\begin{figure*}",
                r"  \centering",
                rf"  \includegraphics[width=\textwidth]{{{self.slug}.pdf}}",
                rf"  \caption{{{latex(self.caption)}}}",
                rf"  \label{{fig:{self.slug}}}",
                r"\end{figure*}",
                "",
            ]
        )


class Page(ABC):
    """Tables and figures by slug, and the Markdown that orders them."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.figures: dict[str, Illustration] = {}

    @abstractmethod
    def markdown(self) -> str:
        """The one source of both formats, in pandoc's Markdown."""

    def write(
        self, name: str, output_dir: str | os.PathLike[str], formats: Sequence[str]
    ) -> list[Path]:
        """Write name.html, name.pdf, tables/*.{md,tex} and figures/*.{pdf,tex}.

        The directory is made when missing; files of the same names are replaced one by one, each
        only when its successor is complete. Returns the paths, documents first.
        """
        target = Path(output_dir)
        written = []
        with tempfile.TemporaryDirectory(prefix="mamex-bench-") as scratch:
            work = Path(scratch)
            self.draw(work / "figures")
            if "html" in formats:
                written.append(_put(target / f"{name}.html", self.html(work).encode()))
            if "pdf" in formats:
                written.append(_put(target / f"{name}.pdf", self.pdf(work)))
            for path in sorted((work / "figures").glob("*.pdf")):
                written.append(_put(target / "figures" / path.name, path.read_bytes()))
        for figure in self.figures.values():
            path = target / "figures" / f"{figure.slug}.tex"
            written.append(_put(path, figure.to_latex().encode()))
        for table in self.tables.values():
            for suffix, text in ((".md", table.to_markdown()), (".tex", table.to_latex())):
                written.append(_put(target / "tables" / f"{table.slug}{suffix}", text.encode()))
        return written

    # ----- parts ---------------------------------------------------------------------------------

    def _table(self, table: Table) -> str | None:
        """Keep a table if it has rows; its slug, or None."""
        if not table.rows:
            return None
        self.tables[table.slug] = table
        return table.slug

    def _figure(self, name: str, caption: str, draw: Callable[[], Figure]) -> str:
        self.figures[name] = Illustration(name, caption, draw)
        return name

    # ----- rendering -----------------------------------------------------------------------------

    def fill(self, template: str, **values: Any) -> str:
        """A template of `reports/` with these values; it may ask for tables and figures by slug."""
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
        environment.filters["formula"] = lambda text: entry_markdown(Formula(text))
        text = environment.get_template(template).render(
            **values,
            table=lambda name: (
                self.tables[name].to_markdown(anchored=True) if name in self.tables else ""
            ),
            figure=lambda name: self.figures[name].to_markdown(),
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
        titles = {name: figure.caption for name, figure in self.figures.items()}
        return render.html(self.markdown(), work / "figures", titles)

    def pdf(self, work: Path) -> bytes:
        """The PDF; figures are read from `work`/figures."""
        return render.pdf(self.markdown(), work)


def check_formats(formats: Sequence[str]) -> None:
    """Raise InputError for an unknown format, or when the extra `report` is not installed."""
    from importlib.util import find_spec

    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(f"report formats are {', '.join(FORMATS)}; got {list(formats)}")
    absent = [n for n in ("seaborn", "jinja2", "pypandoc", "typst") if find_spec(n) is None]
    if absent:
        raise InputError(
            f"a report needs {', '.join(absent)}: install them with "
            "pip install 'mamex-bench[report]'"
        )


def code_block(text: str, language: str) -> str:
    """Text between fences longer than any run of backticks in it."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
    return f"{fence} {language}\n{text.rstrip()}\n{fence}\n"


def _put(path: Path, data: bytes) -> Path:
    """Write under a temporary name, then rename: never half a file under the real name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = tempfile.NamedTemporaryFile(dir=path.parent, delete=False)  # noqa: SIM115
    with handle:
        handle.write(data)
    os.chmod(handle.name, 0o644)
    os.replace(handle.name, path)
    return path
