"""What every registered measure owes, third parties' included."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from test_catalogue import small
from test_storage import leaves

from mamex_bench import complexity
from mamex_bench.errors import NotApplicableError

GAMES = {"needle": {"arms": 4}, "random_game": {"models": 8, "policies": 3}}


# Few episodes and little work, where a measure counts them.
LITTLE = {"episodes": 20, "limit": 100_000}


def options(name):
    parameters = inspect.signature(complexity.registry.load(name).measure).parameters
    return {key: value for key, value in LITTLE.items() if key in parameters}


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("name", complexity.names())
def test_a_measure_repeats_itself_and_leaves_the_instance_alone(name, game):
    instance = small(game, **GAMES[game])
    before = [np.array(leaf) for _, leaf in leaves(instance) if isinstance(leaf, np.ndarray)]
    try:
        first = complexity.measure(name, instance, **options(name))
    except NotApplicableError as reason:
        pytest.skip(f"does not apply: {reason}")
    again = complexity.measure(name, small(game, **GAMES[game]), **options(name))
    assert repr(first) == repr(again)
    after = [leaf for _, leaf in leaves(instance) if isinstance(leaf, np.ndarray)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name", complexity.names())
def test_a_measure_says_what_it_is(name):
    assert len(complexity.registry.load(name).__doc__.split("\n", 1)[0]) > 20
