"""Coverability: how small a set of distributions covers what all policies meet.

Xie, Foster, Bai, Jiang and Kakade (2022), "The role of coverage in online reinforcement learning",
arXiv 2210.04157, definition 2, here over the joint pure policies of the instance:

    C = max_h inf_mu sup_pi sup_{s,a} d_h^pi(s, a) / mu_h(s, a)
      = max_h sum_{s,a} max_pi d_h^pi(s, a)                                    (their lemma 3).

The infimum is attained by mu_h(s, a) in proportion to max_pi d_h^pi(s, a). Exact.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.complexity._discrepancy import occupancies
from mamex_bench.complexity._result import Measurement, timed
from mamex_bench.model._arrays import Floats
from mamex_bench.model.instance import Instance

DEFINITION = (
    "coverability, Xie et al. 2022 (arXiv 2210.04157), definition 2, over the joint policies"
)


@timed
def measure(instance: Instance) -> Measurement:
    """C of the instance's policies; the certificate holds C_h and the covering distributions.

    `distributions` (N, A): mu_h(s, a), states numbered across layers; each step's part sums to 1.
    """
    steps, distributions = cover(instance)
    value = float(steps.max())
    return Measurement(
        "coverability",
        instance.name,
        value,
        value,
        "largest occupancies added up",
        DEFINITION,
        certificate={"per_step": steps, "distributions": distributions},
    )


def cover(instance: Instance) -> tuple[Floats, Floats]:
    """(H,) C_h, and (N, A) the distributions that attain them."""
    game = instance.game
    visits, cells = occupancies(instance)
    largest = np.zeros(game.rewards.shape[1] * game.actions)
    np.maximum.at(largest, cells.reshape(-1), visits.reshape(-1))
    per_state = largest.reshape(-1, game.actions)
    first = game.layers.first[:-1]
    steps = np.add.reduceat(per_state.sum(axis=1), first[:-1])
    return steps, per_state / np.repeat(steps, np.diff(first))[:, None]
