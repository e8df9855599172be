"""Registered bounds beside what was measured: lines in a figure, and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mamex_bench.bounds import KINDS, PROVED
from mamex_bench.reporting import labels, style
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import concept, has_data, learner_label, number, power, slug
from mamex_bench.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mamex_bench.runs.results import Cell

_DASHES = {True: (0, (6, 1.4, 1.2, 1.4)), False: (0, (1, 1.8))}  # proved; published


def lines(
    axes: Axes, cells: Sequence[Cell], styles: Mapping[str, style.LineStyle], roof: float
) -> list[labels.EndLabel]:
    """Each bound in its learner's colour; what is beyond `roof` is named, not drawn."""
    marks = []
    for cell in cells:
        at = np.asarray(cell.checkpoints, dtype=float)
        for each in cell.stated:
            proved, last = each.kind == PROVED, float(each.values[-1])
            color, dashes = styles[cell.learner].color, _DASHES[proved]
            text = f"{learner_label(cell)}: {each.kind} bound{'' if proved else ' (no claim here)'}"
            if last > roof:
                text = f"{text}: {power(last)} ↑"
            visible = np.where(each.values <= roof, each.values, np.nan)
            axes.plot(at, visible, color=color, linestyle=dashes, linewidth=1.0, zorder=2)
            marks.append(
                labels.EndLabel(at[-1], last, text, color, italic=not proved, dashes=dashes)
            )
    return marks


def table(results: Results, instance: str) -> Table:
    """Every registered bound that speaks of a learner on this instance, with its source."""
    rows = []
    for cell in results.cells:
        if cell.instance != instance or not has_data(cell):
            continue
        final = np.asarray(cell.regret, dtype=float)[:, -1].sum(axis=1)
        for each in cell.stated:
            last = float(each.values[-1])
            if each.failure_probability:
                beyond = f"{int((final > last).sum())} of {final.size} runs"
                fails = f"{each.failure_probability:g}"
            else:
                beyond, fails = ("yes" if final.mean() > last else "no"), "on the mean"
            rows.append(
                (
                    concept(cell.concept),
                    learner_label(cell),
                    each.name,
                    each.kind,
                    number(float(final.mean())),
                    number(last),
                    beyond,
                    fails,
                    each.source,
                )
            )
    kinds = "; ".join(f"“{kind}”: {words}" for kind, words in KINDS.items())
    return Table(
        slug=f"stated-{slug(instance)}",
        caption=f"{instance}: bounds on regret that others than MAMEX have, registered by name, at "
        f"the last episode, summed over agents. Kinds: {kinds}. None is fitted to data. Beyond: "
        "runs whose regret exceeds the bound, or whether the mean does; beside it the probability "
        "with which the bound may fail.",
        header=(
            "concept",
            "learner",
            "bound",
            "kind",
            "mean regret",
            "bound at K",
            "beyond",
            "may fail",
            "source",
        ),
        align="llllrrrrl",
        rows=tuple(rows),
    )
