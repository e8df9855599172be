"""A smaller game with the same correlated equilibria: duplicates merged, dominated rows dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria.normal_form import NormalForm

DIGITS = 12  # normalised payoffs that agree this far are duplicates
MARGIN = 1e-9  # strictly dominated means worse by more than this everywhere


def kept_strategies(game: NormalForm) -> list[npt.NDArray[np.int64]]:
    """Strategies per agent that a CE of maximal welfare needs, in increasing order.

    Of strategies that earn every agent the same, one is enough: recommendations can be merged
    without loss. A strategy strictly dominated by another has probability zero in every CE, and
    then the game without it may have more of either kind.
    """
    tensor = game.unit.reshape(-1, *game.shape)
    kept = [np.arange(m) for m in game.shape]
    while True:
        before = [k.size for k in kept]
        for i in range(len(kept)):
            rows = np.moveaxis(tensor, 1 + i, 0).reshape(kept[i].size, -1)
            first = np.sort(np.unique(np.round(rows, DIGITS), axis=0, return_index=True)[1])
            own = np.moveaxis(tensor[i], i, 0).reshape(kept[i].size, -1)[first]
            dominated = [bool((own > row + MARGIN).all(axis=1).any()) for row in own]
            chosen = first[~np.array(dominated)]
            tensor = np.take(tensor, chosen, axis=1 + i)
            kept[i] = kept[i][chosen]
        if [k.size for k in kept] == before:
            return kept


def restrict(game: NormalForm, kept: list[npt.NDArray[np.int64]]) -> NormalForm:
    """The game on the kept strategies, with the weights that its cells had."""
    inside = np.ix_(*kept)
    unit = np.stack([u.reshape(game.shape)[inside].reshape(-1) for u in game.unit])
    return replace(
        game,
        payoffs=np.stack([u[inside] for u in game.payoffs]),
        unit=unit,
        counts=np.array([k.size for k in kept], dtype=np.int64),
        weights=np.ascontiguousarray(game.weights.reshape(game.shape)[inside].reshape(-1)),
        pure=-1,
    )


def lift(
    x: npt.NDArray[np.float64], kept: list[npt.NDArray[np.int64]], shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """A distribution of the restricted game on the cells `(M,)` of the whole one."""
    full = np.zeros(shape)
    full[np.ix_(*kept)] = x.reshape([k.size for k in kept])
    return full.reshape(-1)
