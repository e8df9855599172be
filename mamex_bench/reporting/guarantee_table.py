"""Table of guarantees: what each learner's paper promises, and the exponent that was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.errors import MamexBenchError
from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.reporting import contests, kinds
from mamex_bench.reporting.estimates import SEED
from mamex_bench.reporting.table import Entry, Formula, Table
from mamex_bench.reporting.wording import FIXED, MARKOV_MARK, concept, learner
from mamex_bench.runs.results import Cell, Results
from mamex_bench.statistics import exponents as fit_exponents


def guarantee_of(name: str) -> Guarantee | None:
    """What a registered learner's module promises; None when it says nothing, or is not here."""
    from mamex_bench import learners

    try:
        found = getattr(learners.REGISTRY.load(name), "GUARANTEE", None)
    except MamexBenchError:
        return None
    return found if isinstance(found, Guarantee) else None


def guarantees(results: Results) -> Table:
    """What each learner's paper promises, and the exponent that was measured."""
    rows: list[tuple[Entry, ...]] = []
    for name, promise, own in promises(results):
        rows.append(
            (
                learner(name),
                Formula(promise.rate),
                Formula(f"{promise.games}; {', '.join(map(concept, promise.concepts))}"),
                promise.about,
                "–" if promise.exponent is None else f"{promise.exponent:.2g}",
                measured(results, own, promise),
                Formula(promise.source + ("" if promise.checked else " (recalled)")),
            )
        )
    return Table(
        slug="comparison-guarantees",
        caption="Guarantees as published, one row per algorithm: leading order, what it covers, "
        "whether it speaks of the profiles executed or of one output profile, its exponent of K as "
        "a bound on cumulative regret (a sample complexity of order ε⁻ᵖ counts as 1 − 1/p). "
        "Measured: exponent of the mean regret in K on the upper half of the checkpoints, median "
        "over instances and concepts covered, and in brackets the least and the greatest; a dash "
        "where the promise is about an output or nothing covered was run; regret "
        f"against every policy for learners marked {MARKOV_MARK} elsewhere, inside the class for "
        "the others. One instance does not attain a worst case, and constants hide at small K: an "
        "exponent below the promise does not prove it, one above does not refute it. “Recalled”: "
        "the statement was not compared with the paper.",
        header=(
            "learner",
            "rate",
            "covers",
            "about",
            "promised",
            "measured",
            "source",
        ),
        align="llllrrl",
        rows=tuple(rows),
    )


def promises(results: Results) -> list[tuple[str, Guarantee, list[Cell]]]:
    """Registered name, guarantee and cells with data of every ranked learner that has one."""
    by_name: dict[str, list[Cell]] = {}
    for cell in results.cells:
        if contests.ranked(cell):
            by_name.setdefault(cell.learner_name, []).append(cell)
    order = {kind.title: place for place, kind in enumerate(kinds.KINDS)}
    names = sorted(by_name, key=lambda name: order[kinds.kind(name).title])
    found = [(name, guarantee_of(name), by_name[name]) for name in names]
    return [(name, promise, own) for name, promise, own in found if promise is not None]


def measured(results: Results, cells: Sequence[Cell], promise: Guarantee) -> str:
    """Median, least and greatest exponent over the cells that a guarantee speaks of."""
    slopes = []
    for cell in cells:
        game = results.instance(cell.instance)
        covered = promise.covers(cell.concept, game.agents, game.constant_sum)
        if covered and len(cell.checkpoints) > 3:
            curves = np.asarray(cell.regret, dtype=float).sum(axis=2)
            slope = fit_exponents(cell.checkpoints, curves, SEED, resamples=1)[1].interval.estimate
            if np.isfinite(slope):
                slopes.append(slope)
    if not slopes:
        return "–"
    texts = [
        f"{round(each, 2) + 0.0:.2f}".replace("-", "−")
        for each in (np.median(slopes), *_ends(slopes))
    ]
    return f"{texts[0]} [{texts[1]},{FIXED}{texts[2]}]" if len(slopes) > 1 else texts[0]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def deviations(results: Results) -> list[tuple[str, str]]:
    """Learners whose implementation differs from what their theorem speaks of, and how."""
    return [
        (learner(name), promise.deviation)
        for name, promise, _ in promises(results)
        if promise.deviation
    ]
