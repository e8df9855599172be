"""Games whose values stand in the literature, solved by the oracle and by backward induction."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest

from mamex_bench.equilibria import CONCEPTS, backward_induction, gaps, solve
from mamex_bench.model.game import MarkovGame, Units


def symmetric(A):
    A = np.array(A, dtype=float)
    return np.stack([A, A.T])


def zero_sum(A):
    A = np.array(A, dtype=float)
    return np.stack([A, -A])


# Matrix games


def test_biased_rock_paper_scissors():
    """Skew-symmetric, so its value is 0; the unique equilibrium is (1, 10, 5) / 16."""
    U = zero_sum([[0, -25, 50], [25, 0, -5], [-50, 5, 0]])
    found = solve(U, "nash")
    for own in found.marginals:
        np.testing.assert_allclose(own, np.array([1, 10, 5]) / 16, atol=1e-12)
    for concept in CONCEPTS:
        np.testing.assert_allclose(solve(U, concept).value, 0, atol=1e-9)


def test_chicken():
    """Aumann 1974, 1987: the best CE pays 5 1/4 each; the mixed equilibrium 14/3."""
    U = symmetric([[6, 2], [7, 0]])
    found = solve(U, "ce")
    np.testing.assert_allclose(found.value, [5.25, 5.25], atol=1e-9)
    np.testing.assert_allclose(found.distribution, [[1 / 2, 1 / 4], [1 / 4, 0]], atol=1e-9)
    mixed = np.outer([2 / 3, 1 / 3], [2 / 3, 1 / 3])
    np.testing.assert_allclose(gaps(U, mixed, "nash"), 0, atol=1e-12)
    assert (U[0] * mixed).sum() == pytest.approx(14 / 3)


def test_chicken_dare():
    """The best CE is uniform on all cells but (dare, dare): 8/3 each."""
    found = solve(symmetric([[0, 4], [1, 3]]), "ce")
    np.testing.assert_allclose(found.distribution, [[0, 1 / 3], [1 / 3, 1 / 3]], atol=1e-9)
    np.testing.assert_allclose(found.value, 8 / 3, atol=1e-9)


def test_prisoners_dilemma_has_one_equilibrium_of_any_kind():
    """Defection is strictly dominant: (1, 1), although cooperation would pay (5, 5)."""
    for concept in CONCEPTS:
        found = solve(symmetric([[5, 0], [10, 1]]), concept)
        np.testing.assert_allclose(found.value, 1, atol=1e-12)
        assert found.distribution[1, 1] == pytest.approx(1)


def test_stag_hunt_takes_the_better_of_two_equilibria():
    U = symmetric([[2, 0], [1, 1]])
    for concept in CONCEPTS:
        np.testing.assert_allclose(solve(U, concept).value, 2, atol=1e-12)
    np.testing.assert_allclose(gaps(U, np.array([[0, 0], [0, 1.0]]), "nash"), 0)


def test_battle_of_the_sexes():
    """Two pure equilibria, (3, 2) and (2, 3), and the mixed one, (3/5, 2/5), worth 6/5 each."""
    U = np.array([[[3, 0], [0, 2]], [[2, 0], [0, 3]]], dtype=float)
    np.testing.assert_allclose(solve(U, "nash").value, [3, 2])
    mixed = np.outer([3 / 5, 2 / 5], [2 / 5, 3 / 5])
    np.testing.assert_allclose(gaps(U, mixed, "nash"), 0, atol=1e-12)
    np.testing.assert_allclose((U * mixed).sum(axis=(1, 2)), 6 / 5)


def test_shapley_cycle():
    """Shapley 1964: fictitious play cycles; the unique equilibrium is uniform and pays 1/3."""
    U = np.stack([np.eye(3), np.roll(np.eye(3), 1, axis=1)])
    found = solve(U, "nash")
    np.testing.assert_allclose(found.distribution, 1 / 9, atol=1e-12)
    np.testing.assert_allclose(found.value, 1 / 3, atol=1e-12)


def test_jordan_matching_pennies():
    """Jordan 1993: 0 matches 1, 1 matches 2, 2 avoids 0; the unique equilibrium is uniform."""
    a, b, c = np.indices((2, 2, 2))
    found = solve(np.stack([a == b, b == c, c != a]).astype(float), "nash")
    assert found.method.startswith("logit branch")
    np.testing.assert_allclose(found.distribution, 1 / 8, atol=1e-9)


# Stochastic games of two agents with opposite interests. `rules(s, a, b)` gives what agent 0 is
# paid and the next state, the last state is the end; rewards are mapped onto [0, 1] by `units`.


def opposed(horizon, states, rules, low=0.0, high=1.0, actions=2):
    transition = np.zeros((horizon, states, actions, actions, states))
    reward = np.zeros((horizon, states, actions, actions))
    for s in range(states):
        for a in range(actions):
            for b in range(actions):
                reward[:, s, a, b], following = rules(s, a, b)
                transition[:, s, a, b, following] = 1.0
    share = (reward - low) / (high - low)
    rewards = np.stack([share, 1 - share]).reshape(2, horizon, states, -1)
    units = Units(np.full(2, high - low), horizon * np.array([low, -high]))
    shape = (horizon, states, actions**2, states)
    return MarkovGame(transition.reshape(shape), rewards, (actions, actions), units=units)


def solved(game):
    found = backward_induction(game, "nash")
    assert found.gaps.max() <= 1e-9
    assert found.value.sum() == pytest.approx(0, abs=1e-9)
    return found


HORIZONS = (1, 2, 5, 20)


@pytest.mark.parametrize("H", HORIZONS)
def test_big_match(H):
    """Gillette 1957, Blackwell and Ferguson 1968: worth 1/2 per stage for every horizon.

    Agent 0 may stop for good, with 1 per stage if agent 1 shows 1 now; else it earns 1 if agent 1
    shows 0. With t stages to go it stops with probability 1/(t+1); agent 1 shows 1/2, 1/2.
    """

    def rules(s, stop, shown):
        if s == 0:
            return (shown, 1 if shown else 2) if stop else (1 - shown, 0)
        return (1 if s == 1 else 0), s

    found = solved(opposed(H, 3, rules))
    assert found.value[0] == pytest.approx(H / 2, abs=1e-9)
    for h in range(H):
        stage = found.policy.joint[h, 0].reshape(2, 2)
        np.testing.assert_allclose(stage.sum(axis=1)[1], 1 / (H - h + 1), atol=1e-9)
        np.testing.assert_allclose(stage.sum(axis=0), 1 / 2, atol=1e-9)


@pytest.mark.parametrize("H", HORIZONS)
def test_hide_or_run(H):
    """Everett 1957; de Alfaro, Henzinger, Kupferman 1998: v_t = 1/(2 - v_{t-1}) = t/(t+1).

    Agent 0 hides or runs, agent 1 holds its snowball or throws it: hiding from a throw and running
    past a held ball both win, running into a throw loses, hide and hold repeat.
    """

    def rules(s, run, throw):
        if s == 1 or (run and throw):
            return 0, 1
        return (0, 0) if not run and not throw else (1, 1)

    assert solved(opposed(H, 2, rules)).value[0] == pytest.approx(H / (H + 1), abs=1e-9)


@pytest.mark.parametrize("H", HORIZONS)
def test_golden_ratio(H):
    """Stage game [[1, 0], [0, 1 + v]]: v_t = (1 + v)/(2 + v) = F_{2t}/F_{2t+1} -> (sqrt 5 - 1)/2.

    Rational data, irrational limit: stochastic games lack the ordered-field property.
    """

    def rules(s, a, b):
        return (int(a == b), 0 if a and b else 1) if s == 0 else (0, 1)

    fibonacci = [0, 1]
    while len(fibonacci) <= 2 * H + 1:
        fibonacci.append(sum(fibonacci[-2:]))
    value = solved(opposed(H, 2, rules)).value[0]
    assert value == pytest.approx(fibonacci[2 * H] / fibonacci[2 * H + 1], abs=1e-9)
    if H == 20:
        assert value == pytest.approx((sqrt(5) - 1) / 2, abs=1e-9)


@pytest.mark.parametrize(("n", "m"), [(2, 1), (3, 1), (4, 2), (8, 3)])
def test_dresher_inspection(n, m):
    """Dresher 1962; Avenhaus, von Stengel, Zamir 2002: V = -C(n-1, m) / sum_{i<=m} C(n, i).

    Agent 0 has m inspections for n periods, agent 1 may violate once: +1 if inspected then, else
    -1, and the game is over; a legal period pays 0. State: m less the inspections left; then over.
    """

    def rules(s, inspect, violate):
        over, left = m + 1, m - s
        if s == over:
            return 0, over
        inspected = inspect and left > 0
        if violate:
            return (1 if inspected else -1), over
        return 0, s + 1 if inspected else s

    found = solved(opposed(n, m + 2, rules, low=-1.0))
    expected = -comb(n - 1, m) / sum(comb(n, i) for i in range(m + 1))
    assert found.value[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("H", [5, 20])
@pytest.mark.parametrize("concept", CONCEPTS)
def test_repeated_prisoners_dilemma(H, concept):
    """Finitely repeated, its only subgame-perfect equilibrium of any kind defects: H each."""
    A = np.array([[5, 0], [10, 1]]) / 10
    reward = np.broadcast_to(np.stack([A, A.T]).reshape(2, 1, 1, 4), (2, H, 1, 4))
    units = Units(np.full(2, 10.0), np.zeros(2))
    game = MarkovGame(np.ones((H, 1, 4, 1)), reward, (2, 2), units=units)
    found = backward_induction(game, concept)
    np.testing.assert_allclose(found.value, H, atol=1e-9)
    assert found.gaps.max() <= 1e-9
