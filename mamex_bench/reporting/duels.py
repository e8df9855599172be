"""MAMEX against the best of each kind, counted over instances: what a comparison supports.

A duel needs one regret that speaks of both sides. Learners that play mixtures over the class are
compared inside it. With learners that play Markov profiles MAMEX is compared where both regrets
coincide in every run, so that nothing outside the class would have paid. Where they differ, and
regret against every policy is known of both, that is counted by itself: there MAMEX pays for what
the class leaves out, as the oracle does.

The best of a kind is chosen by the same runs that it is judged by, which favours the kind; the
interval of each duel stands by itself at 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mamex_bench.reporting import champions, kinds, outcomes
from mamex_bench.reporting.contests import Contest, contests
from mamex_bench.reporting.kinds import Kind
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import concept, count, learner, number, places, unbroken
from mamex_bench.runs.results import Results

WORDS = {-1: "less regret", 0: "level", 1: "more"}
EVERY_MARK = "‡"
_NAMED = 6  # at most so many places are named in a sentence


@dataclass(frozen=True)
class Duels:
    """One MAMEX against one kind.

    Attributes:
        learner: id of the MAMEX.
        kind: of the other side.
        plain: whether tuned forms of that kind were left out.
        every: whether it is by regret against every policy, where both regrets differ.
        signs: (instance, concept) -> -1: MAMEX has less regret, 0: level, 1: more.
        factors: how many times MAMEX's regret the other one is, both shifted by one bad episode.
    """

    learner: str
    kind: Kind
    plain: bool
    every: bool
    signs: dict[tuple[str, str], int]
    factors: tuple[float, ...]

    def where(self, sign: int) -> dict[str, list[str]]:
        """Instances with that outcome, and the concepts."""
        found: dict[str, list[str]] = {}
        for (instance, name), own in self.signs.items():
            if own == sign:
                found.setdefault(instance, []).append(concept(name))
        return found

    def amount(self, sign: int) -> int:
        return list(self.signs.values()).count(sign)


def arenas(results: Results) -> tuple[list[Contest], list[Contest]]:
    """Contests with one regret for all, and those against every policy where regrets differ."""
    together = [each for each in contests(results, "inside") if each.mixed and each.coincide]
    same = {(each.instance, each.concept) for each in together}
    every = [
        each
        for each in contests(results, "all")
        if each.mixed and (each.instance, each.concept) not in same
    ]
    return [*contests(results), *together], every


def duels(results: Results) -> list[Duels]:
    """Every MAMEX against every kind, and against what of it is not tuned where that differs."""
    one, other = arenas(results)
    grounds = [*one, *other]
    ids = dict.fromkeys(c.cells[i].learner for c in grounds for i in champions.mamex(c))
    found = []
    for identity in ids:
        for kind in champions.rivals(grounds):
            for every, own in ((False, one), (True, _outside(other, kind))):
                full = _duels(own, identity, kind, plain=False, every=every)
                bare = _duels(own, identity, kind, plain=True, every=every)
                differs = (bare.signs, bare.factors) != (full.signs, full.factors)
                found += [full, bare] if differs else [full]
    return [each for each in found if each.signs]


def _outside(found: Sequence[Contest], kind: Kind) -> list[Contest]:
    """The contests in which learners of that kind play Markov profiles, all of them."""
    return [
        contest
        for contest in found
        if all(
            cell.profile_kind == "markov"
            for cell in contest.cells
            if kinds.kind(cell.learner_name) is kind
        )
    ]


def _duels(
    grounds: Sequence[Contest], identity: str, kind: Kind, plain: bool, every: bool
) -> Duels:
    """On each instance and concept the first contest that holds both sides."""
    signs: dict[tuple[str, str], int] = {}
    factors = []
    for contest in grounds:
        place = (contest.instance, contest.concept)
        one, other = contest.place_of(identity), champions.best_of(contest, kind, plain)
        if place not in signs and one is not None and other is not None:
            signs[place] = contest.sign(one, other)
            factors.append(float(contest.factors[other] / contest.factors[one]))
    return Duels(identity, kind, plain, every, signs, tuple(factors))


def table(found: Sequence[Duels]) -> Table:
    """One row per MAMEX and kind: how often less, level, more, and by what factor."""
    rows = tuple(
        (
            unbroken(learner(each.learner)),
            unbroken(_name(each)),
            *outcomes.columns(list(each.signs.values()), each.factors),
        )
        for each in found
    )
    return Table(
        slug="comparison-duels",
        caption="MAMEX against the best learner of each kind, instances and concepts together: how "
        "often MAMEX has less regret, is level, has more; then how many times as much the other "
        "loses, both regrets shifted by one bad episode (below 1: the other loses less): least, "
        "median and greatest. “Not tuned”: tuned forms of that kind left out. "
        f"{EVERY_MARK}: by regret against every policy, where the class leaves something out. The "
        "best of a kind is chosen by the same runs, which favours the kind; each interval stands "
        "by itself at 95 %.",
        header=("MAMEX as", "against the best of", *outcomes.HEADER),
        align="llrrrrrrr",
        rows=rows,
    )


def _name(each: Duels) -> str:
    ending = ", not tuned" if each.plain else ""
    return each.kind.title + ending + (f" {EVERY_MARK}" if each.every else "")


def sentences(found: Sequence[Duels]) -> list[tuple[str, str, str]]:
    """For each kind: its question, what the comparison says, and what it does not support."""
    lines = []
    for kind in dict.fromkeys(each.kind for each in found):
        own = [each for each in found if each.kind is kind and not each.plain]
        lines.append((f"{kind.title}: {kind.asks}", " ".join(map(_outcome, own)), kind.caveat))
    return lines


def _outcome(each: Duels) -> str:
    """Yes or no, how often, by how much, and where not."""
    least, middle, most = outcomes.spread(each.factors)
    total, less = len(each.signs), each.amount(-1)
    answer = "Yes" if less == total else "No" if less == 0 else "In part"
    tally = [
        f"{WORDS[sign]} on {number(each.amount(sign))}" for sign in (-1, 0, 1) if each.amount(sign)
    ]
    where = f" More on {places(each.where(1))}." if 0 < each.amount(1) <= _NAMED else ""
    ground = "Against every policy, where the class leaves something out: " if each.every else ""
    return (
        f"{ground}{answer} for {learner(each.learner)}: {', '.join(tally)} of "
        f"{count(total, 'comparison')}, the best of them loses {least} to {most} times as "
        f"much, {middle} in the median.{where}"
    )
