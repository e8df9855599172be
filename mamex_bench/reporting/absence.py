"""What does not apply: learners that do not exist for a game or a concept, and why."""

from __future__ import annotations

import re

from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import concept, learner, number, places
from mamex_bench.runs.results import NOT_APPLICABLE, Cell, Results


def table(results: Results) -> Table:
    """Cells that cannot be run by their nature: learner, concepts, instances, reason."""
    rows: dict[tuple[str, str], dict[str, list[str]]] = {}
    for cell in results.cells:
        if cell.status == NOT_APPLICABLE:
            where = rows.setdefault((cell.learner, _reason(cell)), {})
            where.setdefault(cell.instance, []).append(concept(cell.concept))
    return Table(
        slug="comparison-not-applicable",
        caption="Not applicable: learners that do not exist for a game or a concept were not run "
        "there, for the reason that they gave before the suite started.",
        header=("learner", "instances (concepts)", "reason"),
        align="lll",
        rows=tuple((learner(id), places(where), reason) for (id, reason), where in rows.items()),
    )


def reasons(results: Results) -> Table:
    """The same in short: one row per reason, its learners, and how many cells it rules out."""
    found: dict[str, list[Cell]] = {}
    for cell in results.cells:
        if cell.status == NOT_APPLICABLE:
            reason = _reason(cell).removeprefix(f"{cell.learner_name} ")
            reason = re.sub(r"the instance has \S.*", "the instance has others", reason)
            found.setdefault(reason, []).append(cell)
    rows = tuple(
        (
            reason,
            ", ".join(dict.fromkeys(learner(cell.learner) for cell in own)),
            ", ".join(dict.fromkeys(cell.instance for cell in own)),
            number(len(own)),
        )
        for reason, own in found.items()
    )
    return Table(
        slug="comparison-reasons",
        caption="Not applicable: learners that do not exist for a game or a concept were not run "
        "there. Each reason, as it was given before the suite started, the learners that gave it, "
        "the instances on which some concept was asked for in vain, and the cells that it rules "
        "out.",
        header=("reason", "learners", "instances", "cells"),
        align="lllr",
        rows=rows,
    )


def _reason(cell: Cell) -> str:
    return re.sub(r"instance '[^']*'", "the instance", cell.reason)
