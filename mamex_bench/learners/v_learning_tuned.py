"""V-learning with a tuned bonus and tuned bandits: no theorem, tuned for the output's gap.

As `v_learning`, with these changes:

* beta_t = scale * D sqrt(A_i iota / t), D what the steps after this one can still gain or lose by
  the known rewards alone (H - h - 1 where rewards are random), instead of the theorem's.
* Values start at, and are cut at, the most that a state and what follows can pay by the known
  rewards, and losses are divided by how much that can vary there, instead of H - h and H.
* Losses are measured from the present V(x) instead of from the most that can be paid: the same
  bandit with a baseline. Estimates vary far less; losses may be negative, which the theorem's
  bandit does not allow for.
* eta_t = rate sqrt(H log A_i / (A_i t)) and gamma_t = 0.03 eta_t for every concept, for CE with
  the number of draws of a row in place of t.

The defaults, scale = 0.02 and rate = 15, were chosen by trial at 10,000 episodes on linear_mixture,
random_game, gridworld and combination_lock at their default sizes: from 0 to 0.1 the scale matters
little there, and the baseline most (the gap of the output falls to between a fifth and a third of
what it is without). None of these is zero-sum. The price: bandits this fast are nearly pure, and
where no pure profile is an equilibrium what is *executed* cycles and can lose more than uniform
play (biased_rps, Nash, 10,000 episodes: 0.26 per episode, uniform 0.17, `v_learning` 0.06), while
the output's gap falls. Nash, CCE and CE, output and what is kept: as `v_learning`.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._optimistic_planning import remaining_rewards
from mamex_bench.learners._planner import in_states
from mamex_bench.learners._v_learning import Scales, VLearning, log_factor
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.game import Game
from mamex_bench.model.instance import Instance

SCALE, RATE, IMPLICIT = 0.02, 15.0, 0.03

GUARANTEE = Guarantee(
    rate="none",
    exponent=None,
    games="general-sum, tabular (Nash: two-player zero-sum)",
    concepts=("nash", "ce", "cce"),
    about="output",
    source="tuned form of v_learning",
    checked=True,
    deviation="bonus, steps and the losses' baseline are tuned",
)


def make(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    scale: float = SCALE,
    rate: float = RATE,
    failure: float = 0.05,
) -> VLearning:
    """A fresh learner. scale: at least 0, of the bonus; rate: positive, of the bandits' steps;
    failure: p inside the logarithm."""
    K = positive_integer(episodes, "episodes")
    iota = log_factor(instance.game, K, failure)
    scales = tuned_scales(instance.game, scale, rate, iota)
    return VLearning(instance, concept, K, "v_learning_tuned", scales)


def tuned_scales(game: Game, scale: float, rate: float, iota: float) -> Scales:
    """Scales from the known rewards."""
    if not scale >= 0.0 or not np.isfinite(scale):
        raise InputError(f"scale is {scale!r}: expected a number of at least 0")
    if not rate > 0.0 or not np.isfinite(rate):
        raise InputError(f"rate is {rate!r}: expected a positive number")
    most, least, later = value_ranges(game)
    A = game.counts.astype(float)
    # An agent without a choice has nothing to learn, but a step of zero helps nobody.
    rates = rate * np.sqrt(game.horizon * np.log(np.maximum(A, 2.0)) / A)
    bonus = scale * later * np.sqrt(A * iota)
    return Scales(
        top=most,
        span=np.where(most > least, most - least, 1.0),
        bonus=np.stack([bonus, np.zeros_like(bonus)]),
        rates=rates,
        implicit=IMPLICIT * rates,
        centred=True,
    )


def value_ranges(game: Game) -> tuple[Floats, Floats, Floats]:
    """Each (N, n): most and least that a state and what follows can pay, as far as a learner knows,
    and by how much what follows can differ."""
    n, N, _ = game.rewards.shape
    if game.random_rewards:
        left = np.repeat(np.arange(game.horizon, 0, -1.0), np.diff(game.layers.first)[:-1])
        top = np.repeat(left[:, None], n, axis=1)
        return top, np.zeros((N, n)), top - 1.0
    most, least = (in_states(game, each) for each in remaining_rewards(game))
    high, low = game.rewards.max(axis=2) + most, game.rewards.min(axis=2) + least
    return high.T, low.T, (most - least).T
