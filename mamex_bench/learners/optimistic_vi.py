"""Optimistic value iteration: Multi-Nash-VI, Multi-CE-VI and Multi-CCE-VI, theorem's constants.

Paper: Liu, Yu, Bai and Jin 2021, "A Sharp Analysis of Model-based Reinforcement Learning with
Self-Play" (ICML, arXiv 2010.01604). With steps h = 0..H-1, t visits of (h, s, a), N states in all
steps together (N = H S in a dense game) and at most S of them to follow any (h, s, a),

    high_i = min{ r_i + Phat V_high,i + beta_t, H - h },
    low_i  = max{ r_i + Phat V_low,i - beta_t, 0 },
    beta_t = c sqrt(S H^2 iota / t),  iota = log(N A K / p),  A = prod A_i,
    pi_h(. | s) = NASH, CE or CCE of high(s),  V = E_pi Q,
    never visited: high = H - h, low = 0.

A new plan before every episode, as in the paper. Output: the plan of least
max_i (V_high,i - V_low,i) at the start.

The constant. The theorem has an absolute constant c without a number. Here it is what the proof
below needs at this S and iota, and no more:

    c = sqrt( (S log 2 + iota) / (2 S iota) )      (below 0.8 for iota >= 4),

that is beta_t = H sqrt((S log 2 + iota) / (2 t)). Proof: the t successors of a cell are
independent, so |Phat - P|_1 <= sqrt(2 (S log 2 + log(1/p')) / t) with probability 1 - p'
(Weissman et al. 2003: 2^S sets, Hoeffding for each); p' = p / (N A K) covers every cell and
every t <= K. Any V with values in [0, H] has |(Phat - P) V| <= |Phat - P|_1 H / 2 <= beta_t,
whatever V depends on. By induction backward, with probability 1 - p for all episodes at once,
V_high,i is at least the value of agent i's best response to the others' plan (for CE: of its best
deviation given its recommendations), and V_low,i at most its value under the plan. Hence the gap
of every plan is at most V_high,i - V_low,i at the start. (A gap left in a stage game would add to
it: the largest is `diagnostics()["worst_stage_gap"]`.)

Random rewards are replaced by the means of those seen, and iota by iota + log(4 n): with
probability 1 - p' the n means are off by at most sqrt(log(4 n / p') / (2 t)) and |Phat - P|_1 by
at most sqrt(2 (S log 2 + log(2 / p')) / t), and V <= H - 1 after the first step, so that
r + Phat V is off by at most H sqrt((S log 2 + log(4 n / p')) / (2 t)).

Guarantee: published for the output (an epsilon-equilibrium after Otilde(H^4 S^2 A / epsilon^2)
episodes) and, through the same sum of widths, for the executed plans: regret of order
sqrt(H^3 S^2 A T), T = H K, against deviations to any policy.

Deviations from the paper: known rewards are used from the start (in the paper rewards are
deterministic, so recalled), random ones as above; of the equilibria of a stage game
`stage_equilibrium` takes a pure one of greatest welfare if there is one (for CE and CCE of the
greatest welfare of all), by lot among equals. As long as the bounds are clipped everywhere all are
equal, and one pure profile, drawn at random before the first episode, is played: in one run on a
linear_mixture of 8 states, 3 x 3 actions and H = 4 (CCE; uniform play has gaps of 1.2 in sum) the
bounds at the start began to fall after 22,000 episodes, and gaps were 1.6 after 1,000 episodes, 1.2
after 10,000 and 0.04 after 100,000.

Status of the source: the paper's abstract was read; its algorithm could not be. The update, the
shape of the bonus and iota were read in a second document on the zero-sum predecessor (VI-ULCB,
Bai and Jin 2020: beta_t = c sqrt(S H^2 iota / t), iota = log(S A B T / p), regret of order
sqrt(H^3 S^2 A B T)). That the general-sum versions use the same bonus, their output rule and their
rates are recalled; a later paper (Song, Mei and Bai 2021) quotes H^3 S^2 A / epsilon^2 instead.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._optimistic_planning import (
    Confidence,
    OptimisticValueIteration,
    log_factor,
)
from mamex_bench.learners._planner import in_states
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.game import Game
from mamex_bench.model.instance import Instance

GUARANTEE = Guarantee(
    rate=r"$\tilde O(\sqrt{H^4 S^2 A K})$, $A = \prod_i A_i$",
    exponent=0.5,
    games="general-sum, tabular",
    concepts=("nash", "ce", "cce"),
    about="executed",
    source="Liu, Yu, Bai and Jin 2021, theorem on Multi-Nash-VI, Multi-CE-VI and Multi-CCE-VI",
    deviation="the paper states it for the output, from the same sum of widths",
)


def make(
    instance: Instance, *, concept: str, episodes: int, failure: float = 0.05
) -> OptimisticValueIteration:
    """A fresh learner. failure: the probability p with which the guarantee may fail."""
    K = positive_integer(episodes, "episodes")
    confidence = theorem_confidence(instance.game, log_factor(instance.game, K, failure))
    return OptimisticValueIteration(instance, concept, K, "optimistic_vi", confidence)


def theorem_confidence(game: Game, iota: float) -> Confidence:
    """The theorem's bounds: 0 <= Q <= H - h, and beta_1 = c sqrt(S H^2 iota) at every step."""
    if game.random_rewards:
        iota += np.log(4.0 * game.agents)
    H, S = game.horizon, int(np.diff(game.layers.rows).max())
    ceiling = np.empty(game.rewards.shape)
    ceiling[:] = in_states(game, H - np.arange(float(H)))[:, None]
    # beta_1 = H sqrt((S log 2 + iota) / 2)
    bonus = np.full((game.agents, H), H * np.sqrt((S * np.log(2.0) + iota) / 2.0))
    return Confidence(ceiling, np.zeros(game.rewards.shape), bonus)
