"""Self-play of adversarial bandits over pure policies: each agent sees its own returns, no more.

Agent i draws a policy from its mixture p, gets the return r, and turns it into a loss in [0, 1],
l = (high_i - r) / R_i, R_i the width of returns that the known rewards allow. What is executed is
the product of the agents' mixtures.

For CCE, and Nash of two agents whose rewards sum to a constant: EXP3-IX (Neu 2015, "Explore no
more"), p(v) ~ exp(-rate L(v)), L(v) += l 1{v played} / (p(v) + rate / 2), with

    rate = sqrt(2 log m_i / (m_i K)).

Guarantee, against opponents that react, with probability 1 - d, on the returns that were drawn:
regret <= R_i [2 sqrt(2 m_i K log m_i) + (sqrt(2 m_i K / log m_i) + 1) log(2 / d)]. The theorem's
constants are from memory. The form in expectation, sqrt(2 m K log m) at the same rate without the
implicit exploration rate / 2, is theorem 11.2 of Lattimore and Szepesvari (2020), checked.

For CE: the reduction of Blum and Mansour (2007, "From external to internal regret"): m_i copies q^b
of exponential weights, p = p Q the stationary distribution of their rows, copy b is fed
p(b) l 1{v played} / p(v). With rate = sqrt(2 log m_i / K), expected swap regret is at most
R_i m_i sqrt(2 K log m_i). Proof: copy b's regret is at most log m / rate + (rate / 2) sum_k
sum_v q^b(v) (p(b) l(v))^2, l the estimates; p(b)^2 <= p(b) and p = p Q give sum_b p(b)^2 q^b(v) <=
p(v), and the expectation of p(v) l(v)^2 is at most 1; so m log m / rate + rate m K / 2 in all.
Weights below 1e-12 of a row's largest are raised to it, to keep the chain irreducible.

What is guaranteed is about the time average: the uniform mixture of the executed products is a CCE
(CE) up to regret / K plus sampling error of order R_i sqrt(log(n m_i) / K); in constant-sum games
the product of the averaged marginals is near Nash. The gap of the single executed profiles, which
regret in this package adds up, need not shrink and often cycles. Status: exact algorithms, with
the theorems' rates; copies of Blum and Mansour run exponential weights rather than their EXP3.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.errors import NotApplicableError
from mamex_bench.kernels import self_play as kernel
from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._monte_carlo import PolicyGame
from mamex_bench.learners._zero_sum import constant_sum
from mamex_bench.model._arrays import Floats
from mamex_bench.model.game import Trajectory
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import ClassProfile, Profile, outer
from mamex_bench.model.simulator import Simulator

GUARANTEE = Guarantee(
    rate=r"$\tilde O(\sqrt{m K})$ for CCE, $\tilde O(m \sqrt{K})$ for CE, $m = \max_i |\Pi_i|$",
    exponent=0.5,
    games="general-sum for CE and CCE, two-player zero-sum for Nash",
    concepts=("nash", "ce", "cce"),
    about="output",
    source="Neu 2015 (EXP3-IX); Blum and Mansour 2007",
    deviation="about the uniform mixture of the executed profiles; their own gaps need not shrink",
)

FLOOR = 1e-12
CHUNK_NUMBERS = 1 << 20  # in the mixtures that one call of the kernel writes, 8 MB


class Exp3SelfPlay(PolicyGame):
    """One adversarial bandit per agent.

    Attributes:
        rates, implicit: (n,), learning rates and implicit exploration.
        losses: estimates L, flat: agent after agent, its rows one after the other.
    """

    def __init__(self, instance: Instance, concept: str, episodes: int) -> None:
        super().__init__(instance, concept, episodes, "exp3_self_play")
        if concept == "nash" and not constant_sum(instance.game):
            raise NotApplicableError(
                "exp3_self_play finds Nash equilibria only for one agent, or for two whose known "
                f"rewards sum to a constant along every path, unlike instance {instance.name!r}"
            )
        self.swap = concept == "ce"
        self.counts = np.array(instance.policies.counts, dtype=np.int64)
        m = self.counts
        width = self.high - self.low
        self.span = np.where(width > 0.0, width, 1.0)
        arms = np.ones_like(m) if self.swap else m
        self.rates = np.sqrt(2.0 * np.log(m) / (arms * self.episodes))
        self.implicit = np.zeros(m.size) if self.swap else self.rates / 2.0
        self.losses = np.zeros(int((m * m if self.swap else m).sum()))
        self._own = np.empty(int(m.sum()))
        self._profile: ClassProfile | None = None

    def choose(self) -> Profile:
        if self._profile is None:
            kernel.mix(self.losses, self.counts, self.rates, FLOOR, self.swap, self._own)
            (self._profile,) = self._products(self._own[None].copy())
        return self._profile

    def observe(self, trajectory: Trajectory) -> None:
        policy, returns = self.drawn(trajectory), self.earned(trajectory)
        self.choose()
        kernel.learn(
            self.losses,
            self.counts,
            self.implicit,
            self.swap,
            self._own,
            policy,
            (self.high - returns) / self.span,
        )
        self._profile = None
        self.episode += 1

    def advance(self, simulator: Simulator, draws: Floats) -> list[tuple[Profile, int]]:
        played: list[tuple[Profile, int]] = []
        chunk = max(CHUNK_NUMBERS // self._own.size, 1)
        for first in range(0, draws.shape[0], chunk):
            rows = draws[first : first + chunk]
            mixtures = np.empty((rows.shape[0], self._own.size))
            kernel.self_play(
                simulator.layers,
                simulator.cumulative,
                simulator.cumulative_initial,
                simulator.reward,
                self._joint,
                self.counts,
                self.rates,
                self.implicit,
                FLOOR,
                self.swap,
                self.high,
                self.span,
                self.losses,
                rows,
                mixtures,
            )
            new = np.append(True, (mixtures[1:] != mixtures[:-1]).any(axis=1))
            starts = np.flatnonzero(new)
            counts = np.diff(np.append(starts, rows.shape[0]))
            played += zip(self._products(mixtures[starts]), counts.tolist())
        self.episode += draws.shape[0]
        self._profile = None
        return played

    def diagnostics(self) -> dict[str, float]:
        """No equilibrium is ever solved."""
        return {"solves": 0.0, "solve_seconds": 0.0}

    def _products(self, mixtures: Floats) -> list[ClassProfile]:
        """Of the agents' mixtures (B, sum m_i), one profile for each row."""
        policies = self.instance.policies
        factors = np.split(mixtures, np.cumsum(self.counts)[:-1], axis=1)
        return [
            ClassProfile.trusted_product(policies, joint, tuple(own), self.concept)
            for joint, *own in zip(outer(factors), *factors)
        ]


def make(instance: Instance, *, concept: str, episodes: int) -> Exp3SelfPlay:
    """A fresh learner without options."""
    return Exp3SelfPlay(instance, concept, episodes)
