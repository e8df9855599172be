"""All payoffs of all models on the reference instance: 512 models, 1024 joint policies, 2 agents.

Ratios are measured side by side in one run, best of several. The Python loop is timed on one model
and 64 joint policies and scaled up.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import numpy as np

from mamex_bench import catalogue
from mamex_bench.model.evaluation import checked_payoffs, payoffs

from .plain_payoffs import joint_tables, loop_payoffs, numpy_payoffs

LOOP_POLICIES = 64
CACHED = 4  # models whose gathered rows stay in the second-level cache


def best_of(repeats: int, action: Callable[[], object]) -> float:
    """Least processor seconds of several calls: other work on the machine counts less."""
    seconds = []
    for _ in range(repeats):
        started = process_time()
        action()
        seconds.append(process_time() - started)
    return min(seconds)


class Payoffs:
    """All models at once, warm, against NumPy and against a plain loop."""

    timeout = 120
    number = 1
    repeat = 5
    warmup_time = 0

    def setup(self) -> None:
        self.instance = catalogue.make("linear_mixture")
        self.joint = joint_tables(self.instance)
        values = self.kernel()
        np.testing.assert_allclose(values, numpy_payoffs(self.instance, self.joint, 8), atol=1e-12)
        slow = np.array(loop_payoffs(self.instance, self.joint, 3, LOOP_POLICIES))
        np.testing.assert_allclose(values[3, :, :LOOP_POLICIES], slow.T, atol=1e-12)

    def kernel(self) -> np.ndarray:
        game, policies = self.instance.game, self.instance.policies
        return checked_payoffs(game, policies, self.instance.hypothesis().probabilities)

    def time_all_models(self) -> None:
        self.kernel()

    def time_true_payoffs(self) -> None:
        payoffs(self.instance.game, self.instance.policies)

    def peakmem_all_models(self) -> None:
        self.kernel()

    def track_speedup_over_numpy(self) -> float:
        """Seconds of NumPy, vectorised over all models and policies, over the kernel's."""
        return self.numpy_seconds(self.instance.hypothesis().size) / best_of(5, self.kernel)

    def track_speedup_over_chunked_numpy(self) -> float:
        """The same against NumPy in the best chunks of models."""
        return self.numpy_seconds(CACHED) / best_of(5, self.kernel)

    def numpy_seconds(self, chunk: int) -> float:
        return best_of(3, lambda: numpy_payoffs(self.instance, self.joint, chunk))

    def track_speedup_over_loop(self) -> float:
        """Seconds of a Python loop, scaled to all models and policies, over the kernel's."""
        share = LOOP_POLICIES / (len(self.joint) * self.instance.hypothesis().size)
        loop = best_of(3, lambda: loop_payoffs(self.instance, self.joint, 3, LOOP_POLICIES))
        return loop / share / best_of(5, self.kernel)

    track_speedup_over_numpy.unit = "times"
    track_speedup_over_chunked_numpy.unit = "times"
    track_speedup_over_loop.unit = "times"
