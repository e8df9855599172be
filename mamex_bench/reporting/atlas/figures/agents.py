"""The coefficient against the single-agent one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import Atlas
from mamex_bench.reporting import labels, style
from mamex_bench.reporting.panels import finish, logarithmic, note, panels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WIDTH = style.TWO_COLUMNS


def single(atlas: Atlas) -> Figure:
    """The multi-agent coefficient against the single-agent one, every class of several agents."""
    found = [
        each
        for each in answers.ratios(atlas)
        if each.single.lower > 0.0 and each.row.coefficient.lower > 0.0
    ]
    with style.paper_style():
        figure, (axes,) = panels_of(WIDTH, [[(2.9, 0.0)]])
        logarithmic(axes)
        axes.set_xlabel("single-agent coefficient (greedy policies)")
        axes.set_ylabel("multi-agent coefficient")
        if not found:
            note(axes, "no class with both coefficients above zero")
            return figure
        for each in found:
            row, other = each.row.coefficient, each.single
            axes.plot(
                [other.lower, other.upper], [row.lower, row.lower], color=style.BLUE, linewidth=0.6
            )
            x = float(np.sqrt(other.lower * other.upper))
            axes.plot([x, x], [row.lower, row.upper], color=style.BLUE, linewidth=1.4, alpha=0.6)
            y = float(np.sqrt(row.lower * row.upper))
            axes.plot([x], [y], "o", color=style.BLUE, markersize=3, alpha=0.8)
        ends = [v for e in found for v in (e.single.lower, e.row.coefficient.upper)]
        low, high = min(ends) / 1.5, max(ends) * 1.5
        marks = []
        for factor in (1.0, 2.0, 5.0):
            axes.plot(
                [low, high],
                [factor * low, factor * high],
                color=style.MUTED,
                linewidth=0.8 if factor == 1.0 else 0.5,
                linestyle="-" if factor == 1.0 else (0, (3, 2)),
                zorder=1,
            )
            text = "equal" if factor == 1.0 else f"{factor:g} times as large"
            marks.append(labels.EndLabel(high, factor * high, text, style.MUTED))
        axes.set_xlim(low, high)
        axes.set_ylim(low, high * 5.0)
        _name_largest(axes, found)
        finish(figure, [(axes, marks)])
    return figure


def _name_largest(axes: Axes, found: Sequence[answers.Ratio], most: int = 5) -> None:
    """Name the points of largest ratio, one of those that lie on one another."""
    named: list[tuple[float, float]] = []
    for each in sorted(found, key=lambda each: -each.low):
        x = float(np.sqrt(each.single.lower * each.single.upper))
        y = float(np.sqrt(each.row.coefficient.lower * each.row.coefficient.upper))
        near = [abs(np.log(x / a)) < 3.0 and abs(np.log(y / b)) < 0.4 for a, b in named]
        if any(near) or len(named) == most or not each.larger:
            continue
        named.append((x, y))
        axes.annotate(
            each.row.label,
            (x, y),
            xytext=(-5, 3),
            textcoords="offset points",
            fontsize=style.SMALL,
            color=style.INK,
            horizontalalignment="right",
        )
