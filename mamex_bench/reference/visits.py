"""Certified output policies of many episodes: explicit weights of visits, state after state.

What `kernels.history` folds into one pass, V(t) = (1 - alpha_t) V(t-1) + alpha_t W(t), is summed
here from its definition, V(x, t) = sum_l alpha_t^l W(x, l), over states of any game.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.model.game import Game
from mamex_bench.reference.recompute import own_table
from mamex_bench.reference.rows import rows_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Visits:
    """The recorded episodes of a certified policy.

    paths (K, H): states, numbered across layers; strategies (K, H, sum m_i).
    """

    def __init__(self, game: Game, paths: Ints, strategies: Floats) -> None:
        self.game, self.rows, self.paths, self.strategies = game, rows_of(game), paths, strategies
        self.edges = np.concatenate([[0], np.cumsum(game.action_counts)])

    def value(self, agent: int) -> float:
        """What the policy pays, agents sharing what is drawn."""
        return self._start(self._backwards(agent, None, swap=False, told=False))

    def told(self, agent: int, swap: bool) -> float:
        """The most that a deviation gets that is told the visits of every state that it is in."""
        return self._start(self._backwards(agent, None, swap, told=True))

    def deviation(self, agent: int, answer: Ints, swap: bool) -> float:
        """What a Markov deviation gets, answer (N, m_i) to own actions, or (N, 1) whatever they."""
        return self._start(self._backwards(agent, answer, swap, told=False))

    def _backwards(
        self, agent: int, answer: Ints | None, swap: bool, told: bool
    ) -> dict[int, Floats]:
        """V(x, t), t = 0 .. visits of x, for every state of the first layer."""
        game, own = self.game, own_table(self.game, agent)
        later: dict[int, Floats] = {}
        for h in reversed(range(game.horizon)):
            here: dict[int, Floats] = {}
            layer = self.rows.layer(h)
            for x in range(layer.start, layer.stop):
                visits = np.flatnonzero(self.paths[:, h] == x)
                worth = self._worth(agent, h, x, visits, later)  # (T+1, A)
                chance = np.ones((visits.size + 1, 1))
                for i, m in enumerate(game.action_counts):
                    of_agent = slice(self.edges[i], self.edges[i + 1])
                    strategy = np.full((visits.size + 1, m), 1.0 / m)
                    strategy[1:] = self.strategies[visits, h, of_agent]
                    chance = (chance[:, :, None] * strategy[:, None, :]).reshape(len(chance), -1)
                # gains[l, c, b]: told c, answering b, at visit l; visit 0 stands for none
                gains = np.einsum("lco,lbo->lcb", chance[:, own], worth[:, own])
                if not swap:
                    gains = gains.sum(axis=1, keepdims=True)
                if not told and answer is None:
                    paid = (chance * worth).sum(axis=1)
                    here[x] = self._averages(paid[:, None, None])[:, 0, 0]
                    continue
                averages = self._averages(gains)
                if answer is None:
                    here[x] = averages.max(axis=2).sum(axis=1)
                else:
                    told_rows = np.arange(averages.shape[1])
                    here[x] = averages[:, told_rows, answer[x]].sum(axis=1)
            later = here
        return later

    def _worth(self, agent: int, h: int, x: int, visits: Ints, later: dict[int, Floats]) -> Floats:
        """(T+1, A): reward of x and what follows, given what was seen before each of the visits."""
        rows, A = self.rows, self.rows.actions
        worth = np.tile(rows.reward[agent, x], (visits.size + 1, 1))
        if h + 1 == self.game.horizon:
            return worth
        seen: dict[int, Ints] = {}
        for a in range(A):
            for e in range(rows.starts[x * A + a], rows.starts[x * A + a + 1]):
                y = int(rows.after[e])
                if y not in seen:
                    before = np.cumsum(self.paths[:, h + 1] == y)
                    count = np.concatenate([[0], before])[visits]
                    seen[y] = np.concatenate([[0], count])
                worth[:, a] += rows.probability[e] * later[y][seen[y]]
        return worth

    def _averages(self, numbers: Floats) -> Floats:
        """(T+1, ...): sum_l alpha_t^l of numbers[l], t = 1 .. T; at t = 0 numbers[0] itself."""
        H, T = self.game.horizon, numbers.shape[0] - 1
        flat = numbers.reshape(T + 1, -1)
        out = flat.copy()
        weights = np.zeros(T)
        for t in range(1, T + 1):
            alpha = (H + 1.0) / (H + t)
            weights[: t - 1] *= 1.0 - alpha
            weights[t - 1] = alpha
            out[t] = weights[:t] @ flat[1 : t + 1]
        return out.reshape(numbers.shape)

    def _start(self, values: dict[int, Floats]) -> float:
        """The mean over the episode k that is drawn, t being the visits before it."""
        total = 0.0
        for x, rho in enumerate(self.game.initial):
            if rho > 0.0:
                before = np.concatenate([[0], np.cumsum(self.paths[:, 0] == x)])[:-1]
                total += float(rho * values[x][before].mean())
        return total
