"""Markdown to HTML and to PDF: pandoc, Typst, fonts, and what makes one file stand alone."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mamex_bench import content
from mamex_bench.errors import InputError
from mamex_bench.reporting import style
from mamex_bench.reporting.mathml import space_operators
from mamex_bench.reporting.svg import inline

_READER = (
    "markdown-smart+pipe_tables+table_captions+tex_math_dollars+implicit_figures+bracketed_spans"
    "+fenced_divs+raw_attribute"
)


def html(source: str, figures: Path, titles: Mapping[str, str]) -> str:
    """One self-contained page.

    Args:
        source: the report in pandoc's Markdown.
        figures: folder of the SVG files that `source` names.
        titles: caption of each figure, read aloud in its place.
    """
    reports = content.find("reports")
    page = _pandoc(
        source,
        "html5",
        ["--mathml", "--section-divs", "--toc", "--toc-depth=2", "--template=report.html"],
    )

    page = space_operators(page)

    def picture(match: re.Match[str]) -> str:
        name = match.group(1)
        drawing = (figures / f"{name}.svg").read_text(encoding="utf-8")
        return inline(drawing, name, titles[name])

    page = re.sub(r'<img\s[^>]*?src="figures/([\w-]+)\.svg"[^>]*?/?>', picture, page)
    css = _font_faces(reports / "fonts") + (reports / "report.css").read_text("utf-8")
    return page.replace("/*STYLE*/", css + _dark_variables())


def pdf(source: str, work: Path) -> bytes:
    """The same as PDF; `work`/figures holds the figures as PDF."""
    import typst

    text = _pandoc(source, "typst", ["--template=report.typ"])
    text = text.replace("#figure(\n  align(center)[#table(", "#figure(\n  align(left)[#table(")
    # Names of operators arrive as plain strings: "Reg"_i.
    text = re.sub(r'(?<![_^])"([A-Za-z]{2,})"(?=_|\\\()', r'op("\1")', text)
    path = work / "report.typ"
    path.write_text(text, encoding="utf-8")
    document: bytes = typst.compile(
        str(path),
        root=str(work),
        font_paths=[str(content.find("reports") / "fonts")],
        ignore_system_fonts=True,
        timestamp=0,
    )
    return document


def theory_pages() -> dict[str, str]:
    """The pages of theory by name, headings moved down one level, anchors made unique by page."""
    try:
        paths = sorted(content.find("theory").glob("*.md"))
    except InputError:
        return {}
    pages = {}
    for path in paths:
        if path.stem.lower() == "readme":
            continue
        text = path.read_text(encoding="utf-8").strip()
        text = re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE)
        text = re.sub(r"\]\((?:\./)?([\w-]+)\.md(?:#[\w-]+)?\)", r"](#theory-\1)", text)
        text = re.sub(r"^(## .*?)\s*$", rf"\1 {{#theory-{path.stem}}}", text, count=1, flags=re.M)
        pages[path.stem] = text + "\n"
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
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )
