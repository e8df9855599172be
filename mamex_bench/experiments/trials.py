"""Small games on which learners are checked, one of each kind that a learner may be made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from mamex_bench import catalogue
from mamex_bench.model._arrays import Floats
from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.layered import LayeredGame
from mamex_bench.model.policies import PurePolicies

# Parameters of registered families whose defaults take long.
SMALL: Mapping[str, Mapping[str, Any]] = {
    "linear_mixture": {"models": 24, "policies": 6},
    "near_duplicates": {"models": 24, "policies": 6},
}


def random_instance(
    seed: int = 4,
    kind: str = "models",
    counts: tuple[int, ...] = (2, 3),
    random_rewards: bool = False,
    zero_sum: bool = False,
) -> Instance:
    """Three states, three steps; kinds "models", "values", "completion" and "linear".

    Every transition has positive probability. The hypotheses of values need not hold the truth.
    """
    rng = np.random.default_rng(seed)
    n, H, S, A = len(counts), 3, 3, int(np.prod(counts))
    reward = rng.random((n, H, S, A))
    if zero_sum:
        reward[1] = 1.0 - reward[0]
    game = MarkovGame(
        rng.dirichlet(np.ones(S), size=(H, S, A)),
        reward,
        counts,
        rng.dirichlet(np.ones(S)),
        random_rewards=random_rewards,
    )
    policies = PurePolicies.sample(game, [3, 2, 2][:n], seed)
    hypotheses: ModelClass | ValueClass | LinearValueClass
    if kind == "models":
        models = rng.dirichlet(np.ones(S), size=(6, H, S, A))
        models[2] = game.transition
        means: Floats | None = None
        if random_rewards:
            means = rng.random((6, *game.reward.shape))
            means[2] = game.reward
        hypotheses = ModelClass(models, truth=2, rewards=means)
    elif kind == "values":
        hypotheses = ValueClass([H * rng.random((F, H, S, A)) for F in [4, 3, 5][:n]])
    else:
        features = rng.random((H, S, A, 3))
        if kind == "linear":
            hypotheses = LinearValueClass(features, ridge=0.7)
        else:
            values = np.einsum("hsad,fhd->fhsa", features, rng.random((4, H, 3)))
            hypotheses = ValueClass([values + 0.0] * n, features, ridge=0.7)
    return Instance(game, policies, hypotheses, f"small {kind}")


def layered_instance(
    seed: int = 5, counts: tuple[int, ...] = (2, 3), zero_sum: bool = False
) -> Instance:
    """Layers of 2, 3, 1 and 2 states; one or all of the next layer's follow; six models."""
    rng = np.random.default_rng(seed)
    n, A, sizes = len(counts), int(np.prod(counts)), np.array([2, 3, 1, 2])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    nexts = np.split(np.arange(sizes[0], offsets[-1] + 2), offsets[2:] - sizes[0])
    following = [
        each if rng.random() < 0.5 else rng.choice(each, 1)
        for size, each in zip(sizes, nexts, strict=True)
        for _ in range(size * A)
    ]
    indptr = np.concatenate([[0], np.cumsum([each.size for each in following])])
    models = np.concatenate([rng.dirichlet(np.ones(e.size), 6) for e in following], axis=1)
    reward = rng.random((n, offsets[-1], A))
    if zero_sum:
        reward[1] = 1.0 - reward[0]
    game = LayeredGame(
        offsets,
        indptr,
        np.concatenate(following),
        models[2],
        reward,
        counts,
        rng.dirichlet(np.ones(sizes[0])),
    )
    policies = PurePolicies.sample(game, [3, 2, 2][:n], seed)
    return Instance(game, policies, ModelClass(models, truth=2), "small layered")


TRIALS: Mapping[str, Callable[[], Instance]] = {
    "models": lambda: random_instance(kind="models"),
    "values": lambda: random_instance(kind="values"),
    "values with features": lambda: random_instance(kind="completion"),
    "linear values": lambda: random_instance(kind="linear"),
    "random rewards": lambda: random_instance(kind="models", random_rewards=True),
    "zero-sum": lambda: random_instance(zero_sum=True),
    "one agent": lambda: random_instance(counts=(4,)),
    "three agents": lambda: random_instance(counts=(2, 2, 2)),
    "layered": layered_instance,
    "layered, zero-sum": lambda: layered_instance(zero_sum=True),
    "linear mixture": lambda: catalogue.make(
        "linear_mixture", states=3, horizon=2, actions=2, policies=3, models=6, zero_sum=True
    ),
    "linear game": lambda: catalogue.make(
        "linear_game", models=8, policies=3, distractors=2, zero_sum=True
    ),
}


@lru_cache(maxsize=32)
def trial(name: str) -> Instance:
    """The small game of that name."""
    return TRIALS[name]()


def blind_twin(instance: Instance, seed: int = 99) -> Instance:
    """The same instance for a learner that does not read the truth, and another one in truth.

    Other probabilities on the same possible transitions; where rewards are random, other means.
    Both have the same hypotheses, which do not say which of them is true.
    """
    other = _moved(instance.game, np.random.default_rng(seed))
    classes = {name: _untold(each) for name, each in instance.hypotheses.items()}
    return Instance(other, instance.policies, classes, instance.name)


def _moved(game: Game, rng: np.random.Generator) -> Game:
    """Other probabilities, on the same entries, and other means of random rewards."""
    P, rows = game.probability, game.layers.rows
    weights = P * rng.uniform(0.2, 1.0, P.shape)
    moved = weights / np.repeat(np.add.reduceat(weights, rows[:-1]), np.diff(rows))
    reward = rng.random(game.reward.shape) if game.random_rewards else game.reward
    rest = game.action_counts, game.initial, game.units
    if isinstance(game, LayeredGame):
        places = game.layer_offsets, game.indptr, game.next_state
        return LayeredGame(*places, moved, reward, *rest, random_rewards=game.random_rewards)
    assert isinstance(game, MarkovGame)
    dense = moved.reshape(game.transition.shape)
    return MarkovGame(dense, reward, *rest, random_rewards=game.random_rewards)


def _untold(classes: Any) -> Any:
    if not isinstance(classes, ModelClass):
        return classes
    return ModelClass(
        classes.transitions, None, classes.rewards, classes.ignored_steps, classes.mixture
    )
