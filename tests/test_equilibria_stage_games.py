"""Batched stage equilibria and backward induction against the oracle and slow certificates."""

from __future__ import annotations

import numpy as np
import pytest
from games import games, random_game
from hypothesis import given
from hypothesis import strategies as st
from normal_form_games import FAMILIES, payoffs

from mamex_bench.equilibria import CONCEPTS, backward_induction, solve
from mamex_bench.errors import InputError
from mamex_bench.kernels.stage_games import CERTIFIED, UNCERTIFIED, stage_equilibria
from mamex_bench.model.concepts import concept_code
from mamex_bench.reference import gaps as slow

shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)


def staged(batch, counts, concept):
    batch = np.ascontiguousarray([U.reshape(len(counts), -1) for U in batch])
    out, status = np.empty((len(batch), batch.shape[2])), np.empty(len(batch), dtype=np.int64)
    stage_equilibria(batch, np.array(counts), concept_code(concept), out, status)
    return out.reshape(-1, *counts), status


@given(st.sampled_from(FAMILIES), shapes, st.sampled_from(CONCEPTS), st.integers(0, 10**6))
def test_stage_equilibria_are_those_of_the_oracle(family, counts, concept, seed):
    batch = [payoffs(family, counts, seed + k) for k in range(4)]
    found, status = staged(batch, counts, concept)
    for U, x, code in zip(batch, found, status):
        full = solve(U, concept)
        if code == CERTIFIED:
            assert slow.gaps(U, x, concept).max() <= 1e-9
            assert (U.sum(axis=0) * (x - full.distribution)).sum() == pytest.approx(0, abs=1e-9)
        else:  # only Nash of three agents without a pure equilibrium is left open
            assert concept == "nash"
            assert len(counts) == 3
            assert full.method != "pure equilibrium"


@pytest.mark.parametrize("concept", CONCEPTS)
def test_every_small_two_player_stage_game_is_certified(concept):
    for family in FAMILIES:
        batch = [payoffs(family, (3, 3), seed) for seed in range(200)]
        _, status = staged(batch, (3, 3), concept)
        assert (status == CERTIFIED).all()


def test_three_agents_without_a_pure_equilibrium_are_left_to_the_caller():
    a, b, c = np.indices((2, 2, 2))
    _, status = staged([np.stack([a == b, b == c, c != a]).astype(float)], (2, 2, 2), "nash")
    assert status[0] == UNCERTIFIED


@given(games(), st.sampled_from(CONCEPTS))
def test_backward_induction_is_an_equilibrium_at_every_state(game, concept):
    found = backward_induction(game, concept)
    n, H, S, _ = game.reward.shape
    assert found.values.shape == (n, H, S)
    for h in range(H):
        for s in range(S):
            Q = game.reward[:, h, s].copy()
            if h + 1 < H:
                Q += (game.transition[h, s] @ found.values[:, h + 1].T).T
            x = found.policy.joint[h, s]
            np.testing.assert_allclose(found.values[:, h, s], Q @ x, atol=1e-12)
            stage = Q.reshape(n, *game.action_counts)
            assert slow.gaps(stage, x.reshape(game.action_counts), concept).max() <= 1e-8
    assert found.gaps.max() <= 1e-8
    np.testing.assert_allclose(found.value, found.values[:, 0] @ game.initial, atol=1e-12)


def test_stage_games_without_a_certificate_go_to_the_oracle():
    found = backward_induction(random_game(5, (2, 2, 2), states=12, horizon=2), "nash")
    assert found.fallbacks > 0
    assert found.gaps.max() <= 1e-8
    assert f"{found.fallbacks} stage games by the full oracle" in repr(found)


def test_unknown_concept():
    with pytest.raises(InputError, match="choose one of nash, ce, cce"):
        backward_induction(random_game(0), "stackelberg")
