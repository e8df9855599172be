"""Learners broken on purpose exceed the bound on the instance and K that theory names.

The same bound holds for MAMEX on the same instance, so that it is the break that is caught.
"""

from __future__ import annotations

from functools import cache

import pytest

import mamex_bench as mb
from mamex_bench import bounds

CASES = {
    "needle": ({"truth": "last"}, 2_000),
    "combination_lock": ({}, 20_000),
}


@cache
def case(family: str) -> tuple[mb.Instance, int, float, float]:
    """Instance, K, tuned eta, and the explicit bound on the mean of the regret's signed sum."""
    parameters, K = CASES[family]
    instance = mb.catalogue.make(family, **parameters)
    bracket = mb.complexity.decoupling(instance, K)
    constants = bounds.concentration(instance, episodes=K)
    eta = bounds.tuned_eta(constants, bracket.upper_value, K)
    bound = bounds.regret(instance, concept="nash", episodes=K, eta=eta, coefficient=bracket)
    assert bound.explicit < bound.trivial
    return instance, K, eta, bound.explicit * instance.game.agents


def regret(name: str, family: str, concept: str, seed: int) -> float:
    instance, K, eta, _ = case(family)
    learner = mb.learners.make(name, instance, concept=concept, episodes=K, eta=eta)
    return float(mb.run(instance, learner, episodes=K, seed=seed).regret.sum())


@pytest.mark.parametrize("concept", ["nash", "ce", "cce"])
@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("planted_no_optimism", "needle"),
        ("planted_no_optimism", "combination_lock"),
        ("planted_wrong_sign", "needle"),
        ("planted_wrong_sign", "combination_lock"),
        ("planted_ignored_step", "needle"),
    ],
)
def test_every_planted_break_exceeds_the_bound(name: str, family: str, concept: str) -> None:
    for seed in range(3):
        assert regret(name, family, concept, seed) > case(family)[3]


@pytest.mark.parametrize("concept", ["nash", "ce", "cce"])
@pytest.mark.parametrize("family", sorted(CASES))
def test_mamex_itself_stays_below(family: str, concept: str) -> None:
    for seed in range(3):
        assert regret("mamex", family, concept, seed) < 0.5 * case(family)[3]
