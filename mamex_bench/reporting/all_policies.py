"""Regret against every policy beside that inside the class, and how well it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import has_data, interval, learner_label, number, unbroken
from mamex_bench.runs.results import EXACT, INTERVAL, NOT_RECORDED, Cell, Results

KNOWN = (EXACT, INTERVAL, NOT_RECORDED)
ORACLE = "oracle"
ROUNDING = 1e-12  # shares below are what rounding leaves


def table(results: Results) -> Table:
    """One row per learner: what it loses per episode, by both measures, over its cells."""
    units = {each.id: each.agents * each.return_range for each in results.instances}
    games = {each.id: f"{each.family} {dict(each.parameters)}" for each in results.instances}
    learners: dict[str, list[Cell]] = {}
    for cell in results.cells:
        if has_data(cell) and units[cell.instance] > 0.0:
            learners.setdefault(cell.learner, []).append(cell)
    best = {
        (games[cell.instance], cell.concept): cell
        for own in learners.values()
        for cell in own
        if cell.learner_name == ORACLE
    }
    rows = tuple(
        (
            unbroken(learner_label(own[0])),
            *(number(sum(cell.unrestricted == how for cell in own)) for how in KNOWN),
            *_losses(own, units),
            _of_oracle([best.get((games[c.instance], c.concept)) for c in own], units),
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
        "recorded; with intervals both ends of the mean, over those where it is known. Rows over "
        "different instances do not compare; behind each is that of the oracle, which plays an "
        "equilibrium of the class from the start, on the same games: what the class leaves out.",
        header=(
            "learner",
            *KNOWN,
            "inside the class",
            "against every policy",
            "the oracle’s there",
        ),
        align="lrrrrrr",
        rows=rows,
    )


def _of_oracle(there: Sequence[Cell | None], units: Mapping[str, float]) -> str:
    """What the oracle loses against every policy on a learner's games, if it is on all of them."""
    met = [cell for cell in there if cell is not None and cell.unrestricted != NOT_RECORDED]
    return _losses(met, units)[1] if len(met) == len(there) else "–"


def _losses(cells: Sequence[Cell], units: Mapping[str, float]) -> tuple[str, str]:
    """Mean regret per episode inside the class, and against every policy: one number or two."""
    scale = [units[cell.instance] * cell.episodes for cell in cells]
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
    return unbroken(f"{number(100.0 * value if abs(value) > ROUNDING else 0.0)} %")
