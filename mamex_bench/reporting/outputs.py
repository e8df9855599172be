"""Outputs that learners hand over themselves, beside what they executed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import concept, has_data, learner_label, number, unbroken
from mamex_bench.runs.results import Cell, Results

KINDS_OF_OUTPUT = {"class": "class", "markov": "Markov", "history": "history"}


def offered(results: Results) -> Iterator[tuple[Cell, float, float, float]]:
    """Cells with an output of their own: lower and upper end of its gap, gap of what was executed.

    Means over seeds of the largest gap over agents.
    """
    for cell in results.cells:
        if has_data(cell) and cell.offered and "output_gap" in cell.diagnostics:
            high = np.asarray(cell.diagnostics["output_gap"], dtype=float)
            low = np.asarray(cell.diagnostics.get("output_gap_lower", high), dtype=float)
            middle = np.asarray(cell.output_gap, dtype=float)[:, -1]
            yield cell, float(low.mean()), float(high.mean()), float(middle.mean())


def table(results: Results) -> Table:
    """One row per learner, instance and concept."""
    rows = tuple(
        (
            unbroken(learner_label(cell)),
            cell.instance,
            concept(cell.concept),
            KINDS_OF_OUTPUT.get(cell.offered, cell.offered),
            *map(number, gaps),
        )
        for cell, *gaps in offered(results)
    )
    return Table(
        slug="comparison-offers",
        caption="Outputs that learners hand over themselves after the last episode, a distribution "
        "over the class, a Markov profile or a certified policy that depends on the history: the "
        "largest gap over agents, mean over seeds, as an interval (both ends equal where it is "
        "exact). Beside it the mean gap of the profiles executed, or, for mixtures over the class, "
        "the gap of their mixture.",
        header=(
            "learner",
            "instance",
            "concept",
            "output",
            "gap, at least",
            "gap, at most",
            "of what was executed",
        ),
        align="llllrrr",
        rows=rows,
    )


def summary(results: Results) -> Table:
    """One row per learner: medians over instances and concepts."""
    found: dict[str, list[tuple[Cell, float, float, float]]] = {}
    for each in offered(results):
        found.setdefault(each[0].learner, []).append(each)
    rows = tuple(
        (
            unbroken(learner_label(own[0][0])),
            KINDS_OF_OUTPUT.get(own[0][0].offered, own[0][0].offered),
            number(len(own)),
            *(number(float(np.median([each[i] for each in own]))) for i in (1, 2)),
            number(max(high for _, _, high, _ in own)),
            number(float(np.median([middle for *_, middle in own]))),
        )
        for own in found.values()
    )
    return Table(
        slug="comparison-outputs",
        caption="Outputs that learners hand over themselves after the last episode, a distribution "
        "over the class, a Markov profile or a certified policy that depends on the history: the "
        "largest gap over agents, mean over seeds, as an interval (both ends equal where it is "
        "exact), median over instances and concepts; then the greatest upper end. Last the mean "
        "gap of the profiles executed, or of their mixture for mixtures over the class, median.",
        header=(
            "learner",
            "output",
            "runs on",
            "gap, at least",
            "at most",
            "greatest",
            "of what was executed",
        ),
        align="llrrrrr",
        rows=rows,
    )
