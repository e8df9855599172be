"""Who wins where, as numbers: learners that played the same instance for the same K, side by side.

A contest holds the honest learners of one instance and concept. Its quantity is the final regret,
signed sum over agents, and never a mixture of two kinds:

  "class"   learners that play mixtures over the policy class, their regret inside it;
  "all"     all learners whose regret against every policy is known, which it always is for Markov
            profiles; the upper end where only an interval is certified;
  "inside"  all, regret inside the class. It flatters Markov profiles: they are played outside the
            class, where its deviations need not pay although others do.

Planted faults and yardsticks that read the truth take no part.

A gap of zero or below is an equilibrium, and further below is no better one: where regrets are
compared, a mean at or below zero counts as zero. Differences below one episode played as badly as
possible are called level, as are those whose interval holds zero.

Runs of two learners share no random numbers, whatever their seed's number: every stream is named
after its learner. So nothing is paired, and every interval resamples each learner's seeds by
themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from mamex_bench.model._arrays import Floats
from mamex_bench.reporting import kinds
from mamex_bench.reporting.estimates import SEED
from mamex_bench.reporting.wording import MARKOV_MARK, has_data
from mamex_bench.runs.results import Cell, Results
from mamex_bench.statistics import resampled_means

Against = Literal["class", "all", "inside"]
TAILS = (0.025, 0.975)
_EVERY = "against every policy"


@dataclass(frozen=True, eq=False)
class Contest:
    """Cells of one instance and concept, all of the same K.

    Attributes:
        instance, concept, episodes: of all cells.
        unit: u = n R_true, the regret of one episode that is as bad as possible.
        cells: with data, one per learner, in the suite's order.
        against: "class", "all" or "inside": who takes part and which deviations count.
        confined: mean final regret of the oracle, which solves the true game inside the class:
            what the class leaves out; None if it was not run, or its regret is not known.
    """

    instance: str
    concept: str
    episodes: int
    unit: float
    cells: tuple[Cell, ...]
    against: Against
    confined: float | None = None

    @cached_property
    def finals(self) -> list[Floats]:
        """Per cell the final regret of every seed, summed over agents."""
        return [final(cell, self.against) for cell in self.cells]

    @cached_property
    def means(self) -> Floats:
        """(L,): mean over seeds."""
        return np.array([values.mean() for values in self.finals])

    @cached_property
    def resampled(self) -> Floats:
        """(R, L): resampled means, every learner's seeds drawn by themselves."""
        columns = [
            resampled_means(values, (SEED, place)) for place, values in enumerate(self.finals)
        ]
        return np.stack(columns, axis=1)

    @cached_property
    def factors(self) -> Floats:
        """(L,): how many times the least regret, see `factors`."""
        return factors(self.means, self.unit)

    @property
    def best(self) -> int:
        """Index of the least mean regret."""
        return int(self.means.argmin())

    def place_of(self, learner: str) -> int | None:
        """Index of a learner's id; None if it takes no part."""
        return next((i for i, cell in enumerate(self.cells) if cell.learner == learner), None)

    @property
    def base(self) -> int | None:
        """Index of the suite's first MAMEX, if it is there."""
        found = (i for i, cell in enumerate(self.cells) if cell.learner_name == "mamex")
        return next(found, None)

    def difference(self, one: int, other: int) -> tuple[float, float, float]:
        """Mean of `one` minus mean of `other`, below zero as zero; 95 % bootstrap interval."""
        first, second = (np.maximum(self.resampled[:, i], 0.0) for i in (one, other))
        low, high = np.quantile(first - second, TAILS)
        middle = max(self.means[one], 0.0) - max(self.means[other], 0.0)
        return float(middle), float(low), float(high)

    @property
    def mixed(self) -> bool:
        """Whether learners of both sorts take part."""
        return len({cell.profile_kind == "markov" for cell in self.cells}) > 1

    @cached_property
    def coincide(self) -> bool:
        """Whether what pays inside the class pays most: both regrets are one in every run.

        Then learners of both sorts answer for the same deviations, as far as was seen.
        """
        every = [(curves(cell, "all"), cell) for cell in self.cells]
        return all(
            np.allclose(cell.regret if found is None else found, cell.class_regret)
            for found, cell in every
        )

    def sign(self, one: int, other: int) -> int:
        """-1: `one` has less regret, 1: it has more; 0: level, in interval or by less than u."""
        middle, low, high = self.difference(one, other)
        if low <= 0.0 <= high or abs(middle) < self.unit:
            return 0
        return 1 if middle > 0.0 else -1

    def level_with_best(self) -> list[int]:
        """Indices of the others that are level with the best."""
        places = range(len(self.cells))
        return [i for i in places if i != self.best and self.sign(i, self.best) == 0]

    def ranks(self) -> Floats:
        """(L,): 1 for the least mean regret; equal ones share the mean of their places."""
        return ranks(np.maximum(self.means, 0.0)[None])[0]

    def rank_interval(self, place: int) -> tuple[float, float]:
        """95 % bootstrap interval of a rank."""
        low, high = np.quantile(self.resampled_ranks[:, place], TAILS)
        return float(low), float(high)

    @cached_property
    def resampled_ranks(self) -> Floats:
        """(R, L): ranks of the resampled means."""
        return ranks(np.maximum(self.resampled, 0.0))


def curves(cell: Cell, against: Against) -> Floats | None:
    """(N, P, n): cumulative regret of every seed; None where it is not known."""
    if against != "all":
        return np.asarray(cell.class_regret, dtype=float)
    if cell.unrestricted_regret is not None:
        return np.asarray(cell.unrestricted_regret[1], dtype=float)
    return np.asarray(cell.regret, dtype=float) if cell.profile_kind == "markov" else None


def final(cell: Cell, against: Against) -> Floats:
    """(N,): final regret of every seed, signed sum over agents."""
    found = curves(cell, against)
    assert found is not None, "contests hold cells whose regret is known"
    return np.asarray(found[:, -1].sum(axis=1))


def factors(means: Floats, unit: float) -> Floats:
    """(L,): how many times the least regret each is, all of them shifted by one bad episode:

    (max(R, 0) + u) / (max(R_best, 0) + u),   u = n R_true.

    So a regret of zero or below counts as zero, and regrets that are small against one episode
    played as badly as possible count alike.
    """
    shifted = np.maximum(means, 0.0) + unit
    return shifted / shifted.min()


def ranks(means: Floats) -> Floats:
    """(R, L): places 1..L in each row; equal ones share the mean of theirs."""
    below = (means[:, None, :] < means[:, :, None]).sum(axis=2)
    equal = (means[:, None, :] == means[:, :, None]).sum(axis=2)
    return 1.0 + below + (equal - 1) / 2.0


def ranked(cell: Cell) -> bool:
    """Whether a cell takes part: it has data, and is neither planted nor a yardstick."""
    honest = cell.expected is None and kinds.kind(cell.learner_name) is not kinds.PLANTED
    return has_data(cell) and honest and cell.learner_name not in kinds.YARDSTICKS


def contests(results: Results, against: Against = "class") -> list[Contest]:
    """All of at least two learners, in the suite's order; of a group the instance of largest K."""
    largest: dict[str, int] = {}
    for record in results.instances:
        largest[record.group] = max(largest.get(record.group, 0), record.episodes)
    found = []
    for record in results.instances:
        own = [c for c in results.cells if c.instance == record.id and ranked(c)]
        if against == "class":
            own = [c for c in own if c.profile_kind != "markov"]
        own = [c for c in own if curves(c, against) is not None]
        for concept in dict.fromkeys(cell.concept for cell in own):
            cells = tuple(cell for cell in own if cell.concept == concept)
            if len(cells) > 1 and record.episodes == largest[record.group]:
                unit = record.agents * float(record.return_range)
                oracle = _oracle(results, record.id, concept, against)
                contest = Contest(record.id, concept, record.episodes, unit, cells, against, oracle)
                found.append(contest)
    return found


def only_markov(contest: Contest) -> Contest:
    """The contest among learners that play Markov profiles."""
    own = tuple(cell for cell in contest.cells if cell.profile_kind == "markov")
    return replace(contest, cells=own)


def _oracle(results: Results, instance: str, concept: str, against: Against) -> float | None:
    """Mean final regret of the oracle on that instance."""
    for cell in results.cells:
        place = (cell.instance, cell.concept) == (instance, concept)
        if place and cell.learner_name == "oracle" and has_data(cell):
            return None if curves(cell, against) is None else float(final(cell, against).mean())
    return None


def counted(found: Sequence[Contest]) -> str:
    """Which deviations count, and who takes part, in words."""
    if found[0].against == "class":
        return "inside the policy class, learners that play mixtures over it"
    if any(contest.mixed for contest in found):
        which = "inside the policy class" if found[0].against == "inside" else _EVERY
        return f"{which}, all learners"
    return f"{_EVERY}, learners marked {MARKOV_MARK}, ranked among themselves"


def by_concept(found: Sequence[Contest]) -> dict[str, list[Contest]]:
    """Contests by concept, those of most instances first."""
    names = dict.fromkeys(contest.concept for contest in found)
    groups = {name: [c for c in found if c.concept == name] for name in names}
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def panels(found: Sequence[Contest]) -> list[list[Contest]]:
    """The contests of one concept in one panel or two: those of at most two thirds of the learners
    of the largest one, a panel of slow learners for example, stand by themselves."""
    most = max((len(contest.cells) for contest in found), default=0)
    main = [contest for contest in found if 3 * len(contest.cells) > 2 * most]
    few = [contest for contest in found if 3 * len(contest.cells) <= 2 * most]
    return [group for group in (main, few) if group]


def learners_of(found: Sequence[Contest]) -> list[Cell]:
    """One cell of every learner that takes part, see `by_kind`."""
    return by_kind([cell for contest in found for cell in contest.cells])


def by_kind(cells: Sequence[Cell]) -> list[Cell]:
    """The first cell of every learner: by kind, tuned forms last, in the suite's order within."""
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(cell.learner, cell)
    order = {kind.title: place for place, kind in enumerate(kinds.KINDS)}

    def place(cell: Cell) -> tuple[int, bool]:
        name = cell.learner_name
        return order[kinds.kind(name).title], kinds.tuned(name)

    return sorted(first.values(), key=place)


def profile(found: Sequence[Contest], learner: str) -> tuple[Floats, int]:
    """Sorted factors of a learner over the contests it takes part in, and the number of contests.

    Its performance profile at tau is the share of *all* contests with a factor of at most tau: one
    that it cannot enter counts as never.
    """
    own = [
        contest.factors[place]
        for contest in found
        for place, cell in enumerate(contest.cells)
        if cell.learner == learner
    ]
    return np.sort(np.array(own)), len(found)
