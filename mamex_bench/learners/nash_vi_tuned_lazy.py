"""`nash_vi_tuned` with lazily refreshed plans: cheaper, and fewer profiles.

A new plan is made only once the visits of some cell reach `growth` times what they were at the
last plan (a first visit always counts), as in `optimistic_vi_tuned_lazy`; the default, 1.25, makes
O(N A log K) plans.
"""

from __future__ import annotations

from mamex_bench.errors import InputError
from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._optimistic_planning import log_factor
from mamex_bench.learners._zero_sum import insist_on_two_players
from mamex_bench.learners.nash_vi import NashValueIteration
from mamex_bench.learners.nash_vi_tuned import SCALE, shared_confidence
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.instance import Instance

GUARANTEE = Guarantee(
    rate="none",
    exponent=None,
    games="two-player zero-sum, tabular",
    concepts=("nash", "ce", "cce"),
    about="executed",
    source="tuned form of nash_vi",
    checked=True,
    deviation="the bonus is scaled by trial",
)


def make(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    growth: float = 1.25,
    scale: float = SCALE,
    failure: float = 0.05,
) -> NashValueIteration:
    """A fresh learner. growth: above 1; scale and failure as in `nash_vi_tuned`."""
    name = "nash_vi_tuned_lazy"
    insist_on_two_players(name, instance)
    if not growth > 1.0:
        raise InputError(f"growth is {growth!r}: expected a number above 1")
    K = positive_integer(episodes, "episodes")
    iota = log_factor(instance.game, K, failure)
    confidence = shared_confidence(instance.game, scale, iota)
    return NashValueIteration(instance, concept, K, name, confidence, growth)
