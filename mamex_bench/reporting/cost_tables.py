"""What learners cost: time per episode, equilibria solved, and how much of the time these took."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.model._arrays import Floats
from mamex_bench.reporting import contests
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import duration, learner_label, number, share, unbroken
from mamex_bench.runs.results import Cell, Results


def costs(results: Results) -> Table:
    """One row per ranked learner, over all instances and concepts: speed, and solves apart."""
    cells = [cell for cell in results.cells if contests.ranked(cell)]
    rows = []
    for first in contests.by_kind(cells):
        own = [cell for cell in cells if cell.learner == first.learner]
        times = [float(np.median(cell.seconds)) / cell.episodes for cell in own]
        apart = [time for cell in own if (time := seconds_apart(cell)) is not None]
        solves = [
            1000.0 * float(np.median(cell.diagnostics["solves"])) / cell.episodes
            for cell in own
            if "solves" in cell.diagnostics
        ]
        rows.append(
            (
                unbroken(learner_label(first)),
                number(len(own)),
                duration(float(np.median(times))),
                duration(max(times)),
                number(1.0 / float(np.median(times)), 2) if min(times) > 0 else "–",
                number(1.0 / float(np.median(apart)), 2) if apart and min(apart) > 0 else "–",
                number(float(np.median(solves)), 2) if solves else "–",
                number(max(solves), 2) if solves else "–",
                in_solves(own),
            )
        )
    return Table(
        slug="comparison-costs",
        caption="Cost of each learner, learner and simulation together. Time of an episode: median "
        "over seeds, then median and greatest over instances and concepts; episodes per second at "
        "the median, and what they would be without the time in equilibrium solves. Equilibria "
        "solved in a thousand episodes, median and greatest; their share of the time, median.",
        header=(
            "learner",
            "runs on",
            "an episode",
            "slowest",
            "episodes/s",
            "without solves",
            "solves",
            "most",
            "in solves",
        ),
        align="lrrrrrrrr",
        rows=tuple(rows),
    )


def seconds_apart(cell: Cell) -> float | None:
    """Median over seeds of an episode's time without equilibrium solves; None if not known."""
    if (part := share_in_solves(cell)) is None:
        return None
    return (1.0 - part) * float(np.median(cell.seconds)) / cell.episodes


def of_cells(cells: Sequence[Cell]) -> tuple[str, str, str]:
    """Time per episode, equilibria solved, share of the time in solves: medians over cells."""
    time = float(np.median([np.median(cell.seconds) / cell.episodes for cell in cells]))
    solves = [np.median(c.diagnostics["solves"]) for c in cells if "solves" in c.diagnostics]
    return (
        duration(time),
        number(round(float(np.median(solves)))) if solves else "–",
        in_solves(cells),
    )


def in_solves(cells: Sequence[Cell]) -> str:
    """Median over cells of the share of the time in equilibrium solves."""
    known = [value for cell in cells if (value := share_in_solves(cell)) is not None]
    return share(float(np.median(known))) if known else "–"


def share_in_solves(cell: Cell) -> float | None:
    """Median over seeds of the share of a run's time that went into equilibrium solves.

    None where that is not known, or where they were solved before the first episode, as an oracle's
    are: a run's time does not hold them.
    """
    seconds = cell.diagnostics.get("solve_seconds")
    if seconds is None or not np.all(cell.seconds > 0):
        return None
    shares: Floats = np.asarray(seconds) / np.asarray(cell.seconds)
    return float(np.median(shares)) if shares.max() <= 1.0 else None
