"""Optimistic Nash value iteration (Nash-VI) with Bernstein bonus, for two-player zero-sum games.

Paper: Liu, Yu, Bai and Jin 2021, "A Sharp Analysis of Model-based Reinforcement Learning with
Self-Play" (ICML, arXiv 2010.01604). Q and V are values of the first agent; with steps
h = 0..H-1, t visits of (h, s, a), W = V_high - V_low and M = (V_high + V_low) / 2,

    gamma = (C1 / H) Phat W,     Gamma = C2 sqrt(Var_Phat(M) iota / t) + C3 iota / t,
    high  = min{ r + Phat V_high + gamma + Gamma, H - h },
    low   = max{ r + Phat V_low  - gamma - Gamma, 0 },
    pi_h(., . | s) = CCE(high(s), -low(s)),   V_high = E_pi high,   V_low = E_pi low,
    never visited: high = H - h, low = 0.

A new plan before every episode, as in the paper; pi itself is run. Output: the product of the
marginals of the plan of least W at the start. In the paper C3 = C2 H^2 S.

The concept. The paper runs a CCE of each stage game, and any will do. For "cce" it is the one of
greatest welfare; for "ce" a CE, for "nash" a Nash equilibrium of (high, -low), both of which are
CCEs. So the theorem holds for what is executed, whatever the concept. Its regret,
sum_k max_mu V(mu, nu_k) - min_nu V(mu_k, nu), of the marginals mu_k and nu_k, is the sum of both
agents' CCE gaps of pi_k itself (what pi_k pays cancels), and for a product the sum of Nash gaps;
for "ce" the same proof bounds swaps, with the value of the best swap in the place of the best
response's.

The constants. The theorem has absolute constants without numbers. Here they are what the proof
below needs, with S states at most to follow any (h, s, a), N in all steps together:

    C1 = 3/2,  C2 = 2,  C3 = S H^2 + H^2 / 2 + 14 (S + 1) H / 3,  iota = log(4 (S + 1) N A K / p).

Proof. By the empirical Bernstein inequality (Maurer and Pontil 2009) and a union bound, with
probability 1 - p for all cells, t <= K and y,
    |(Phat - P) V*| <= 2 sqrt(Var_Phat(V*) iota / t) + 14 H iota / (3 t),
    |Phat(y) - P(y)| <= 2 sqrt(Phat(y) iota / t) + 14 iota / (3 t),
V* the value of the game (for t = 1 both sides are trivial). Let V' be the value of the best
deviation from the plan. By induction V_low <= V* <= V' <= V_high at the next step, so, by
2 sqrt(ab) <= a + b,
    |(Phat - P)(V' - V*)| <= Phat W / H + (S H^2 + 14 S H / 3) iota / t,
    2 sqrt(Var_Phat(V*) iota / t)
        <= 2 sqrt(Var_Phat(M) iota / t) + Phat W / (2 H) + H^2 iota / (2 t),
the latter because |V* - M| <= W / 2 and W <= H. Their sum with 14 H iota / (3 t) is gamma + Gamma;
so high >= r + P V', and low in the same way.

Guarantee: regret Otilde(sqrt(H^2 S A T)), T = H K and A joint actions, of the executed plans; the
output is an epsilon-Nash equilibrium after Otilde(H^3 S A / epsilon^2) episodes.

Ties are broken by lot: until the bounds bite, one pure profile is played that was drawn at random
before the first episode. With these constants that is long. In one run on the zero-sum
linear_mixture of 8 states, 3 x 3 actions and H = 4, the bounds at the start had not moved after
900,000 episodes, and both agents' gaps were 2.2 to 2.4 together, where uniform play has 1.3. Even
where nothing is unknown, at the last step, C3 iota / t is added, as in the paper.

Deviations from the paper: it lets any CCE do; rewards need sum to a constant only along paths, in
which case the first agent's count; bounds are clipped to [0, H - h] instead of [0, H].

Status of the source: the abstract was read. The algorithm, its output, the rates and the steps of
the proof were read in a later paper that restates them (Qiao and Wang 2024, arXiv 2404.07559,
with its privacy terms dropped); numbers for the constants are this docstring's.
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
from mamex_bench.learners._zero_sum import insist_on_two_players
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.game import Game
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import MarkovProfile

GUARANTEE = Guarantee(
    rate=r"$\tilde O(\sqrt{H^3 S A_1 A_2 K})$",
    exponent=0.5,
    games="two-player zero-sum, tabular",
    concepts=("nash", "ce", "cce"),
    about="executed",
    source="Liu, Yu, Bai and Jin 2021, as restated by Qiao and Wang 2024",
    checked=True,
)


class NashValueIteration(OptimisticValueIteration):
    """Plays an equilibrium of (high, -low) in every state, bounds of the first agent.

    Args:
        instance, concept, episodes, name, confidence, growth: see OptimisticValueIteration.
    """

    def __init__(
        self,
        instance: Instance,
        concept: str,
        episodes: int,
        name: str,
        confidence: Confidence,
        growth: float = 1.0,
    ) -> None:
        super().__init__(instance, concept, episodes, name, confidence, growth, versus=True)

    def interval(self) -> tuple[Floats, Floats]:
        """Bounds (low, high), each (1,), at the start: when the confidence bounds hold, the second
        agent cannot push the coming plan's marginals below low, nor the first get above high."""
        return super().interval()

    def output_profile(self) -> MarkovProfile:
        """The product of the marginals of the narrowest plan so far."""
        self.choose()
        game = self.instance.game
        plan = self._plan.best.reshape(-1, *game.action_counts)
        product = plan.sum(axis=2)[:, :, None] * plan.sum(axis=1)[:, None, :]
        return self._markov(product.reshape(plan.shape[0], -1))


def make(
    instance: Instance, *, concept: str, episodes: int, failure: float = 0.05
) -> NashValueIteration:
    """A fresh learner. failure: the probability p with which the guarantee may fail."""
    insist_on_two_players("nash_vi", instance)
    K, game = positive_integer(episodes, "episodes"), instance.game
    iota = log_factor(game, K, failure) + np.log(4.0 * (successors(game) + 1.0))
    return NashValueIteration(instance, concept, K, "nash_vi", theorem_confidence(game, iota))


def successors(game: Game) -> int:
    """S, the most states that may follow one state and joint action."""
    return int(np.diff(game.layers.rows).max())


def theorem_confidence(game: Game, iota: float) -> Confidence:
    """The docstring's bounds and widths, of the first agent."""
    H, S = game.horizon, successors(game)
    N, A = game.rewards.shape[1:]
    # C3 = S H^2 + H^2 / 2 + 14 (S + 1) H / 3
    linear = (S * H**2 + H**2 / 2.0 + 14.0 * (S + 1) * H / 3.0) * iota
    ceiling = np.repeat(in_states(game, H - np.arange(float(H)))[:, None], A, axis=1)
    return Confidence(
        ceiling=ceiling[None],
        floor=np.zeros((1, N, A)),
        bonus=np.zeros((1, H)),
        linear=np.full((1, H), linear),
        deviation=2.0 * np.sqrt(iota),
        relative=1.5 / H,
    )
