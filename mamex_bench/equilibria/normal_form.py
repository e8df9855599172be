"""A checked game in normalised payoffs, as every solver of the oracle takes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria.certificate import certified_gaps
from mamex_bench.kernels.pure import best_pure_equilibrium, normalise
from mamex_bench.kernels.stage_games import PURE_SLACK
from mamex_bench.kernels.welfare import welfare_weights


@dataclass(frozen=True)
class NormalForm:
    """Payoffs, their affine image on [0, 1] per agent, and what every concept asks of them.

    Attributes:
        payoffs: `(n, m_0, ..., m_{n-1})` in the caller's units.
        unit: `(n, M)` normalised, flat in C order.
        ranges: `(n,)`, max U_i - min U_i.
        counts: `(n,)` strategies per agent.
        weights: `(M,)` welfare (sum of the caller's payoffs) mapped onto [1, 2].
        pure: flat index of the pure equilibrium of greatest welfare, or -1.
    """

    payoffs: npt.NDArray[np.float64]
    unit: npt.NDArray[np.float64]
    ranges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    pure: int

    @staticmethod
    def of(payoffs: npt.NDArray[np.float64]) -> NormalForm:
        """Normalise a checked tensor and scan it once for pure equilibria."""
        n = payoffs.shape[0]
        flat = payoffs.reshape(n, -1)
        unit, ranges, weights = np.empty_like(flat), np.empty(n), np.empty(flat.shape[1])
        counts = np.array(payoffs.shape[1:], dtype=np.int64)
        normalise(flat, unit, ranges)
        welfare_weights(unit, ranges, weights)
        pure = best_pure_equilibrium(unit, counts, weights, PURE_SLACK)
        return NormalForm(payoffs, unit, ranges, counts, weights, pure)

    @property
    def shape(self) -> tuple[int, ...]:
        """Strategies per agent."""
        return self.payoffs.shape[1:]

    def vertex(self, cell: int) -> npt.NDArray[np.float64]:
        """The distribution `(M,)` that puts everything on one cell."""
        x = np.zeros(self.unit.shape[1])
        x[cell] = 1.0
        return x


@dataclass
class Search:
    """The visible fallback chain: every attempt, its certificate, and the best one so far.

    Attributes:
        game: the game that is solved.
        code: the concept.
        tolerance: the largest gap that counts as exact, in units of `max(1, ranges[i])`.
        attempts: (method, largest gap in the caller's units), in the order tried.
    """

    game: NormalForm
    code: int
    tolerance: float
    attempts: list[tuple[str, float]] = field(default_factory=list)
    best: npt.NDArray[np.float64] | None = None
    method: str = ""
    excess: float = np.inf

    def offer(self, method: str, distribution: npt.NDArray[np.float64]) -> bool:
        """Certify a distribution `(M,)`; keep it if exact or the best yet; say whether exact."""
        game = self.game
        gains = certified_gaps(game.payoffs, distribution.reshape(game.shape), self.code)
        self.attempts.append((method, float(gains.max())))
        excess = float((gains / np.maximum(1.0, game.ranges)).max())
        if excess <= self.tolerance or excess < self.excess or self.best is None:
            self.best, self.method, self.excess = distribution, method, excess
        return excess <= self.tolerance
