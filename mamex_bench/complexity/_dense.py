"""The dense form of an instance, for measures that list tables over (h, s, a)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamex_bench.errors import NotApplicableError
from mamex_bench.model.evaluation import dense
from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.model.hypotheses import Hypotheses, LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies

# Numbers that one class of hypotheses may have in dense form: 0.4 GB.
LIMIT = 50_000_000


def dense_instance(instance: Instance) -> Instance:
    """The instance itself when its game is dense, else the same one on dense tables.

    State s of layer h becomes state s of step h; states that fill up a smaller layer are never
    reached, stay where they are under every model, and are worth nothing.

    Raises InputError where the dense game, NotApplicableError where dense hypotheses are too large.
    """
    layered = instance.game
    if isinstance(layered, MarkovGame):
        return instance
    game = dense(layered)
    policies = PurePolicies([_table(layered, game, t) for t in instance.policies.tables])
    classes = {
        name: _class(layered, game, each, f"hypotheses {name!r} of {instance.name!r}")
        for name, each in instance.hypotheses.items()
    }
    return Instance(game, policies, classes, instance.name, instance.known)


def _class(layered: Game, game: MarkovGame, classes: Hypotheses, what: str) -> Hypotheses:
    if isinstance(classes, ModelClass):
        _limit(classes.size * game.transition.size, what)
        P = np.repeat(game.transition[None], classes.size, axis=0)
        layers = layered.layers
        row = np.repeat(np.arange(layers.rows.size - 1), np.diff(layers.rows))
        x, a = np.divmod(row, layered.actions)
        h = np.searchsorted(layers.first, x, side="right") - 1
        P[:, h, x - layers.first[h], a, layers.following - layers.first[h + 1]] = (
            classes.probabilities
        )
        rewards = classes.means
        if rewards is not None:
            F, n = rewards.shape[:2]
            wide = _table(layered, game, rewards.reshape(F * n, *rewards.shape[2:]))
            rewards = wide.reshape(F, n, *wide.shape[1:])
        return ModelClass(P, classes.truth, rewards, classes.ignored_steps)
    if isinstance(classes, ValueClass):
        _limit(sum(classes.sizes) * game.reward[0].size, what)
        tables = [_table(layered, game, values) for values in classes.flat]
        features = classes.flat_features
        completion: Any = "tabular"
        if features is not None:
            completion = _table(layered, game, features[None])[0]
        return ValueClass(tables, completion, classes.ridge, classes.ignored_steps)
    assert isinstance(classes, LinearValueClass)
    features = classes.features.reshape(1, -1, *classes.features.shape[-2:])
    return LinearValueClass(_table(layered, game, features)[0], classes.ridge, classes.radius)


def _table(layered: Game, game: MarkovGame, flat: NDArray[Any]) -> NDArray[Any]:
    """(m, H, S, ...) of (m, N, ...), zeros where there is no state."""
    first = layered.layers.first
    out = np.zeros((len(flat), game.horizon, game.states, *flat.shape[2:]), dtype=flat.dtype)
    for h in range(game.horizon):
        out[:, h, : first[h + 1] - first[h]] = flat[:, first[h] : first[h + 1]]
    return out


def _limit(numbers: int, what: str) -> None:
    if numbers > LIMIT:
        raise NotApplicableError(
            f"{what} have {numbers:,} numbers in dense form: this measure lists at most {LIMIT:,}, "
            "so take a smaller class"
        )
