"""Figures of the comparison: factors to the least regret as a map, and performance profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mamex_bench.reporting import contests, figures, kinds, labels, style
from mamex_bench.reporting.contests import Contest
from mamex_bench.reporting.kinds import Kind
from mamex_bench.reporting.panels import finish, panels_of
from mamex_bench.reporting.wording import concept, learner_label, number
from mamex_bench.runs.results import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.19  # inches per learner
_LARGEST = 1000.0  # factors beyond it have the last colour
# Of the map: fixed, since its text must stand out from its own cell in light and dark alike.
_LIGHT, _DARK = "#f9fbfb", "#16191d"
_EMPTY = "#8c919a"


def factors(found: Sequence[Contest], width: float = style.TWO_COLUMNS) -> Figure:
    """Map of learners by instances: how many times the least regret of that instance, log colours.

    Rows by kind, a thin line between kinds, a dotted one before the tuned forms of a kind, whose
    names are slanted; columns by concept. An empty cell: the learner was not run there. Bold: the
    least regret. Contests share what regret counts.
    """
    import seaborn as sns
    from matplotlib.colors import LogNorm

    cells = contests.learners_of(found)
    table = np.full((len(cells), len(found)), np.nan)
    for column, contest in enumerate(found):
        place = {cell.learner: i for i, cell in enumerate(contest.cells)}
        for row, cell in enumerate(cells):
            if cell.learner in place:
                table[row, column] = contest.factors[place[cell.learner]]
    with style.paper_style():
        left = 0.25 + 0.062 * max(len(learner_label(cell)) for cell in cells)
        bottom = 0.32 if len({contest.concept for contest in found}) > 1 else 0.16
        figure, (axes,) = panels_of(width, [[(_ROW * len(cells), 0.0)]], left=left, bottom=bottom)
        colors = sns.color_palette("crest", as_cmap=True)
        norm = LogNorm(1.0, _LARGEST)
        _paint(axes, table, colors, norm)
        axes.set_yticks(range(len(cells)), [learner_label(cell) for cell in cells])
        axes.set_xticks(range(len(found)), [contest.instance for contest in found])
        axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
        axes.set_xlim(-0.5, len(found) - 0.5)
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for label, cell in zip(axes.get_yticklabels(), cells):
            label.set_fontstyle("italic" if kinds.tuned(cell.learner_name) else "normal")
        box = axes.get_position()
        each = min(1.0, (width - left - 1.25) / len(found))  # inches per column
        axes.set_position((box.x0, box.y0, each * len(found) / width, box.height))
        _name_kinds(axes, cells)
        _name_concepts(axes, found)
        if 0.065 * max(len(contest.instance) for contest in found) > each:
            _slant(figure, axes, 0.045 * max(len(contest.instance) for contest in found))
    return figure


def _paint(axes: Axes, table: Any, colors: Any, norm: Any) -> None:
    """One rectangle and one number per cell."""
    from matplotlib.patches import Rectangle

    for (row, column), value in np.ndenumerate(table):
        if np.isnan(value):
            axes.text(column, row, "·", color=_EMPTY, ha="center", va="center_baseline", fontsize=7)
            continue
        color = colors(norm(min(value, _LARGEST)))
        box = (column - 0.48, row - 0.45)
        axes.add_patch(Rectangle(box, 0.96, 0.9, facecolor=color, edgecolor="none"))
        axes.text(
            column,
            row,
            _factor(float(value)),
            color=_DARK if value < 8.0 else _LIGHT,
            ha="center",
            va="center_baseline",
            fontsize=style.SMALL,
            fontweight=700 if value == np.nanmin(table[:, column]) else 400,
        )


def _factor(value: float) -> str:
    return f"{value:.2f}" if value < 9.95 else f"{value:.1f}" if value < 99.5 else number(value, 2)


def _name_concepts(axes: Axes, found: Sequence[Contest]) -> None:
    """Lines between the columns of different concepts, and their names below."""
    names = [contest.concept for contest in found]
    edges = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
    if not edges:
        return
    for edge in edges:
        axes.axvline(edge - 0.5, color=style.INK, linewidth=0.8)
    for start, stop in zip([0, *edges], [*edges, len(names)]):
        axes.annotate(
            concept(names[start]),
            ((start + stop - 1) / 2, 0.0),
            xytext=(0, -4),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            fontsize=style.SMALL,
            fontweight=700,
            horizontalalignment="center",
            verticalalignment="top",
        )


def _name_kinds(axes: Axes, cells: Sequence[Cell]) -> None:
    """Thin lines between kinds, their names at the right, dotted ones before tuned forms."""
    groups = [kinds.kind(cell.learner_name) for cell in cells]
    forms = [kinds.tuned(cell.learner_name) for cell in cells]
    edges = [i for i in range(1, len(groups)) if groups[i] is not groups[i - 1]]
    for edge in edges:
        axes.axhline(edge - 0.5, color=style.MUTED, linewidth=0.6)
    for i in range(1, len(forms)):
        if forms[i] and not forms[i - 1] and i not in edges:
            axes.axhline(i - 0.5, color=style.MUTED, linewidth=0.6, linestyle=(0, (1, 2)))
    for start, stop in zip([0, *edges], [*edges, len(groups)]):
        kind = groups[start]
        long = len(kind.title) > 16
        axes.annotate(
            # Two lines need two rows of the map.
            kind.title.replace(" ", "\n", 1) if long and stop - start > 1 else kind.title,
            (1.0, (start + stop - 1) / 2),
            xytext=(7, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            color=style.HUES[kind.hue][0],
            fontsize=style.SMALL,
            fontweight=700,
            verticalalignment="center",
            linespacing=1.1,
        )


def _slant(figure: Figure, axes: Axes, extra: float) -> None:
    """Write the instances aslant, with `extra` inches above for them."""
    box, before = axes.get_position(), figure.get_figheight()
    figure.set_figheight(before + extra)
    shrink = before / (before + extra)
    axes.set_position((box.x0, box.y0 * shrink, box.width, box.height * shrink))
    for label in axes.get_xticklabels():
        label.set(rotation=40, horizontalalignment="left", rotation_mode="anchor")


def profiles(
    found: Sequence[Contest], styles: figures.Styles, width: float = style.TWO_COLUMNS
) -> Figure:
    """Performance profiles: share of instances with a factor of at most tau, one panel per kind.

    MAMEX stands in every panel. A learner that does not apply to an instance never gets there.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    cells = contests.learners_of(found)
    base = next((cell for cell in cells if cell.learner_name == "mamex"), None)
    groups = _groups(cells)
    top = max(float(contest.factors.max()) for contest in found)
    limit = min(max(10.0, 1.1 * top), 10 * _LARGEST)
    with style.paper_style():
        rows = [[(1.35, 0.0)] * 2 for _ in range((len(groups) + 1) // 2)]
        figure, panels = panels_of(width, rows, left=0.62, between=0.34, above=0.36)
        for axes in panels[len(groups) :]:
            axes.remove()
        marked = []
        for place, (axes, (kind, own)) in enumerate(zip(panels, groups)):
            drawn = own if base is None or base in own else [*own, base]
            marks = [_steps(axes, found, cell, styles[cell.learner], limit) for cell in drawn]
            axes.set_title(kind.title)
            axes.set_xscale("log")
            axes.set_xlim(0.97, limit)
            axes.set_ylim(-0.03, 1.03)
            axes.xaxis.set_major_locator(LogLocator(numticks=9))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_yticks([0, 0.5, 1], ["0", "½", "1"] if place % 2 == 0 else ["", "", ""])
            if place < len(groups) - 2:
                axes.tick_params(labelbottom=False)
            else:
                axes.set_xlabel("factor τ to the least regret")
            marked.append((axes, marks))
        figure.supylabel("share of instances within τ", x=0.012, fontsize=8)
        finish(figure, marked)
    return figure


def _groups(cells: Sequence[Cell]) -> list[tuple[Kind, list[Cell]]]:
    found = [
        (kind, [cell for cell in cells if kinds.kind(cell.learner_name) is kind])
        for kind in kinds.KINDS
    ]
    groups = [(kind, own) for kind, own in found if own]
    # MAMEX stands in every panel: one of its own is needed only for further MAMEX.
    if len(groups) > 1 and groups[0][0] is kinds.MAMEX and len(groups[0][1]) == 1:
        del groups[0]
    return groups


def _steps(
    axes: Axes, found: Sequence[Contest], cell: Cell, look: style.LineStyle, limit: float
) -> labels.EndLabel:
    sorted_factors, total = contests.profile(found, cell.learner)
    inside = sorted_factors[sorted_factors <= limit]
    at = np.concatenate([[1.0], inside, [limit]])
    heights = np.searchsorted(sorted_factors, at, side="right") / total
    line: dict[str, Any] = {"color": look.color, "linestyle": look.dashes, "linewidth": look.width}
    axes.step(at, heights, where="post", zorder=3, **line)
    bold = cell.learner_name == "mamex"
    return labels.EndLabel(
        limit, heights[-1], learner_label(cell), look.color, bold=bold, dashes=look.dashes
    )
