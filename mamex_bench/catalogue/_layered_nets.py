"""Hypotheses about games whose transitions are sparse rows: on the entries that the game has.

As in `_generators`, model f of a net lies at Hellinger distance delta_f (D_H, not squared) from the
truth in every row, on the arc towards a random target, but the target has the support of the true
row: which states can follow which is known of a layered game. A row with one successor is the same
in every model. The class covers its star (`_nets`) with radius sqrt(2) sin(phi/4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._generators import stream
from mamex_bench.catalogue._nets import STAR
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.game import Game
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Known

ENTRY_LIMIT = 100_000_000  # numbers in a class of models: 0.8 GB


def layered_net(
    game: Game,
    size: int,
    seed: int = 0,
    distance: Sequence[float] = (0.02, 0.4),
    floor: float = 0.0,
) -> ModelClass:
    """A finite net around the truth: the truth itself (index 0) and size - 1 models.

    delta_f runs geometrically from `distance[0]` to `distance[1]`; a row becomes its least likely
    successor if that is no farther than delta_f, which takes at least 0.54. `floor`, the share of
    target rows outside the support, is 0: there is nothing outside.
    """
    count = positive_integer(size, "size")
    if np.shape(distance) != (2,) or not 0.0 < distance[0] <= distance[1] < 1.0:
        raise InputError(f"distance is {distance!r}: expected 0 < low <= high < 1")
    if floor != 0.0:
        raise InputError(f"floor is {floor!r}: expected 0, a layered game's support is known")
    truth, rows = game.probability, game.layers.rows
    if count * truth.size > ENTRY_LIMIT:
        raise InputError(
            f"size is {count}: that many models of {truth.size:,} transitions are more than "
            f"{ENTRY_LIMIT:,} numbers; expected at most {max(ENTRY_LIMIT // truth.size, 1):,}"
        )
    lengths = np.diff(rows)
    if (np.add.reduceat(truth > 0.0, rows[:-1], dtype=np.int64) == 1).all() and count > 1:
        raise InputError(
            "every transition of the game is certain: there is nothing to learn about it, "
            "expected hypotheses { net = 1 }"
        )
    models = np.empty((count, truth.size))
    models[0] = truth
    rng = stream(seed, "net")
    root = np.sqrt(truth)
    rarest = _rarest(truth, rows)
    for f, delta in enumerate(np.geomspace(distance[0], distance[1], max(count - 1, 1))):
        if f + 1 == count:
            break
        # `_generators.towards` for rows of unequal lengths.
        weights = rng.exponential(size=truth.size) * (truth > 0.0)
        target = np.sqrt(weights / np.repeat(np.add.reduceat(weights, rows[:-1]), lengths))
        cosine = np.clip(np.add.reduceat(root * target, rows[:-1]), 0.0, 1.0)
        # Where the target is nearer than delta, go towards the least likely successor.
        near = 1.0 - cosine < delta**2
        target = np.where(np.repeat(near, lengths), rarest, target)
        cosine = np.clip(np.add.reduceat(root * target, rows[:-1]), 0.0, 1.0)
        tangent = target - np.repeat(cosine, lengths) * root
        length = np.sqrt(np.add.reduceat(np.square(tangent), rows[:-1]))
        phi = np.minimum(np.arccos(1.0 - delta**2), np.arctan2(length, cosine))
        sine = np.divide(np.sin(phi), length, out=np.zeros_like(phi), where=length > 1e-12)
        moved = np.repeat(np.cos(phi), lengths) * root + np.repeat(sine, lengths) * tangent
        moved = np.square(np.maximum(moved, 0.0))
        models[f + 1] = moved / np.repeat(np.add.reduceat(moved, rows[:-1]), lengths)
    return ModelClass(models, truth=0)


def _rarest(truth: Floats, rows: Ints) -> Floats:
    """(nnz,): 1 at the first of the least likely possible entries of each row, else 0."""
    lengths = np.diff(rows)
    possible = np.where(truth > 0.0, truth, np.inf)
    least = possible == np.repeat(np.minimum.reduceat(possible, rows[:-1]), lengths)
    places = np.where(least, np.arange(truth.size), truth.size)
    chosen = np.zeros(truth.size)
    chosen[np.minimum.reduceat(places, rows[:-1])] = 1.0
    return chosen


def layered_star_known(game: Game, models: ModelClass) -> Known:
    """Covering radius of the star of a class of models on the game's entries, an upper bound."""
    root, rows = np.sqrt(game.probability), game.layers.rows
    affinity = min(
        float(np.add.reduceat(root * np.sqrt(each), rows[:-1]).min())
        for each in models.probabilities
    )
    phi = float(np.arccos(np.clip(affinity, 0.0, 1.0)))
    return Known(float(np.sqrt(2.0) * np.sin(phi / 4.0)), STAR)
