"""What was measured, and how tight it is."""

from __future__ import annotations

import math

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import Atlas, GameRow
from mamex_bench.reporting.wording import FIXED, count, number


def summary(atlas: Atlas) -> list[str]:
    """What was measured, and how tight it is."""
    rows = [row for row in atlas.games if row.coefficient.known]
    refused = len(atlas.games) - len(rows)
    text = (
        f"{count(len(rows), 'hypothesis class', 'hypothesis classes')} of "
        f"{count(len({row.id for row in rows}), 'game')} have certified ends at "
        f"K = {number(atlas.plan.episodes)}"
    )
    if refused:
        text += f", {number(refused)} more {'has' if refused == 1 else 'have'} no coefficient"
    out = [text + "."]
    factors = sorted(_factor(row) for row in rows if row.coefficient.upper > 0.0)
    if factors:
        worst = max(rows, key=_factor)
        exact = sum(factor <= 1.01 for factor in factors)
        out.append(
            f"Upper end over lower end is {number(factors[len(factors) // 2])} in the median and "
            f"{number(factors[-1])} at worst ({worst.label}); {number(exact)} of "
            f"{number(len(factors))} are exact to 1{FIXED}%."
        )
    return [*out, *relations(atlas)]


def _factor(row: GameRow) -> float:
    low, high = row.coefficient.lower, row.coefficient.upper
    if not row.coefficient.known or high <= 0.0:
        return 1.0
    return high / low if low > 0.0 else math.inf


def relations(atlas: Atlas) -> list[str]:
    """How many checks of relations came out how."""
    counts = answers.relation_counts(atlas)
    if not counts:
        return []
    total = {name: sum(own[name] for own in counts.values()) for name in answers.OUTCOMES}
    rows = sum(bool(row.relations) for row in atlas.games)
    text = (
        f"{count(len(counts), 'relation')} between measures, each checked on "
        f"{count(rows, 'class', 'classes')}: {number(total['holds'])} hold, "
        f"{number(total['undecided'])} are undecided (the intervals overlap), "
        f"{number(total['not applicable'])} do not apply, {number(total['violated'])} are violated."
    )
    found = answers.counterexamples(atlas)
    return [text, *(f"Counterexample: {each}." for each in found)]
