"""The best of each kind: who stands for it where not all learners can be shown."""

from __future__ import annotations

from collections.abc import Sequence

from mamex_bench.reporting import kinds
from mamex_bench.reporting.contests import Contest
from mamex_bench.reporting.kinds import Kind


def mamex(contest: Contest) -> list[int]:
    """Indices of MAMEX under each of its options, in the suite's order."""
    return [i for i, cell in enumerate(contest.cells) if cell.learner_name == "mamex"]


def best_of(contest: Contest, kind: Kind, plain: bool = False) -> int | None:
    """Index of the least mean regret of a kind, or of its learners that are not tuned."""
    own = [
        i
        for i, cell in enumerate(contest.cells)
        if kinds.kind(cell.learner_name) is kind and not (plain and kinds.tuned(cell.learner_name))
    ]
    return min(own, key=lambda i: contest.means[i]) if own else None


def rivals(found: Sequence[Contest]) -> list[Kind]:
    """The kinds other than MAMEX that take part in some contest, in the order of drawing."""
    there = {kinds.kind(cell.learner_name).title for each in found for cell in each.cells}
    return [kind for kind in kinds.KINDS if kind is not kinds.MAMEX and kind.title in there]


def champions(contest: Contest) -> list[int]:
    """Every MAMEX, then the best of each other kind."""
    best = [best_of(contest, kind) for kind in rivals([contest])]
    return mamex(contest) + [i for i in best if i is not None]


def best_other(contest: Contest) -> int | None:
    """Index of the least regret among learners that are not MAMEX under any option."""
    others = [i for i, cell in enumerate(contest.cells) if cell.learner_name != "mamex"]
    return min(others, key=lambda i: contest.means[i]) if others else None


def best_markov(contest: Contest) -> int | None:
    """Index of the least regret among learners that play Markov profiles."""
    others = [i for i, cell in enumerate(contest.cells) if cell.profile_kind == "markov"]
    return min(others, key=lambda i: contest.means[i]) if others else None
