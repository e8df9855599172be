"""Side-by-side timings: `make bench` measures them, `make test` runs each once for its result."""

import numpy as np
import pytest

import mamex_bench as mb
from mamex_bench.model.evaluation import class_payoffs


@pytest.fixture(scope="module")
def reference():
    """The reference instance: linear mixture, 2 agents, 32 policies each, 512 models."""
    return mb.catalogue.make("linear_mixture")


def test_payoffs_of_all_models(benchmark, reference):
    models = reference.hypothesis()
    arguments = reference.game, reference.policies, models.transitions
    values = benchmark(class_payoffs, *arguments)
    exact = mb.payoffs(reference.game, reference.policies)
    # One model alone is summed in another order than many at a time.
    np.testing.assert_allclose(values[models.truth].reshape(exact.shape), exact, rtol=1e-14)


@pytest.mark.parametrize(("concept", "size"), [("nash", 32), ("cce", 64), ("ce", 32)])
def test_equilibrium_of_a_random_game(benchmark, concept, size):
    payoffs = np.random.default_rng(size).random((2, size, size))
    found = benchmark(mb.equilibria.solve, payoffs, concept)
    assert mb.equilibria.gaps(payoffs, found.distribution, concept).max() <= 1e-9


def test_a_thousand_episodes_of_mamex(benchmark, reference):
    def play():
        learner = mb.learners.make("mamex", reference, concept="cce", eta="paper", episodes=1000)
        return mb.run(reference, learner, episodes=1000, seed=0)

    assert benchmark(play).regret.shape == (1000, 2)
