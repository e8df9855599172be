"""The coefficient beside the single-agent one."""

from __future__ import annotations

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.reporting.atlas.words.phrases import ends, known_ends
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import count, number

# Rows of the comparison with the single-agent coefficient.
LARGEST = 14


def alone(atlas: Atlas) -> Table:
    """One agent: all pairs against greedy pairs."""
    rows = []
    for each in answers.ratios(atlas, 1):
        row = each.row
        words = "equal, up to the ends" if each.equal else "larger" if each.larger else "–"
        verified = {None: "–", True: "✓", False: "no"}[row.verified]
        rows.append(
            (
                row.label,
                number(row.facts["policies"]),
                known_ends(row, COEFFICIENT),
                ends(each.single.lower, each.single.upper),
                ends(each.low, each.high),
                words,
                verified,
            )
        )
    return Table(
        "alone",
        "Games with one agent: the multi-agent coefficient (all pairs of a hypothesis and a "
        "policy), the single-agent one (greedy policies), their ratio, which is the larger, and "
        "whether slow independent code found both ends of the first again from the definition.",
        (
            "game",
            "policies",
            "multi-agent",
            "single-agent",
            "ratio",
            "the multi-agent one is",
            "verified",
        ),
        "lrrrrlc",
        tuple(rows),
    )


def several(atlas: Atlas) -> Table:
    """Several agents: the classes with the largest certified ratio."""
    found = [each for each in answers.ratios(atlas) if each.row.coefficient.upper > 0.0]
    found = sorted(found, key=lambda each: -each.low)[:LARGEST]
    rows = tuple(
        (
            each.row.label,
            number(each.row.facts["agents"]),
            known_ends(each.row, COEFFICIENT),
            ends(each.single.lower, each.single.upper),
            ends(each.low, each.high),
            ends(*each.row.coefficient.free),
        )
        for each in found
    )
    return Table(
        "several",
        "Games with several agents where the multi-agent coefficient exceeds the single-agent one "
        f"most (the {count(len(rows), 'largest ratio')}).",
        ("game", "agents", "multi-agent", "single-agent", "ratio", "multi-agent, without K"),
        "lrrrrr",
        rows,
    )
