"""Nash-UCRL and OMNI-VI learn, and broken ones do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from linear_games import build, case, uniform_gap

import mamex_bench as mb
from mamex_bench.learners._linear_planning import LinearPlanning

# (learner, game): episodes, and the largest share of the gap of uniform actions that may be left,
# mean of the executed profiles over the second half.
LEVELS = {
    ("nash_ucrl_tuned", "mixture"): (1000, 0.03),
    ("nash_ucrl_tuned", "dummy"): (1500, 0.06),
    ("nash_ucrl_tuned", "both"): (1500, 0.42),
    ("omni_vi_tuned", "linear"): (1000, 0.03),
    ("omni_vi_tuned", "signals"): (1500, 0.25),
    ("omni_vi_tuned", "arms"): (1000, 0.03),
    ("omni_vi", "arms"): (30_000, 0.12),
}


Change = Callable[[Any], Any]


def share_left(
    name: str, game: str, concept: str, seed: int, change: Change | None = None
) -> float:
    """Sum of both agents' gaps that is left, as a share of that of uniform actions everywhere."""
    instance, (episodes, _) = case(game, seed), LEVELS[name, game]
    learner = build(name, instance, episodes, concept=concept)
    if change is not None:
        learner = LinearPlanning(instance, concept, episodes, "changed", change(learner._evidence))
    run = mb.run(instance, learner, episodes, seed=seed)
    executed = np.repeat(run.gaps.sum(axis=1), run.lengths)
    return float(executed[episodes // 2 :].mean() / uniform_gap(instance, concept))


@pytest.mark.parametrize(("name", "game"), LEVELS)
def test_they_learn(name: str, game: str) -> None:
    for seed, concept in enumerate(("cce", "nash")):
        assert share_left(name, game, concept, seed) <= LEVELS[name, game][1]


BREAKS: dict[str, tuple[str, str, Change]] = {
    "radii of the wrong sign": (
        "nash_ucrl_tuned",
        "both",
        lambda data: data._replace(scale=-data.scale),
    ),
    "features of another kernel": (
        "nash_ucrl_tuned",
        "mixture",
        lambda data: data._replace(
            fans=data.fans._replace(basis=np.roll(data.fans.basis, 1, axis=0))
        ),
    ),
    "bonus of the wrong sign": (
        "omni_vi_tuned",
        "arms",
        lambda data: data._replace(beta=-data.beta),
    ),
    "payoffs of the other agent": (
        "omni_vi_tuned",
        "linear",
        lambda data: data._replace(payoff=-data.payoff),
    ),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_a_planted_break_is_caught_by_the_same_levels(fault: str) -> None:
    name, game, change = BREAKS[fault]
    assert max(share_left(name, game, "cce", seed, change) for seed in range(6)) > (
        1.2 * LEVELS[name, game][1]
    )
