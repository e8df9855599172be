"""Mean regret against the explicit bound in expectation: theory/regret_in_expectation.md.

Headline: the signed sum of regrets over agents, at the last episode. The bound covers more: for
each agent the sum of the positive parts of its gaps, which lies in [0, R_true K], and n times it
their sum over agents. For NE and CE positive parts are the regret itself, for CCE they are no less.
All n + 1 quantities are judged, so that one agent's gain does not hide behind the others.

Each mean over seeds is held against its bound with the union of two intervals: the percentile
bootstrap, which alone is too short on lopsided regret, and the exact one by betting. Their level is
1 - 0.05 / (n + 1), so that all of them hold at 95 %. Hoeffding's exact interval,
mean +- width sqrt(log(2/alpha) / (2N)), is shown beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mamex_bench.claims._verdict import (
    HOLDS,
    INCONCLUSIVE,
    VACUOUS,
    VIOLATED,
    Verdict,
    bound_obstacle,
    bounded_cells,
    of_cell,
    span,
)
from mamex_bench.model._arrays import Floats
from mamex_bench.runs.results import BoundArrays, Cell, Results
from mamex_bench.runs.seeds import entropy
from mamex_bench.statistics import Interval, betting_mean, bootstrap_mean, hoeffding_mean
from mamex_bench.words import count

CLAIM = "regret_in_expectation"
ALPHA = 0.05
LEAST_SEEDS = 20


def judge(results: Results) -> list[Verdict]:
    """One verdict per cell whose learner the bound speaks of."""
    return [_judge(results.suite, cell, bounds) for cell, bounds in bounded_cells(results.cells)]


def _judge(suite: str, cell: Cell, bounds: BoundArrays) -> Verdict:
    stopped = bound_obstacle(cell, bounds)
    if stopped is not None:
        return of_cell(cell, CLAIM, *stopped, expected=cell.expected)
    n, K = bounds.agents, f"{cell.episodes:,}"
    bound, trivial = float(bounds.explicit[-1]), float(bounds.trivial[-1])
    positive, signed = cell.positive_regret[:, -1], cell.class_regret[:, -1]
    level = 1.0 - ALPHA / (n + 1)
    coordinates = (suite, cell.instance, cell.learner, cell.concept, cell.episodes, CLAIM)
    total = _Quantity.of(
        "the sum over agents", positive.sum(axis=1), bound, trivial, level, coordinates
    )
    each = [
        _Quantity.of(f"agent {i}", positive[:, i], bound / n, trivial / n, level, coordinates)
        for i in range(n)
    ]
    worst = max(each, key=lambda q: q.sampled.estimate)
    wide = hoeffding_mean(positive.sum(axis=1), trivial, level)
    mean = float(signed.sum(axis=1).mean())
    # For Nash and CE the two are the same number.
    parts = f" signed and {total.sampled.estimate:.4g} in positive parts, these with"
    measured = (
        f"mean regret of {count(total.sampled.count, 'run')} summed over agents {mean:.4g}"
        f"{parts if cell.concept == 'cce' else ','} "
        f"bootstrap {span(total.sampled)}, exact {span(total.exact)}, Hoeffding {span(wide)} at "
        f"{100 * level:.3g} %; bound {bound:.4g}, trivial bound {trivial:.4g}"
    )
    numbers = {
        "mean": mean,
        "positive_parts": total.sampled.estimate,
        "bound": bound,
        "trivial": trivial,
        "ratio": total.sampled.estimate / bound if bound > 0.0 else float("nan"),
        "seeds": float(total.sampled.count),
        "level": level,
        "bootstrap_low": total.sampled.low,
        "bootstrap_high": total.sampled.high,
        "exact_low": total.exact.low,
        "exact_high": total.exact.high,
        "hoeffding_low": wide.low,
        "hoeffding_high": wide.high,
        "worst_agent": worst.sampled.estimate,
        "worst_agent_low": min(worst.sampled.low, worst.exact.low),
    }
    if bound >= trivial:
        since = bounds.nonvacuous_from
        speaks = "nothing up to 1e12 either" if since is None else f"more from K = {since:,.0f} on"
        words = f"the bound says nothing at K = {K} (with eta tuned to K it says {speaks})"
        return of_cell(cell, CLAIM, VACUOUS, f"{words}: {measured}", numbers, cell.expected)
    status, words = _status(cell, [total, *each])
    return of_cell(cell, CLAIM, status, f"{words}: {measured}", numbers, cell.expected)


@dataclass(frozen=True)
class _Quantity:
    """One mean and its bound."""

    name: str
    bound: float
    sampled: Interval
    exact: Interval

    @classmethod
    def of(
        cls,
        name: str,
        values: Floats,
        bound: float,
        trivial: float,
        level: float,
        coordinates: tuple[str | int, ...],
    ) -> _Quantity:
        sampled = bootstrap_mean(values, entropy(*coordinates, name), level)
        return cls(name, bound, sampled, betting_mean(values, trivial, level))

    @property
    def beyond(self) -> bool:
        low = min(self.sampled.low, self.exact.low)
        return low > self.bound + 1e-9 * max(1.0, abs(self.bound))


def _status(cell: Cell, judged: Sequence[_Quantity]) -> tuple[str, str]:
    seeds = len(cell.seeds)
    deterministic = bool(cell.diagnostics.get("deterministic", [0.0])[0])
    if seeds < LEAST_SEEDS and not deterministic:
        return INCONCLUSIVE, f"fewer than {LEAST_SEEDS} seeds"
    beyond = [quantity for quantity in judged if quantity.beyond]
    if beyond:
        first = beyond[0]
        return VIOLATED, (
            f"for {first.name} both intervals, from {min(first.sampled.low, first.exact.low):.4g} "
            f"up, lie beyond the bound {first.bound:.4g}"
        )
    if all(quantity.sampled.high <= quantity.bound for quantity in judged):
        return HOLDS, f"no violation seen in {count(seeds, 'run')}"
    return INCONCLUSIVE, "an interval straddles a bound"
