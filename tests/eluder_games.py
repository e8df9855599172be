"""Small members of the families of function approximation, and members with something changed."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from mamex_bench import catalogue

seeds = st.integers(0, 1000)


few = settings(max_examples=6)


VALUE_FAMILIES = ["bellman_complete", "generalised_linear", "small_eluder"]


SMALL = {
    "linear_mixture": {"models": 24, "policies": 6},
    "hypercube": {"models": 64},
    "small_eluder": {"between": 0},
}


def small(name, **parameters):
    return catalogue.make(name, **{**SMALL.get(name, {}), **parameters})


def failing(name, instance):
    return {check.statement for check in catalogue.certify(name, instance) if not check.holds}
