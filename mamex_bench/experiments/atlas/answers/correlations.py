"""Whether regret follows the coefficient more closely than it follows other measures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mamex_bench.experiments.atlas.answers.curves import ROUNDING
from mamex_bench.experiments.atlas.answers.ranks import (
    agreement,
    ranks,
    spearman,
    taus,
)
from mamex_bench.experiments.atlas.answers.resampling import (
    family_copies,
    joint_intervals,
    one_interval,
)
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas, GameRow
from mamex_bench.experiments.atlas.specs import REGRET_BOUND
from mamex_bench.model._arrays import Floats
from mamex_bench.runs.seeds import stream

# Fewer games than these are not correlated with anything.
FEWEST = 4


@dataclass(frozen=True)
class Spread:
    """A number that depends on values between ends, on games that might have been others.

    Attributes:
        middle: at the middles of all intervals (geometric).
        ends: every choice of values between certified ends, on these very games.
        interval: the same on resampled families, at `resampling.LEVEL`.
    """

    middle: float
    ends: tuple[float, float]
    interval: tuple[float, float]


@dataclass(frozen=True)
class Correlation:
    """Rank correlation tau of a measure with regret, see `ranks`.

    Attributes:
        measure: its id.
        instances, families: how many of each.
        tau: the measure's.
        of_coefficient: the coefficient's on the same games.
        difference: of_coefficient minus tau, both on the same resampled games; the intervals of
            all measures but the regret bound hold together. None for that and for the coefficient.
        spearman: Spearman's correlation at the middles.
    """

    measure: str
    instances: int
    families: int
    tau: Spread
    of_coefficient: Spread
    difference: Spread | None
    spearman: float


def regret_rows(atlas: Atlas) -> list[GameRow]:
    """Rows with regret, of games in which some regret is possible."""
    return [row for row in atlas.games if row.regret and row.facts["return_range"] > 0.0]


def normalised_regret(row: GameRow) -> float:
    """Mean over seeds of the final regret, summed over agents, divided by n R_true; no rounding."""
    value = float(np.mean(row.regret) / (row.facts["agents"] * row.facts["return_range"]))
    return value if abs(value) > ROUNDING else 0.0


def correlation(atlas: Atlas, measure: str) -> Correlation | None:
    """The measure's correlation; None on fewer than `FEWEST` games."""
    return _correlations(_Same(atlas)).get(measure)


def others(atlas: Atlas) -> list[Correlation]:
    """Those that the coefficient is compared with: of all measures but itself and its bound."""
    ids = [spec.id for spec in atlas.plan.measures if not is_regret_bound(atlas, spec.id)]
    return [found for id in ids if (found := correlation(atlas, id)) is not None]


@dataclass(frozen=True, eq=False)
class _Same:
    """An atlas by identity, so that what it costs to resample is paid once."""

    atlas: Atlas

    def __hash__(self) -> int:
        return id(self.atlas)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.atlas is other.atlas


@dataclass(frozen=True)
class _Sample:
    """A measure and the coefficient on the games that have both: each (3, R), whole games first."""

    rows: list[GameRow]
    mine: Floats
    coefficient: Floats

    @property
    def families(self) -> int:
        return len({row.family for row in self.rows})

    def spread(self, values: Floats) -> Spread:
        return _spread(values[:, 0], one_interval(values[0, 1:], values[2, 1:], self.families))


def _spread(on_these: Floats, interval: tuple[float, float]) -> Spread:
    low, middle, high = map(float, on_these)
    return Spread(middle, (low, high), interval)


@lru_cache(maxsize=4)
def _correlations(same: _Same) -> dict[str, Correlation]:
    """Every measure's, from one set of resamples."""
    atlas = same.atlas
    every = regret_rows(atlas)
    if not every:
        return {}
    rng = stream("atlas", "correlation", atlas.plan.name)
    copies = family_copies([row.family for row in every], rng)
    samples = {
        id: _sample(every, id, np.vstack([np.ones(len(every)), copies]))
        for id in (COEFFICIENT, *(spec.id for spec in atlas.plan.measures))
        if sum(is_measured(row, id) for row in every) >= FEWEST
    }
    differences = _differences(
        {
            id: sample
            for id, sample in samples.items()
            if id != COEFFICIENT and not is_regret_bound(atlas, id)
        }
    )
    return {
        id: Correlation(
            id,
            len(sample.rows),
            sample.families,
            sample.spread(sample.mine),
            sample.spread(sample.coefficient),
            differences.get(id),
            plain_correlation(atlas, id).spearman,
        )
        for id, sample in samples.items()
    }


def _sample(every: list[GameRow], measure: str, copies: Floats) -> _Sample:
    used = [place for place, row in enumerate(every) if is_measured(row, measure)]
    rows = [every[place] for place in used]
    regret = np.array([normalised_regret(row) for row in rows])

    def resampled(id: str) -> Floats:
        lower, middle, upper = np.array([_ends(row, id) for row in rows]).T
        return taus(agreement(lower, middle, upper, regret), copies[:, used])

    return _Sample(rows, resampled(measure), resampled(COEFFICIENT))


def _differences(samples: dict[str, _Sample]) -> dict[str, Spread]:
    """The coefficient's tau minus the measure's, in intervals that hold together."""
    if not samples:
        return {}
    # Each ends where the coefficient is least and the measure greatest, and the other way round.
    values = np.array(
        [[each.coefficient[k] - each.mine[2 - k] for k in range(3)] for each in samples.values()]
    )
    low, high = values[:, 0, 1:].T, values[:, 2, 1:].T
    intervals = joint_intervals(low, high, [each.families for each in samples.values()])
    return {
        id: _spread(own[:, 0], interval) for id, own, interval in zip(samples, values, intervals)
    }


@dataclass(frozen=True)
class Plain:
    """tau and Spearman's correlation at the middles, without intervals; NaN on few games."""

    tau: float
    spearman: float
    instances: int


def plain_correlation(
    atlas: Atlas, measure: str, kind: str | None = None, divided: bool = True
) -> Plain:
    """What `correlation` is at the middles.

    Args:
        kind: games whose class is of this kind alone: "models" or "values".
        divided: False: regret per agent, not divided by R_true, and the regret bound neither.
    """
    rows = [row for row in regret_rows(atlas) if is_measured(row, measure)]
    rows = [row for row in rows if kind in (None, kind_of(row))]
    if len(rows) < FEWEST:
        return Plain(float("nan"), float("nan"), len(rows))
    units = np.array([1.0 if divided else row.facts["return_range"] for row in rows])
    regret = units * np.array([normalised_regret(row) for row in rows])
    mine = np.array([_ends(row, measure)[1] for row in rows])
    if is_regret_bound(atlas, measure):
        mine = mine * units
    return Plain(_tau(mine, regret), spearman(mine, regret), len(rows))


def repeatability(atlas: Atlas) -> float:
    """Least tau of one seed's regrets with another's; NaN below two seeds or on few games."""
    rows = regret_rows(atlas)
    seeds = min((len(row.regret) for row in rows), default=0)
    if len(rows) < FEWEST or seeds < 2:
        return float("nan")
    single = [
        np.array([normalised_regret(replace(row, regret=(row.regret[k],))) for row in rows])
        for k in range(seeds)
    ]
    return min(_tau(single[i], single[j]) for i in range(seeds) for j in range(seeds) if i != j)


def _tau(mine: Floats, regret: Floats) -> float:
    found = taus(agreement(mine, mine, mine, regret), np.ones((1, mine.size)))
    return float(found[1, 0])


def kind_of(row: GameRow) -> str:
    """What its class holds: "models", "values" or "linear"."""
    return str(row.facts["classes"][row.hypotheses]["kind"])


def is_regret_bound(atlas: Atlas, measure: str) -> bool:
    """Whether a measure is made from the coefficient and divided by R_true."""
    return measure != COEFFICIENT and atlas.plan.measure(measure).name == REGRET_BOUND


def rank_points(atlas: Atlas, measure: str) -> list[tuple[float, float, str]]:
    """(rank of the measure, rank of regret, family) of every game behind `correlation`."""
    rows = [row for row in regret_rows(atlas) if is_measured(row, measure)]
    regret = ranks(np.array([normalised_regret(row) for row in rows]))
    mine = ranks(np.array([_ends(row, measure)[1] for row in rows]))
    return [(float(x), float(y), row.family) for x, y, row in zip(mine, regret, rows)]


def is_measured(row: GameRow, measure: str) -> bool:
    """Whether a row has both the coefficient and the measure."""
    own = measure == COEFFICIENT or (measure in row.readings and row.readings[measure].known)
    return own and row.coefficient.known


def _ends(row: GameRow, measure: str) -> tuple[float, float, float]:
    """(lower, middle, upper); the middle is geometric, or half the upper end above a zero."""
    found = row.coefficient if measure == COEFFICIENT else row.readings[measure]
    low, high = found.lower, found.upper
    middle = float(np.sqrt(low * high)) if low > 0.0 else high / 2.0
    return low, middle, high
