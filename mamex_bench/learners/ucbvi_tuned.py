"""UCBVI with a tuned Bernstein bonus, for one agent: no theorem, its strongest practical form.

As `ucbvi`, with the bounds of `_tuned` and its widths, the variance that of V_high, in the place of
the paper's three terms. All in favour of the learner. The default scale, 0.1, was chosen by trial
on random games of one agent (it is part of no proof).
"""

from __future__ import annotations

from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._optimistic_planning import OptimisticPlanning, log_factor
from mamex_bench.learners._tuned import tuned_confidence
from mamex_bench.learners.ucbvi import insist_on_one_agent
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.instance import Instance

GUARANTEE = Guarantee(
    rate="none",
    exponent=None,
    games="one agent, tabular",
    concepts=("nash", "ce", "cce"),
    about="executed",
    source="tuned form of ucbvi",
    checked=True,
    deviation="the bonus is scaled by trial",
)

SCALE = 0.1


def make(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    scale: float = SCALE,
    failure: float = 0.05,
) -> OptimisticPlanning:
    """A fresh learner. scale: positive, of the bonus; failure: p inside the logarithm."""
    insist_on_one_agent("ucbvi_tuned", instance)
    K = positive_integer(episodes, "episodes")
    iota = log_factor(instance.game, K, failure)
    confidence = tuned_confidence(instance.game, scale, iota, lean=1.0)
    return OptimisticPlanning(instance, concept, K, "ucbvi_tuned", confidence, falling=True)
