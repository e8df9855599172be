"""The section on who wins where: which of its tables and figures these results have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mamex_bench.reporting import (
    absence,
    all_policies,
    captions,
    comparison_figures,
    comparison_words,
    cost_tables,
    duels,
    final_tables,
    guarantee_table,
    outputs,
    standing_figures,
    style,
    tuning,
)
from mamex_bench.reporting import comparison_tables as tables
from mamex_bench.reporting.contests import (
    Against,
    Contest,
    by_concept,
    contests,
    only_markov,
    panels,
)
from mamex_bench.reporting.table import Table
from mamex_bench.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAPPED = 4  # learners from which on a map says more than its table
PROFILED = 4  # instances from which on performance profiles say something
ON_A_PAGE = 8  # panels of regret against K
_ENDINGS: dict[Against, str] = {"class": "", "all": "-all-policies", "inside": "-inside"}

Styles = Mapping[str, style.LineStyle]
KeepTable = Callable[[Table], str | None]
KeepFigure = Callable[[str, str, "Callable[[], Figure]"], str]


def section(
    results: Results, styles: Styles, table: KeepTable, figure: KeepFigure
) -> dict[str, Any]:
    """What the template shows; empty lists and None where there is nothing.

    table and figure keep what they are given, and return its slug: None for a table without rows.
    """
    keep = Keeper(styles, table, figure)
    inside, outside, every = (_ordered(results, each) for each in ("class", "all", "inside"))
    together = [each for each in every if each.mixed and each.coincide]
    known = any(each.mixed for each in outside)
    markov = [each for each in map(only_markov, outside) if each.cells]
    fought = duels.duels(results)
    return {
        "there": bool(every),
        "first": comparison_words.first_places(inside),
        "distances": comparison_words.distances(inside),
        "counts": comparison_words.sentences(inside),
        "standing": keep.standing(inside, ""),
        "winners": table(tables.winners(inside)),
        "duels": table(duels.table(fought)) if fought else None,
        "asked": duels.sentences(fought),
        "together": keep.standing(together, "-together"),
        "first_together": comparison_words.first_places(together),
        "class": keep.ranking(inside),
        "known": known,
        "all": keep.ranking(outside),
        "first_all": comparison_words.first_places(outside),
        "standing_all": keep.standing(outside, "-all-policies"),
        "measures": table(all_policies.table(results)) if known else None,
        "inside": keep.map([each for each in every if each.mixed]),
        "on_markov": comparison_words.sentences_on_markov(every),
        "finals": [table(each) for each in final_tables.finals(inside)],
        "finals_all": [table(each) for each in final_tables.finals(markov)],
        "tuning": table(tuning.table([*inside, *outside])),
        "costs": table(cost_tables.costs(results)) if every else None,
        "offers": table(outputs.table(results)) if every else None,
        "outputs": table(outputs.summary(results)) if every else None,
        "guarantees": table(guarantee_table.guarantees(results)) if every else None,
        "deviations": guarantee_table.deviations(results) if every else [],
        "not_applicable": table(absence.table(results)),
        "reasons": table(absence.reasons(results)),
    }


def _ordered(results: Results, against: Against) -> list[Contest]:
    """Contests by concept, those of most instances first."""
    return [each for own in by_concept(contests(results, against)).values() for each in own]


class Keeper:
    """Makes tables and figures of contests, and returns the slugs of those that say something."""

    def __init__(self, styles: Styles, table: KeepTable, figure: KeepFigure) -> None:
        self.styles, self.table, self.figure = styles, table, figure

    def standing(self, found: Sequence[Contest], ending: str) -> str | None:
        """The best of each kind on every instance."""
        if not any(len(contest.cells) >= MAPPED for contest in found):
            return None
        caption = captions.standing(found)
        draw = partial(standing_figures.standing, found)
        return self.figure(f"comparison-standing{ending}", caption, draw)

    def map(self, found: Sequence[Contest]) -> str | None:
        """Factors of all learners on every instance."""
        if not any(len(contest.cells) >= MAPPED for contest in found):
            return None
        against = found[0].against
        caption = captions.factors(found)
        draw = partial(comparison_figures.factors, found)
        return self.figure(f"comparison-factors{_ENDINGS[against]}", caption, draw)

    def ranking(self, found: Sequence[Contest]) -> dict[str, Any]:
        """Map, performance profiles and tables of standings, the largest panel first."""
        profiles, kept = [], []
        for name, own in by_concept(found).items():
            for place, panel in enumerate(panels(own)):
                ending = f"{_ENDINGS[found[0].against]}{'-few' if place else ''}"
                if len(panel) >= PROFILED and any(len(each.cells) >= MAPPED for each in panel):
                    caption = captions.profiles(panel)
                    draw = partial(comparison_figures.profiles, panel, self.styles)
                    slug = f"comparison-profiles-{name}{ending}"
                    profiles.append(self.figure(slug, caption, draw))
                kept.append(self.table(tables.standings(panel, name, f"comparison-{name}{ending}")))
        return {
            "map": self.map(found),
            "profiles": profiles,
            "growth": self.growth(found),
            "tables": [slug for slug in kept if slug],
        }

    def growth(self, found: Sequence[Contest]) -> list[str]:
        """Regret against K of MAMEX and the best of each kind: the largest panel, then others."""
        parts = [panel for own in by_concept(found).values() for panel in panels(own)]
        rest = [contest for panel in parts[1:] for contest in panel]
        pages = [
            own[start : start + ON_A_PAGE]
            for own in (parts[0] if parts else [], rest)
            for start in range(0, len(own), ON_A_PAGE)
        ]
        return [
            self.figure(
                f"comparison-growth{_ENDINGS[page[0].against]}{f'-{place + 1}' if place else ''}",
                captions.growth(page),
                partial(standing_figures.growth, page, self.styles),
            )
            for place, page in enumerate(pages)
            if any(len(contest.cells) >= MAPPED for contest in page)
        ]
