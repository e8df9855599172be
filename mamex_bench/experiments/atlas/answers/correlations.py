"""Whether regret follows the coefficient more closely than it follows other measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mamex_bench.experiments.atlas.answers.curves import ROUNDING
from mamex_bench.experiments.atlas.answers.ranks import ranks, spearman, weighted_spearman
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas, GameRow
from mamex_bench.model._arrays import Floats
from mamex_bench.runs.seeds import stream
from mamex_bench.statistics import Interval

RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of a measure with regret.

    Attributes:
        measure: its id.
        instances, families: how many of each.
        rho: at the middle of every interval (geometric). Its interval runs from the least 2.5 % to
            the greatest 97.5 % quantile over three choices: all lower ends, all middles, all upper
            ends; families are resampled. Other choices of values between the ends may rank the
            games otherwise and are not covered.
        of_coefficient: the coefficient's on the same instances.
        difference: of_coefficient minus rho, resampled together, over the nine pairs of choices.
    """

    measure: str
    instances: int
    families: int
    rho: Interval
    of_coefficient: Interval
    difference: Interval


def regret_rows(atlas: Atlas) -> list[GameRow]:
    """Rows with regret, of games in which some regret is possible."""
    return [row for row in atlas.games if row.regret and row.facts["return_range"] > 0.0]


def normalised_regret(row: GameRow) -> float:
    """Mean over seeds of the final regret, summed over agents, divided by n R_true; no rounding."""
    value = float(np.mean(row.regret) / (row.facts["agents"] * row.facts["return_range"]))
    return value if abs(value) > ROUNDING else 0.0


@lru_cache(maxsize=64)
def _correlation(atlas: _Same, measure: str) -> Correlation | None:
    return _correlate(atlas.atlas, measure)


def correlation(atlas: Atlas, measure: str) -> Correlation | None:
    """The measure's correlation; None on fewer than four instances."""
    return _correlation(_Same(atlas), measure)


@dataclass(frozen=True, eq=False)
class _Same:
    """An atlas by identity, so that what it costs to resample is paid once."""

    atlas: Atlas

    def __hash__(self) -> int:
        return id(self.atlas)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.atlas is other.atlas


def _correlate(atlas: Atlas, measure: str) -> Correlation | None:
    """The measure's correlation; None on fewer than four instances."""
    rows = _measured(atlas, measure)
    if len(rows) < 4:
        return None
    regret = np.array([normalised_regret(row) for row in rows])
    mine = np.array([_ends(row, measure) for row in rows]).T
    coefficient = np.array([_ends(row, COEFFICIENT) for row in rows]).T
    families = list(dict.fromkeys(row.family for row in rows))
    member = np.array([families.index(row.family) for row in rows])
    rng = stream("atlas", "correlation", atlas.plan.name, measure)
    times_drawn = rng.multinomial(
        len(families), np.full(len(families), 1.0 / len(families)), RESAMPLES
    )
    weights = times_drawn[:, member].astype(np.float64)
    drawn = np.array(
        [
            [weighted_spearman(ends, regret, weights) for ends in values]
            for values in (mine, coefficient)
        ]
    ).transpose(2, 0, 1)
    whole = [[spearman(ends, regret) for ends in values] for values in (mine, coefficient)]
    gaps = (drawn[:, 1, :, None] - drawn[:, 0, None, :]).reshape(RESAMPLES, -1)
    if measure == COEFFICIENT:
        gaps = drawn[:, 1] - drawn[:, 0]
    return Correlation(
        measure,
        len(rows),
        len(families),
        _hull(whole[0], drawn[:, 0], len(families)),
        _hull(whole[1], drawn[:, 1], len(families)),
        _quantiles(whole[1][1] - whole[0][1], gaps, len(families)),
    )


def plain_correlation(
    atlas: Atlas, measure: str, kind: str | None = None, divided: bool = True
) -> tuple[float, int]:
    """Spearman's correlation at the middles, and of how many games; NaN below four.

    Args:
        kind: games whose class is of this kind alone: "models" or "values".
        divided: False: regret per agent, not divided by R_true, and the regret bound neither.
    """
    rows = [row for row in _measured(atlas, measure) if kind in (None, kind_of(row))]
    if len(rows) < 4:
        return float("nan"), len(rows)
    units = np.array([1.0 if divided else row.facts["return_range"] for row in rows])
    regret = units * np.array([normalised_regret(row) for row in rows])
    mine = np.array([_ends(row, measure)[1] for row in rows])
    if is_regret_bound(atlas, measure):
        mine = mine * units
    return spearman(mine, regret), len(rows)


def kind_of(row: GameRow) -> str:
    """What its class holds: "models", "values" or "linear"."""
    return str(row.facts["classes"][row.hypotheses]["kind"])


def is_regret_bound(atlas: Atlas, measure: str) -> bool:
    """Whether a measure is made from the coefficient and divided by R_true."""
    return measure != COEFFICIENT and atlas.plan.measure(measure).name == "regret_bound"


def rank_points(atlas: Atlas, measure: str) -> list[tuple[float, float, str]]:
    """(rank of the measure, rank of regret, family) of every game behind `correlation`."""
    rows = _measured(atlas, measure)
    regret = ranks(np.array([normalised_regret(row) for row in rows]))
    mine = ranks(np.array([_ends(row, measure)[1] for row in rows]))
    return [(float(x), float(y), row.family) for x, y, row in zip(mine, regret, rows)]


def _measured(atlas: Atlas, measure: str) -> list[GameRow]:
    """Rows with regret, the coefficient and the measure."""
    return [
        row
        for row in regret_rows(atlas)
        if row.coefficient.known and (measure == COEFFICIENT or _known(row, measure))
    ]


def _known(row: GameRow, measure: str) -> bool:
    return measure in row.readings and row.readings[measure].known


def _ends(row: GameRow, measure: str) -> tuple[float, float, float]:
    """(lower, middle, upper); the middle is geometric, or half the upper end above a zero."""
    found = row.coefficient if measure == COEFFICIENT else row.readings[measure]
    low, high = found.lower, found.upper
    middle = float(np.sqrt(low * high)) if low > 0.0 else high / 2.0
    return low, middle, high


def _hull(whole: Sequence[float], drawn: Floats, count: int) -> Interval:
    return _quantiles(whole[1], drawn, count)


def _quantiles(estimate: float, drawn: Floats, count: int) -> Interval:
    """From the least 2.5 % to the greatest 97.5 % quantile over columns."""
    held = drawn[np.isfinite(drawn).all(axis=1)]
    low = high = float("nan")
    if held.size:
        low = float(np.quantile(held, (1.0 - LEVEL) / 2.0, axis=0).min())
        high = float(np.quantile(held, (1.0 + LEVEL) / 2.0, axis=0).max())
    return Interval(estimate, low, high, LEVEL, count, "families resampled, ends of intervals")
