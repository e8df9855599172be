"""A law: the coefficient along a sweep, its bounds, and how other measures grow beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas, Sweep
from mamex_bench.model._arrays import Floats
from mamex_bench.reporting import labels, style
from mamex_bench.reporting.atlas.figures.axes import axes_of, room
from mamex_bench.reporting.atlas.words.laws import bound_label
from mamex_bench.reporting.atlas.words.phrases import label, signed, slope
from mamex_bench.reporting.panels import finish, note, panels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WIDTH = style.TWO_COLUMNS
_BOUND_COLOURS = {
    "known": style.INK,
    "linear_mixture": style.VERMILLION,
    "bilinear": style.PURPLE,
    "witness": style.GREEN,
    "bellman_eluder": style.ORANGE,
    "coverability": style.GREY,
}
_COLOURS = (style.VERMILLION, style.GREEN, style.ORANGE, style.PURPLE, style.SKY, style.GREY)
_MARKERS = ("s", "D", "^", "v", "P", "X")


def law(atlas: Atlas, sweep: Sweep) -> Figure:
    """A sweep: the coefficient between its ends with the bounds; growth of all measures beside."""
    beside = drawn_beside(sweep)
    with style.paper_style():
        figure, panels = panels_of(WIDTH, [[(2.05, 0.0)] * (2 if beside else 1)], between=0.42)
        marked = [(panels[0], _coefficient_panel(panels[0], sweep))]
        if beside:
            marked.append((panels[1], _growth_panel(panels[1], atlas, sweep, beside)))
        for axes, _ in marked:
            axes.set_xlabel(sweep.axis)
        finish(figure, marked)
    return figure


def drawn_beside(sweep: Sweep) -> list[str]:
    """The measures whose growth can be drawn: positive at the first value and at another."""
    used = {id: _positive(answers.curve(sweep, id)) for id in sweep.spec.measures}
    return [id for id, each in used.items() if each.size and each[0] and each.sum() > 1]


def _coefficient_panel(axes: Axes, sweep: Sweep) -> list[labels.EndLabel]:
    axes_of(axes, [point.at for point in sweep.points])
    axes.set_ylabel("coefficient d(K)")
    found = answers.curve(sweep)
    marks: list[labels.EndLabel] = []
    everything: list[float] = []
    used = _positive(found)
    if not used.any():
        note(axes, "no coefficient above zero")
        return []
    low, high = _means(found)
    at = found.at[used]
    for each in (found.lower, found.upper) if len(found.lower) > 1 else ():
        for seed in each[:, used]:
            axes.plot(at, seed, ".", color=style.BLUE, markersize=2, alpha=0.35, zorder=2)
    axes.fill_between(at, low[used], high[used], color=style.BLUE, alpha=0.3, linewidth=0.0)
    for ends in (low[used], high[used]):
        axes.plot(at, ends, color=style.BLUE, linewidth=1.2, marker="o", markersize=2.6, zorder=4)
        everything += list(ends)
    middle = float(np.sqrt(low[used][-1] * high[used][-1]))
    text = "d(K)"
    law = answers.law(sweep)
    if law is not None:
        text += f", slope {slope(law)}"
    marks.append(labels.EndLabel(float(at[-1]), middle, text, style.BLUE, bold=True))
    if sweep.spec.parameter != "K":
        marks += _free_line(axes, sweep, everything)
    for bound in sweep.spec.bounds:
        places, values = answers.bound_curve(sweep, bound)
        if not places.size:
            continue
        color = _BOUND_COLOURS[bound]
        dashes: Any = (0, (1, 1.6)) if bound == "known" else (0, (4, 1.6))
        axes.plot(places, values, color=color, linestyle=dashes, linewidth=1.1, zorder=3)
        text = bound_label(bound)
        own = answers.slope(places, values[None], values[None], 0)
        if own is not None and bound != "known":
            text += f", slope {signed(own.lower_end)}"
        end = float(places[-1]), float(values[-1])
        marks.append(labels.EndLabel(*end, text, color, dashes=dashes))
        everything += list(values)
    room(axes, everything)
    return marks


def _free_line(axes: Axes, sweep: Sweep, everything: list[float]) -> list[labels.EndLabel]:
    """The coefficient without K, where it is finite and far enough from that at K."""
    free, bound = answers.curve(sweep, free=True), answers.curve(sweep)
    used = _positive(free) & np.isfinite(_means(free)[1])
    if not used.any():
        return []
    low, high = _means(free)
    middle = np.sqrt(low * high)[used]
    at_k = np.sqrt(np.prod(_means(bound), axis=0))[used]
    with np.errstate(divide="ignore", invalid="ignore"):
        if not np.nanmax(middle / at_k) > 1.02:
            return []
    dashes: Any = (0, (5, 1.2, 1.2, 1.2))
    axes.fill_between(
        free.at[used], low[used], high[used], color=style.SKY, alpha=0.15, linewidth=0.0
    )
    axes.plot(free.at[used], middle, color=style.SKY, linestyle=dashes, linewidth=1.1, zorder=3)
    everything += [*low[used], *high[used]]
    end = float(free.at[used][-1]), float(middle[-1])
    return [labels.EndLabel(*end, "without K", style.SKY, dashes=dashes)]


def _growth_panel(
    axes: Axes, atlas: Atlas, sweep: Sweep, beside: Sequence[str]
) -> list[labels.EndLabel]:
    axes_of(axes, [point.at for point in sweep.points])
    axes.set_ylabel("relative to the first value")
    axes.axhline(1.0, color=style.MUTED, linewidth=0.5, zorder=1)
    marks: list[labels.EndLabel] = []
    everything = [1.0]
    for place, id in enumerate((COEFFICIENT, *beside)):
        found = answers.curve(sweep, id)
        used = _positive(found)
        if not used.any():
            continue
        color = style.BLUE if id == COEFFICIENT else _COLOURS[(place - 1) % len(_COLOURS)]
        low, high = (each[used] for each in _means(found))
        first = float(np.sqrt(low[0] * high[0]))
        at, low, high = found.at[used], low / first, high / first
        middle = np.sqrt(low * high)
        axes.fill_between(at, low, high, color=color, alpha=0.15, linewidth=0.0)
        marker = "o" if id == COEFFICIENT else _MARKERS[(place - 1) % len(_MARKERS)]
        # The coefficient lies under the others, wide enough to be seen beneath them.
        width, order = (2.6, 2.5) if id == COEFFICIENT else (1.0, 3.0)
        (line,) = axes.plot(at, middle, color=color, marker=marker, markersize=2.8, zorder=order)
        line.set_linewidth(width)
        everything += [*low, *high]
        name = "d(K)" if id == COEFFICIENT else label(atlas, id)
        bold = id == COEFFICIENT
        end = float(at[-1]), float(middle[-1])
        marks.append(labels.EndLabel(*end, name, color, bold=bold))
    room(axes, everything)
    return marks


def _means(found: answers.Curve) -> tuple[Floats, Floats]:
    pairs = [found.ends_of(place) for place in range(found.at.size)]
    return np.array([low for low, _ in pairs]), np.array([high for _, high in pairs])


def _positive(found: answers.Curve) -> Any:
    """(P,): places at which both ends are positive and finite."""
    low, high = _means(found)
    return (low > 0.0) & np.isfinite(high)
