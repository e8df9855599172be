"""Branch and bound over vectors of counts, and what it becomes when its budget runs out: a beam."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from test_decoupling import tampered, tiny

from mamex_bench import catalogue, complexity
from mamex_bench.complexity import _counts, _groups, _levels, _thinning, _upper
from mamex_bench.complexity._discrepancy import ModelDiscrepancy, discrepancies
from mamex_bench.errors import NotApplicableError, ResultsError
from mamex_bench.kernels import decoupling_levels as kernel
from mamex_bench.reference import decoupling as reference
from mamex_bench.reference import decoupling_levels as slow


def bounded(discrepancy, mu, K, budget=200_000, known=0.0):
    """The search at one mu with both kinds of bounds, and its rows; None without a pair."""
    rows = _counts.Rows.of(discrepancy)
    if rows is None:
        return None, None
    every = _upper.partitions(discrepancy, np.geomspace(0.1, 100.0, 5), K, 12.0)
    pairs = np.nonzero(discrepancy.errors > 0.0)
    built = _groups.build(discrepancy, 0.0, mu, K, pairs, 0.0)
    if built is not None:
        every = (*every, built[0])
    bound = _levels.Bound.best(rows, every, mu, K)
    return _levels.search(rows, bound, mu, K, known, budget), rows


@pytest.mark.parametrize("kind", ["models", "values"])
def test_it_gives_the_value_of_all_sequences(kind):
    for seed in range(3):
        instance = tiny(seed, kind=kind, hypotheses=4)
        for i, discrepancy in enumerate(discrepancies(instance)):
            definition = reference.Definition(instance, None, i)
            for K in (1, 2, 4):
                A, B = reference.all_sums(definition, K).T
                for mu in (0.05, 0.6, 30.0):
                    found, rows = bounded(discrepancy, mu, K)
                    exact = (A - B / mu).max()
                    if found is None:
                        assert exact == 0.0
                        continue
                    assert exact <= found.upper * (1 + 1e-12) + 1e-15
                    assert found.upper <= exact * (1 + 1.01 * _levels.SLACK) + 1e-12
                    assert found.lower == pytest.approx(exact, rel=1.01 * _levels.SLACK)
                    w = rows.witness(found.rows, 12.0)
                    a, b = definition.sequence_sums(w.hypotheses, w.policies, w.counts)
                    assert a - b / mu == pytest.approx(found.lower, rel=1e-9, abs=1e-14)
                    assert w.length <= K


def random_class(seed, policies, hypotheses):
    rng = np.random.default_rng(seed)
    own = 0.1 + 0.6 * rng.random((policies, hypotheses))
    return ModelDiscrepancy(rng.random((policies, hypotheses)), own)


def test_it_agrees_with_dynamic_programming_and_follows_fewer_vectors():
    discrepancy, mu, K = random_class(1, 5, 6), 3.0, 12
    rows = _counts.Rows.of(discrepancy)
    exact = rows.solve(mu, K, 6.0)[0]
    found, _ = bounded(discrepancy, mu, K)
    assert found.lower <= exact * (1 + 1e-12) <= found.upper * (1 + 2e-12)
    assert found.upper <= exact * (1 + 1.01 * _levels.SLACK)
    told, _ = bounded(discrepancy, mu, K, known=exact)
    assert told.vectors < 0.5 * found.vectors < 0.5 * rows.states(mu, K)


def test_a_budget_that_runs_out_widens_and_never_narrows():
    discrepancy = discrepancies(catalogue.make("bellman_complete"), "values")[0]
    discrepancy, mu, K = _thinning.thin(discrepancy).discrepancy, 8.0, 8
    exact = _counts.Rows.of(discrepancy).solve(mu, K, 6.0)[0]
    ends = []
    for budget in (1, 60, 100_000):
        found, rows = bounded(discrepancy, mu, K, budget)
        assert found.lower <= exact * (1 + 1e-12) <= found.upper * (1 + 2e-12)
        ends.append(found)
        # A sequence at any budget: a beam.
        w = rows.witness(found.rows, 6.0)
        assert 0 < w.length <= K
    assert ends[0].upper > 1.001 * ends[-1].upper
    assert ends[0].lower < ends[-1].lower
    # What is known to be attained may be the better sequence.
    told, _ = bounded(discrepancy, mu, K, 30, known=exact)
    assert told.upper >= exact * (1 - 1e-12)


def test_bounds_of_what_is_left_lie_above_it():
    """For every vector of a few plays: what may follow, against dynamic programming from there."""
    discrepancy, mu, K = random_class(7, 3, 4), 2.0, 6
    rows = _counts.Rows.of(discrepancy)
    every = _upper.partitions(discrepancy, np.array([0.5, 2.0, 8.0]), K, 6.0)
    pairs = np.nonzero(discrepancy.errors > 0.0)
    potential = _groups.build(discrepancy, 0.0, mu, K, pairs, 0.0)[0]
    for certificate in (*every, potential):
        bound = _levels.Bound.best(rows, (certificate,), mu, K)
        for c in np.ndindex(3, 3, 3):
            left = K - sum(c)
            if left < 1:
                continue
            costs = np.array(c) @ rows.table / mu
            errors = np.maximum(rows.errors - costs[rows.columns], 0.0)
            best = dataclasses.replace(rows, errors=errors).solve(mu, left, 6.0)[0]
            state = costs[None], np.zeros(1), left, -1.0, np.full(1, np.inf)
            assert bound.of(*state)[0] >= best * (1 - 1e-12)


def test_like_vectors_are_merged_and_unlike_ones_never():
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 3, size=(60, 3))
    totals = rng.random(60)
    # Codes that unlike vectors share as well.
    codes = (counts.sum(axis=1) % 3).astype(np.uint64)
    first = np.empty(60, dtype=np.int64)
    kept = kernel.merge(counts, codes, totals, first)
    alive = np.flatnonzero(first == np.arange(60))
    assert kept == alive.size == len(np.unique(counts, axis=0))
    for i in alive:
        same = (counts == counts[i]).all(axis=1)
        assert totals[i] == totals[same].max()


@pytest.fixture(scope="module")
def wheels():
    """Too many vectors of counts to go through, few that bounds leave open."""
    instance = catalogue.make("generalised_linear")
    return instance, complexity.decoupling(instance, 30, exact=True)


def test_exact_where_dynamic_programming_has_too_many_vectors(wheels):
    instance, bracket = wheels
    assert bracket.upper <= 1.003 * bracket.lower
    agent = bracket.agents[0]
    assert agent.counts.pruned.any()
    assert agent.counts.name == _counts.BOUNDED
    rest = _thinning.thin(discrepancies(instance)[0]).discrepancy
    assert _counts.Rows.of(rest).states(agent.witness.mu, 30) > 1e6
    without = complexity.decoupling(instance, 30)
    assert without.upper > 1.008 * without.lower
    assert without.lower <= bracket.upper * (1 + 1e-9)
    assert bracket.lower <= without.upper * (1 + 1e-9)
    complexity.check_bracket(instance, bracket)
    header, arrays = bracket.to_arrays()
    again = complexity.Bracket.from_arrays(json.loads(json.dumps(header)), arrays)
    assert (again.agents[0].counts.pruned == agent.counts.pruned).all()
    assert again.upper_value(2.0, 20) == bracket.upper_value(2.0, 20)


def test_tampering_with_bounded_values_is_caught(wheels, monkeypatch):
    instance, bracket = wheels
    counts = bracket.agents[0].counts
    low = dataclasses.replace(counts, values=counts.values * 0.98)
    monkeypatch.setattr(slow, "LIMIT", 4000)
    complexity.check_bracket(instance, bracket)
    with pytest.raises(ResultsError, match=r"by bounds: .*not enough to show it"):
        complexity.check_bracket(instance, tampered(bracket, 0, counts=low))


@pytest.mark.parametrize("kind", ["models", "values"])
def test_slow_bounds_tell_what_is_too_low(kind):
    """Either side of the exact value, with and without groups of pairs, with any y."""
    instance, mu, K = tiny(2, kind=kind, hypotheses=4), 0.6, 4
    definition = reference.Definition(instance, None, 0)
    A, B = reference.all_sums(definition, K).T
    exact = (A - B / mu).max()
    discrepancy = discrepancies(instance)[0]
    pairs = np.nonzero(discrepancy.errors > 0.0)
    potential = _groups.build(discrepancy, 0.0, mu, K, pairs, 0.0)[0]
    rng = np.random.default_rng(0)
    for propose in (
        lambda share: mu * rng.random(share.shape),
        lambda share: _levels.proposed(potential, potential.solution(mu, K)[1], mu, share),
    ):
        vectors = slow.Vectors(potential.labels, potential.factors, propose)
        for clusters in (np.zeros(len(definition.errors), dtype=int), np.arange(4)):
            for each in (None, vectors):
                known = definition, mu, K
                assert slow.exceeds(*known, exact * (1 + 1e-9), clusters, each) == ""
                wrong = slow.exceeds(*known, exact * (1 - 1e-6), clusters, each)
                assert "a sequence earns" in wrong


def test_small_games_are_closed_without_being_asked():
    instance = catalogue.make("generalised_linear")
    bracket = complexity.decoupling(instance, 25)
    assert bracket.upper <= 1.003 * bracket.lower
    assert any(agent.counts is not None for agent in bracket.agents)


def test_many_plays_are_refused(wheels):
    instance, _ = wheels
    with pytest.raises(NotApplicableError, match=r"K up to 200.*without exact=True"):
        complexity.decoupling(instance, 201, exact=True)
