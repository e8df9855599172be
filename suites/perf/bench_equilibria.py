"""The equilibrium oracle on fixed games without easy equilibria; kernels warmed in setup."""

from __future__ import annotations

import numpy as np

from mamex_bench.equilibria import solve
from mamex_bench.kernels.stage_games import stage_equilibria

GAMES = 16


def anti_correlated(counts: tuple[int, ...], seed: int) -> np.ndarray:
    """(n, *counts) in [0, 1]: what one agent gains the others lose, up to noise."""
    rng = np.random.default_rng([seed, *counts])
    U = rng.random((len(counts), *counts))
    noise = 0.05 * rng.standard_normal(U.shape)
    return np.clip(0.5 + 0.5 * (U - U.mean(axis=0)) + noise, 0.0, 1.0)


class Oracle:
    """Sixteen cold solves each; a call's time is the sum."""

    params = (
        ("nash", (4, 4)),
        ("nash", (32, 32)),
        ("nash", (64, 64)),
        ("nash", (8, 8, 8)),
        ("cce", (32, 32)),
        ("cce", (64, 64)),
        ("ce", (3, 3)),
        ("ce", (16, 16)),
    )
    param_names = ("case",)
    timeout = 120
    warmup_time = 0

    def setup(self, case: tuple[str, tuple[int, ...]]) -> None:
        self.concept, counts = case
        self.games = [anti_correlated(counts, seed) for seed in range(GAMES)]
        solve(self.games[0], self.concept)

    def time_sixteen_games(self, case) -> None:
        for payoffs in self.games:
            solve(payoffs, self.concept)

    def track_largest_gap(self, case) -> float:
        return max(solve(payoffs, self.concept).gap for payoffs in self.games)


class Reseeded:
    """Sixteen solves after payoffs moved by 0.002, started from the equilibrium before."""

    params = (("cce", (64, 64)), ("cce", (12, 12, 12)), ("ce", (16, 16)))
    param_names = ("case",)
    timeout = 120
    warmup_time = 0

    def setup(self, case: tuple[str, tuple[int, ...]]) -> None:
        self.concept, counts = case
        rng = np.random.default_rng(0)
        games = [anti_correlated(counts, seed) for seed in range(GAMES)]
        self.starts = [solve(payoffs, self.concept) for payoffs in games]
        self.moved = [U + 0.002 * rng.standard_normal(U.shape) for U in games]

    def time_sixteen_games(self, case) -> None:
        for payoffs, start in zip(self.moved, self.starts):
            solve(payoffs, self.concept, start=start)


class StageGames:
    """A thousand 3 x 3 stage games in one batch."""

    params = (0, 1, 2)
    param_names = ("concept_code",)

    def setup(self, concept_code: int) -> None:
        self.games = np.stack([anti_correlated((3, 3), seed).reshape(2, 9) for seed in range(1000)])
        self.out = np.empty((1000, 9))
        self.status = np.empty(1000, dtype=np.int64)
        self.counts = np.array([3, 3])
        self.time_batch(concept_code)

    def time_batch(self, concept_code: int) -> None:
        stage_equilibria(self.games, self.counts, concept_code, self.out, self.status)

    def track_uncertified(self, concept_code: int) -> int:
        return int(self.status.sum())
