"""Sentences that follow the numbers: one agent and several, no bound, counterexamples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from planted_atlas import game, planted, sweep

from mamex_bench.reporting.atlas import words


def test_single_agent_sentences_follow_the_numbers() -> None:
    larger = planted([game("solo", (2.0, 2.1), other=(1.0, 1.0), agents=1)])
    same = planted([game("solo", (1.0, 1.1), other=(1.0, 1.0), agents=1)])
    assert words.alone(larger).startswith("Not to that of greedy policies")
    assert "[2.00,\u00a02.10]" in words.alone(larger)
    assert words.alone(same).startswith("Yes, as far as was measured")
    nothing = planted([game("duo", (2.0, 2.1), other=(0.0, 0.0))])
    assert words.several(nothing).startswith("Nothing measured here shows otherwise")
    assert "on 1 the single-agent one is 0, and there is no factor" in words.several(nothing)
    endless = planted([game("duo", (2.0, 2.1), other=(0.0, 0.0), free=(np.inf, np.inf))])
    assert words.several(endless).startswith("No. On duo the single-agent coefficient is 0, at ")
    mixed = [*nothing.games, game("trio", (3.0, 3.0), other=(1.0, 1.0))]
    text = words.several(planted(mixed))
    assert "larger on 2 of 2 classes, on 1 of these by up to a factor of 3.00 (trio)" in text
    solo = planted([replace(row, facts={**row.facts, "agents": 1}) for row in mixed])
    assert "on 1 of these by up to a factor of 3.00 (trio)" in words.alone(solo)
    for single in (1.0, 2.0):
        rows = planted([game("duo", (2.0, 2.1), other=(single, single))])
        assert words.several(rows).startswith("Nothing measured here shows otherwise")


def test_unbounded_sentences_follow_the_numbers() -> None:
    endless = planted([game("pit", (83.0, 83.0), free=(np.inf, np.inf))])
    assert "infinite on pit" in words.unbounded(endless)
    assert words.unbounded(planted([game("flat", (1.0, 1.0))])).startswith("No example")


def test_a_wide_slope_is_no_number() -> None:
    def said(top: float) -> str:
        own = sweep("s", [10, 100], [(1.0, 1.0), (9.0, top)], free=[(np.inf, np.inf)] * 2)
        own = replace(own, spec=replace(own.spec, parameter="K"))
        return words.unbounded(planted([game("pit", (1.0, 1.0), free=(np.inf, np.inf))], [own]))

    assert "which may or may not be in proportion to K." in said(20.0)
    assert ", in proportion to K." in said(10.5)
    assert "not in proportion to K." in said(9.0)


def test_counterexamples_are_told() -> None:
    calm = planted([game("g", (1.0, 1.0), violated=False)])
    bad = planted([game("g", (1.0, 1.0), violated=True)])
    assert "0 are violated" in words.relations(calm)[0]
    assert "1 are violated" in words.relations(bad)[0]
    assert words.relations(bad)[1].startswith("Counterexample: violated: ")
