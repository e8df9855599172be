"""Witness rank against Bellman rank of factored games: one stays, the other doubles.

from mamex_bench.reporting import separation
separation.figure().savefig("separation.pdf")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mamex_bench.catalogue.factored import Separation
from mamex_bench.catalogue.factored import separation as measure
from mamex_bench.reporting import labels, style
from mamex_bench.reporting.panels import finish, panels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot(rows: Sequence[Separation] | None = None, ax: Axes | None = None) -> Axes:
    """The three ranks against the number of factors, on axes of one's own.

    `rows` are those of `catalogue.factored.separation`, measured now when not given (seconds).
    """
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.subplots()[1]
    for mark, line in zip(_lines(ax, rows), ax.lines):
        line.set_label(mark.text)
    ax.legend(frameon=False)
    return ax


def figure(rows: Sequence[Separation] | None = None, width: float = style.TWO_COLUMNS) -> Figure:
    """The same in the style of the report, lines named at their ends.

    Straight lines are exponential growth: the upright axis is logarithmic, to the base 2.
    """
    with style.paper_style():
        drawn, (axes,) = panels_of(width, [[(2.2, 0.0)]])
        finish(drawn, [(axes, _lines(axes, rows))])
    return drawn


def _lines(axes: Axes, rows: Sequence[Separation] | None) -> list[labels.EndLabel]:
    """Draw; the names that belong to the lines, in order."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    rows = sorted(measure() if rows is None else rows, key=lambda row: row.factors)
    at = [row.factors for row in rows]
    last = rows[-1]
    drawn = (
        ([r.bellman_q for r in rows], f"Bellman, Q-type: {last.bellman_q}", style.VERMILLION, "o"),
        ([r.bellman_v for r in rows], f"Bellman, V-type: {last.bellman_v}", style.ORANGE, "^"),
        (
            [r.witness for r in rows],
            f"witness: {last.witness} (proved: ≤ {last.witness_bound})",
            style.BLUE,
            "s",
        ),
        ([r.policies for r in rows], f"joint policies: {last.policies}", style.MUTED, ""),
    )
    marks = []
    for values, text, color, marker in drawn:
        quiet, bold = not marker, color == style.BLUE
        dashes: str | tuple[int, tuple[float, ...]] = (0, (3.0, 2.0)) if quiet else "-"
        axes.plot(
            at,
            values,
            marker=marker or None,
            markersize=4.0,
            color=color,
            linewidth=0.8 if quiet else 1.5,
            linestyle=dashes,
            zorder=1 if quiet else 3,
            clip_on=False,
        )
        marks.append(labels.EndLabel(at[-1], values[-1], text, color, quiet, bold, dashes))
    axes.set_yscale("log", base=2)
    most = max(max(values) for values, *_ in drawn)
    axes.yaxis.set_major_locator(FixedLocator([2**k for k in range(1, 2 + int(most).bit_length())]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(2.0, 1.3 * most)
    axes.set_xticks(at)
    axes.set_xlabel("factors (each doubles the states)")
    axes.set_ylabel("rank (no unit)")
    return marks
