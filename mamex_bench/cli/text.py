"""Plain text for terminals: tables whose last column wraps, paragraphs with a hanging indent."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 100
_FIXED = "\N{NO-BREAK SPACE}"


def table(rows: Sequence[Sequence[str]], indent: int = 0, width: int = WIDTH) -> None:
    """Columns as wide as their widest cell; the last one wraps where a line would be too long."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(each) for cell, each in zip(row[:-1], widths, strict=False)]
        print(hanging(" " * indent + "".join(f"{cell}  " for cell in cells), row[-1], width))


def enumeration(head: str, parts: Iterable[str]) -> str:
    """`head` and then the parts with commas, wrapped between parts only."""
    kept = ", ".join(part.replace(" ", _FIXED) for part in parts)
    return hanging(head, kept).replace(_FIXED, " ")


def hanging(head: str, text: str, width: int = WIDTH) -> str:
    """`head` and then `text`, its further lines below its first; words are never broken."""
    room = max(width - len(head), width // 3)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    return f"\n{' ' * len(head)}".join([head + lines[0], *lines[1:]]).rstrip()
