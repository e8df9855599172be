"""Nash with any number of agents: the branch of logit equilibria from a prior to a Nash.

A logit (quantal response) equilibrium at precision t solves, for every agent i and strategy v,
    log p_iv - log p_i0 = log q_iv - log q_i0 + t (u_iv(p) - u_i0(p)),      sum_v p_iv = 1,
with u_iv the expected payoff of v against the others. At t = 0 it is the prior q; its limit as t
grows is a Nash equilibrium, and its gap is at most about log(m)/t. The branch bends, so it is
followed by arc length in (log p, t), predictor and corrector (Turocy 2005).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.kernels._jit import jit

REACHED, STUCK = range(2)


@jit
def pairwise_payoffs(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    p: npt.NDArray[np.float64],
    u: npt.NDArray[np.float64],
    d: npt.NDArray[np.float64],
) -> None:
    """Expected payoffs of own strategies, and their derivatives.

    `u (N,)`, N = sum counts: u[i, v] = E U_i(v, p_-i). `d (N, N)`: d[(i, v), (j, w)] =
    E U_i(v, w, p_-ij), zero for i = j. `payoffs (n, M)`, `p (N,)`; needs n >= 2.
    """
    agents, cells = payoffs.shape
    offsets = np.zeros(agents + 1, dtype=np.int64)
    for i in range(agents):
        offsets[i + 1] = offsets[i] + counts[i]
    d[:] = 0.0
    index = np.empty(agents, dtype=np.int64)
    for cell in range(cells):
        rest = cell
        for i in range(agents - 1, -1, -1):
            index[i] = offsets[i] + rest % counts[i]
            rest //= counts[i]
        for i in range(agents):
            for j in range(agents):
                if i == j:
                    continue
                weight = payoffs[i, cell]
                for k in range(agents):
                    if k != i and k != j:
                        weight *= p[index[k]]
                d[index[i], index[j]] += weight
    for i in range(agents):
        j = (i + 1) % agents
        for a in range(offsets[i], offsets[i + 1]):
            total = 0.0
            for b in range(offsets[j], offsets[j + 1]):
                total += d[a, b] * p[b]
            u[a] = total


@jit
def solve_linear(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
    """Overwrite `b (N,)` by the solution of `a x = b`; False when `a (N, N)` is singular."""
    size = b.shape[0]
    for k in range(size):
        best = k
        for r in range(k + 1, size):
            if abs(a[r, k]) > abs(a[best, k]):
                best = r
        if abs(a[best, k]) < 1e-300:
            return False
        if best != k:
            for c in range(k, size):
                a[k, c], a[best, c] = a[best, c], a[k, c]
            b[k], b[best] = b[best], b[k]
        for r in range(k + 1, size):
            factor = a[r, k] / a[k, k]
            if factor != 0.0:
                for c in range(k + 1, size):
                    a[r, c] -= factor * a[k, c]
                b[r] -= factor * b[k]
    for k in range(size - 1, -1, -1):
        for c in range(k + 1, size):
            b[k] -= a[k, c] * b[c]
        b[k] /= a[k, k]
    return True


@jit
def _linearise(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    log_prior: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    tangent: npt.NDArray[np.float64],
    residual: npt.NDArray[np.float64],
    jacobian: npt.NDArray[np.float64],
) -> None:
    """Residual of the logit equations at z = (log p, t), and their Jacobian above `tangent`."""
    size = z.shape[0] - 1
    p = np.empty(size)
    for a in range(size):
        p[a] = np.exp(min(z[a], 5.0))
    u = np.empty(size)
    d = np.empty((size, size))
    pairwise_payoffs(payoffs, counts, p, u, d)
    t = z[size]
    jacobian[:] = 0.0
    first = 0
    for i in range(counts.shape[0]):
        last = first + counts[i]
        residual[first] = -1.0
        for a in range(first, last):
            residual[first] += p[a]
            jacobian[first, a] = p[a]
        for a in range(first + 1, last):
            lead = u[a] - u[first]
            prior = log_prior[a] - log_prior[first]
            residual[a] = z[a] - z[first] - prior - t * lead
            for b in range(size):
                jacobian[a, b] = -t * (d[a, b] - d[first, b]) * p[b]
            jacobian[a, a] += 1.0
            jacobian[a, first] -= 1.0
            jacobian[a, size] = -lead
        first = last
    residual[size] = 0.0
    jacobian[size, :] = tangent


@jit
def trace_logit(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    log_prior: npt.NDArray[np.float64],
    target: float,
    max_steps: int,
    z: npt.NDArray[np.float64],
    tangent: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64],
) -> int:
    """Follow the branch until t reaches `target`; returns REACHED or STUCK.

    State, updated in place so that a call continues the last one: `z (N + 1,)` = (log p, t),
    unit `tangent (N + 1,)` (start with (0, ..., 0, 1) at t = 0), `step (1,)` arc length.
    """
    size = z.shape[0] - 1
    residual = np.empty(size + 1)
    jacobian = np.empty((size + 1, size + 1))
    trial = np.empty(size + 1)
    turned = np.empty(size + 1)
    for _ in range(max_steps):
        if z[size] >= target:
            return REACHED
        trial[:] = z + step[0] * tangent
        iterations = 0
        converged = False
        while iterations < 8 and not converged:
            iterations += 1
            _linearise(payoffs, counts, log_prior, trial, tangent, residual, jacobian)
            if not solve_linear(jacobian, residual):
                break
            largest = 0.0
            for a in range(size + 1):
                trial[a] -= residual[a]
                largest = max(largest, abs(residual[a]) / (1.0 + abs(trial[a])))
            if not largest < 1e6:
                break
            converged = largest < 1e-8
        if converged:
            _linearise(payoffs, counts, log_prior, trial, tangent, residual, jacobian)
            turned[:] = 0.0
            turned[size] = 1.0
            converged = solve_linear(jacobian, turned)
        if converged:
            turned /= np.sqrt(np.sum(turned * turned))
            converged = bool(np.sum(turned * tangent) > 0.5)
        if not converged:
            step[0] *= 0.5
            if step[0] < 1e-10 * (1.0 + abs(z[size])):
                return STUCK
            continue
        z[:] = trial
        tangent[:] = turned
        if iterations <= 3:
            step[0] *= 1.7
        elif iterations >= 6:
            step[0] *= 0.6
    return REACHED if z[size] >= target else STUCK
