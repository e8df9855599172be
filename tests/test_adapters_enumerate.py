"""Games written out layer by layer, against recursion over the same little games."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mamex_bench as mb
from mamex_bench.catalogue._enumerate import KeyCollision, enumerate_game, layered_game
from mamex_bench.errors import InputError


@dataclass
class Toy:
    """A random game: states 0..S-1 per step, agents with as many actions as the state says."""

    counts: list[tuple[int, ...]]
    rows: dict  # (step, state, actions) -> list of (probability, next or None, rewards)
    first: list[tuple[float, int, tuple[float, ...]]]
    name: str = "toy"
    agents: int = 2
    keys: dict = field(default_factory=dict)

    def start(self):
        return [(p, (0, s), paid) for p, s, paid in self.first]

    def key(self, state):
        return self.keys.get(state, state[1])

    def signature(self, state):
        return None

    def choices(self, state):
        return self.counts[state[1]]

    def outcomes(self, state, actions):
        h, s = state
        return [
            (p, None if after is None else (h + 1, after), paid)
            for p, after, paid in self.rows[h, s, actions]
        ]


def toy(seed, steps=3, states=3, agents=2):
    """Chance, early ends, rewards of both signs; the last step ends every episode."""
    rng = np.random.default_rng(seed)
    counts = [tuple(int(c) for c in rng.integers(1, 4, size=agents)) for _ in range(states)]
    rows = {}
    for h, s in product(range(steps), range(states)):
        for actions in product(*map(range, counts[s])):
            p = rng.dirichlet(np.ones(3))
            after = [None if h == steps - 1 or rng.random() < 0.2 else int(rng.integers(states))]
            after += [None if h == steps - 1 else int(rng.integers(states)) for _ in range(2)]
            rows[h, s, actions] = [
                (float(q), t, tuple(rng.normal(size=agents) * 3.0)) for q, t in zip(p, after)
            ]
    first = [(0.25, 0, (1.0,) * agents), (0.5, 1, (0.0,) * agents), (0.25, 0, (3.0,) * agents)]
    return Toy(counts, rows, first, agents=agents)


def uniform_value(process, horizon=10**6):
    """Own expected returns when everybody draws a legal action, by plain recursion."""

    def follow(state, steps):
        if state is None or steps == 0:
            return np.zeros(process.agents)
        legal = list(product(*map(range, process.choices(state))))
        total = np.zeros(process.agents)
        for actions in legal:
            for p, after, paid in process.outcomes(state, actions):
                total += p * (np.asarray(paid) + follow(after, steps - 1)) / len(legal)
        return total

    return sum(p * (np.asarray(paid) + follow(s, horizon)) for p, s, paid in process.start())


def sweep(game, weights):
    """(n,) own returns of the stage weights (N, A), backwards through the layers."""
    n, N, A = game.reward.shape
    later = np.zeros((n, int(game.next_state.max()) + 1))
    for x in range(N - 1, -1, -1):
        for a in range(A):
            row = slice(game.indptr[x * A + a], game.indptr[x * A + a + 1])
            future = later[:, game.next_state[row]] @ game.probability[row]
            later[:, x] += weights[x, a] * (game.reward[:, x, a] + future)
    size = game.layer_offsets[1]
    return game.units.to_own(later[:, :size] @ game.initial)


def legal_uniform(process, game, enumeration):
    """Uniform over legal joint actions: 1/prod(m) on those that are not repetitions."""
    weights = np.zeros((game.states, game.actions))
    weights[:, 0] = 1.0  # absorbing states
    grid = list(product(*map(range, game.action_counts)))
    for x, legal in enumeration.items():
        weights[x] = [float(all(k < m for k, m in zip(a, legal))) / np.prod(legal) for a in grid]
    return weights


def visited(process, horizon=10**6):
    """{state number: legal counts}, by the order in which states are met."""
    layer, numbers, base = [], {}, 0
    for _, s, _ in process.start():
        if process.key(s) not in [process.key(t) for t in layer]:
            layer.append(s)
    ended = False
    for _ in range(horizon):
        if not layer:
            return numbers
        after = []
        absorbing = ended
        for k, s in enumerate(layer):
            numbers[base + k] = process.choices(s)
            for actions in product(*map(range, process.choices(s))):
                for _, t, _ in process.outcomes(s, actions):
                    ended = ended or t is None
                    if t is not None and process.key(t) not in [process.key(u) for u in after]:
                        after.append(t)
        base += len(layer) + absorbing
        layer = after
    return numbers


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_a_written_out_game_is_worth_what_the_recursion_says(seed, agents):
    process = toy(seed, agents=agents)
    game = layered_game(process)
    weights = legal_uniform(process, game, visited(process))
    np.testing.assert_allclose(sweep(game, weights), uniform_value(process), atol=1e-12)
    assert game.reward.min() >= 0.0
    assert game.reward.max() <= 1.0


@given(st.integers(0, 10**6), st.integers(1, 2))
def test_a_game_that_is_cut_pays_nothing_after_the_cut(seed, horizon):
    process = toy(seed)
    game = layered_game(process, horizon)
    assert game.horizon == horizon
    weights = legal_uniform(process, game, visited(process, horizon))
    np.testing.assert_allclose(sweep(game, weights), uniform_value(process, horizon), atol=1e-12)


def test_equilibria_of_a_written_out_game_are_those_of_its_recursion():
    """Turn by turn and zero-sum, so that the value is a maximum or a minimum at each state."""
    rng = np.random.default_rng(3)
    rows = {}
    for h, s, k in product(range(4), range(4), range(3)):
        r = float(rng.integers(-5, 6))
        after = None if h == 3 else int(rng.integers(4))
        rows[h, s, (k, 0) if s % 2 == 0 else (0, k)] = [(1.0, after, (r, -r))]
    process = Toy([(3, 1), (1, 3)] * 2, rows, [(1.0, 0, (0.0, 0.0))])

    def value(state):
        if state is None:
            return 0.0
        best = max if state[1] % 2 == 0 else min
        each = [process.outcomes(state, a)[0] for a in product(*map(range, process.choices(state)))]
        return best(paid[0] + value(after) for _, after, paid in each)

    solved = mb.backward_induction(layered_game(process), "nash")
    np.testing.assert_allclose(solved.value, [value((0, 0)), -value((0, 0))], atol=1e-12)


def test_actions_are_padded_by_repeating_the_legal_ones_in_turn():
    rows = {(0, 0, (k, j)): [(1.0, 1, (10.0 * k + j, 0.0))] for k in range(2) for j in range(3)}
    rows |= {(1, 1, (k, 0)): [(1.0, None, (float(k), 1.0))] for k in range(5)}
    game = layered_game(Toy([(2, 3), (5, 1)], rows, [(1.0, 0, (0.0, 0.0))]))
    assert game.action_counts == (5, 3)
    table = game.units.scale[0] * game.reward[0].reshape(2, 5, 3)
    expected = 10.0 * (np.arange(5) % 2)[:, None] + np.arange(3)
    np.testing.assert_allclose(table[0], expected)
    np.testing.assert_allclose(table[1], np.repeat(np.arange(5.0)[:, None], 3, axis=1))


def test_early_ends_wait_in_one_absorbing_state_per_layer():
    rows = {
        (0, 0, (0,)): [(1.0, None, (5.0,))],
        (0, 0, (1,)): [(0.5, 0, (1.0,)), (0.5, 1, (1.0,))],
        **{(h, s, (k,)): [(1.0, 0, (2.0,))] for h in (1, 2) for s in (0, 1) for k in (0, 1)},
        **{(3, 0, (k,)): [(1.0, None, (-1.0,))] for k in (0, 1)},
    }
    written = enumerate_game(Toy([(2,), (2,)], rows, [(1.0, 0, (0.0,))], agents=1))
    np.testing.assert_array_equal(written.layer_offsets, [0, 1, 4, 6, 8])
    np.testing.assert_array_equal(written.live, [1, 2, 1, 1])
    assert written.legal_entries == 3 + 4 + 2 + 2
    game = written.to_game()
    assert game.units.scale[0] == 4.0  # layer 0 pays 1 or 5, later ones 0 or 2, 0 or -1
    for x in (3, 5):  # absorbing: certain, to the next one, without pay
        np.testing.assert_array_equal(
            game.next_state[game.indptr[2 * x] : game.indptr[2 * x + 1]], [x + 2]
        )
        np.testing.assert_array_equal(written.reward[:, x], 0.0)
    np.testing.assert_array_equal(written.reward[0, 7], 0.0)


def test_rewards_of_the_last_step_alone_leave_the_other_layers_at_zero():
    rows = {(0, 0, (k, j)): [(1.0, k, (0.0, 0.0))] for k in range(2) for j in range(2)}
    rows |= {
        (1, s, (k, j)): [(1.0, None, (1.0 - 2.0 * (k ^ j ^ s), 2.0 * (k ^ j ^ s) - 1.0))]
        for s in range(2)
        for k in range(2)
        for j in range(2)
    }
    game = layered_game(Toy([(2, 2)] * 2, rows, [(1.0, 0, (0.0, 0.0))]))
    assert not game.reward[:, 0].any()
    np.testing.assert_array_equal(game.units.scale, [2.0, 2.0])
    np.testing.assert_array_equal(game.units.offset, [-1.0, -1.0])


def collision(**changes):
    """Two states of step 1 that share a key and agree except for the changes."""
    rows = {(0, 0, (k,)): [(1.0, 1 + k, (0.0,))] for k in range(2)}
    rows |= {(1, s, (k,)): [(1.0, 3, (0.0,))] for s in (1, 2) for k in range(2)}
    rows |= {(2, s, (k,)): [(1.0, None, (1.0,))] for s in (3, 4) for k in range(2)}
    rows |= changes.get("rows", {})
    counts = changes.get("counts", [(2,)] * 5)
    return Toy(counts, rows, [(1.0, 0, (0.0,))], agents=1, keys={(1, 1): "x", (1, 2): "x"})


def test_equal_keys_with_equal_rows_are_one_state():
    game = layered_game(collision())
    np.testing.assert_array_equal(game.layer_offsets, [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counts": [(2,), (2,), (1,), (2,), (2,)]}, "have (2,) and (1,) actions"),
        ({"rows": {(1, 2, (1,)): [(1.0, 3, (0.5,))]}}, "pay differently"),
        ({"rows": {(1, 2, (1,)): [(1.0, 4, (0.0,))]}}, "lead to different states"),
        ({"rows": {(1, 2, (1,)): [(0.9, 3, (0.0,)), (0.1, None, (0.0,))]}}, "different states"),
    ],
)
def test_equal_keys_with_different_rows_are_found(changes, words):
    with pytest.raises(KeyCollision, match=re.escape(words)):
        layered_game(collision(**changes))
    layered_game(collision(**changes), witnesses=0)  # nothing is compared, nothing is found


def test_an_arrival_with_another_signature_is_the_one_that_is_compared():
    """Three arrivals at one key: the second agrees with the first, only the third differs."""
    rows = {(0, 0, (k,)): [(1.0, 1 + k, (0.0,))] for k in range(3)}
    rows |= {(1, s, (k,)): [(1.0, None, (float(s == 3),))] for s in (1, 2, 3) for k in range(3)}
    keys = {(1, s): "x" for s in (1, 2, 3)}
    plain = Toy([(3,)] * 4, rows, [(1.0, 0, (0.0,))], agents=1, keys=keys)
    layered_game(plain, witnesses=1)  # one comparison, with the second
    for witnesses in (2, None):
        with pytest.raises(KeyCollision, match="pay differently"):
            layered_game(plain, witnesses=witnesses)

    class Marked(Toy):
        def signature(self, state):
            return state[1] == 3

    marked = Marked([(3,)] * 4, rows, [(1.0, 0, (0.0,))], agents=1, keys=keys)
    with pytest.raises(KeyCollision, match="toy: two states of step 1"):
        layered_game(marked, witnesses=1)


class Endless(Toy):
    """A counter that never ends and never repeats."""

    def __init__(self):
        super().__init__([], {}, [(1.0, 0, (0.0,))], agents=1)

    def choices(self, state):
        return (2,)

    def outcomes(self, state, actions):
        return [(1.0, (state[0] + 1, 2 * state[1] + actions[0]), (0.0,))]


def test_a_game_beyond_the_limit_is_refused_with_the_counts_so_far():
    with pytest.raises(
        InputError,
        match=r"toy is too large: 5\d\d? states in the first \d steps, "
        r"2 joint actions each, are more than limit = 100 rows; expected",
    ):
        layered_game(Endless(), limit=100)
    assert layered_game(Endless(), horizon=5, limit=100).states == 31


@pytest.mark.parametrize("horizon", [0, -1, 1.5, "3"])
def test_a_horizon_is_a_positive_whole_number(horizon):
    with pytest.raises(InputError, match="horizon"):
        layered_game(Endless(), horizon)


def test_a_start_without_a_decision_and_rewards_without_a_number_are_refused():
    with pytest.raises(InputError, match="toy ends before anything is decided"):
        layered_game(Toy([], {}, []))
    rows = {(0, 0, (0, 0)): [(1.0, None, (float("nan"), 0.0))]}
    with pytest.raises(InputError, match="toy pays rewards that are not finite"):
        layered_game(Toy([(1, 1)], rows, [(1.0, 0, (0.0, 0.0))]))


def test_outcomes_that_are_no_distribution_are_refused():
    rows = {(0, 0, (0, 0)): [(0.5, None, (0.0, 0.0)), (0.4, None, (0.0, 0.0))]}
    with pytest.raises(
        InputError, match=r"actions \(0, 0\) have total probability 0.9: expected 1"
    ):
        layered_game(Toy([(1, 1)], rows, [(1.0, 0, (0.0, 0.0))]))
