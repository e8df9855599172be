"""Groups of pairs (f, pi) for one kernel: representatives first, then whatever fits them worst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.complexity._pairs import Pairs, against, allowed
from mamex_bench.complexity._potential import ROUNDING, Potential
from mamex_bench.complexity._semidefinite import ITERATIONS, admissible
from mamex_bench.kernels import decoupling_potential as kernel
from mamex_bench.model._arrays import Floats, Ints, frozen

# Rounds of new groups.
ROUNDS = 4
# A careful solve takes more iterations, fewer the more groups there are.
FINAL_WORK = 1.2e9
MOST_EFFORT = 400
# Groups are limited so that pairs * groups^2 stays below this, losses by multiply-adds.
WORK_LIMIT = 1.2e9
LOSS_LIMIT = 4e9
MOST_GROUPS = 192
NEW_GROUPS = 32
# Pairs that reveal less than this share of e^2 get no group.
SEEN = 1e-9
# A pair whose losses are this small a share of what its group asks for is left out of it.
UNFIT = 1e-3
# The search stops when the ends are this close.
CLOSE = 1.01
# Pairs above which there is time for two rounds only.
MOST_PAIRS = 20_000


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of pairs before they have vectors.

    Attributes:
        labels, tops, idle, levy: as in `Potential`.
        limits: (G, G), the least D / (e e') between members of two groups, both orders.
    """

    labels: Ints
    tops: Floats
    idle: float
    levy: float
    limits: Floats

    def certificate(self, iterations: int, weight: Floats | None = None) -> Potential:
        """With the best Z for all mu and K, or where the groups have the given weights."""
        Z = np.zeros((0, 0))
        if self.tops.size:
            Z = admissible(self.limits, iterations, weight)
        return Potential(self.labels, frozen(Z), self.tops, self.idle, self.levy)


def build(
    discrepancy: Discrepancy,
    levy: float,
    mu: float,
    episodes: int,
    known: tuple[Ints, Ints],
    target: float,
) -> tuple[Potential, Groups] | None:
    """The best certificate found at one levy for V(mu) and its groups; None when it costs too much.

    known: pairs (policies, hypotheses) to begin with. target: a value of V(mu) that is attained;
    the search stops 1 % above it.
    """
    pairs, own, idle = _pairs(discrepancy, levy)
    R = pairs.error.size
    losses = discrepancy.step_cells * discrepancy.hypotheses * float(discrepancy.policies) ** 2
    if R == 0 or losses > LOSS_LIMIT:
        return None
    room = int(min(MOST_GROUPS, max(1.0, np.sqrt(WORK_LIMIT / R))))
    chosen = _first(discrepancy, pairs, known, room if room >= R else max(1, 2 * room // 3))
    if chosen.size == 0:
        return None
    best: tuple[Potential, Groups] | None = None
    least = np.inf
    rows = against(discrepancy, pairs, chosen)
    rounds = 2 if R > MOST_PAIRS else ROUNDS
    for k in range(rounds):
        groups, slack = np.empty(R, dtype=np.int64), np.full(R, np.inf)
        groups[chosen] = np.arange(chosen.size)
        if chosen.size < R:
            Z = admissible(np.minimum(rows[chosen], rows[chosen].T), ITERATIONS // 2)
            kernel.assign(rows, own, np.ascontiguousarray(Z @ Z.T), groups, slack)
            groups[chosen], slack[chosen] = np.arange(chosen.size), np.inf
        new = _worst(rows, slack, min(NEW_GROUPS, room - chosen.size))
        last = k == rounds - 1 or new.size == 0
        # Quickly at first, which may do; with care at last.
        efforts = [ITERATIONS] * (k == 0) + [effort(chosen.size, R)] * last
        part = None
        if efforts:
            part = _join(discrepancy, pairs, groups, slack > UNFIT, chosen.size, idle, levy)
        for iterations in efforts:
            assert part is not None
            found = part.certificate(iterations)
            value = found.value(mu, episodes)
            if value < least:
                best, least = (found, part), value
            if least <= CLOSE * target:
                return best
        if last:
            break
        rows = np.concatenate([rows, against(discrepancy, pairs, new)], axis=1)
        chosen = np.concatenate([chosen, new])
    return best


def effort(G: int, R: int) -> int:
    """Iterations of a careful solve."""
    return (
        ITERATIONS if R > MOST_PAIRS else int(np.clip(FINAL_WORK / G**3, ITERATIONS, MOST_EFFORT))
    )


def _pairs(discrepancy: Discrepancy, levy: float) -> tuple[Pairs, Floats, float]:
    """Pairs that may have a group, D / e^2 of each with its own policy, largest error of others."""
    pi, f = np.nonzero(discrepancy.errors > levy)
    error = discrepancy.errors[pi, f] - levy
    own = discrepancy.own[pi, f] / error**2
    seen = (own > SEEN) & (error > ROUNDING)
    pairs = Pairs(pi[seen], f[seen], error[seen])
    return pairs, own[seen], float(error[~seen].max(initial=0.0))


def _join(
    discrepancy: Discrepancy,
    pairs: Pairs,
    groups: Ints,
    fits: NDArray[np.bool_],
    G: int,
    idle: float,
    levy: float,
) -> Groups:
    """Groups of the pairs that fit; the others are idle."""
    kept = Pairs(pairs.policies[fits], pairs.hypotheses[fits], pairs.error[fits])
    groups = groups[fits]
    limits = allowed(discrepancy, kept, groups, G)
    # A group whose members know nothing of one another cannot be one.
    void = limits.diagonal() <= 0.0
    if void.any():
        fits = fits.copy()
        fits[np.flatnonzero(fits)[void[groups]]] = False
        kept = Pairs(pairs.policies[fits], pairs.hypotheses[fits], pairs.error[fits])
        limits = limits[np.ix_(~void, ~void)]
        groups = (np.cumsum(~void) - 1)[groups[~void[groups]]]
    labels = np.full(discrepancy.errors.shape, -1, dtype=np.int16)
    labels[kept.policies, kept.hypotheses] = groups
    tops = np.zeros(limits.shape[0])
    np.maximum.at(tops, groups, kept.error)
    idle = max(idle, float(pairs.error[~fits].max(initial=0.0)))
    return Groups(frozen(labels), frozen(tops), idle, levy, limits)


def _first(discrepancy: Discrepancy, pairs: Pairs, known: tuple[Ints, Ints], room: int) -> Ints:
    """Pairs to begin with: the known ones, in their order; all of them if there is room."""
    F = discrepancy.hypotheses
    code = pairs.policies * F + pairs.hypotheses
    wanted = known[0] * F + known[1]
    wanted = wanted[np.sort(np.unique(wanted, return_index=True)[1])]
    if code.size <= room:
        wanted = np.append(wanted, code[~np.isin(code, wanted)])
    return np.searchsorted(code, wanted[np.isin(wanted, code)][:room])


def _worst(rows: Floats, slack: Floats, room: int) -> Ints:
    """Pairs that fit no group, the worst first, none of them close to another."""
    found: list[int] = []
    for r in np.argsort(slack, kind="stable")[: 40 * max(room, 1)]:
        if slack[r] >= 0.999 or len(found) >= room:
            break
        mine = rows[r] + 1e-300
        ratios = [(rows[k] + 1e-300) / mine for k in found]
        if all(ratio.max() > 1.02 or ratio.min() < 0.98 for ratio in ratios):
            found.append(int(r))
    return np.array(found, dtype=np.int64)
