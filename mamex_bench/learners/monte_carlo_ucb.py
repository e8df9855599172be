"""Upper confidence bounds on the class as one big normal-form game: structure ignored.

The M joint pure policies are arms; arm pi has payoffs U_i(pi) for n agents, and running it shows
one return of each, in an interval of known width R_i. Each episode is drawn from an equilibrium
of the optimistic game, general-sum even when the truth is zero-sum,

    Ubar_i(pi) = min{ mean_i(pi) + R_i sqrt(iota / (2 t)), high_i },    iota = log(2 n M K / p),

t the times that pi was run, high_i the greatest return that the known rewards allow, which is also
the value of a joint policy never run. O'Donoghue, Lattimore and Osband (2021, arXiv 2006.05145,
"Matrix games with bandit feedback") do this for one side of a zero-sum matrix game; here all
agents are learners and any concept is meant.

Theorem, about the executed profiles (all n agents, any concept), with probability 1 - 2 p, as a
bound of its own in `bounds.monte_carlo_ucb`:

    Reg_i(K) <= R_i M + 2 R_i sqrt(2 g iota M K) + R_i sqrt(K log(n / p) / 2) + 1.

Proof. By Hoeffding's inequality and a union bound over agents, joint policies and t <= K, all
means lie within half-widths w_i(pi) of the truth, so U <= Ubar <= U + 2 w. For a deviation v of
agent i (for CE: a swap), U_i(v, x_-i) <= Ubar_i(v, x_-i) <= Ubar_i(x) + 1/K <= U_i(x) + 1/K + E_x
min(2 w_i, R_i). By the inequality of Azuma and Hoeffding (summands in [0, R_i]) the sum over
episodes of the last term exceeds its realised value by at most R_i sqrt(K log(n / p) / 2). Where
pi is run for the first time it costs R_i; for the (t+1)-th time 2 R_i sqrt(g iota / (2 t)), because
a mean and a width are renewed once t has grown by the factor g; and sum_{t <= N} t^(-1/2) <=
2 sqrt(N), sum_pi sqrt(N_pi) <= sqrt(M K).

The equilibrium is kept while its exact gains in the optimistic game are at most 1/K: the term 1.
Status: exact for this theorem. It is not the paper's: only its abstract could be checked, its
result is for one player's regret against any opponent. No exploration of a joint policy is shared
with any other, so the bound grows with sqrt(M), M the product of all classes' sizes.
"""

from __future__ import annotations

from math import ceil, log, sqrt

import numpy as np

from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._monte_carlo import MonteCarlo, at_least_one, number, positive
from mamex_bench.model._arrays import Floats
from mamex_bench.model.instance import Instance

GUARANTEE = Guarantee(
    rate=r"$\tilde O(\sqrt{M K})$, $M = \prod_i |\Pi_i|$",
    exponent=0.5,
    games="general-sum, any class of pure policies",
    concepts=("nash", "ce", "cce"),
    about="executed",
    source="the docstring's theorem, after O'Donoghue, Lattimore and Osband 2021",
    checked=True,
)

GROWTH = 1.25


class MonteCarloUCB(MonteCarlo):
    """Plays an equilibrium of mean returns plus confidence widths.

    Args:
        scale: factor of the widths; 1 is the theorem's.
        growth: a joint policy's mean and width are renewed when it was run this many times as
            often; 1 for every time.
        failure: p.
    """

    def __init__(
        self,
        instance: Instance,
        concept: str,
        episodes: int,
        name: str,
        scale: float,
        growth: float,
        failure: float,
    ) -> None:
        super().__init__(instance, concept, episodes, name)
        scale, self.growth = positive(scale, "scale"), at_least_one(growth, "growth")
        probable = "a probability between 0 and 1"
        failure = number(failure, "failure", lambda x: 0.0 < x < 1.0, probable)
        n, M = self.sums.shape
        iota = log(2 * n * M * self.episodes / failure)
        self.widths = scale * (self.high - self.low) * sqrt(iota / 2.0)
        self.optimistic = np.repeat(self.high[:, None], M, axis=1)
        self.due[:] = 1

    def decide(self) -> tuple[Floats, int]:
        for pi in np.flatnonzero(self.plays >= self.due):
            t = int(self.plays[pi])
            bound = self.sums[:, pi] / t + self.widths / sqrt(t)
            self.optimistic[:, pi] = np.minimum(bound, self.high)
            self.due[pi] = max(t + 1, ceil(self.growth * t))
        payoffs = self.shaped(self.optimistic)
        held = self._profile
        if held is not None and held.payoff_gaps(payoffs).max() <= 1.0 / self.episodes:
            return held.distribution, self.episodes - self.episode
        return self.equilibrium(payoffs), self.episodes - self.episode


def make(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    growth: float = GROWTH,
    failure: float = 0.05,
) -> MonteCarloUCB:
    """A fresh learner. growth: g, at least 1; failure: p."""
    return MonteCarloUCB(instance, concept, episodes, "monte_carlo_ucb", 1.0, growth, failure)
