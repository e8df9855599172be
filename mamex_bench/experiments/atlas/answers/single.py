"""The coefficient beside that of a single agent, which counts greedy policies alone."""

from __future__ import annotations

from dataclasses import dataclass

from mamex_bench.experiments.atlas.answers.curves import ratio
from mamex_bench.experiments.atlas.data import Atlas, GameRow, Reading


@dataclass(frozen=True)
class Ratio:
    """Coefficient divided by the single-agent one, on one row: every value in [low, high]."""

    row: GameRow
    single: Reading
    low: float
    high: float

    @property
    def equal(self) -> bool:
        """Whether both may be one number: the intervals meet."""
        return self.low <= 1.0 + 1e-9 and self.high >= 1.0 - 1e-9

    @property
    def larger(self) -> bool:
        """Whether the coefficient is certainly larger."""
        return self.low > 1.0 + 1e-9


def ratios(atlas: Atlas, agents: int | None = None) -> list[Ratio]:
    """Rows with both coefficients, of games with `agents` agents (None: of two and more)."""
    ids = atlas.plan.named("single_agent_decoupling")
    out = []
    for row in atlas.games:
        count = row.facts.get("agents", 0)
        wanted = count >= 2 if agents is None else count == agents
        if not ids or not wanted or ids[0] not in row.readings:
            continue
        single = row.readings[ids[0]]
        if row.coefficient.known and single.known:
            ends = (row.coefficient.lower, single.upper), (row.coefficient.upper, single.lower)
            out.append(Ratio(row, single, ratio(*ends[0]), ratio(*ends[1])))
    return out
