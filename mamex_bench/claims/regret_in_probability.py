"""Regret of single runs against the bound in probability: theory/regret_in_probability.md.

But for probability 2 delta the bound holds for all agents at once, also for the positive parts of
their gaps. A seed is *beyond* when some agent's cumulative positive parts exceed the bound per
agent. `violated` if and only if the lower one-sided 97.5 % Clopper-Pearson limit of the fraction
of seeds beyond exceeds 2 delta.
"""

from __future__ import annotations

from mamex_bench.claims._verdict import (
    HOLDS,
    INCONCLUSIVE,
    VACUOUS,
    VIOLATED,
    Verdict,
    bound_obstacle,
    bounded_cells,
    of_cell,
)
from mamex_bench.runs.results import BoundArrays, Cell, Results
from mamex_bench.statistics import clopper_pearson
from mamex_bench.words import count

CLAIM = "regret_in_probability"


def judge(results: Results) -> list[Verdict]:
    """One verdict per cell whose learner the bound speaks of."""
    return [_judge(cell, bounds) for cell, bounds in bounded_cells(results.cells)]


def _judge(cell: Cell, bounds: BoundArrays) -> Verdict:
    stopped = bound_obstacle(cell, bounds)
    if stopped is not None:
        return of_cell(cell, CLAIM, *stopped)
    worst = cell.positive_regret[:, -1].max(axis=1)
    bound = float(bounds.explicit_probability[-1]) / bounds.agents
    trivial = float(bounds.trivial[-1]) / bounds.agents
    beyond, N = int((worst > bound + 1e-9 * max(1.0, abs(bound))).sum()), worst.size
    allowed = bounds.failure_probability
    fraction = clopper_pearson(beyond, N, 0.95)
    measured = (
        f"{beyond} of {count(N, 'run')} beyond the bound {bound:.4g} per agent (allowed "
        f"probability {allowed:g}), at least {fraction.low:.3g} of all runs at confidence 97.5 %; "
        f"largest regret {float(worst.max()):.4g}, trivial bound {trivial:.4g}"
    )
    numbers = {
        "beyond": float(beyond),
        "seeds": float(N),
        "bound": bound,
        "trivial": trivial,
        "failure_probability": allowed,
        "fraction_low": fraction.low,
        "fraction_high": fraction.high,
        "largest": float(worst.max()),
    }
    if bound >= trivial:
        reason = f"the bound says nothing at K = {cell.episodes:,}: {measured}"
        return of_cell(cell, CLAIM, VACUOUS, reason, numbers)
    if fraction.low > allowed:
        reason = f"too many runs exceed it: {measured}"
        return of_cell(cell, CLAIM, VIOLATED, reason, numbers, cell.expected)
    if fraction.estimate <= allowed:
        return of_cell(
            cell, CLAIM, HOLDS, f"no violation seen in {count(N, 'run')}: {measured}", numbers
        )
    reason = f"more runs exceed it than allowed, by chance perhaps: {measured}"
    return of_cell(cell, CLAIM, INCONCLUSIVE, reason, numbers)
