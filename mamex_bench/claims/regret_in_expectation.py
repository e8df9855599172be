"""Mean regret against the explicit bound in expectation: theory/regret_in_expectation.md.

Headline: the signed sum of regrets over agents, at the last episode. The bound covers more, the sum
over agents and episodes of the positive parts of the gaps, and that is what is judged: for NE and
CE it is the headline, for CCE it is never smaller. It lies in [0, n R_true K].

The mean over seeds is held against the bound with the union of two intervals at 95 %: the
percentile bootstrap, which alone is too short on lopsided regret, and the exact one by betting.
Hoeffding's exact interval, mean +- n R_true K sqrt(log(2/alpha) / (2N)), is shown beside them.
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
    span,
)
from mamex_bench.runs.results import BoundArrays, Cell, Results
from mamex_bench.runs.seeds import entropy
from mamex_bench.statistics import Interval, betting_mean, bootstrap_mean, hoeffding_mean

CLAIM = "regret_in_expectation"
LEVEL = 0.95
LEAST_SEEDS = 20


def judge(results: Results) -> list[Verdict]:
    """One verdict per cell whose learner the bound speaks of."""
    return [_judge(results.suite, cell, bounds) for cell, bounds in bounded_cells(results.cells)]


def _judge(suite: str, cell: Cell, bounds: BoundArrays) -> Verdict:
    stopped = bound_obstacle(cell, bounds)
    if stopped is not None:
        return of_cell(cell, CLAIM, *stopped, expected=cell.expected)
    regret = cell.positive_regret[:, -1].sum(axis=1)
    bound, trivial = float(bounds.explicit[-1]), float(bounds.trivial[-1])
    signed = float(cell.class_regret[:, -1].sum(axis=1).mean())
    seed = entropy(suite, cell.instance, cell.learner, cell.concept, cell.episodes, CLAIM)
    sampled = bootstrap_mean(regret, seed, LEVEL)
    exact = betting_mean(regret, trivial, LEVEL)
    wide = hoeffding_mean(regret, trivial, LEVEL)
    parts = f" ({sampled.estimate:.4g} with positive parts only)" if cell.concept == "cce" else ""
    measured = (
        f"mean regret of {regret.size} runs summed over agents {signed:.4g}{parts}, bootstrap "
        f"{span(sampled)}, exact {span(exact)}, Hoeffding {span(wide)}; bound {bound:.4g}, trivial "
        f"bound {trivial:.4g}"
    )
    numbers = {
        "mean": signed,
        "positive_parts": sampled.estimate,
        "bound": bound,
        "trivial": trivial,
        "ratio": sampled.estimate / bound if bound > 0.0 else float("nan"),
        "seeds": float(regret.size),
        "bootstrap_low": sampled.low,
        "bootstrap_high": sampled.high,
        "exact_low": exact.low,
        "exact_high": exact.high,
        "hoeffding_low": wide.low,
        "hoeffding_high": wide.high,
        "worst_agent": float(cell.class_regret[:, -1].mean(axis=0).max()),
    }
    status, words = _status(cell, bounds, sampled, exact)
    return of_cell(cell, CLAIM, status, f"{words}: {measured}", numbers, cell.expected)


def _status(cell: Cell, bounds: BoundArrays, sampled: Interval, exact: Interval) -> tuple[str, str]:
    bound = float(bounds.explicit[-1])
    deterministic = bool(cell.diagnostics.get("deterministic", [0.0])[0])
    if bound >= float(bounds.trivial[-1]):
        since = bounds.nonvacuous_from
        when = "at no K up to 1e12" if since is None else f"from K = {since:,.0f} on"
        return VACUOUS, (
            f"the bound says nothing at K = {cell.episodes:,} (with eta tuned to K it is below the "
            f"trivial one {when})"
        )
    if sampled.count < LEAST_SEEDS and not deterministic:
        return INCONCLUSIVE, f"fewer than {LEAST_SEEDS} seeds"
    if min(sampled.low, exact.low) > bound + 1e-9 * max(1.0, abs(bound)):
        return VIOLATED, "both intervals lie beyond the bound"
    if sampled.high <= bound:
        return HOLDS, f"no violation seen in {sampled.count} runs"
    return INCONCLUSIVE, "an interval straddles the bound"
