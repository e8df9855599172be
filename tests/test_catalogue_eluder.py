"""Families of function approximation: every member holds its certificate; bad parameters."""

from __future__ import annotations

import pytest
from eluder_games import VALUE_FAMILIES, failing, small

from mamex_bench import catalogue
from mamex_bench.catalogue._dimensions import (
    linear_eluder_bound,
)
from mamex_bench.complexity import decoupling
from mamex_bench.concentration import concentration
from mamex_bench.errors import InputError
from mamex_bench.model.hypotheses import ValueClass
from mamex_bench.model.instance import realizable
from mamex_bench.structural_bounds import structural_bellman_eluder

FAMILIES = [
    "bellman_complete",
    "generalised_linear",
    "hypercube",
    "linear_mixture",
    "small_eluder",
    "two_sided_hypercube",
]


@pytest.mark.parametrize("name", FAMILIES)
def test_ten_members_hold_their_certificates(name):
    for seed in range(10):
        checks = catalogue.certify(name, small(name, seed=seed))
        assert len(checks) >= 4
        assert len({check.statement for check in checks}) == len(checks)
        assert not [str(check) for check in checks if not check.holds]


MEMBERS = [
    ("bellman_complete", {"agents": 3, "policies": 2, "states": 7, "passive": 4, "horizon": 2}),
    ("bellman_complete", {"dimension": 1, "passive": 2, "states": 3, "actions": [2, 3]}),
    ("bellman_complete", {"horizon": 1, "distractors": 0, "bend": 1.0, "models": 1}),
    ("generalised_linear", {"agents": 3, "policies": 2, "wheels": [2, 3], "steepness": 0.5}),
    ("generalised_linear", {"wheels": [2, 2, 2], "slip": 0.0, "distractors": 0}),
    ("generalised_linear", {"horizon": 1, "wheels": [5], "actions": [3, 2]}),
    ("generalised_linear", {"steepness": 9.0, "slip": 0.8, "horizon": 4}),
    ("small_eluder", {"agents": 3, "actions": 2, "states": 4, "horizon": 4, "opposed": False}),
    ("small_eluder", {"horizon": 2, "between": 0, "slopes": [0.8, 0.9], "control": 1.0}),
    ("hypercube", {"dimension": 2, "horizon": 2, "dummy_actions": 1, "episodes": 50}),
    ("hypercube", {"dimension": 3, "policies": 5, "total_deviation": 0.5}),
    ("linear_mixture", {"agents": 1, "dimension": 1, "models": 3}),
    ("linear_mixture", {"agents": 3, "actions": 2, "dimension": 7, "floor": 0.0}),
    ("two_sided_hypercube", {"dimension": [2, 4], "horizon": 2, "models": [16, 2]}),
    ("two_sided_hypercube", {"dimension": 2, "horizon": 4, "total_deviation": 0.5, "policies": 5}),
]


@pytest.mark.parametrize(("name", "parameters"), MEMBERS)
def test_members_of_other_sizes_hold_their_certificates(name, parameters):
    instance = small(name, seed=3, **parameters)
    assert not failing(name, instance)
    for key, each in instance.hypotheses.items():
        if isinstance(each, ValueClass):
            assert realizable(instance, key)
            concentration(instance, key)


@pytest.mark.parametrize("name", VALUE_FAMILIES)
@pytest.mark.parametrize("seed", [0, 5])
def test_value_classes_are_realizable_and_complete(name, seed):
    instance = small(name, seed=seed)
    for key, each in instance.hypotheses.items():
        if isinstance(each, ValueClass):
            assert realizable(instance, key)
            assert instance.game.horizon >= concentration(instance, key, episodes=100).R


@pytest.mark.parametrize("name", VALUE_FAMILIES)
def test_the_filed_dimension_bounds_the_decoupling_coefficient(name):
    instance = small(name, seed=1)
    K = 20
    known = {key: each.value for key, each in instance.known.items()}
    # The bound is filed at one scale; that of the theorem is 1/K.
    dimension = {
        "small_eluder": lambda: known["bellman_eluder_bound"],
        "generalised_linear": lambda: known["linear_dimension"],
        "bellman_complete": lambda: linear_eluder_bound(
            int(known["dimension"]), known["feature_norm"] * known["weight_norm"], 1 / K
        ),
    }[name]()
    bound = structural_bellman_eluder(
        dimension, horizon=instance.game.horizon, episodes=K, residual=known["residual_bound"]
    )
    bracket = decoupling(instance, episodes=K)
    assert 0.0 < bracket.lower <= bound


@pytest.mark.parametrize(
    ("message", "name", "parameters"),
    [
        ("passive is 9: expected more than dimension = 3", "bellman_complete", {"passive": 9}),
        ("passive is 3: expected more than dimension = 3", "bellman_complete", {"passive": 3}),
        ("bend is 0: expected a number in", "bellman_complete", {"bend": 0}),
        ("distractors is -1: expected at least 0", "bellman_complete", {"distractors": -1}),
        ("scale is 0: expected a number in", "bellman_complete", {"scale": 0}),
        ("wheels is []: expected at least one", "generalised_linear", {"wheels": []}),
        ("wheels is 1: expected at least 2", "generalised_linear", {"wheels": [3, 1]}),
        ("at most 512 positions", "generalised_linear", {"wheels": [40, 40]}),
        ("slip is 1: expected a number in [0, 1)", "generalised_linear", {"slip": 1}),
        ("steepness is 0: expected", "generalised_linear", {"steepness": 0}),
        ("their least slope is 4.2e-18 of", "generalised_linear", {"steepness": 40, "slip": 0}),
        ("slip 0.999 at horizon 5", "generalised_linear", {"slip": 0.999, "horizon": 5}),
        ("horizon is 1: expected at least 2", "small_eluder", {"horizon": 1}),
        ("number of joint actions is 1: expected at least 2", "small_eluder", {"actions": 1}),
        ("slopes is [0.7, 0.6]: expected two numbers", "small_eluder", {"slopes": [0.7, 0.6]}),
        (
            "control is 1: with c1 = 0.2 and horizon 3",
            "small_eluder",
            {"slopes": [0.2, 0.3], "control": 1},
        ),
        ("between is -1: expected at least 0", "small_eluder", {"between": -1}),
        ("dimension is 1: expected at least 2", "two_sided_hypercube", {"dimension": 1}),
        ("dimension has 3 entries: expected 2", "two_sided_hypercube", {"dimension": [2, 2, 2]}),
        ("episodes = 0.5 and c = 0.9 give", "two_sided_hypercube", {"episodes": 1, "c": 0.9}),
        (
            "transitions of 1,258,291,200 numbers",
            "two_sided_hypercube",
            {"dimension": 4, "models": 256},
        ),
        (
            "agent 0 has 16,777,216 open-loop",
            "two_sided_hypercube",
            {"dimension": 4, "horizon": 9, "models": 1},
        ),
        ("total_deviation = 90 give", "hypercube", {"total_deviation": 90}),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(message, name, parameters):
    with pytest.raises(InputError) as caught:
        catalogue.make(name, **parameters)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
