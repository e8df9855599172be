"""A matplotlib SVG made fit to stand inside an HTML page: unique ids, exchangeable colours."""

from __future__ import annotations

import re
from html import escape

from mamex_bench.reporting import style


def inline(drawing: str, name: str, title: str) -> str:
    """The <svg> element alone: ids prefixed by `name`, theme colours as CSS variables, a label."""
    svg = drawing[drawing.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    svg = re.sub(r'(?<=\b[dxy]=")[^"]+', _rounded, svg)
    for color in style.THEME:
        svg = re.sub(re.escape(color) + r"(?![0-9a-f])", f"var(--f{color[1:]})", svg)
    svg = re.sub(
        r'<svg ([^>]*?)width="[^"]*"([^>]*?)>',
        rf'<svg role="img" aria-label="{escape(title, quote=True)}" \1\2>',
        svg,
        count=1,
    )
    svg = re.sub(r'(<svg [^>]*?)height="[^"]*pt"', r"\1", svg, count=1)
    return re.sub(r"\n\s*", "\n", svg).strip()


def _rounded(match: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point."""
    return re.sub(r"-?\d+\.\d{3,}", lambda m: f"{float(m.group()):.2f}", match.group())
