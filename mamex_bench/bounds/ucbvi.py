"""Regret of UCBVI: Azar, Osband and Munos 2017, theorems 1 and 2, in the setting of the paper.

With S states, A actions, L = log(5 H S A T / p) and T = H K, after k episodes

    UCBVI-BF ("bernstein"):  30 H L sqrt(S A k) + 2500 H^2 S^2 A L^2 + 4 H^(3/2) sqrt(k L),
    UCBVI-CH ("hoeffding"):  20 H^(3/2) L sqrt(S A k) + 250 H^2 S^2 A L^2,

with probability 1 - p. There transitions are alike at every step and the visits of all steps are
pooled; `learners.ucbvi` keeps the steps apart, for which these constants are not proved. Constants
as restated by others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mamex_bench.bounds._stated import PUBLISHED, Statement
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.instance import Instance

STATEMENT = Statement(
    learners=("ucbvi",),
    kind=PUBLISHED,
    source="Azar, Osband and Munos 2017, theorems 1 and 2, of transitions alike at every step",
)


def bound(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    checkpoints: Ints,
    options: Mapping[str, Any],
) -> tuple[Floats, float]:
    """(P,) on the regret of the one agent, and p; S is the number of states of the widest step."""
    game, k, p = instance.game, checkpoints, float(options["failure"])
    H, A, S = game.horizon, game.actions, int(np.diff(game.layers.first)[:-1].max())
    L = np.log(5.0 * H * S * A * H * episodes / p)
    if options["bonus"] == "hoeffding":
        return 20.0 * H**1.5 * L * np.sqrt(S * A * k) + 250.0 * H**2 * S**2 * A * L**2, p
    leading = 30.0 * H * L * np.sqrt(S * A * k) + 4.0 * H**1.5 * np.sqrt(k * L)
    return leading + 2500.0 * H**2 * S**2 * A * L**2, p
