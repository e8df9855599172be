"""Rank of regret against rank of each measure, a small panel per measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.reporting import style
from mamex_bench.reporting.atlas.words.phrases import label, spread
from mamex_bench.reporting.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WIDTH = style.TWO_COLUMNS
TALLEST = 8.4  # inches, so that the caption is on the page too


def regret(atlas: Atlas) -> Figure:
    """Normalised regret against the rank of each measure, a small panel per measure."""
    ids = [
        id
        for id in (COEFFICIENT, *(spec.id for spec in atlas.plan.measures))
        if answers.correlation(atlas, id) is not None
    ]
    columns = 3
    rows = [ids[start : start + columns] for start in range(0, len(ids), columns)] or [[]]
    with style.paper_style():
        from matplotlib.figure import Figure as NewFigure

        above, below, left, between = 0.6, 0.42, 0.62, 0.3
        tall = min(1.2, (TALLEST - below) / len(rows) - above)
        height = len(rows) * (tall + above) + below
        figure = NewFigure(figsize=(WIDTH, height))
        inner = (WIDTH - left - 0.1 - between * (columns - 1)) / columns
        for line, own in enumerate(rows):
            for place, id in enumerate(own):
                bottom = height - (line + 1) * (tall + above)
                box = left + place * (inner + between), bottom, inner, tall
                axes = figure.add_axes(
                    (box[0] / WIDTH, box[1] / height, box[2] / WIDTH, box[3] / height)
                )
                _rank_panel(axes, atlas, id)
                if place:
                    axes.tick_params(labelleft=False)
                else:
                    axes.set_ylabel("rank of regret")
                if line == len(rows) - 1 or id in ids[-columns:]:
                    axes.set_xlabel("rank of the measure")
    return figure


def _rank_panel(axes: Axes, atlas: Atlas, measure: str) -> None:
    found = answers.correlation(atlas, measure)
    points = answers.rank_points(atlas, measure)
    assert found is not None
    families = list(dict.fromkeys(row.family for row in answers.regret_rows(atlas)))
    size = len(points)
    for x, y, family in points:
        tone = families.index(family) % 2
        axes.plot(
            [x], [y], "o", color=style.BLUE if tone else style.SKY, markersize=2.8, alpha=0.85
        )
    axes.plot([1, size], [1, size], color=style.MUTED, linewidth=0.5, zorder=1)
    axes.set_xlim(0, size + 1)
    axes.set_ylim(0, size + 1)
    axes.locator_params(nbins=4, integer=True)
    axes.set_title(
        f"{label(atlas, measure)}\nτ = {spread(found.tau)}, N = {number(found.instances)}",
        fontsize=style.SMALL + 0.4,
        fontweight=400,
        linespacing=1.25,
    )
    if measure == COEFFICIENT:
        axes.title.set_fontweight(700)
