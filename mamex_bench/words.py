"""What objects say of themselves: counted nouns, and small tables for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """1 seed, 20,000 seeds."""
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def html_table(caption: str, rows: Mapping[str, object]) -> str:
    """An HTML table of names and values under a caption; all of it escaped."""
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(caption)}</caption>{body}</table>"
