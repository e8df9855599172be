"""A layered game as large as laser tag on 3 x 3 fields over 8 steps: 6,356 states, 10 x 10 actions.

Three entries per row, 32 policies per agent; dense, its transition would hold 1.3e9 numbers.
"""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter

import numpy as np

from mamex_bench.model.evaluation import class_payoffs, payoffs
from mamex_bench.model.layered import LayeredGame
from mamex_bench.model.policies import PurePolicies

SIZES = (1, 57, 450, 900, 1100, 1250, 1298, 1300)
ENTRIES = 3


def large_game(seed: int = 0) -> LayeredGame:
    """Random rows of three states that begin at a random place of the next layer, two at its end.

    The rows of the last layer are left out.
    """
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(SIZES)])
    A = 100
    following, sizes = [], []
    for h, (size, later) in enumerate(pairwise(SIZES)):
        width = min(ENTRIES, later)
        start = rng.integers(later - width + 1, size=size * A)
        following.append((offsets[h + 1] + start[:, None] + np.arange(width)).ravel())
        sizes.append(np.full(size * A, width))
    sizes.append(np.zeros(SIZES[-1] * A, dtype=np.int64))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    mass = rng.exponential(size=indptr[-1])
    filled = np.concatenate(sizes)
    totals = np.add.reduceat(mass, indptr[:-1][filled > 0])
    probability = mass / np.repeat(totals, filled[filled > 0])
    reward = rng.random((2, offsets[-1], A))
    return LayeredGame(offsets, indptr, np.concatenate(following), probability, reward, (10, 10))


class Layered:
    """Payoffs of 32 x 32 joint policies, of the game and of eight models on its entries."""

    timeout = 120
    number = 1
    repeat = 3
    warmup_time = 0

    def setup(self) -> None:
        self.game = large_game()
        self.policies = PurePolicies.sample(self.game, (32, 32), seed=0)
        self.models = np.broadcast_to(self.game.probability, (8, self.game.probability.size))
        payoffs(self.game, self.policies)

    def time_payoffs(self) -> None:
        payoffs(self.game, self.policies)

    def time_eight_models(self) -> None:
        class_payoffs(self.game, self.policies, self.models)

    def peakmem_payoffs(self) -> None:
        payoffs(self.game, self.policies)

    def track_seconds_to_build(self) -> float:
        started = perf_counter()
        large_game()
        return perf_counter() - started

    track_seconds_to_build.unit = "seconds"
