"""Environments of several agents written out: toys, and Level-Based Foraging where installed."""

from __future__ import annotations

import random
import re
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import mamex_bench as mb
from mamex_bench.errors import InputError


class Corridor:
    """Two agents on cells 0..3 step left or right; both on cell 3 earn 4 and 1 and leave.

    Agent "b" alone on cell 3 leaves earlier, with -2.
    """

    possible_agents = ("a", "b")

    def __init__(self):
        self.agents, self.cells = [], {}

    def action_space(self, agent):
        return SimpleNamespace(n=2, start=1 if agent == "a" else 0)

    def reset(self, seed=None, options=None):
        self.agents = list(self.possible_agents)
        self.cells = {"a": seed % 3, "b": 0}
        return self._seen(), {name: {} for name in self.agents}

    def _seen(self):
        return {name: np.array([self.cells["a"], self.cells["b"]]) for name in self.agents}

    def step(self, actions):
        assert set(actions) == set(self.agents)
        rewards = dict.fromkeys(self.agents, 0.0)
        for name, action in actions.items():
            right = action == (2 if name == "a" else 1)
            self.cells[name] = min(3, max(0, self.cells[name] + (1 if right else -1)))
        over = self.cells["a"] == 3 and self.cells["b"] == 3
        if over:
            rewards = {name: {"a": 4.0, "b": 1.0}[name] for name in self.agents}
        elif self.cells["b"] == 3 and "b" in self.agents:
            rewards["b"] = -2.0
            self.agents = ["a"]
        ended = dict.fromkeys(self.agents, over)
        if over:
            self.agents = []
        return self._seen(), rewards, ended, dict.fromkeys(self.agents, False), {}


def get_corridor(env):
    return list(env.agents), dict(env.cells)


def set_corridor(env, state):
    env.agents, env.cells = list(state[0]), dict(state[1])


def same_games(one, other):
    for name in ("layer_offsets", "indptr", "next_state", "probability", "reward", "initial"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.units.scale, other.units.scale)
    np.testing.assert_array_equal(one.units.offset, other.units.offset)


def test_copies_and_restored_states_make_the_same_game():
    game = mb.catalogue.from_pettingzoo(Corridor, 4, seeds=(0, 1))
    assert isinstance(game, mb.LayeredGame)
    assert game.action_counts == (2, 2)
    np.testing.assert_array_equal(game.initial, [0.5, 0.5])
    env = Corridor()
    restored = mb.catalogue.from_pettingzoo(
        env, 4, seeds=(0, 1), get_state=get_corridor, set_state=set_corridor
    )
    same_games(game, restored)
    same_games(game, mb.catalogue.from_pettingzoo(Corridor(), 4, seeds=(0, 1), stationary=True))


def test_every_pure_play_earns_what_the_environment_pays():
    """Sequences of joint actions, played in the environment and walked through the rows."""
    horizon, rng = 6, np.random.default_rng(0)
    game = mb.catalogue.from_pettingzoo(Corridor, horizon, seeds=(2,))
    scale = game.units.scale
    for _ in range(200):
        actions = rng.integers(0, 2, size=(horizon, 2))
        env, own, state, walked = Corridor(), np.zeros(2), 0, np.zeros(2)
        env.reset(seed=2)
        for a, b in actions:
            if env.agents:
                chosen = {"a": a + 1, "b": b}
                _, paid, *_ = env.step({name: chosen[name] for name in env.agents})
                own += [paid.get("a", 0.0), paid.get("b", 0.0)]
            row = state * 4 + 2 * a + b
            walked += game.reward[:, state, 2 * a + b]
            assert game.indptr[row + 1] - game.indptr[row] == 1
            state = game.next_state[game.indptr[row]]
        np.testing.assert_allclose(scale * walked + game.units.offset, own, atol=1e-12)


class Noisy(Corridor):
    """Slips with the environment's own generator."""

    def __init__(self):
        super().__init__()
        self.generator = np.random.default_rng(0)

    def step(self, actions):
        if self.generator.random() < 0.5:
            self.cells["a"] = 0
        return super().step(actions)


class PythonNoise(Corridor):
    def step(self, actions):
        self.cells["a"] = random.randint(0, 2)
        return super().step(actions)


class OldNumpyNoise(Corridor):
    def step(self, actions):
        self.cells["a"] = np.random.randint(3)  # noqa: NPY002
        return super().step(actions)


class Elsewhere(Corridor):
    """Chance, or a state, that no generator and no copy shows."""

    steps = 0

    def step(self, actions):
        Elsewhere.steps += 1
        self.cells["a"] = Elsewhere.steps % 3
        return super().step(actions)


class Locked(Corridor):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class Unpaid(Corridor):
    def step(self, actions):
        seen, rewards, *rest = super().step(actions)
        return seen, dict.fromkeys(rewards, float("nan")), *rest


class Blind(Corridor):
    """Observations do not say where the agents are."""

    def _seen(self):
        return dict.fromkeys(self.agents, 0)


class Odd(Corridor):
    def _seen(self):
        return {name: np.array([set()], dtype=object) for name in self.agents}


class Aging(Corridor):
    """From the third step on nobody moves."""

    def reset(self, seed=None, options=None):
        self.age = 0
        return super().reset(seed)

    def step(self, actions):
        before, self.age = dict(self.cells), self.age + 1
        after = super().step(actions)
        if self.age > 2:
            self.cells.update(before)
            return self._seen(), *after[1:]
        return after


class TurnByTurn:
    agent_selection = "a"


class Continuous(Corridor):
    def action_space(self, agent):
        return SimpleNamespace(low=0.0, high=1.0)


@pytest.mark.parametrize(
    ("env", "options", "words"),
    [
        (Noisy, {}, "Noisy draws random numbers in a step: expected steps without chance"),
        (
            Noisy,
            {"get_state": get_corridor, "set_state": set_corridor},
            "Noisy draws random numbers in a step",
        ),
        (PythonNoise, {}, "PythonNoise draws random numbers"),
        (OldNumpyNoise, {}, "OldNumpyNoise draws random numbers"),
        (Elsewhere, {}, "Elsewhere gave two different outcomes of the actions"),
        (
            Locked,
            {},
            "Locked cannot be copied (TypeError: cannot pickle '_thread.lock' object), so that its "
            "state cannot be restored: give get_state and set_state",
        ),
        (
            Corridor,
            {"get_state": get_corridor, "set_state": lambda env, state: None},
            "Corridor gave two different outcomes",
        ),
        (Corridor, {"get_state": get_corridor}, "get_state and set_state belong together"),
        (Unpaid, {}, "Unpaid pays nan to agent 'a': expected numbers"),
        (Blind, {}, "Blind: two states of step"),
        (Odd, {}, "Odd: a state has no key"),
        (Aging, {"stationary": True}, "Aging is not stationary"),
        (
            TurnByTurn,
            {},
            "TurnByTurn is turn by turn (PettingZoo's AEC API): expected",
        ),
        (Continuous, {}, "Continuous: expected a Discrete action space for every agent"),
        (dict, {}, "dict is no environment of several agents"),
        (Corridor, {"seeds": ()}, "seeds is (): expected whole numbers"),
        (Corridor, {"seeds": (0.5,)}, "seeds is (0.5,): expected whole numbers"),
        (Corridor, {"limit": 20}, "Corridor is too large"),
    ],
)
def test_what_cannot_be_written_out_is_refused_in_one_sentence(env, options, words):
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        mb.catalogue.from_pettingzoo(env, 8, **options)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_copied_is_restored_by_the_callers_functions():
    restored = mb.catalogue.from_pettingzoo(
        Locked(), 4, get_state=get_corridor, set_state=set_corridor
    )
    same_games(restored, mb.catalogue.from_pettingzoo(Corridor, 4))


def test_a_key_of_ones_own_replaces_the_observations():
    game = mb.catalogue.from_pettingzoo(
        Blind, 4, key=lambda env: (tuple(env.agents), tuple(env.cells.items()))
    )
    same_games(game, mb.catalogue.from_pettingzoo(Corridor, 4))


# Level-Based Foraging: 5 x 5 cells, two agents, one food.


FIELD = {
    "players": 2,
    "min_player_level": 1,
    "max_player_level": 2,
    "min_food_level": 1,
    "max_food_level": None,
    "field_size": (5, 5),
    "max_num_food": 1,
    "sight": 5,
    "max_episode_steps": 50,
    "force_coop": False,
}


@pytest.fixture
def foraging():
    environment = pytest.importorskip(
        "lbforaging.foraging.environment",
        reason="lbforaging is not installed: pip install 'mamex-bench[pettingzoo]'",
    )
    return environment.ForagingEnv(**FIELD)


def get_foraging(env):
    agents = [(each.position, each.level, each.score) for each in env.players]
    return agents, env.field.copy(), env.current_step, env._food_spawned, env._game_over


def set_foraging(env, state):
    agents, field, env.current_step, env._food_spawned, env._game_over = state
    env.field = field.copy()
    for each, (position, level, score) in zip(env.players, agents):
        each.position, each.level, each.score, each.reward = position, level, score, 0
        each.field_size, each.history = field.shape, []
    env._gen_valid_moves()


def test_foraging_by_copies_and_by_its_state(foraging):
    game = mb.catalogue.from_pettingzoo(foraging, 2)
    assert game.action_counts == (6, 6)
    np.testing.assert_array_equal(np.diff(game.indptr), 1)
    restored = mb.catalogue.from_pettingzoo(
        foraging, 2, get_state=get_foraging, set_state=set_foraging
    )
    same_games(game, restored)


def test_foraging_has_552_states_and_its_food_is_all_that_can_be_earned(foraging):
    foraging._make_gym_obs = lambda: [None, None]  # slow to make, and the key is our own
    game = mb.catalogue.from_pettingzoo(
        foraging,
        8,
        stationary=True,
        get_state=get_foraging,
        set_state=set_foraging,
        key=lambda env: (*(each.position for each in env.players), env.field.tobytes()),
    )
    # 24 * 23 places of two agents beside the food, and the absorbing state once it is gone
    assert np.diff(game.layer_offsets).max() == 552 + 1
    own = game.units.scale[:, None, None] * game.reward
    assert own.min() == 0.0
    np.testing.assert_allclose(own.sum(axis=0).max(), 1.0)
    solved = mb.backward_induction(game, "nash")
    np.testing.assert_allclose(solved.value.sum(), 1.0)
    assert game.units.offset.tolist() == [0.0, 0.0]


def test_an_environment_of_pettingzoo_itself():
    pettingzoo = pytest.importorskip(
        "pettingzoo",
        reason="PettingZoo is not installed: pip install 'mamex-bench[pettingzoo]'",
    )
    spaces = pytest.importorskip("gymnasium.spaces")

    class Parallel(Corridor, pettingzoo.ParallelEnv):
        metadata = {"name": "corridor"}  # noqa: RUF012
        render_mode = None
        action_spaces = {  # noqa: RUF012
            "a": spaces.Discrete(2, start=1),
            "b": spaces.Discrete(2),
        }

        def action_space(self, agent):
            return self.action_spaces[agent]

    game = mb.catalogue.from_pettingzoo(Parallel, 4)
    same_games(game, mb.catalogue.from_pettingzoo(Corridor, 4))
    turns = pettingzoo.utils.parallel_to_aec(Parallel())
    with pytest.raises(InputError, match="expected the parallel API, for example"):
        mb.catalogue.from_pettingzoo(turns, 4)
