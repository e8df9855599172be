"""Upper end: groups of pairs under one positive semidefinite kernel.

Put every pair r = (f, pi) with e_r > 0 into a group g(r), and let Z be a matrix with one row per
group such that, for all ordered pairs,

    D(pi_r; r') >= <z_r, z_r'>,    z_r = e_r Z_g(r) .

Then, with u = sum_k z_k, the double sum of a sequence is at least (|u|^2 - sum_k |z_k|^2) / 2, and

    V(mu) <= mu |y|^2 / 2 + K max_r [e_r + |z_r|^2 / (2 mu) - <z_r, y>]_+     for every vector y.

Clusters of policies with lines of one slope are the special case of orthogonal Z. The best Z is
found by semidefinite programming. Proof: theory/decoupling_bracket.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mamex_bench.kernels import decoupling_potential as kernel
from mamex_bench.model._arrays import Floats, Ints

# Coordinate ascent.
SWEEPS = 60
# Errors up to this count as 0.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Potential:
    """A certificate: groups of pairs and one vector per group.

    Attributes:
        labels: (M, F), group of each pair of error above the levy; -1: none, its vector is 0.
        factors: (G, r), Z.
        tops: (G,), the largest error of each group, less the levy.
        idle: the largest error without a group, less the levy; 0 when there is none.
        levy: what every play pays first; errors are meant less the levy.
    """

    labels: Ints
    factors: Floats
    tops: Floats
    idle: float
    levy: float
    name = "groups of pairs"

    @cached_property
    def kernel(self) -> Floats:
        """P = Z Z', (G, G)."""
        return np.ascontiguousarray(self.factors @ self.factors.T)

    @cached_property
    def direction(self) -> Floats:
        """(G,): about the x >= 0 of largest sum(x) - x'Px / 2, as nonnegative least squares.

        With Z y = 1 the objective is (|y|^2 - |Z'x - y|^2) / 2.
        """
        from scipy.optimize import nnls

        G = self.tops.size
        if G == 0:
            return np.empty(0)
        ones = np.ones(G)
        goal = np.linalg.lstsq(self.factors, ones, rcond=None)[0]
        try:
            x = nnls(self.factors.T, goal, maxiter=20 * G)[0]
        except RuntimeError:  # no convergence: the ascent alone has to do
            x = np.zeros(G)
        kernel.ascend(self.kernel, ones, 1.0, x, 10 * SWEEPS)
        return np.asarray(x)

    def value(self, mu: float, episodes: float) -> float:
        """Certified upper bound of V(mu) over sequences of at most `episodes` pairs, or of any."""
        return self.solution(mu, episodes)[0]

    def weight(self, mu: float) -> Floats:
        """(G,): 1 + E_g |Z_g|^2 / (2 mu)."""
        return np.asarray(1.0 + self.tops * self.kernel.diagonal() / (2.0 * mu))

    def solution(self, mu: float, episodes: float) -> tuple[float, Floats, float]:
        """(bound, x, what one more play is worth): y = Z'x / mu; every x >= 0 is valid.

        x about maximises <w - levy / tops, x> - x'Px / (2 mu), w = `weight`, the levy found by
        bisection so that the plays, sum(x / tops), are K.
        """
        if self.tops.size == 0:
            errors = self.levy + self.idle
            return (episodes * errors if errors > ROUNDING else 0.0), np.empty(0), errors
        weight = self.weight(mu)
        x = mu * self.direction
        if not np.isfinite(episodes):
            kernel.ascend(self.kernel, weight, mu, x, 4 * SWEEPS)
            return self._unlimited(weight, x, mu), x, 0.0
        best, kept, price = np.inf, x, 0.0
        base, levy = episodes * self.levy, self.idle
        low, high = 0.0, float((weight * self.tops).max(initial=0.0))
        for _ in range(14):
            kernel.ascend(self.kernel, weight - levy / self.tops, mu, x, SWEEPS)
            push = self.kernel @ x / mu
            square = float(x @ push) / 2.0
            found = kernel.levied(push, weight, self.tops, square, self.idle, float(episodes))
            if found < best:
                best, kept, price = float(found), x.copy(), levy
            if (x / self.tops).sum() <= episodes:
                high = levy
                if levy <= self.idle:
                    break
            else:
                low = levy
            levy = 0.5 * (low + high)
            if high - low <= 1e-3 * high:
                break
        return base + best, kept, self.levy + price

    def _unlimited(self, weight: Floats, x: Floats, mu: float) -> float:
        """The bound for all lengths: no levy, so that every pair must have a group."""
        push = self.kernel @ x / mu
        if self.levy > 0.0 or self.idle > ROUNDING or (push <= 0.0).any():
            return np.inf
        return float((weight / push).max(initial=0.0) ** 2 * (x @ push) / 2.0)
