"""Regret against every policy beside that inside the class, and how well it is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import has_data, interval, learner_label, number, unbroken
from mamex_bench.runs.results import EXACT, INTERVAL, NOT_RECORDED, Cell, Results

KNOWN = (EXACT, INTERVAL, NOT_RECORDED)


def table(results: Results) -> Table:
    """One row per learner: what it loses per episode, by both measures, over its cells."""
    units = {each.id: each.agents * each.return_range for each in results.instances}
    learners: dict[str, list[Cell]] = {}
    for cell in results.cells:
        if has_data(cell) and units[cell.instance] > 0.0:
            learners.setdefault(cell.learner, []).append(cell)
    rows = tuple(
        (
            unbroken(learner_label(own[0])),
            *(number(sum(cell.unrestricted == how for cell in own)) for how in KNOWN),
            *_losses(own, [units[cell.instance] for cell in own]),
        )
        for own in learners.values()
    )
    return Table(
        slug="comparison-two-measures",
        caption="Regret inside the policy class and against every policy of the agent that "
        "deviates, policies that remember the history included: signed sum over agents per "
        "episode, as a share of u, the regret of one episode that is as bad as possible inside the "
        "class; mean over seeds, then over instances and concepts. Before it, on how many of these "
        "the regret against every policy is exact, certified to lie in an interval, or not "
        "recorded; with intervals both ends of the mean, over those where it is known.",
        header=("learner", *KNOWN, "inside the class", "against every policy"),
        align="lrrrrr",
        rows=rows,
    )


def _losses(cells: Sequence[Cell], units: Sequence[float]) -> tuple[str, str]:
    """Mean regret per episode inside the class, and against every policy: one number or two."""
    scale = [unit * cell.episodes for cell, unit in zip(cells, units)]
    inside = np.mean([_final(cell.class_regret) / s for cell, s in zip(cells, scale)])
    known = [
        [_final(end) / s for end in cell.unrestricted_regret]
        for cell, s in zip(cells, scale)
        if cell.unrestricted_regret is not None
    ]
    if not known:
        return _percent(float(inside)), "–"
    low, high = (float(end) for end in np.mean(known, axis=0))
    if all(cell.unrestricted != INTERVAL for cell in cells):
        return _percent(float(inside)), _percent(low)
    return _percent(float(inside)), f"{interval(100.0 * low, 100.0 * high)} %"


def _final(regret: np.ndarray) -> float:
    """Signed sum over agents at the last checkpoint of (N, P, n), mean over seeds."""
    return float(np.asarray(regret)[:, -1].sum(axis=1).mean())


def _percent(value: float) -> str:
    return unbroken(f"{number(100.0 * value)} %")
