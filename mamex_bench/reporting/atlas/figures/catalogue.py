"""Certified ends of the whole catalogue, one row a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mamex_bench.experiments.atlas.data import Atlas, GameRow
from mamex_bench.reporting import style
from mamex_bench.reporting.panels import logarithmic, panels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WIDTH = style.TWO_COLUMNS
ROWS = 44  # classes in one figure, which must fit on a page


def parts(atlas: Atlas) -> list[list[GameRow]]:
    """Classes with a positive coefficient, largest first, as many as a figure holds at a time."""
    known = [row for row in atlas.games if row.coefficient.known and row.coefficient.upper > 0.0]
    known.sort(key=lambda row: (-row.coefficient.upper, row.label))
    amount = max(1, -(-len(known) // ROWS))
    size = -(-len(known) // amount) if known else 1
    return [known[start : start + size] for start in range(0, len(known), size)]


def coefficients(rows: Sequence[GameRow]) -> Figure:
    """Certified ends, one row per class; open circles: without K."""
    with style.paper_style():
        left = 0.25 + 0.058 * max(len(row.label) for row in rows)
        figure, (axes,) = panels_of(WIDTH, [[(0.163 * len(rows) + 0.1, 0.0)]], left=left)
        values = [v for row in rows for v in (row.coefficient.lower, row.coefficient.upper)]
        values += [v for row in rows for v in row.coefficient.free]
        positive = [v for v in values if v > 0.0 and np.isfinite(v)]
        low, high = min(positive) / 1.5, max(positive) * 1.5
        logarithmic(axes, "x")
        axes.set_xlim(low, high)
        for place, row in enumerate(rows):
            _bracket_row(axes, place, row, low, high)
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("decoupling coefficient (no unit)")
    return figure


def _bracket_row(axes: Axes, place: int, row: GameRow, low: float, high: float) -> None:
    found = row.coefficient
    start, stop = max(found.lower, low), min(found.upper, high)
    axes.plot([low, high], [place, place], color=style.GRID, linewidth=0.4, zorder=0)
    axes.plot([start, stop], [place, place], color=style.BLUE, linewidth=2.4, alpha=0.55)
    for value in (found.lower, found.upper):
        if low < value < high:
            axes.plot([value], [place], "|", color=style.BLUE, markersize=6, mew=1.3)
    if found.lower <= low:
        axes.plot([low], [place], "<", color=style.BLUE, markersize=3.5, clip_on=False)
    if found.unbounded:
        axes.plot([high], [place], ">", color=style.VERMILLION, markersize=4.5, clip_on=False)
        return
    middle = float(np.sqrt(found.free[0] * found.free[1]))
    if np.isfinite(middle) and middle > 0.0:
        axes.plot([middle], [place], "o", mfc="none", mec=style.VERMILLION, markersize=3.4, mew=0.8)
