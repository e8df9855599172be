"""The certificate against its definition by enumeration, its invariances, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from normal_form_games import random_distribution

from mamex_bench.equilibria import CONCEPTS, gaps
from mamex_bench.errors import InputError
from mamex_bench.reference import gaps as slow

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
concepts = st.sampled_from(CONCEPTS)
seeds = st.integers(0, 10**6)


def case(counts, concept, seed):
    U = np.random.default_rng(seed).normal(size=(len(counts), *counts))
    return U, random_distribution(counts, seed + 1, product=concept == "nash")


@given(shapes, concepts, seeds)
def test_gaps_are_those_of_the_definition(counts, concept, seed):
    U, x = case(counts, concept, seed)
    np.testing.assert_allclose(gaps(U, x, concept), slow.gaps(U, x, concept), atol=1e-12)


@given(shapes, concepts, seeds)
def test_gaps_follow_their_agents_and_ignore_names_of_actions(counts, concept, seed):
    U, x = case(counts, concept, seed)
    rng = np.random.default_rng(seed + 2)
    before = gaps(U, x, concept)
    agents = rng.permutation(len(counts))
    swapped = np.stack([U[i].transpose(agents) for i in agents])
    np.testing.assert_allclose(
        gaps(swapped, x.transpose(agents), concept), before[agents], atol=1e-12
    )
    order = rng.permutation(counts[0])
    np.testing.assert_allclose(gaps(U[:, order], x[order], concept), before, atol=1e-12)


@given(shapes, concepts, seeds)
def test_gaps_scale_with_the_payoffs(counts, concept, seed):
    U, x = case(counts, concept, seed)
    n = len(counts)
    scale = np.random.default_rng(seed + 3).uniform(0.1, 10, n)
    lead = (slice(None),) + (None,) * n
    np.testing.assert_allclose(
        gaps(scale[lead] * U - 3.0, x, concept), scale * gaps(U, x, concept), atol=1e-11
    )


@given(shapes, seeds)
def test_a_swap_gains_at_least_what_a_fixed_deviation_does(counts, seed):
    U, x = case(counts, "ce", seed)
    assert (gaps(U, x, "ce") >= np.maximum(gaps(U, x, "cce"), 0) - 1e-12).all()


def test_a_coarse_gap_can_be_negative():
    coordination = np.stack([np.eye(2), np.eye(2)])
    np.testing.assert_allclose(gaps(coordination, np.eye(2) / 2, "cce"), [-0.5, -0.5])
    np.testing.assert_allclose(gaps(coordination, np.eye(2) / 2, "ce"), [0.0, 0.0])


@pytest.mark.parametrize(
    ("payoffs", "distribution", "concept", "message"),
    [
        (np.ones((2, 2, 2)), np.full((2, 2), 0.25), "cournot", "choose one of nash, ce, cce"),
        (np.full((2, 2, 2), np.nan), np.full((2, 2), 0.25), "ce", r"payoffs\[0, 0, 0\] is nan"),
        (np.ones((3, 2, 2)), np.full((2, 2), 0.25), "ce", r"shape \(3, 2, 2\)"),
        (np.ones((2, 2, 0)), np.ones((2, 0)), "ce", "every agent needs a strategy"),
        (np.ones((2, 2, 2)), np.full((2, 3), 1 / 6), "ce", r"shape \(2, 3\): expected \(2, 2\)"),
        (np.ones((2, 2, 2)), np.full((2, 2), 0.3), "ce", "sums to 1.2"),
        (np.ones((2, 2, 2)), [[1.5, -0.5], [0, 0]], "ce", "negative entry -0.5"),
        (np.ones((2, 2, 2)), [[np.inf, 0], [0, 0]], "ce", "must be finite"),
        (np.ones((2, 2, 2)), np.eye(2) / 2, "nash", "must be a product"),
        ([["a", "b"]], [1.0], "ce", "real numbers"),
    ],
)
def test_bad_input_is_named(payoffs, distribution, concept, message):
    with pytest.raises(InputError, match=message):
        gaps(payoffs, distribution, concept)
