"""The rows of a game, read off its own arrays: what the slow twins walk over.

Deliberately not `Game.layers`, so that a twin does not inherit a mistake made there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.model.layered import LayeredGame

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """States numbered across layers, N of them in the layers 0..H-1; row x * A + a.

    Attributes:
        first: (H+2,), layer h begins with state first[h]; those from first[H] = N on are ends.
        starts: (N A + 1,), entries of row r are starts[r] .. starts[r+1]-1.
        after: (nnz,), the states that follow.
        probability: (nnz,).
        reward: (n, N, A).
    """

    first: Ints
    starts: Ints
    after: Ints
    probability: Floats
    reward: Floats

    @property
    def horizon(self) -> int:
        return self.first.size - 2

    @property
    def actions(self) -> int:
        return self.reward.shape[2]

    def layer(self, h: int) -> slice:
        """The states of layer h."""
        return slice(int(self.first[h]), int(self.first[h + 1]))

    def chosen(self, h: int, joint: Ints) -> tuple[Ints, Ints]:
        """Entries of the rows that joint (N,) plays in layer h, and where each row begins there."""
        rows = np.arange(self.first[h], self.first[h + 1]) * self.actions + joint[self.layer(h)]
        parts = [np.arange(self.starts[r], self.starts[r + 1]) for r in rows]
        begin = np.cumsum([0] + [part.size for part in parts[:-1]])
        return np.concatenate(parts), begin

    def expected(self, h: int, values: Floats) -> Floats:
        """(J, L, A): E v(next) in the L states of layer h; values (J, N + ends)."""
        here = self.layer(h)
        bounds = self.starts[here.start * self.actions : here.stop * self.actions + 1]
        entries = slice(int(bounds[0]), int(bounds[-1]))
        products = self.probability[entries] * values[:, self.after[entries]]
        sums = np.add.reduceat(products, bounds[:-1] - bounds[0], axis=1)
        return sums.reshape(values.shape[0], -1, self.actions)


def rows_of(game: Game) -> Rows:
    """The rows of a dense game, one entry per state of the next step, or of a layered game."""
    if isinstance(game, MarkovGame):
        H, S, A, _ = game.transition.shape
        step, _, _, state = np.indices(game.transition.shape)
        return Rows(
            S * np.arange(H + 2),
            S * np.arange(H * S * A + 1),
            ((step + 1) * S + state).reshape(-1),
            game.transition.reshape(-1),
            game.reward.reshape(game.agents, H * S, A),
        )
    assert isinstance(game, LayeredGame)
    ends = int(max(game.layer_offsets[-1], game.next_state.max())) + 1
    first = np.append(game.layer_offsets, ends)
    return Rows(first, game.indptr, game.next_state, game.probability, game.reward)


def padded(game: Game, table: NDArray[np.generic]) -> NDArray[np.generic]:
    """A table over states, in the shape of the game's dense form: (H, S, ...), filled with zeros.

    table (N, ...) of a layered game; one of a dense game is returned as it is.
    """
    if isinstance(game, MarkovGame):
        return table
    assert isinstance(game, LayeredGame)
    widths = np.diff(rows_of(game).first)
    out = np.zeros((game.horizon, int(widths.max()), *table.shape[1:]), dtype=table.dtype)
    for h in range(game.horizon):
        out[h, : widths[h]] = table[game.layer_offsets[h] : game.layer_offsets[h + 1]]
    return out
