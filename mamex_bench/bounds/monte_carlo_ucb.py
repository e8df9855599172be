"""Regret of UCB on Monte-Carlo payoffs: the class as one big normal-form game.

With M joint pure policies, n agents, R_i the width of the interval that agent i's returns lie in,
g the growth at which means are renewed and p the learner's failure probability,

    Reg_i(k) <= R_i M + 2 R_i sqrt(2 g iota M k) + R_i sqrt(k log(n / p) / 2) + 1,
    iota = log(2 n M K / p),

for all agents at once with probability 1 - 2 p, after each number k <= K of episodes. Proved in the
docstring of `learners.monte_carlo_ucb` for k = K; nothing in it changes for fewer episodes of a
learner that was made for K.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

import numpy as np

from mamex_bench.bounds._stated import PROVED, Statement
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.instance import Instance
from mamex_bench.model.returns import return_bounds

STATEMENT = Statement(
    learners=("monte_carlo_ucb",),
    kind=PROVED,
    source="docstring of mamex_bench/learners/monte_carlo_ucb.py",
)


def bound(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    checkpoints: Ints,
    options: Mapping[str, Any],
) -> tuple[Floats, float]:
    """(P,) on the regret summed over agents, and 2 p; the same for every concept."""
    low, high = return_bounds(instance.game)
    n, M, k = instance.game.agents, instance.policies.size, checkpoints
    g, p = float(options["growth"]), float(options["failure"])
    iota = log(2 * n * M * episodes / p)
    unit = M + 2.0 * np.sqrt(2.0 * g * iota * M * k) + np.sqrt(k * log(n / p) / 2.0)
    return (high - low).sum() * unit + n, 2.0 * p
