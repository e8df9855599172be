"""Which groups of pairs, at which levy and for which mu: the search for potentials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.complexity import _upper
from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.complexity._groups import CLOSE, MOST_PAIRS, Groups, build, effort
from mamex_bench.complexity._lower import Witness
from mamex_bench.complexity._potential import ROUNDING, Potential
from mamex_bench.complexity._upper import Certificate
from mamex_bench.model._arrays import Floats

# Certificates beside the first.
REFINEMENTS = 3
# Where a play is worth this share of the largest error, pairs of less than a part of that go.
DEAR = 0.1
PART = 0.6


def potentials(
    discrepancy: Discrepancy,
    others: Sequence[Certificate],
    witness: Witness,
    grid: Floats,
    episodes: int,
    burn: float,
) -> tuple[Potential, ...]:
    """Certificates worth keeping; none when the others already meet the lower end.

    The first serves all mu and K about alike. Each of the others is for the mu of the grid at which
    the bound so far is largest: the vectors are found anew, with the weights that the groups have
    there once a play is charged what it is worth. Where K makes plays dear and there are more pairs
    than groups, new groups are made first, for the pairs that are left at a levy. Kept if it lowers
    the largest.
    """
    if witness.value <= 0.0:
        return ()
    lines = _upper.own_counts(discrepancy)[1]
    order = np.argsort(-witness.counts, kind="stable")
    known = (
        np.concatenate([witness.policies[order], lines.policies]),
        np.concatenate([witness.hypotheses[order], lines.hypotheses]),
    )
    values = np.array([_upper.value(others, float(mu), episodes) for mu in grid])
    largest = float(discrepancy.errors.max())
    values = np.minimum(values, episodes * largest)
    pairs = np.count_nonzero(discrepancy.errors > ROUNDING)
    found: list[tuple[Potential, Groups]] = []
    kept: list[Potential] = []
    for _ in range(1 if pairs > MOST_PAIRS else 1 + REFINEMENTS):
        bounds = values / (grid + burn)
        worst = int(bounds.argmax())
        if bounds[worst] <= CLOSE * witness.value:
            break
        mu = float(grid[worst])
        target = witness.value * (mu + burn)
        levy, leader = 0.0, None
        if found:
            leader = min(found, key=lambda each: each[0].value(mu, episodes))
            price = leader[0].solution(mu, episodes)[2]
            crowded = leader[0].tops.size < np.count_nonzero(leader[0].labels >= 0)
            if crowded and leader[0].levy == 0.0 and price > DEAR * largest:
                levy, leader = PART * price, None
        if leader is not None:
            new: tuple[Potential, Groups] | None = refined(leader, mu, episodes)
        else:
            new = build(discrepancy, levy, mu, episodes, known, target)
        if new is None:
            break
        better = np.minimum(values, [new[0].value(float(mu), episodes) for mu in grid])
        found.append(new)
        if (better / (grid + burn)).max() < 0.999 * bounds[worst]:
            kept.append(new[0])
            values = better
        elif len(found) > 1:
            break
    return tuple(kept)


def refined(known: tuple[Potential, Groups], mu: float, episodes: int) -> tuple[Potential, Groups]:
    """The same groups, their vectors for one mu and K."""
    potential, groups = known
    G = potential.tops.size
    price = potential.solution(mu, episodes)[2] - potential.levy
    weight = np.maximum(potential.weight(mu) - price / potential.tops, 0.0)
    return groups.certificate(effort(G, G), weight), groups
