"""Nash-VI with a tuned bonus: no theorem, the strongest practical form.

As `nash_vi`, with the bounds of `_tuned` and its widths, of the first agent, in the place of Gamma:
the paper's form with R_h, what the known rewards leave open after step h, instead of H^2 S. And

    gamma = (scale / H) Phat W.

All in favour of the learner, and part of no proof. The default scale, 0.25, is that
of `optimistic_vi_tuned`, which was found on other games. With 0.15, chosen before among 0.1,
0.15 and 0.2, less is lost to exploration (half the regret on two_sided_hypercube), but now and then
a run stays where it is with its bounds beside the truth.
"""

from __future__ import annotations

from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._optimistic_planning import Confidence, log_factor
from mamex_bench.learners._tuned import tuned_confidence
from mamex_bench.learners._zero_sum import insist_on_two_players
from mamex_bench.learners.nash_vi import NashValueIteration
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.game import Game
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

SCALE = 0.25


def make(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    scale: float = SCALE,
    failure: float = 0.05,
) -> NashValueIteration:
    """A fresh learner. scale: positive, of the bonus; failure: p inside the logarithm."""
    insist_on_two_players("nash_vi_tuned", instance)
    K = positive_integer(episodes, "episodes")
    iota = log_factor(instance.game, K, failure)
    confidence = shared_confidence(instance.game, scale, iota)
    return NashValueIteration(instance, concept, K, "nash_vi_tuned", confidence)


def shared_confidence(game: Game, scale: float, iota: float) -> Confidence:
    """The docstring's bounds and widths, of the first agent."""
    return tuned_confidence(game, scale, iota, players=1, relative=scale / game.horizon)
