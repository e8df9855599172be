"""Every learner counts its solves and says what its paper promises."""

from __future__ import annotations

import pytest
from planning_games import CONCEPTS, case, make
from test_mamex_payoffs import random_instance

import mamex_bench as mb
from mamex_bench.errors import NotApplicableError
from mamex_bench.learners._guarantee import Guarantee


@pytest.mark.parametrize("name", mb.learners.names())
def test_every_learner_counts_its_solves(name: str) -> None:
    small = {"policies": 4, "models": 4, "zero_sum": True}
    for instance in (
        random_instance(1, "models"),
        random_instance(1, "tabular"),
        case("random"),
        case("one random"),
        mb.catalogue.make("linear_mixture", **small),
        mb.catalogue.make("linear_game", zero_sum=True),
    ):
        try:
            learner = make(name, instance, "cce", 5)
        except NotApplicableError:
            continue
        counters = learner.diagnostics()
        assert counters["solves"] >= 0.0
        assert counters["solve_seconds"] >= 0.0
        return
    pytest.skip(f"{name} applies to none of these games")


@pytest.mark.parametrize("name", mb.learners.names())
def test_every_learner_says_what_its_paper_promises(name: str) -> None:
    promise = mb.learners.REGISTRY.load(name).GUARANTEE
    assert isinstance(promise, Guarantee)
    assert all((promise.rate, promise.games, promise.source, promise.concepts))
    assert promise.exponent is None or 0.0 < promise.exponent < 1.0
    assert set(promise.concepts) <= set(CONCEPTS)
    assert promise.about in ("executed", "output")
    assert (promise.rate == "none") <= (promise.exponent is None)
