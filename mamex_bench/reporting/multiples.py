"""Figures of many learners: one panel for each kind, MAMEX in all of them, on the same axes.

More than `MOST` curves in one panel cannot be told apart. Then `figures.regret` shows MAMEX with
its bounds, references and planted faults alone, and the rest stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mamex_bench.model._arrays import Floats
from mamex_bench.reporting import figures, kinds, style
from mamex_bench.reporting.labels import EndLabel
from mamex_bench.reporting.panels import finish, logarithmic, note, panels_of
from mamex_bench.reporting.wording import has_data
from mamex_bench.runs.results import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 9  # curves in one panel


def needed(cells: Sequence[Cell]) -> bool:
    """Whether these cells are too many for one panel."""
    return sum(has_data(cell) for cell in cells) > MOST


def alone(cells: Sequence[Cell]) -> list[Cell]:
    """MAMEX, references and planted faults: what the bounds are drawn with."""
    shown = (kinds.MAMEX, kinds.REFERENCE, kinds.PLANTED)
    return [cell for cell in cells if kinds.kind(cell.learner_name) in shown]


def by_kind(cells: Sequence[Cell]) -> list[tuple[kinds.Kind, list[Cell]]]:
    """The cells with data of every other kind, in the order of `kinds.KINDS`."""
    shown = alone(cells)
    rest = [cell for cell in cells if has_data(cell) and cell not in shown]
    found = [
        (kind, [c for c in rest if kinds.kind(c.learner_name) is kind]) for kind in kinds.KINDS
    ]
    return [(kind, own) for kind, own in found if own]


def base_of(cells: Sequence[Cell]) -> Cell | None:
    """The cell to compare with: the suite's first MAMEX."""
    return next((cell for cell in cells if cell.learner_name == "mamex" and has_data(cell)), None)


def _drawn(
    axes: Axes,
    field: str,
    own: Sequence[Cell],
    base: Cell | None,
    styles: figures.Styles,
    floor: float,
) -> list[EndLabel]:
    """Curves of one kind and of MAMEX: the least final regret of the kind stands out."""
    best = min(own, key=lambda cell: float(figures.total(cell)[:, -1].mean()))
    marks = []
    for cell in [*own, *([base] if base else [])]:
        values = figures.total(cell) if field == "regret" else np.asarray(getattr(cell, field))
        if not np.isfinite(values).any():
            continue
        look = styles[cell.learner]
        if cell is not base:
            look = replace(look, width=1.9 if cell is best else 0.9)
        mark = figures.curve(axes, cell, values, look, floor)
        marks.append(replace(mark, bold=mark.bold or cell is best))
    return marks


def regret(
    cells: Sequence[Cell], styles: figures.Styles | None = None, width: float = style.TWO_COLUMNS
) -> Figure:
    """Cumulative signed regret against episodes, one panel per kind, MAMEX and trivial in each.

    `cells` share instance, concept and number of episodes. Lines and bands as in `figures.regret`.
    """
    styles = styles or style.learner_styles([(c.learner, c.learner_name) for c in cells])
    groups, base = by_kind(cells), base_of(cells)
    with style.paper_style():
        figure, panels = _grid(width, len(groups), 1.75)
        shown = [cell for _, own in groups for cell in own] + ([base] if base else [])
        floor, top = _range([figures.total(cell) for cell in shown])
        marked = []
        for place, (axes, (kind, own)) in enumerate(zip(panels, groups)):
            logarithmic(axes)
            marks = _drawn(axes, "regret", own, base, styles, floor)
            trivial = None if base is None or base.bounds is None else base.bounds.trivial
            if base is not None and trivial is not None:
                axes.plot(base.checkpoints, trivial, color=style.MUTED, linewidth=0.7, zorder=1)
            _frame(axes, place, len(groups), kind.title, (floor, 1.6 * top))
            marked.append((axes, marks))
        _name_axes(figure, "cumulative regret, sum over agents (return)")
        finish(figure, marked)
    return figure


def gaps(
    cells: Sequence[Cell], styles: figures.Styles | None = None, width: float = style.TWO_COLUMNS
) -> Figure:
    """Largest gap over agents of the profile played (left) and of the output (right), by kind."""
    styles = styles or style.learner_styles([(c.learner, c.learner_name) for c in cells])
    groups, base = by_kind(cells), base_of(cells)
    shown = [cell for _, own in groups for cell in own] + ([base] if base else [])
    with style.paper_style():
        figure, panels = _grid(width, 2 * len(groups), 1.35)
        _, top = _range([cell.gap for cell in shown])
        marked = []
        for place, axes in enumerate(panels):
            kind, own = groups[place // 2]
            field, title = (("gap", "profile played"), ("output_gap", "output"))[place % 2]
            logarithmic(axes)
            marks = _drawn(axes, field, own, base, styles, figures.FLOOR)
            for level in figures.LEVELS:
                axes.axhline(level, color=style.MUTED, linewidth=0.5, zorder=1)
            if not marks:
                note(axes, "not defined for these learners")
            heading = f"{kind.title}: {title}"
            _frame(axes, place, len(panels), heading, (0.8 * figures.FLOOR, 1.6 * top))
            marked.append((axes, marks))
        _name_axes(figure, "largest gap over agents (return)")
        finish(figure, marked)
    return figure


# ----- parts -------------------------------------------------------------------------------------


def _grid(width: float, count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Two columns of panels with titles, `count` of them."""
    rows = [[(height, 0.0)] * 2 for _ in range((count + 1) // 2)]
    figure, panels = panels_of(width, rows, left=0.62, between=0.34, above=0.36)
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]


def _range(curves: Sequence[Floats]) -> tuple[float, float]:
    """Common floor and top of the medians of curves (N, P)."""
    medians = [np.nanmedian(curve, axis=0) for curve in curves]
    positive = np.concatenate([m[np.isfinite(m) & (m > 0)] for m in medians] or [np.ones(1)])
    if not positive.size:
        return 0.1, 1.0
    top = float(positive.max())
    return max(float(positive.min()) / 2, top * 1e-5), top


def _frame(axes: Axes, place: int, count: int, title: str, limits: tuple[float, float]) -> None:
    axes.set_title(title)
    axes.set_ylim(*limits)
    if place < count - 2:
        axes.tick_params(labelbottom=False)
    else:
        axes.set_xlabel("episodes K")
    if place % 2:
        axes.tick_params(labelleft=False)


def _name_axes(figure: Figure, text: str) -> None:
    figure.supylabel(text, x=0.012, fontsize=8)
