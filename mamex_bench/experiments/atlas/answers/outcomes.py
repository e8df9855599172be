"""What became of the relations between measures."""

from __future__ import annotations

from mamex_bench.experiments.atlas.data import Atlas

OUTCOMES = ("holds", "undecided", "not applicable", "violated")


def relation_counts(atlas: Atlas) -> dict[str, dict[str, int]]:
    """Per relation, on how many rows it came out how."""
    counts: dict[str, dict[str, int]] = {}
    for row in atlas.games:
        for each in row.relations:
            own = counts.setdefault(each.name, dict.fromkeys(OUTCOMES, 0))
            own[each.outcome] += 1
    return counts


def counterexamples(atlas: Atlas) -> list[str]:
    """Each violated relation in words."""
    return [
        each.words for row in atlas.games for each in row.relations if each.outcome == "violated"
    ]
