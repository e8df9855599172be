"""Games of OpenSpiel (Lanctot and others 2019) as layered games; see `catalogue.from_openspiel`.

Chance is summed out, the chance that deals the first state into the initial distribution. An
agent's actions are its legal ones in OpenSpiel's order, the k-th is action k; what `_enumerate`
says of padding, ends and rewards holds.

Where OpenSpiel pays at the end only, that is the reward of the step that ends the game and a game
that is cut before pays nothing; otherwise it is what a step adds to the returns.

The key of a state is, in this order, the first that survives comparison (see `_enumerate`):

  1. the player to move and the state's string,
     for `pathfinding` with the agents that have been paid (the string has the same board for an
     agent that waits on its goal and one that was paid there), for `repeated_game` nothing (the
     string has all past actions, the payoffs depend on none), for `goofspiel` the hands, the point
     cards gone, the present one and the lead over the last agent (the string has the order of the
     point cards and, if all points count, the points themselves do);
  2. that and every observation tensor;
  3. the player to move, the string and the last two moves (go: a second pass ends the game);
  4. the player to move, the string and the returns so far;
  5. the history, which is always right and merges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from mamex_bench.catalogue._enumerate import KeyCollision, layered_game
from mamex_bench.errors import InputError
from mamex_bench.model.layered import LayeredGame

Key = Callable[[Any], Hashable]


def from_openspiel(
    game: str | Any, horizon: int | None, limit: int, key: Key | None
) -> LayeredGame:
    """See `catalogue.from_openspiel`."""
    if key is not None and not callable(key):
        raise InputError(f"key is {key!r}: expected a function of a state")
    loaded = _load(game)
    _check(loaded)
    candidates = [key] if key is not None else _keys(loaded)
    for candidate in candidates[:-1]:
        try:
            return layered_game(OpenSpielProcess(loaded, candidate), horizon, limit)
        except KeyCollision:
            continue
    return layered_game(OpenSpielProcess(loaded, candidates[-1]), horizon, limit)


class OpenSpielProcess:
    """A perfect-information game as `_enumerate.Process`; states are OpenSpiel's."""

    def __init__(self, game: Any, key: Key) -> None:
        self.name = f"OpenSpiel's {game.get_type().short_name}"
        self.agents: int = game.num_players()
        self.key = key
        self._game = game
        self._at_the_end = "TERMINAL" in str(game.get_type().reward_model)
        self._nothing = [0.0] * self.agents
        self._asked: tuple[Any, list[list[int]], Sequence[float]] = (None, [], [])

    def start(self) -> Iterable[tuple[float, Any, Sequence[float]]]:
        for p, state in _decisions(self._first()):
            if not state.is_terminal():
                yield p, state, self._paid(state)

    def _first(self) -> Any:
        """The first state, at which OpenSpiel finds out what some parameters lead to."""
        try:
            return self._game.new_initial_state()
        except Exception as error:
            raise InputError(f"{self.name} does not begin: {_reason(error)}") from error

    def signature(self, state: Any) -> Hashable:
        return tuple(state.returns())

    def choices(self, state: Any) -> tuple[int, ...]:
        return tuple(map(len, self._facts(state)[0]))

    def outcomes(
        self, state: Any, actions: tuple[int, ...]
    ) -> Iterable[tuple[float, Any | None, Sequence[float]]]:
        legal, before = self._facts(state)
        chosen = [own[k] for own, k in zip(legal, actions)]
        if state.is_simultaneous_node():
            after = state.clone()
            after.apply_actions(chosen)
        else:
            after = state.child(chosen[state.current_player()])
        found: list[tuple[float, Any | None, Sequence[float]]] = []
        for p, successor in _decisions(after):
            ended = successor.is_terminal()
            if ended or not self._at_the_end:
                paid = [now - then for now, then in zip(successor.returns(), before)]
            else:
                paid = self._nothing
            found.append((p, None if ended else successor, paid))
        return found

    def _paid(self, state: Any) -> Sequence[float]:
        """What counts as paid in a state in which something is decided."""
        return self._nothing if self._at_the_end else state.returns()

    def _facts(self, state: Any) -> tuple[list[list[int]], Sequence[float]]:
        """The legal actions per agent and what has been paid, kept while one state is expanded.

        An agent that does not move has one action, without effect.
        """
        if self._asked[0] is not state:
            if state.is_simultaneous_node():
                legal = [state.legal_actions(i) or [-1] for i in range(self.agents)]
            else:
                mover = state.current_player()
                legal = [state.legal_actions() if i == mover else [-1] for i in range(self.agents)]
            self._asked = state, legal, self._paid(state)
        return self._asked[1:]


def _decisions(state: Any) -> list[tuple[float, Any]]:
    """The states at which chance comes to rest, with probabilities."""
    rest, open_ = [], [(1.0, state)]
    while open_:
        p, each = open_.pop()
        if each.is_chance_node():
            open_ += [(p * q, each.child(outcome)) for outcome, q in each.chance_outcomes()]
        else:
            rest.append((p, each))
    return rest[::-1]


def _load(game: str | Any) -> Any:
    try:
        import pyspiel
    except ImportError as error:
        raise InputError(
            "OpenSpiel is not installed: pip install 'mamex-bench[openspiel]'"
        ) from error
    if isinstance(game, pyspiel.Game):
        return game
    if not isinstance(game, str):
        raise InputError(f"game is {game!r}: expected a name or a game of OpenSpiel")
    name, known = game.partition("(")[0].strip(), pyspiel.registered_names()
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see pyspiel.registered_names()"
        raise InputError(f"OpenSpiel has no game {name!r}: {hint}")
    try:
        return pyspiel.load_game(game)
    except Exception as error:  # SpielError, but wrappers of other games leak C++'s own too
        raise InputError(f"OpenSpiel does not make {game!r}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The first line of what OpenSpiel says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".: ")


def _check(game: Any) -> None:
    """Raises InputError unless the game is a Markov game of states that everyone sees."""
    kind = game.get_type()
    name = f"OpenSpiel's {kind.short_name}"
    if game.num_players() < 1:
        raise InputError(f"{name} has {game.num_players()} players: expected at least one")
    if "MEAN_FIELD" in str(kind.dynamics):
        raise InputError(f"{name} is a mean-field game: expected finitely many agents")
    if "IMPERFECT" in str(kind.information):
        raise InputError(
            f"{name} has hidden information: expected a game whose state everyone sees"
        )
    if "SAMPLED" in str(kind.chance_mode):
        raise InputError(
            f"{name} samples its chance moves without saying how likely they are: expected "
            "explicit chance"
        )


def _keys(game: Any) -> list[Key]:
    """The candidates of the docstring of this file, coarsest first."""
    agents, parameters = range(game.num_players()), game.get_parameters()

    def string(state: Any) -> Hashable:
        return state.current_player(), str(state)

    def paid_on_goal(state: Any) -> Hashable:
        reward = parameters.get("solve_reward", 100.0)
        return str(state), tuple(round(r / reward) for r in state.returns())

    def nothing(state: Any) -> Hashable:
        return None

    def cards(state: Any) -> Hashable:
        lines = [line.partition(":")[::2] for line in str(state).splitlines()]
        held = tuple(line for line in lines if line[0].endswith("hand"))
        *gone, present = dict(lines)["Point card sequence"].split()
        points = [int(each) for each in dict(lines)["Points"].split()]
        last = 0 if parameters.get("returns_type") == "total_points" else min(points)
        return held, frozenset(gone), present, tuple(each - last for each in points)

    def observed(state: Any) -> Hashable:
        return string(state), tuple(tuple(state.observation_tensor(i)) for i in agents)

    def recent(state: Any) -> Hashable:
        return string(state), tuple(state.history()[-2:])

    def paid(state: Any) -> Hashable:
        return string(state), tuple(state.returns())

    def history(state: Any) -> Hashable:
        return tuple(state.history())

    special = {"pathfinding": paid_on_goal, "repeated_game": nothing, "goofspiel": cards}
    first = special.get(game.get_type().short_name, string)
    middle = [observed] if game.get_type().provides_observation_tensor else []
    return [first, *middle, recent, paid, history]
