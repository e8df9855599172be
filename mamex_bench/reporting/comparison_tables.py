"""Tables of the comparison: who wins, every learner's standing, guarantees, what does not apply."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.reporting import champions, contests, cost_tables
from mamex_bench.reporting.contests import Contest
from mamex_bench.reporting.estimates import mean_interval
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import (
    FIXED,
    concept,
    interval,
    learner,
    learner_label,
    number,
    unbroken,
)

# ----- who wins ----------------------------------------------------------------------------------


def winners(found: Sequence[Contest]) -> Table:
    """One row per instance and concept: the least regret, who is level with it, and MAMEX."""
    rows = []
    for contest in found:
        best, level = contest.best, contest.level_with_best()
        base = contest.base
        rows.append(
            (
                contest.instance,
                concept(contest.concept),
                number(len(contest.cells)),
                learner_label(contest.cells[best]),
                _mean(contest, best),
                ", ".join(learner_label(contest.cells[i]) for i in level) or "none",
                *_of_base(contest, base),
            )
        )
    ids = [contest.cells[contest.base].learner for contest in found if contest.base is not None]
    own = learner(ids[0]) if ids else "MAMEX"
    return Table(
        slug="comparison-winners",
        caption="Who wins where, among learners that play mixtures over the policy class: the "
        "least mean regret inside it at the last episode, signed sum over agents, with its 95 % "
        "bootstrap interval, and the learners that are level with it (each interval by itself at "
        f"95 %). Then {own}: its rank among the learners compared, with its bootstrap interval, "
        "and its regret less that of the best other learner (negative: the former is better).",
        header=(
            "instance",
            "concept",
            "learners",
            "least regret",
            "its regret",
            "level with it",
            f"{own}: rank",
            f"{own} less best other",
        ),
        align="llrlrlrr",
        rows=tuple(rows),
    )


def _mean(contest: Contest, place: int) -> str:
    return (
        f"{number(float(contest.means[place]))} {interval(*mean_interval(contest.finals[place]))}"
    )


def _of_base(contest: Contest, base: int | None) -> tuple[str, str]:
    if base is None:
        return "–", "–"
    low, high = contest.rank_interval(base)
    rank = f"{_rank(contest.ranks()[base])} [{_rank(low)},{FIXED}{_rank(high)}]"
    rival = champions.best_other(contest)
    if rival is None:
        return rank, "–"
    middle, low, high = contest.difference(base, rival)
    return rank, f"{number(middle)} {interval(low, high)}"


def _rank(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


# ----- every learner's standing ------------------------------------------------------------------


def standings(found: Sequence[Contest], name: str, slug: str) -> Table:
    """Of all contests of one concept: ranks, factors to the best, time and solves per learner."""
    rows = []
    for cell in contests.learners_of(found):
        entered = [
            (contest, [c.learner for c in contest.cells].index(cell.learner))
            for contest in found
            if cell.learner in {c.learner for c in contest.cells}
        ]
        own = [contest.cells[place] for contest, place in entered]
        factors, _ = contests.profile(found, cell.learner)
        rows.append(
            (
                unbroken(learner_label(cell)),
                f"{len(entered)} of {len(found)}",
                number(sum(contest.best == place for contest, place in entered)),
                _mean_rank(entered),
                _factor(float(np.exp(np.log(factors).mean()))),
                _factor(float(factors.max())),
                f"{int((factors <= 2.0).sum())} of {len(found)}",
                *cost_tables.of_cells(own),
            )
        )
    return Table(
        slug=slug,
        caption=f"{concept(name)}, regret {contests.counted(found)}: instances that the learner "
        "applies to, first places, mean rank over these with its 95 % bootstrap interval over "
        "seeds, factor to the least regret (geometric mean, and worst), instances on which that "
        "factor is at most 2. Time: learner and simulation per episode, median over seeds, then "
        "over instances; equilibria solved in a run, and their share of the time, likewise.",
        header=(
            "learner",
            "instances",
            "first",
            "mean rank",
            "factor",
            "worst",
            "within 2",
            "time per episode",
            "solves",
            "in solves",
        ),
        align="lrrrrrrrrr",
        rows=tuple(rows),
    )


def _mean_rank(places: Sequence[tuple[Contest, int]]) -> str:
    middle = np.mean([contest.ranks()[place] for contest, place in places])
    resampled = np.mean([contest.resampled_ranks[:, place] for contest, place in places], axis=0)
    low, high = np.quantile(resampled, contests.TAILS)
    return f"{middle:.1f} [{low:.1f},{FIXED}{high:.1f}]"


def _factor(value: float) -> str:
    return f"{value:.2f}" if value < 99.5 else number(value, 2)
