"""The bracket of the decoupling coefficient: seconds, memory and how wide it is."""

from __future__ import annotations

from mamex_bench import catalogue
from mamex_bench.complexity import decoupling
from mamex_bench.model.instance import Instance


class Bracket:
    """On the reference instance and on families whose coefficient is known."""

    params = ("linear_mixture", "combination_lock", "needle", "hypercube", "linear_game")
    param_names = ("family",)
    timeout = 300
    warmup_time = 0
    episodes = 100_000

    def setup(self, family: str) -> None:
        self.family = family
        decoupling(self.fresh(), self.episodes)

    def fresh(self) -> Instance:
        """A new instance, so that no cached payoffs are measured."""
        sizes = {"arms": 256} if self.family == "needle" else {}
        return catalogue.make(self.family, **sizes)

    def time_bracket(self, family: str) -> None:
        decoupling(self.fresh(), self.episodes)

    def peakmem_bracket(self, family: str) -> None:
        decoupling(self.fresh(), self.episodes)

    def track_lower(self, family: str) -> float:
        return decoupling(self.fresh(), self.episodes).lower

    def track_upper(self, family: str) -> float:
        return decoupling(self.fresh(), self.episodes).upper
