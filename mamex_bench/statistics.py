"""Intervals, exponents and comparisons over independent seeds: exact or bootstrap, always seeded.

An interval says how it was made and from how many values; nothing here draws from global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, floats

RESAMPLES = 2000
# Fractions of the wealth that `betting_mean` stakes, mixed with equal weights.
STAKES = np.array([1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 0.99])
# Resampled values held at once.
BLOCK = 1 << 20


@dataclass(frozen=True)
class Interval:
    """An interval around an estimate.

    Attributes:
        estimate, low, high: numbers, in the units of the data.
        level: nominal coverage.
        count: number of independent values behind it.
        method: how the ends were found.
    """

    estimate: float
    low: float
    high: float
    level: float
    count: int
    method: str

    def __repr__(self) -> str:
        return (
            f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}] "
            f"({100 * self.level:g} %, {self.method}, N = {self.count})"
        )


@dataclass(frozen=True)
class Exponent:
    """Slope of log mean regret against log episodes over one window of checkpoints.

    Attributes:
        window: "all", "upper half" or "last four".
        first, last: episodes at the window's ends.
        points: checkpoints in the window whose mean is positive.
        interval: slope with its bootstrap interval over seeds; NaN when fewer than two points, or
            when a resampled mean is not positive.
    """

    window: str
    first: int
    last: int
    points: int
    interval: Interval


@dataclass(frozen=True)
class Band:
    """Median and quantile band over seeds, each (P,)."""

    median: Floats
    low: Floats
    high: Floats
    level: float


@dataclass(frozen=True)
class Comparison:
    """Seed by seed, first minus second.

    Attributes:
        difference: mean difference with its bootstrap interval.
        wins, losses, ties: seeds where the first is smaller, larger, equal.
        p_value: two-sided exact sign test, ties left out.
    """

    difference: Interval
    wins: int
    losses: int
    ties: int
    p_value: float


def _generator(seed: int | Sequence[int]) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed))


def _level(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise InputError(f"level is {level!r}: expected a number strictly between 0 and 1")
    return 1.0 - level


def resampled_means(
    values: ArrayLike, seed: int | Sequence[int], resamples: int = RESAMPLES
) -> Floats:
    """(resamples, ...): means over the first axis of `values`, rows drawn with replacement."""
    array = np.asarray(values, dtype=np.float64)
    N = array.shape[0]
    rng = _generator(seed)
    # How often each row is drawn. No BLAS: its sums depend on the number of threads.
    weights = rng.multinomial(N, np.full(N, 1.0 / N), size=resamples) / N
    flat = array.reshape(N, -1)
    means = np.empty((resamples, flat.shape[1]))
    step = max(1, BLOCK // flat.shape[1])
    for start in range(0, resamples, step):
        means[start : start + step] = np.einsum("rn,np->rp", weights[start : start + step], flat)
    return means.reshape(resamples, *array.shape[1:])


def bootstrap_mean(
    values: ArrayLike,
    seed: int | Sequence[int],
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Percentile bootstrap interval of the mean of N values, (N,).

    It is too short for lopsided data and few values: beside it, `hoeffding_mean` is exact.
    """
    array = floats(values, "values", 1)
    alpha = _level(level)
    mean = float(array.mean())
    if array.min() == array.max():
        return Interval(mean, mean, mean, level, array.size, "bootstrap, all values equal")
    means = resampled_means(array, seed, resamples)
    low, high = np.quantile(means, [alpha / 2, 1 - alpha / 2])
    return Interval(mean, float(low), float(high), level, array.size, "percentile bootstrap")


def hoeffding_mean(values: ArrayLike, width: float, level: float = 0.95) -> Interval:
    """Exact interval for the mean of N independent values that span at most `width`:

    mean +- width sqrt( log(2/alpha) / (2 N) ).
    """
    array = floats(values, "values", 1)
    alpha = _level(level)
    if width < float(np.ptp(array)) * (1 - 1e-9) - 1e-9:
        raise InputError(f"width is {width:g}: the values span {np.ptp(array):g}")
    mean = float(array.mean())
    half = float(width * np.sqrt(np.log(2.0 / alpha) / (2.0 * array.size)))
    return Interval(mean, mean - half, mean + half, level, array.size, "Hoeffding")


def betting_mean(values: ArrayLike, width: float, level: float = 0.95) -> Interval:
    """Exact interval for the mean of N independent values in [0, width], short for low variance.

    If the mean is at most m, no bet on larger values makes money: for every stake t in [0, 1]

        E prod_j (1 + t (x_j / m - 1)) <= 1,

    and so for the average e(m) over the fixed `STAKES`. By Markov's inequality e(m) >= 2/alpha has
    probability at most alpha/2; e falls with m, so the lower end is where it crosses 2/alpha. The
    upper end is the same for width - x. The order of the values does not matter.
    Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    array = floats(values, "values", 1)
    alpha = _level(level)
    slack = 1e-9 * max(1.0, width)
    if array.min() < -slack or array.max() > width + slack:
        raise InputError(
            f"values span [{array.min():g}, {array.max():g}]: expected them in [0, {width:g}]"
        )
    inside = np.clip(array, 0.0, width)
    low = _bet(inside, alpha)
    high = width - _bet(width - inside, alpha)
    return Interval(float(array.mean()), low, high, level, array.size, "betting")


def _bet(values: Floats, alpha: float) -> float:
    """Greatest m, to 1e-9 of the mean, whose wealth e(m) reaches 2 / alpha; 0 if none does."""
    mean = float(values.mean())
    if mean <= 0.0:
        return 0.0
    goal = np.log(2.0 / alpha) + np.log(STAKES.size)
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2.0
        gains = np.log1p(STAKES[:, None] * (values / (middle * mean) - 1.0))
        if np.logaddexp.reduce(gains.sum(axis=1)) >= goal:
            low = middle
        else:
            high = middle
    return low * mean


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Exact two-sided interval of a probability; each end is one-sided at (1 + level) / 2.

    low: P(Binomial(N, low) >= x) = alpha/2; high: P(Binomial(N, high) <= x) = alpha/2.
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= trials or trials < 1:
        raise InputError(f"{successes} of {trials}: expected 0 <= successes <= trials, trials >= 1")
    alpha, x, N = _level(level), successes, trials
    low = float(betaincinv(x, N - x + 1, alpha / 2)) if x > 0 else 0.0
    high = float(betaincinv(x + 1, N - x, 1 - alpha / 2)) if x < N else 1.0
    return Interval(x / N, low, high, level, N, "Clopper-Pearson")


def windows(points: int) -> dict[str, slice]:
    """The three windows over `points` checkpoints."""
    return {
        "all": slice(0, points),
        "upper half": slice(points // 2, points),
        "last four": slice(max(points - 4, 0), points),
    }


def exponents(
    episodes: ArrayLike,
    curves: ArrayLike,
    seed: int | Sequence[int],
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[Exponent, ...]:
    """Growth exponents of mean regret, on all checkpoints, the upper half and the last four.

    episodes: (P,); curves: (N, P) cumulative regret per seed. Least squares on logarithms; the
    interval resamples seeds. Checkpoints whose mean is not positive have no logarithm: they are
    left out, and the number used is stated.
    """
    times = floats(episodes, "episodes", 1)
    values = floats(curves, "curves", 2)
    if values.shape[1] != times.size:
        raise InputError(f"curves has shape {values.shape}: expected (N, {times.size})")
    alpha = _level(level)
    mean = values.mean(axis=0)
    means = resampled_means(values, seed, resamples)
    found = []
    for name, window in windows(times.size).items():
        inside = np.arange(times.size)[window]
        used = inside[mean[inside] > 0.0]
        slope = low = high = np.nan
        if used.size >= 2:
            slope = float(_slopes(times[used], mean[None, used])[0])
            positive = (means[:, used] > 0.0).all(axis=1)
            if positive.all():
                slopes = _slopes(times[used], means[:, used])
                low, high = (float(q) for q in np.quantile(slopes, [alpha / 2, 1 - alpha / 2]))
        interval = Interval(slope, low, high, level, values.shape[0], "bootstrap over seeds")
        first, last = int(times[inside[0]]), int(times[inside[-1]])
        found.append(Exponent(name, first, last, int(used.size), interval))
    return tuple(found)


def _slopes(times: Floats, rows: Floats) -> Floats:
    """(R,): least-squares slope of log rows (R, P) against log times (P,)."""
    x = np.log(times)
    x = x - x.mean()
    slopes: Floats = np.log(rows) @ x / (x @ x)
    return slopes


def band(curves: ArrayLike, level: float = 0.8) -> Band:
    """Median over seeds and the central band that holds `level` of them; curves (N, P)."""
    values = floats(curves, "curves", 2)
    alpha = _level(level)
    low, median, high = np.quantile(values, [alpha / 2, 0.5, 1 - alpha / 2], axis=0)
    return Band(median, low, high, level)


def paired(
    first: ArrayLike, second: ArrayLike, seed: int | Sequence[int], level: float = 0.95
) -> Comparison:
    """Compare two quantities measured on the same N seeds, in the same order."""
    from scipy.special import bdtr

    a, b = floats(first, "first", 1), floats(second, "second", 1)
    if a.shape != b.shape:
        raise InputError(f"first has {a.size} values, second {b.size}: expected the same seeds")
    wins, losses = int((a < b).sum()), int((a > b).sum())
    decided = wins + losses
    # P(Binomial(N, 1/2) <= min(wins, losses)), doubled
    tail = float(bdtr(min(wins, losses), decided, 0.5)) if decided else 1.0
    return Comparison(
        bootstrap_mean(a - b, seed, level), wins, losses, a.size - decided, min(1.0, 2.0 * tail)
    )
