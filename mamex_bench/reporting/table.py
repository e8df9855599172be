"""A table as data, and as Markdown (for the document and by itself) and LaTeX."""

from __future__ import annotations

from dataclasses import dataclass

from mamex_bench.reporting import style
from mamex_bench.reporting.wording import latex, markdown


@dataclass(frozen=True)
class Mark:
    """A table entry with a status: the sign, then words, in the status's colour."""

    status: style.Status
    text: str


@dataclass(frozen=True)
class Formula:
    """A table entry with TeX between dollars; the rest is plain text."""

    text: str

    def parts(self) -> list[tuple[bool, str]]:
        """(whether it is TeX, text) in turn; an odd dollar makes all of it plain."""
        pieces = self.text.split("$")
        if len(pieces) % 2 == 0:
            return [(False, self.text)]
        return [(place % 2 == 1, piece) for place, piece in enumerate(pieces) if piece]


Entry = str | Mark | Formula


@dataclass(frozen=True)
class Table:
    """Rows of text with a caption; `align` holds one of "l", "r", "c" per column.

    dense: set small in the document; tables of more than six columns are in any case.
    """

    slug: str
    caption: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[Entry, ...], ...]
    dense: bool = False

    def to_markdown(self, anchored: bool = False) -> str:
        """A pipe table with its caption; `anchored` adds the anchor and status classes."""
        marks = {"l": ":---", "r": "---:", "c": ":---:"}
        lines = [
            "| " + " | ".join(markdown(cell) for cell in self.header) + " |",
            "| " + " | ".join(marks[a] for a in self.align) + " |",
        ]
        for row in self.rows:
            cells = [entry_markdown(entry, anchored) for entry in row]
            lines.append("| " + " | ".join(cells) + " |")
        body = "\n".join([*lines, "", f": {markdown(self.caption)}"])
        if not anchored:
            return body + "\n"
        width = " .wide" if self.dense or len(self.header) > 6 else ""
        return f"::: {{#tbl:{self.slug} .table{width}}}\n{body}\n:::\n"

    def to_latex(self) -> str:
        """A booktabs table (packages booktabs and amssymb)."""
        head = " & ".join(latex(cell) for cell in self.header)
        rows = [" & ".join(_latex_entry(entry) for entry in row) + r" \\" for row in self.rows]
        return "\n".join(
            [
                r"\begin{table}",
                r"  \centering\small",
                rf"  \caption{{{latex(self.caption)}}}",
                rf"  \label{{tab:{self.slug}}}",
                rf"  \begin{{tabular}}{{{self.align}}}",
                r"    \toprule",
                rf"    {head} \\",
                r"    \midrule",
                *(f"    {row}" for row in rows),
                r"    \bottomrule",
                r"  \end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def entry_markdown(entry: Entry, anchored: bool = False) -> str:
    """An entry in pandoc's Markdown; `anchored` adds the classes of a status."""
    if isinstance(entry, str):
        return markdown(entry)
    if isinstance(entry, Formula):
        # A bar inside a formula would end the cell.
        parts = [
            "$" + text.replace("|", r"\vert ").strip() + "$" if tex else markdown(text)
            for tex, text in entry.parts()
        ]
        return "".join(parts)
    text = f"{entry.status.symbol} {markdown(entry.text)}".strip()
    return f"[{text}]{{.status .{entry.status.css}}}" if anchored else text


def _latex_entry(entry: Entry) -> str:
    if isinstance(entry, str):
        return latex(entry)
    if isinstance(entry, Formula):
        return "".join(f"${text}$" if tex else latex(text) for tex, text in entry.parts())
    return latex(f"{entry.status.symbol} {entry.text}".strip())
