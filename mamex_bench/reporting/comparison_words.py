"""Who wins where, in sentences computed from the contests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mamex_bench.reporting import champions, contests
from mamex_bench.reporting.contests import Contest
from mamex_bench.reporting.wording import (
    MARKOV_MARK,
    concept,
    count,
    learner,
    learner_label,
    number,
)


def first_places(found: Sequence[Contest]) -> list[str]:
    """For each concept: whose regret is least, where, and how often others are level with it."""
    lines = []
    for name, own in contests.by_concept(found).items():
        first: dict[str, list[str]] = {}
        for contest in own:
            best = learner_label(contest.cells[contest.best])
            first.setdefault(best, []).append(contest.instance)
        ranking = sorted(first.items(), key=lambda item: -len(item[1]))
        said = "; ".join(
            f"{who} on {number(len(where))} ({', '.join(where)})" for who, where in ranking
        )
        shared = sum(bool(contest.level_with_best()) for contest in own)
        lines.append(
            f"{concept(name)}, {count(len(own), 'instance')}: least regret has {said}. "
            f"On {number(shared)} of them some other learner is level with the least."
        )
    return lines


def distances(found: Sequence[Contest]) -> list[str]:
    """For every MAMEX: how many times the least regret its own is, over all concepts."""
    factors: dict[str, list[tuple[float, Contest]]] = {}
    for contest in found:
        for i in champions.mamex(contest):
            factors.setdefault(contest.cells[i].learner, []).append((contest.factors[i], contest))
    lines = []
    for identity, own in factors.items():
        worst, where = max(own, key=lambda pair: pair[0])
        middle = float(np.median([value for value, _ in own]))
        place = f"{where.instance}, {concept(where.concept)}"
        level = sum(
            contest.place_of(identity) in (contest.best, *contest.level_with_best())
            for _, contest in own
        )
        lines.append(
            f"{learner(identity)} has or is level with the least regret in {number(level)} of "
            f"{count(len(own), 'comparison')}; its factor to the least is {number(middle, 2)} in "
            f"the median and {number(float(worst), 2)} at worst ({place})."
        )
    return lines


def sentences(found: Sequence[Contest]) -> list[str]:
    """For each concept: on how many instances MAMEX is first, behind, or level."""
    return _counted(found, champions.best_other, "every other learner", "the best other learner")


def sentences_on_markov(found: Sequence[Contest]) -> list[str]:
    """The same against the best of the learners that play Markov profiles."""
    every, best = (f"{which} learner marked {MARKOV_MARK}" for which in ("every", "the best"))
    return _counted([each for each in found if each.mixed], champions.best_markov, every, best)


def _counted(
    found: Sequence[Contest], choose: Callable[[Contest], int | None], every: str, best: str
) -> list[str]:
    lines = []
    for name, own in contests.by_concept(found).items():
        duels = [(contest, contest.base, choose(contest)) for contest in own]
        signs = {
            contest.instance: contest.sign(base, rival)
            for contest, base, rival in duels
            if base is not None and rival is not None
        }
        if not signs:
            continue
        said = [
            f"{words} on {len(where)} ({', '.join(where)})"
            for sign, words in (
                (-1, f"has less regret than {every}"),
                (0, f"is level with {best}"),
                (1, f"has more regret than {best}"),
            )
            if (where := [name for name, found in signs.items() if found == sign])
        ]
        lines.append(f"{concept(name)}, {count(len(signs), 'instance')}: MAMEX {'; '.join(said)}.")
    return lines
