"""The figures of a report, one function each; all take parts of `Results` and return a Figure.

    from mamex_bench.reporting import figures
    figures.regret([cell for cell in results.cells if cell.instance == "lock"])

Sizes are inches at final print width. Quantities at or below zero have no place on a logarithmic
axis: they are drawn on the axis's lowest line, never left out, and captions say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mamex_bench.model._arrays import Floats
from mamex_bench.reporting import labels, stated_bounds, style
from mamex_bench.reporting.estimates import envelope_fit, mean_interval
from mamex_bench.reporting.panels import finish, logarithmic, note, panels_of
from mamex_bench.reporting.wording import has_data, learner_label, number, power
from mamex_bench.runs.results import BoundArrays, Cell, InstanceRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Styles = Mapping[str, style.LineStyle]
BAND = (0.1, 0.9)  # quantiles over seeds
LEVELS = (0.1, 0.03, 0.01)  # equilibrium accuracies that tables and gap figures mark
FLOOR = 1e-4  # gaps below it count as solved in a figure
_CEILING = 30.0  # bounds beyond this multiple of the trivial line are named, not drawn


def regret(
    cells: Sequence[Cell], styles: Styles | None = None, width: float = style.TWO_COLUMNS
) -> Figure:
    """Cumulative signed regret (sum over agents) against episodes, bounds beside it; ratios below.

    `cells` share instance, concept and number of episodes; those without data are skipped.
    Lines: median over seeds, band between the 10 % and 90 % quantiles. The lower panel exists when
    some cell has an explicit bound: mean over seeds divided by that cell's own explicit bound in
    expectation, dashed where the bound is not below the trivial one.
    """
    drawn = [cell for cell in cells if has_data(cell)]
    styles = styles or style.learner_styles([(c.learner, c.learner_name) for c in cells])
    bounded = _bounded(drawn)
    with style.paper_style():
        top, ratio_height = 2.55, 0.85 if bounded else 0.0
        figure, (axes, *below) = panels_of(
            width, [[(top, 0.0)], [(ratio_height, 0.28)]] if bounded else [[(top, 0.0)]]
        )
        marks = _regret_lines(axes, drawn, styles)
        marks += _bound_lines(axes, bounded, styles)
        marks += stated_bounds.lines(axes, drawn, styles, _roof(drawn, bounded))
        axes.set_ylabel("cumulative regret,\nsum over agents (return)")
        if below:
            axes.tick_params(labelbottom=False)
            ratios = _ratio_lines(below[0], bounded, styles)
            finish(figure, [(axes, marks), (below[0], ratios)])
        else:
            axes.set_xlabel("episodes K")
            finish(figure, [(axes, marks)])
    return figure


def gaps(
    cells: Sequence[Cell], styles: Styles | None = None, width: float = style.TWO_COLUMNS
) -> Figure:
    """Largest gap over agents against episodes: of the profile played, and of the output.

    Lines: median over seeds, band between the 10 % and 90 % quantiles; grey lines mark the levels
    of the table of episodes. Gaps at or below 1e-4 are drawn on the lowest line.
    """
    drawn = [cell for cell in cells if has_data(cell)]
    styles = styles or style.learner_styles([(c.learner, c.learner_name) for c in cells])
    with style.paper_style():
        figure, (left, right) = panels_of(width, [[(2.1, 0.0), (2.1, 0.0)]])
        marked = []
        for axes, title, field in (
            (left, "profile played", "gap"),
            (right, "output", "output_gap"),
        ):
            marks = []
            logarithmic(axes)
            for cell in drawn:
                values = np.asarray(getattr(cell, field), dtype=float)
                if np.isfinite(values).any():
                    marks += [curve(axes, cell, values, styles[cell.learner], FLOOR)]
            for level in LEVELS:
                axes.axhline(level, color=style.MUTED, linewidth=0.5, zorder=1)
            axes.set_title(title)
            axes.set_xlabel("episodes K")
            axes.set_ylim(bottom=FLOOR * 0.8)
            if not marks:
                note(axes, "not defined for these learners")
            marked.append((axes, marks))
        left.set_ylabel("largest gap over agents (return)")
        finish(figure, marked)
    return figure


def brackets(records: Sequence[InstanceRecord], width: float = style.TWO_COLUMNS) -> Figure:
    """Certified interval around the decoupling coefficient, one row per instance, log scale."""
    known = [
        (record.id, float(record.bracket["lower"]), float(record.bracket["upper"]))
        for record in records
        if record.bracket
    ]
    left = 0.3 + 0.06 * max((len(identity) for identity, *_ in known), default=0)
    with style.paper_style():
        figure, (axes,) = panels_of(width, [[(0.24 * len(known) + 0.25, 0.0)]], left=left)
        ends = [end for _, *both in known for end in both]
        finite = [end for end in ends if np.isfinite(end) and end > 0] or [1.0]
        low, high = min(finite) / 1.6, max(finite) * 1.6
        logarithmic(axes, "x")
        axes.set_xlim(low, high)
        for row, (_, lower, upper) in enumerate(known):
            start, stop = max(lower, low), min(upper, high)
            axes.plot([start, stop], [row, row], color=style.BLUE, linewidth=2.2, alpha=0.55)
            for value, marker in ((lower, "|"), (upper, "|")):
                if low < value < high:
                    axes.plot([value], [row], marker, color=style.BLUE, markersize=7, mew=1.6)
            if lower <= 0:
                axes.plot([low], [row], "<", color=style.BLUE, markersize=4, clip_on=False)
            if not np.isfinite(upper):
                axes.plot([high], [row], ">", color=style.BLUE, markersize=4, clip_on=False)
            factor = upper / lower if lower > 0 and np.isfinite(upper) else np.inf
            text = f"× {factor:.3g}" if np.isfinite(factor) else "open"
            axes.text(
                1.015,
                row,
                text,
                transform=axes.get_yaxis_transform(),
                fontsize=style.SMALL,
                verticalalignment="center_baseline",
            )
        axes.set_yticks(range(len(known)), [identity for identity, *_ in known])
        axes.set_ylim(len(known) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("decoupling coefficient d(K) (no unit)")
        box = axes.get_position()
        axes.set_position((box.x0, box.y0, box.width - 0.5 / width, box.height))
    return figure


def envelope(
    cells: Sequence[Cell], styles: Styles | None = None, width: float = style.TWO_COLUMNS
) -> Figure:
    """Mean final regret against K over the instances of one group, each made for its K.

    Vertical bars are 95 % bootstrap intervals of the mean; the straight lines are fits on all
    points, their slope and 95 % interval beside them. `cells` share group and concept.
    """
    drawn = [cell for cell in cells if has_data(cell)]
    styles = styles or style.learner_styles([(c.learner, c.learner_name) for c in cells])
    with style.paper_style():
        figure, (axes,) = panels_of(width, [[(2.2, 0.0)]])
        logarithmic(axes)
        marks: list[labels.EndLabel] = []
        finals = [np.asarray(c.regret, dtype=float)[:, -1].sum(axis=1) for c in drawn]
        positive = [float(f.mean()) for f in finals if f.mean() > 0]
        floor = 10 ** np.floor(np.log10(min(positive))) if positive else 1.0
        for identity in dict.fromkeys(cell.learner for cell in drawn):
            own = sorted((c for c in drawn if c.learner == identity), key=lambda c: c.episodes)
            look = styles[identity]
            at = np.array([c.episodes for c in own], dtype=float)
            values = [np.asarray(c.regret, dtype=float)[:, -1].sum(axis=1) for c in own]
            means = np.maximum([v.mean() for v in values], floor)
            spans = np.maximum([mean_interval(v) for v in values], floor)
            axes.vlines(at, spans[:, 0], spans[:, 1], color=look.color, linewidth=1.2)
            axes.plot(at, means, "o", color=look.color, markersize=3.2)
            fit = envelope_fit(at, values)
            text = learner_label(own[0])
            if fit is not None:
                line = np.exp(fit.intercept + fit.slope * np.log(at))
                axes.plot(at, line, color=look.color, linestyle=look.dashes, linewidth=1.0)
                text += f": slope {fit.slope:.2f} [{fit.low:.2f}, {fit.high:.2f}]"
            marks.append(labels.EndLabel(at[-1], means[-1], text, look.color, dashes=look.dashes))
        marks += _envelope_bounds(axes, drawn)
        axes.set_xlabel("episodes K (a new instance for each)")
        axes.set_ylabel("mean regret at K,\nsum over agents (return)")
        finish(figure, [(axes, marks)])
    return figure


def overview(cells: Sequence[Cell], scales: Mapping[str, float], styles: Styles) -> Figure:
    """Mean final regret as a fraction of the trivial bound, every instance and learner, by concept.

    `scales` maps an instance id to n R_true, the trivial bound per episode.
    """
    drawn = [cell for cell in cells if has_data(cell) and scales.get(cell.instance, 0) > 0]
    concepts = list(dict.fromkeys(cell.concept for cell in drawn))
    instances = list(dict.fromkeys(cell.instance for cell in drawn))
    with style.paper_style():
        height = 0.25 * len(instances) + 0.2
        figure, panels = panels_of(
            style.TWO_COLUMNS,
            [[(height, 0.0)] * len(concepts)],
            left=1.6,
            between=0.22,
            bottom=0.95,
        )
        handles: dict[str, Any] = {}
        for axes, concept in zip(panels, concepts, strict=True):
            for cell in (c for c in drawn if c.concept == concept):
                final = np.asarray(cell.regret, dtype=float)[:, -1].sum(axis=1).mean()
                share = max(final / (scales[cell.instance] * cell.episodes), FLOOR)
                look = styles[cell.learner]
                (handle,) = axes.plot(
                    [share],
                    [instances.index(cell.instance)],
                    look.marker,
                    color=look.color,
                    markersize=4.6,
                    markerfacecolor="none" if cell.profile_kind == "markov" else look.color,
                    markeredgewidth=1.0,
                    alpha=0.85,
                    clip_on=False,
                )
                handles.setdefault(learner_label(cell), handle)
            logarithmic(axes, "x")
            axes.set_xlim(FLOOR * 0.7, 2.0)
            axes.axvline(1.0, color=style.MUTED, linewidth=0.6)
            axes.set_title(concept.upper() if concept != "nash" else "Nash")
            axes.set_ylim(len(instances) - 0.5, -0.5)
            axes.set_yticks(range(len(instances)), instances if axes is panels[0] else [])
        figure.supxlabel(
            "mean regret at K / trivial bound (no unit; 1: as bad as possible)",
            fontsize=8,
            y=0.52 / figure.get_figheight(),
        )
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="lower center",
            ncols=4,
            frameon=False,
            fontsize=style.SMALL,
            handletextpad=0.2,
            columnspacing=1.2,
        )
    return figure


# ----- parts -------------------------------------------------------------------------------------


def _bounded(cells: Sequence[Cell]) -> list[tuple[Cell, BoundArrays]]:
    """The cells that an explicit bound speaks of, each with its bounds."""
    return [
        (cell, cell.bounds)
        for cell in cells
        if cell.bounds is not None and np.isfinite(cell.bounds.explicit).any()
    ]


def total(cell: Cell) -> Floats:
    """Cumulative signed regret summed over agents, (N, P)."""
    return np.asarray(cell.regret, dtype=float).sum(axis=2)


def curve(
    axes: Axes, cell: Cell, values: Floats, look: style.LineStyle, floor: float
) -> labels.EndLabel:
    """Median and band of `values` (N, P) over seeds; what is at or below `floor` lies on it."""
    defined = np.isfinite(values).any(axis=0)
    at, values = np.asarray(cell.checkpoints, dtype=float)[defined], values[:, defined]
    middle, low, high = (np.maximum(np.nanquantile(values, q, axis=0), floor) for q in (0.5, *BAND))
    axes.fill_between(at, low, high, color=look.color, alpha=0.16, linewidth=0)
    axes.plot(at, middle, color=look.color, linestyle=look.dashes, linewidth=look.width, zorder=3)
    bold = cell.learner_name == "mamex"
    return labels.EndLabel(
        at[-1], float(middle[-1]), learner_label(cell), look.color, bold=bold, dashes=look.dashes
    )


def _regret_lines(axes: Axes, cells: Sequence[Cell], styles: Styles) -> list[labels.EndLabel]:
    logarithmic(axes)
    medians = [np.median(total(cell), axis=0) for cell in cells]
    positive = np.concatenate([m[m > 0] for m in medians] or [np.ones(1)])
    floor = max(float(positive.min()) / 2, float(positive.max()) * 1e-5) if positive.size else 0.1
    return [curve(axes, c, total(c), styles[c.learner], floor) for c in cells]


def _bound_lines(
    axes: Axes, cells: Sequence[tuple[Cell, BoundArrays]], styles: Styles
) -> list[labels.EndLabel]:
    """Trivial line, explicit bounds and paper shape; each distinct curve once."""
    marks: list[labels.EndLabel] = []
    if not cells:
        return marks
    first, its = cells[0]
    at = np.asarray(first.checkpoints, dtype=float)
    trivial = np.asarray(its.trivial, dtype=float)
    axes.plot(at, trivial, color=style.MUTED, linewidth=0.9, zorder=2)
    marks.append(labels.EndLabel(at[-1], trivial[-1], "trivial bound", style.MUTED))
    seen: list[Floats] = []
    kinds = (
        ("explicit", "explicit bound, mean", "-", 1.2, False),
        ("explicit_probability", "explicit bound, probability", (0, (5, 1.6)), 1.0, False),
        ("paper_shape", "paper shape (no bound at finite K)", (0, (1, 1.8)), 1.0, True),
    )
    for cell, bounds in cells:
        at = np.asarray(cell.checkpoints, dtype=float)
        for field, name, dashes, width, italic in kinds:
            curve = np.asarray(getattr(bounds, field), dtype=float)
            main = cell.learner == first.learner
            known = any(np.allclose(curve, other, equal_nan=True) for other in seen)
            if known or not np.isfinite(curve[-1]) or (not main and field != "explicit"):
                continue
            seen.append(curve)
            color = style.MUTED if italic else style.INK if main else styles[cell.learner].color
            text = name if main else f"explicit bound, mean ({learner_label(cell)})"
            if curve[-1] > _CEILING * trivial[-1]:
                text = f"{text}: {power(float(curve[-1]))} ↑"
            visible = np.where(curve <= _CEILING * trivial[-1], curve, np.nan)
            axes.plot(at, visible, color=color, linestyle=dashes, linewidth=width, zorder=2)
            marks.append(labels.EndLabel(at[-1], curve[-1], text, color, italic, dashes=dashes))
    return marks


def _roof(cells: Sequence[Cell], bounded: Sequence[tuple[Cell, BoundArrays]]) -> float:
    """Bounds above it are named, not drawn: far above the trivial one, or what was measured."""
    tops = [float(its.trivial[-1]) for _, its in bounded[:1]]
    return _CEILING * max(tops or [float(total(cell).max()) for cell in cells] or [1.0])


def _ratio_lines(
    axes: Axes, cells: Sequence[tuple[Cell, BoundArrays]], styles: Styles
) -> list[labels.EndLabel]:
    logarithmic(axes)
    axes.axhline(1.0, color=style.INK, linewidth=0.7, zorder=1)
    marks = []
    curves = []
    for cell, bounds in cells:
        at = np.asarray(cell.checkpoints, dtype=float)
        bound = np.asarray(bounds.explicit, dtype=float)
        ratio = total(cell).mean(axis=0) / bound
        curves.append(ratio[ratio > 0])
        vacuous = bound >= np.asarray(bounds.trivial, dtype=float)
        color = styles[cell.learner].color
        sharp = np.where(vacuous | (ratio <= 0), np.nan, ratio)
        loose = np.where(ratio <= 0, np.nan, ratio)
        axes.plot(at, loose, color=color, linestyle=(0, (2, 1.4)), linewidth=0.8)
        axes.plot(at, sharp, color=color, linewidth=1.5)
        if np.isfinite(loose[-1]):
            marks.append(
                labels.EndLabel(at[-1], loose[-1], number(float(loose[-1]), 2), color, bare=True)
            )
    values = np.concatenate(curves) if curves else np.ones(1)
    low = max(float(values.min()), float(values.max()) * 1e-5) if values.size else 0.1
    axes.set_ylim(min(low, 1.0) / 2, max(float(values.max()) if values.size else 1.0, 1.0) * 3)
    axes.set_ylabel("mean /\nexplicit bound")
    axes.set_xlabel("episodes K")
    return marks


def _envelope_bounds(axes: Axes, cells: Sequence[Cell]) -> list[labels.EndLabel]:
    """Bounds of the first bounded learner at each K."""
    bounded = _bounded(cells)
    if not bounded:
        return []
    first = bounded[0][0]
    own = sorted(
        (pair for pair in bounded if pair[0].learner == first.learner),
        key=lambda pair: pair[0].episodes,
    )
    at = np.array([cell.episodes for cell, _ in own], dtype=float)
    marks = []
    for field, name, color, dashes, italic in (
        ("trivial", "trivial bound", style.MUTED, "-", False),
        ("explicit", f"explicit bound, mean ({learner_label(first)})", style.INK, "-", False),
        ("paper_shape", "paper shape (no bound at finite K)", style.MUTED, (0, (1, 1.8)), True),
    ):
        curve = np.array([float(getattr(bounds, field)[-1]) for _, bounds in own])
        limit = _CEILING * np.array([float(bounds.trivial[-1]) for _, bounds in own])
        if curve[-1] > limit[-1]:
            name += f": {power(float(curve[-1]))} ↑"
        visible = np.where(curve <= limit, curve, np.nan)
        axes.plot(at, visible, color=color, linestyle=dashes, linewidth=1.0, zorder=2)
        end = float(curve[-1])
        marks.append(labels.EndLabel(at[-1], end, name, color, italic, dashes=dashes))
    return marks
