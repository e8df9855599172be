"""Environments of PettingZoo's parallel API as layered games; see `catalogue.from_pettingzoo`.

An environment is a black box that plays on. To write its game out it is taken back to a state once
per joint action: by a deep copy, or by `get_state` and `set_state`. What cannot be done from
outside is to see how likely each of several outcomes is, so a step must have no chance in it. That
is watched, at every step in the random generators that the environment and the process hold (a step
that draws from one is refused), and about once per state by playing a joint action twice.

Environments of Gymnasium that have a tuple of action spaces and one reward per agent (such as
Level-Based Foraging) are taken as they are, agents named "0", "1", ...
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any

import numpy as np

from mamex_bench.catalogue._enumerate import layered_game
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.layered import LayeredGame

COMPARED = 5_000  # rows, beyond which one arrival per state is compared: steps are slow
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def from_pettingzoo(
    env: Any,
    horizon: int,
    seeds: Sequence[int],
    get_state: Callable[[Any], Any] | None,
    set_state: Callable[[Any, Any], object] | None,
    key: Callable[[Any], Hashable] | None,
    stationary: bool,
    limit: int,
) -> LayeredGame:
    """See `catalogue.from_pettingzoo`."""
    horizon = positive_integer(horizon, "horizon")
    process = PettingZooProcess(env, seeds, get_state, set_state, key, stationary)
    return layered_game(process, horizon, limit, compared=COMPARED)


@dataclass(frozen=True, eq=False)
class _Point:
    """A state: what restores it, its key, and the agents still in the game."""

    snapshot: Any
    key: Hashable
    live: tuple[str, ...]


_Outcome = tuple[_Point | None, list[float]]


class PettingZooProcess:
    """A parallel environment as `_enumerate.Process`."""

    def __init__(
        self,
        env: Any,
        seeds: Sequence[int] = (0,),
        get_state: Callable[[Any], Any] | None = None,
        set_state: Callable[[Any, Any], object] | None = None,
        key: Callable[[Any], Hashable] | None = None,
        stationary: bool = False,
    ) -> None:
        make = isinstance(env, type) or (callable(env) and not hasattr(env, "step"))
        made = env() if make else env
        self.name = type(getattr(made, "unwrapped", made)).__name__
        self._env = _parallel(made, self.name)
        self._names = tuple(self._env.possible_agents)
        self.agents = len(self._names)
        if not self._names:
            raise InputError(f"{self.name} has no agents: expected at least one")
        spaces = [self._env.action_space(each) for each in self._names]
        if not all(hasattr(space, "n") for space in spaces):
            raise InputError(f"{self.name}: expected a Discrete action space for every agent")
        self._actions = {name: int(space.n) for name, space in zip(self._names, spaces)}
        for name, count in self._actions.items():
            if count < 1:
                raise InputError(f"{self.name} gives agent {name!r} {count} actions: expected one")
        self._first = {name: int(getattr(s, "start", 0)) for name, s in zip(self._names, spaces)}
        if (get_state is None) != (set_state is None):
            raise InputError("get_state and set_state belong together: expected both or neither")
        for name, given in (("get_state", get_state), ("set_state", set_state), ("key", key)):
            if given is not None and not callable(given):
                raise InputError(f"{name} is {given!r}: expected a function")
        several = isinstance(seeds, Sequence) and len(seeds) > 0
        if not several or not all(hasattr(each, "__index__") and each >= 0 for each in seeds):
            raise InputError(f"seeds is {seeds!r}: expected whole numbers, one per first state")
        self._seeds = tuple(int(each) for each in seeds)
        self._get, self._set, self._key = get_state, set_state, key
        self._known: dict[Hashable, _Outcome] | None = {} if stationary else None
        # about once per state, each time with another joint action
        self._asked, self._every = 0, 1 + prod(self._actions.values())
        self._shared = _spaces_of(made)
        self._own = _own_generators(self._env, self._shared) if get_state is not None else []
        self._global_state = self._has_state()

    def start(self) -> Iterable[tuple[float, _Point, Sequence[float]]]:
        for seed in self._seeds:
            env = self._env if self._get is not None else self._copy(self._env)[0]
            try:
                observations, _ = env.reset(seed=seed)
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"{self.name}.reset(seed={seed}) fails ({error}): expected the parallel API, "
                    "which returns observations and infos"
                ) from error
            yield 1.0 / len(self._seeds), self._point(env, observations), [0.0] * self.agents

    def key(self, state: _Point) -> Hashable:
        return state.key

    def signature(self, state: _Point) -> Hashable:
        return None

    def choices(self, state: _Point) -> tuple[int, ...]:
        return tuple(self._actions[a] if a in state.live else 1 for a in self._names)

    def outcomes(
        self, state: _Point, actions: tuple[int, ...]
    ) -> Iterable[tuple[float, _Point | None, Sequence[float]]]:
        self._asked += 1
        again = self._asked % self._every == 0
        if self._known is None:
            after = self._play(state, actions)
            if again and _law(self._play(state, actions)) != _law(after):
                raise InputError(
                    f"{self.name} gave two different outcomes of the actions {actions} from one "
                    "restored state: expected steps without chance and a state that is restored "
                    "in full"
                )
            return [(1.0, *after)]
        move = state.key, actions
        if move not in self._known:
            self._known[move] = self._play(state, actions)
        elif again and _law(self._play(state, actions)) != _law(self._known[move]):
            raise InputError(
                f"{self.name} is not stationary: equal keys and the actions {actions} had "
                "different outcomes at different times"
            )
        return [(1.0, *self._known[move])]

    def _play(self, state: _Point, actions: tuple[int, ...]) -> _Outcome:
        if self._set is not None:
            self._set(_given(self._env), state.snapshot)
            env, generators = self._env, self._own
        else:
            env, generators = self._copy(state.snapshot)
        chosen = {a: k + self._first[a] for a, k in zip(self._names, actions) if a in state.live}
        before = _drawn(generators)
        try:
            observations, rewards, *_ = env.step(chosen)
            paid = [float(rewards.get(name, 0.0)) for name in self._names]
        except Exception as error:
            raise InputError(
                f"{self.name}.step({chosen}) fails ({type(error).__name__}: {error}): expected "
                "observations and one number per agent as reward"
            ) from error
        if _drawn(generators) != before:
            raise InputError(
                f"{self.name} draws random numbers in a step: expected steps without chance, as "
                "outcomes that are drawn cannot be summed out"
            )
        for name, reward in zip(self._names, paid):
            if not isfinite(reward):
                raise InputError(f"{self.name} pays {reward} to agent {name!r}: expected numbers")
        return (self._point(env, observations) if env.agents else None), paid

    def _point(self, env: Any, observations: Mapping[str, Any]) -> _Point:
        live = tuple(env.agents)
        if self._key is not None:
            key = self._key(_given(env))
        else:
            seen = tuple(_frozen(observations[name]) for name in live)
            key = live, seen, _frozen(env.state()) if self._global_state else None
        try:
            hash(key)
        except TypeError as error:
            raise InputError(
                f"{self.name}: a state has no key ({error}): expected `key` to give one"
            ) from error
        snapshot = env if self._get is None else self._get(_given(env))
        return _Point(snapshot, key, live)

    def _copy(self, env: Any) -> tuple[Any, list[Any]]:
        """A deep copy and the random generators in it; spaces are shared."""
        memo = dict(self._shared)
        try:
            twin = copy.deepcopy(env, memo)
        except Exception as error:
            raise InputError(
                f"{self.name} cannot be copied ({type(error).__name__}: {error}), so that its "
                "state cannot be restored: give get_state and set_state"
            ) from error
        return twin, _generators(memo.values())

    def _has_state(self) -> bool:
        """Whether the environment has a global state besides the observations."""
        if self._key is not None or not hasattr(self._env, "state"):
            return False
        try:
            env = self._env if self._get is not None else self._copy(self._env)[0]
            env.reset(seed=self._seeds[0])
            env.state()
        except NotImplementedError:
            return False
        return True


class _TupleEnvironment:
    """A Gymnasium environment with tuples of actions and rewards under the parallel API."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.possible_agents = [str(i) for i in range(len(env.action_space.spaces))]
        self.agents: list[str] = []

    def action_space(self, agent: str) -> Any:
        return self.env.action_space.spaces[int(agent)]

    def reset(self, seed: int | None = None) -> tuple[dict[str, Any], Any]:
        observations, info = self.env.reset(seed=seed)
        self.agents = list(self.possible_agents)
        return dict(zip(self.agents, observations)), info

    def step(self, actions: Mapping[str, int]) -> tuple[dict[str, Any], dict[str, float]]:
        joint = tuple(actions[name] for name in self.possible_agents)
        observations, rewards, terminated, truncated, _ = self.env.step(joint)
        over = np.all(terminated) or np.all(truncated)
        self.agents = [] if over else list(self.possible_agents)
        return (
            dict(zip(self.possible_agents, observations)),
            dict(zip(self.possible_agents, rewards)),
        )


def _parallel(env: Any, name: str) -> Any:
    """The environment under the parallel API, or an InputError that says what it is."""
    if hasattr(env, "agent_selection") or hasattr(env, "agent_iter"):
        raise InputError(
            f"{name} is turn by turn (PettingZoo's AEC API): expected the parallel API, for "
            "example pettingzoo.utils.aec_to_parallel(env)"
        )
    if hasattr(env, "possible_agents") and hasattr(env, "step"):
        return env
    if hasattr(getattr(env, "action_space", None), "spaces") and hasattr(env, "step"):
        return _TupleEnvironment(env)
    raise InputError(
        f"{name} is no environment of several agents: expected PettingZoo's parallel API, or a "
        "tuple of action spaces"
    )


def _given(env: Any) -> Any:
    """The environment as the caller knows it."""
    return env.env if isinstance(env, _TupleEnvironment) else env


def _law(outcome: _Outcome) -> Hashable:
    after, paid = outcome
    return None if after is None else after.key, tuple(paid)


def _frozen(value: Any) -> Hashable:
    """An observation as something that can be compared and hashed."""
    if isinstance(value, Mapping):
        return tuple((str(k), _frozen(each)) for k, each in sorted(value.items(), key=str))
    if isinstance(value, (list, tuple)):
        return tuple(map(_frozen, value))
    array = np.asarray(value)
    return value if array.dtype == object else (array.shape, array.dtype.str, array.tobytes())


def _drawn(generators: Iterable[Any]) -> Hashable:
    """Where the random generators stand: these, Python's own and NumPy's global one."""
    return tuple(map(_position, generators)), _position(random), _position(np.random)


def _position(generator: Any) -> Hashable:
    """What a draw moves. Of Mersenne Twister's 624 words the first says enough."""
    if isinstance(generator, np.random.Generator):
        return repr(generator.bit_generator.state)
    if hasattr(generator, "getstate"):
        _, words, _ = generator.getstate()
        return words[0], words[-1]
    _, words, position, *rest = generator.get_state(legacy=True)
    return words[0], position, *rest


def _spaces_of(env: Any) -> dict[int, Any]:
    """Spaces do not change by a step: a memo with which copies share them."""
    shared, todo = {}, [vars(each) for each in (env, getattr(env, "unwrapped", env))]
    for attributes in todo:
        for value in attributes.values():
            for each in value.values() if isinstance(value, dict) else (value,):
                if type(each).__module__.partition(".")[0] == "gymnasium" and hasattr(
                    each, "contains"
                ):
                    shared[id(each)] = each
    return shared


def _own_generators(env: Any, shared: dict[int, Any]) -> list[Any]:
    """The random generators that an environment holds, as far as it can be searched."""
    memo = dict(shared)
    try:
        copy.deepcopy(env, memo)
    except Exception:
        held: list[Any] = list(vars(_given(env)).values())
    else:
        held = memo.get(id(memo), [])
    return _generators(held)


def _generators(held: Iterable[Any]) -> list[Any]:
    """Those that can say where they stand."""
    return [
        each
        for each in held
        if isinstance(each, _GENERATORS) and not isinstance(each, random.SystemRandom)
    ]
