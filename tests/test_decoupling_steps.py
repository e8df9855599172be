"""Steps of the game by themselves, and sequences whose plays are exchanged."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from test_decoupling import tampered, tiny

import mamex_bench as mb
from mamex_bench import catalogue, complexity
from mamex_bench.complexity import _check_upper, _exchange, _lower, _steps
from mamex_bench.complexity._discrepancy import discrepancies
from mamex_bench.errors import ResultsError
from mamex_bench.reference import decoupling as reference
from mamex_bench.reference.decoupling_steps import step_definitions


def alone(instance, agent=0):
    errors = discrepancies(instance)[agent].errors
    return _steps.step_discrepancies(instance, agent, "models", errors > 0.0), errors


def test_errors_and_losses_of_steps_add_up_and_are_those_of_the_definition():
    for seed in range(3):
        instance = tiny(seed)
        for i in range(2):
            parts, errors = alone(instance, i)
            definition = reference.Definition(instance, None, i)
            slow = step_definitions(definition)
            assert sum(each.errors for each in slow)[errors > 0.0] == pytest.approx(
                errors[errors > 0.0], abs=1e-12
            )
            assert sum(each.own for each in parts) == pytest.approx(definition.table, abs=1e-12)
            for fast, twin in zip(parts, slow):
                assert fast.errors == pytest.approx(np.maximum(twin.errors, 0.0), abs=1e-12)
                assert fast.own == pytest.approx(twin.table, abs=1e-12)


def test_steps_bound_every_sequence(monkeypatch):
    monkeypatch.setattr(_steps, "ALIKE", 10.0)
    for seed in range(3):
        instance = tiny(seed)
        for i in range(2):
            errors = discrepancies(instance)[i].errors
            grid = np.geomspace(0.1, 100.0, 9)
            found = _steps.steps(instance, i, "models", errors > 0.0, None, grid, 4, 12.0)
            if found is None:
                assert not (errors > 0.0).any()
                continue
            definition = reference.Definition(instance, None, i)
            for K in (1, 3):
                A, B = reference.all_sums(definition, K).T
                for mu in (0.02, 0.5, 5.0, 100.0):
                    assert (A - B / mu).max() <= found.value(mu, K) * (1 + 1e-12) + 1e-11


def test_steps_are_not_for_what_is_not_a_sum_over_steps():
    for family, name in (("blind_step", "models"), ("linear_game", "values")):
        instance = catalogue.make(family)
        every = np.ones_like(discrepancies(instance, name)[0].errors, dtype=bool)
        assert _steps.step_discrepancies(instance, 0, name, every) == []


def test_a_certificate_by_steps_is_refused_where_a_step_is_not_heard(cube):
    instance, bracket = cube
    models = instance.hypothesis()
    deaf = mb.ModelClass(models.transitions, truth=models.truth, ignored_steps=(0,))
    other = mb.Instance(instance.game, instance.policies, deaf)
    definition = reference.Definition(other, next(iter(other.hypotheses)), 0)
    with pytest.raises(ResultsError, match="leave something out"):
        _check_upper._steps(definition, bracket.agents[0].steps, "here")


@pytest.fixture(scope="module")
def cube():
    """Two steps of two coordinates, which policies and models combine freely."""
    instance = catalogue.make(
        "hypercube", dimension=3, horizon=3, episodes=4000, total_deviation=1.0
    )
    return instance, complexity.decoupling(instance, 4000)


def test_steps_close_the_hypercube(cube):
    instance, bracket = cube
    agent = bracket.agents[0]
    assert agent.steps is not None
    assert bracket.upper <= 1.03 * bracket.lower
    complexity.check_bracket(instance, bracket)
    header, arrays = bracket.to_arrays()
    again = complexity.Bracket.from_arrays(json.loads(json.dumps(header)), arrays)
    complexity.check_bracket(instance, again)
    assert again.upper_value(3.0, 70) == bracket.upper_value(3.0, 70)
    assert bracket.k_free[1] <= 1.15 * bracket.k_free[0]


def test_tampering_with_steps_is_caught(cube):
    instance, bracket = cube
    steps = bracket.agents[0].steps
    h = next(h for h, part in enumerate(steps.parts) if part is not None)
    part = steps.parts[h]

    def forged(new):
        parts = (*steps.parts[:h], new, *steps.parts[h + 1 :])
        return tampered(bracket, 0, steps=dataclasses.replace(steps, parts=parts))

    flat = dataclasses.replace(part.partitions[0], height=part.partitions[0].height * 0.99)
    changes = [{"largest": part.largest * 0.99}, {"partitions": (flat, *part.partitions[1:])}]
    if part.potentials:
        stretched = part.potentials[0].factors * 1.01
        potential = dataclasses.replace(part.potentials[0], factors=stretched)
        changes.append({"potentials": (potential,)})
    if part.replaced is not None:
        none = np.where(part.replaced >= 0, part.replaced.max(), -1).astype(np.int32)
        changes.append({"replaced": none})
    assert len(changes) >= 3
    for change in changes:
        with pytest.raises(ResultsError, match=f"step {h}"):
            complexity.check_bracket(instance, forged(dataclasses.replace(part, **change)))
    # A line without a number hides those below it.
    steep = dataclasses.replace(
        part.partitions[0], slope=np.full(part.partitions[0].slope.size, np.inf)
    )
    for change in ({"partitions": (steep,)}, {"partitions": ()}, {"largest": np.nan}):
        with pytest.raises(ResultsError, match=r"not finite|no clusters"):
            complexity.check_bracket(instance, forged(dataclasses.replace(part, **change)))
    with pytest.raises(ResultsError, match="nothing that bounds them"):
        complexity.check_bracket(instance, forged(None))
    short = dataclasses.replace(steps, parts=steps.parts[1:])
    with pytest.raises(ResultsError, match="steps by themselves are"):
        complexity.check_bracket(instance, tampered(bracket, 0, steps=short))


def test_exchanges_find_what_local_search_does_not():
    """K binds: local search stalls 3.4 % below."""
    discrepancy = discrepancies(catalogue.make("bellman_complete"), "values")[0]
    grid = np.geomspace(0.2, 1800.0, 12)
    before = _lower.search(discrepancy, grid, 20_000, 18.0)
    after = _exchange.search(discrepancy, grid, 20_000, 18.0)
    assert after.value >= 1.02 * before.value
    assert after.length <= 20_000


def test_exchanged_sequences_are_worth_what_they_say():
    for seed in range(3):
        instance = tiny(seed)
        definition = reference.Definition(instance, None, 0)
        discrepancy = discrepancies(instance)[0]
        for K in (3, 40):
            grid = np.geomspace(0.1, 100.0, 7)
            first = _lower.search(discrepancy, grid, K, 12.0)
            found = _exchange.search(discrepancy, grid, K, 12.0)
            assert found.value >= first.value
            assert found.length <= K
            sums = definition.sequence_sums(found.hypotheses, found.policies, found.counts)
            assert found.value == pytest.approx(reference.sequence_value(*sums, 12.0), rel=1e-9)


def test_rounding_keeps_the_number_of_plays():
    counts = np.array([1.5, 0.25, 3.25, 0.0])
    assert _exchange.rounded(counts, 5).sum() == 5
    assert _exchange.rounded(counts, 4).sum() <= 5
    assert (np.abs(_exchange.rounded(counts, 5) - counts) < 1.0).all()


def test_a_pair_that_is_never_seen_has_no_exchange():
    """Losses of 0: the witness costs nothing and stays."""
    bracket = complexity.decoupling(catalogue.make("blind_step"), 50)
    assert isinstance(bracket, mb.complexity.Bracket)
    assert bracket.witness[1].length == 50
