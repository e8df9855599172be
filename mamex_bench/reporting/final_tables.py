"""Learners by instances: final regrets with intervals, a few instances to a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.reporting import contests
from mamex_bench.reporting.contests import Contest
from mamex_bench.reporting.estimates import mean_interval
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import (
    concept,
    interval,
    learner_label,
    number,
    unbroken,
)

A_LINE = 5  # instances that fit side by side


def finals(found: Sequence[Contest]) -> list[Table]:
    """Mean final regret and its interval, learners by instances, a few instances to a table."""
    if not found:
        return []
    parts = np.array_split(np.arange(len(found)), -(-len(found) // A_LINE))
    ending = "" if found[0].against == "class" else "-all-policies"
    return [
        _finals([found[i] for i in part], f"comparison-finals{ending}-{place + 1}")
        for place, part in enumerate(parts)
    ]


def _finals(found: Sequence[Contest], slug: str) -> Table:
    rows = []
    for first in contests.learners_of(found):
        entries = [_regret(contest, contest.place_of(first.learner)) for contest in found]
        rows.append((unbroken(learner_label(first)), *entries))
    return Table(
        slug=slug,
        caption=f"Regret at the last episode {contests.counted(found)}: signed sum over agents, "
        "mean over seeds and its 95 % bootstrap interval, in units of return. Below each instance "
        "its concept, K, and the regret u of one episode that is as bad as possible.",
        header=(
            "learner",
            *(
                f"{each.instance}: {concept(each.concept)}, K = {number(each.episodes)}, "
                f"u = {number(each.unit)}"
                for each in found
            ),
        ),
        align="l" + "r" * len(found),
        rows=tuple(rows),
        dense=True,
    )


def _regret(contest: Contest, place: int | None) -> str:
    if place is None:
        return ""
    middle = number(float(contest.means[place]))
    return f"{middle} {interval(*mean_interval(contest.finals[place]))}"
