"""Two figures that open the comparison: final regrets of the best of each kind, and their growth.

Regret is in units of u = n R_true, one episode that is as bad as possible, so that all instances
share an axis: K is the trivial bound, and what lies below 1 is less than one bad episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mamex_bench.reporting import champions, contests, figures, kinds, style
from mamex_bench.reporting.contests import Contest
from mamex_bench.reporting.kinds import Kind
from mamex_bench.reporting.panels import finish, logarithmic, panels_of
from mamex_bench.reporting.wording import concept, learner_label, number
from mamex_bench.runs.results import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE = 0.1  # bad episodes: what is below is drawn here
_LINE = 0.062  # inches from one kind to the next within a row
_TALLEST = 6.2  # inches for all rows
_MARKS = {True: "D", False: "o"}  # tuned or not
_CONFINED: dict[str, Any] = {"color": style.INK, "linewidth": 1.4, "zorder": 2}
_ACROSS = 4  # entries of the legend in a line
_FILLED = "os^"  # MAMEX: the suite's first, second, further ones


def standing(found: Sequence[Contest], width: float = style.TWO_COLUMNS) -> Figure:
    """One row per contest: MAMEX and the best of each kind, tuned and not, with 95 % intervals.

    Named at the right: the least regret of all, and how many others are level with it.
    """
    several = len({contest.concept for contest in found}) > 1
    names = [each.instance + (f", {concept(each.concept)}" if several else "") for each in found]
    groups = [kinds.MAMEX, *champions.rivals(found)]
    row = min(_LINE * (len(groups) + 1), _TALLEST / len(found))
    with style.paper_style():
        left = 0.2 + 0.062 * max(len(name) for name in names)
        entries = _entries(found, groups[1:])
        lines = -(-len(entries) // _ACROSS)
        bottom = 0.5 + 0.16 * lines
        figure, (axes,) = panels_of(width, [[(row * len(found), 0.0)]], left=left, bottom=bottom)
        box = axes.get_position()
        axes.set_position((box.x0, box.y0, box.width - 1.9 / width, box.height))
        for place, contest in enumerate(found):
            _row(axes, place, contest, groups)
            axes.axhline(place + 0.5, color=style.GRID, linewidth=0.5)
        most = max(contest.episodes for contest in found)
        logarithmic(axes, "x")
        axes.set_xlim(0.8 * EDGE, most)
        axes.axvline(1.0, color=style.MUTED, linewidth=0.6)
        axes.set_yticks(range(len(found)), names)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("regret at K, in episodes as bad as possible")
        _legend(figure, entries)
    return figure


def _row(axes: Axes, place: int, contest: Contest, groups: Sequence[Kind]) -> None:
    """The marks of one contest, each kind on a line of its own."""
    for line, kind in enumerate(groups):
        at = place - 0.5 + (line + 1) / (len(groups) + 1)
        for i, look in _shown(contest, kind):
            values = np.maximum(contest.resampled[:, i] / contest.unit, EDGE)
            low, high = np.quantile(values, contests.TAILS)
            middle = max(float(contest.means[i]) / contest.unit, EDGE)
            axes.plot([low, high], [at, at], color=look["color"], linewidth=1.0)
            axes.plot([middle], [at], **look, zorder=3, clip_on=False)
    if contest.against == "all" and contest.confined is not None:
        floor = max(contest.confined / contest.unit, EDGE)
        axes.plot([floor, floor], [place - 0.42, place + 0.42], **_CONFINED)
    best, level = contest.cells[contest.best], len(contest.level_with_best())
    text = f"{learner_label(best)} {number(float(contest.means[contest.best]) / contest.unit, 2)}"
    axes.annotate(
        text + (f", {level} level" if level else ""),
        (1.0, place),
        xytext=(6, 0),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        color=style.HUES[kinds.kind(best.learner_name).hue][0],
        fontsize=style.SMALL,
        verticalalignment="center",
    )


def _shown(contest: Contest, kind: Kind) -> list[tuple[int, dict[str, Any]]]:
    """Every MAMEX, filled; of another kind the best, and the best that is not tuned, open."""
    if kind is kinds.MAMEX:
        own = champions.mamex(contest)
        return [(i, _look(kind, _FILLED[min(place, 2)], True)) for place, i in enumerate(own)]
    found = (champions.best_of(contest, kind), champions.best_of(contest, kind, plain=True))
    return [
        (i, _look(kind, _MARKS[kinds.tuned(contest.cells[i].learner_name)], False))
        for i in dict.fromkeys(found)
        if i is not None
    ]


def _look(kind: Kind, marker: str, filled: bool) -> dict[str, Any]:
    color = style.HUES[kind.hue][kinds.shade(kind)]
    face = color if filled else style.PAPER
    shape = {"marker": marker, "markersize": 3.6, "markeredgewidth": 0.9, "linestyle": ""}
    return {"color": color, "markerfacecolor": face, **shape}


def _entries(found: Sequence[Contest], groups: Sequence[Kind]) -> dict[str, dict[str, Any]]:
    """The legend: MAMEX by option, the other kinds by colour, tuned forms, the oracle."""
    ids = dict.fromkeys(
        learner_label(contest.cells[i]) for contest in found for i in champions.mamex(contest)
    )
    entries = {
        name: _look(kinds.MAMEX, _FILLED[min(place, 2)], True) for place, name in enumerate(ids)
    }
    entries |= {kind.title: _look(kind, _MARKS[False], False) for kind in groups}
    entries["diamonds: tuned forms"] = {
        **_look(kinds.MAMEX, _MARKS[True], False),
        "color": style.INK,
    }
    if any(contest.against == "all" and contest.confined is not None for contest in found):
        entries["oracle inside the class"] = _CONFINED
    return entries


def _legend(figure: Figure, entries: dict[str, dict[str, Any]]) -> None:
    from matplotlib.lines import Line2D

    figure.legend(
        [Line2D([], [], **look) for look in entries.values()],
        list(entries),
        loc="lower center",
        ncols=_ACROSS,
        frameon=False,
        fontsize=style.SMALL,
        handletextpad=0.2,
        handlelength=0.9,
        columnspacing=1.0,
        borderaxespad=0.1,
    )


def growth(
    found: Sequence[Contest], styles: figures.Styles, width: float = style.TWO_COLUMNS
) -> Figure:
    """Regret against episodes, one panel per contest: every MAMEX and the best of each kind.

    Median and band over seeds as in `figures.regret`, in bad episodes; grey: the trivial bound.
    """
    with style.paper_style():
        rows = [[(1.3, 0.0)] * 2 for _ in range((len(found) + 1) // 2)]
        figure, panels = panels_of(width, rows, left=0.5, between=0.3, above=0.34)
        for axes in panels[len(found) :]:
            axes.remove()
        marked = []
        several = len({contest.concept for contest in found}) > 1
        for place, (axes, contest) in enumerate(zip(panels, found)):
            logarithmic(axes)
            cells = [contest.cells[i] for i in champions.champions(contest)]
            marks = [
                figures.curve(axes, each, _in_units(each, contest), styles[each.learner], EDGE)
                for each in cells
            ]
            at = np.asarray(cells[0].checkpoints, dtype=float)
            axes.plot(at, at, color=style.MUTED, linewidth=0.7, zorder=1)
            ending = f", {concept(contest.concept)}" if several else ""
            axes.set_title(contest.instance + ending)
            axes.set_ylim(0.8 * EDGE, max(each.episodes for each in found))
            axes.set_xlim(1.0, 1.15 * max(each.episodes for each in found))
            axes.tick_params(labelleft=place % 2 == 0, labelbottom=place >= len(found) - 2)
            if place >= len(found) - 2:
                axes.set_xlabel("episodes K")
            marked.append((axes, marks))
        figure.supylabel("cumulative regret, in episodes as bad as possible", x=0.008, fontsize=8)
        finish(figure, marked)
    return figure


def _in_units(cell: Cell, contest: Contest) -> Any:
    found = contests.curves(cell, contest.against)
    assert found is not None
    return found.sum(axis=2) / contest.unit
