"""The table of both regrets: what is exact, an interval, not recorded; by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from synthetic_results import results

from mamex_bench.reporting import all_policies, comparison


def rows(found):
    return {row[0].replace("\u00a0", " "): row[1:] for row in all_policies.table(found).rows}


def test_exact_intervals_and_gaps_in_the_record_stand_apart() -> None:
    given = results()
    (record,) = [each for each in given.instances if each.id == "lock"]
    own = [c for c in given.cells if c.instance == "lock" and c.concept == "cce"]
    unit = record.agents * record.return_range * own[0].episodes

    def at(cell, inside, *ends):
        level = np.full_like(cell.regret, unit / 2.0)  # summed over two agents: `unit`
        regret = np.stack([end * level for end in ends]) if ends else None
        return replace(cell, class_regret=inside * level, unrestricted_regret=regret)

    by_name = {cell.learner: cell for cell in own}
    other = replace(by_name["mamex"], concept="nash")
    cells = (
        at(by_name["mamex"], 0.01, 0.02, 0.02),
        at(other, 0.03, 0.04, 0.08),
        at(by_name["uniform"], 0.25, 0.5, 0.5),
        at(by_name["certainty_equivalence"], 0.125),
        replace(at(by_name["uniform"], 1e-16, 0.3, 0.3), learner="yard", learner_name="oracle"),
    )
    found = rows(replace(given, cells=cells))
    spaced = {
        name: [entry.replace("\u00a0", " ").replace("\u202f", " ") for entry in entries]
        for name, entries in found.items()
    }
    assert spaced["mamex"] == ["1", "1", "0", "2.00 %", "[3.00, 5.00] %", "–"]
    assert spaced["uniform"] == ["1", "0", "0", "25.0 %", "50.0 %", "30.0 %"]
    assert spaced["certainty equivalence"] == ["0", "0", "1", "12.5 %", "–", "30.0 %"]
    assert spaced["yard"] == ["1", "0", "0", "0 %", "30.0 %", "30.0 %"]


def test_the_table_stands_where_learners_of_both_sorts_are_measured() -> None:
    given = results()
    known = tuple(
        replace(cell, unrestricted_regret=np.stack([cell.regret, cell.regret]))
        for cell in given.cells
        if cell.instance == "lock" and cell.regret.size
    )

    def placed(found):
        return comparison.section(found, {}, lambda kept: kept.slug, lambda *kept: kept[0])

    assert placed(replace(given, cells=known))["measures"] == "comparison-two-measures"
    unknown = tuple(cell for cell in given.cells if cell.instance == "lock")
    assert placed(replace(given, cells=unknown))["measures"] is None
