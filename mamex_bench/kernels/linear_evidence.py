"""Regularised payoffs with linear functions: a finite class under linear completion, and the
class of all linear functions in closed form. Statistics do not grow with the episodes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.evidence import operations
from mamex_bench.kernels.value_evidence import finite_values

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Regression(NamedTuple):
    """Ridge regression per step, on features (N, A, d).

    begins (H+2,): layer h holds the states begins[h] .. begins[h+1]-1;
    gram (H, d, d): ridge I + sum phi phi^T, and its inverse; response (n, H, d): sum phi r_i;
    onward (N + ends, d): sum of phi over visits that went on to x'; weight (H,): 1, or 0 for a
    step that is ignored.
    """

    begins: Ints
    features: Floats
    gram: Floats
    inverse: Floats
    response: Floats
    onward: Floats
    weight: Floats


@jit
def invert(matrix: Floats, out: Floats) -> None:
    """Inverse of a symmetric positive definite matrix (d, d) by Cholesky's L, out = L^-T L^-1."""
    d = matrix.shape[0]
    lower = np.zeros((d, d))
    for j in range(d):
        for i in range(j, d):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                lower[j, j] = np.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    inner = np.zeros((d, d))
    for j in range(d):
        inner[j, j] = 1.0 / lower[j, j]
        for i in range(j + 1, d):
            total = 0.0
            for k in range(j, i):
                total -= lower[i, k] * inner[k, j]
            inner[i, j] = total / lower[i, i]
    for i in range(d):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, d):
                total += inner[k, i] * inner[k, j]
            out[i, j] = total
            out[j, i] = total


@jit
def regression_record(data: Regression, states: Ints, actions: Ints, rewards: Floats) -> None:
    d = data.features.shape[2]
    for h in range(actions.shape[0]):
        if data.weight[h] == 0.0:
            continue
        x, a, after = states[h], actions[h], states[h + 1]
        phi = data.features[x, a]
        for p in range(d):
            for q in range(d):
                data.gram[h, p, q] += phi[p] * phi[q]
            data.onward[after, p] += phi[p]
            for i in range(rewards.shape[0]):
                data.response[i, h, p] += phi[p] * rewards[i, h]
        invert(data.gram[h], data.inverse[h])


# --- a finite class of linear action values -------------------------------------------------------


class LinearCompletion(NamedTuple):
    """Evidence on finitely many linear action values; fields as in TabularValues and Regression.

    theta (sum F_i, H, d): coefficients of the hypotheses.
    """

    tables: Floats
    theta: Floats
    first: Ints
    start: Floats
    joint: Ints
    data: Regression
    losses: Floats
    eta: Floats
    sign: Floats
    mode: Ints


@jit
def completion_record(
    evidence: LinearCompletion, states: Ints, actions: Ints, rewards: Floats
) -> None:
    regression_record(evidence.data, states, actions, rewards)
    completion_losses(evidence)


@jit
def completion_losses(evidence: LinearCompletion) -> None:
    """L(f, pi) = sum_h | theta_h - Lambda_h^-1 (b_h + M_h^pi theta_{h+1}) |^2_{Lambda_h},

    M_h^pi theta_{h+1} = sum over x' of the next layer of onward(x') f(x', pi(x')).
    """
    data = evidence.data
    H, d = data.weight.shape[0], data.features.shape[2]
    M = evidence.joint.shape[0]
    target = np.empty(d)
    error = np.empty(d)
    for i in range(data.response.shape[0]):
        for f in range(evidence.first[i], evidence.first[i + 1]):
            for pi in range(M):
                loss = 0.0
                for h in range(H):
                    if data.weight[h] == 0.0:
                        continue
                    for p in range(d):
                        target[p] = data.response[i, h, p]
                    if h + 1 < H:
                        for x in range(data.begins[h + 1], data.begins[h + 2]):
                            value = evidence.tables[f, x, evidence.joint[pi, x]]
                            for p in range(d):
                                target[p] += data.onward[x, p] * value
                    for p in range(d):
                        total = evidence.theta[f, h, p]
                        for q in range(d):
                            total -= data.inverse[h, p, q] * target[q]
                        error[p] = total
                    for p in range(d):
                        total = 0.0
                        for q in range(d):
                            total += data.gram[h, p, q] * error[q]
                        loss += error[p] * total
                evidence.losses[f, pi] = loss


@jit
def completion_payoffs(evidence: LinearCompletion, entries: Ints, out: Floats) -> None:
    settings = (evidence.eta[0], evidence.sign[0], evidence.mode[0])
    finite_values(evidence.start, evidence.losses, evidence.first, settings, entries, out)


# --- all linear functions -------------------------------------------------------------------------


class Linear(NamedTuple):
    """Evidence on the class of all linear action values; joint (M, N), and initial over the first
    layer.

    eta may be infinite: then no bonus is left and the payoff is the least-squares value.
    """

    data: Regression
    initial: Floats
    joint: Ints
    eta: Floats
    sign: Floats


@jit
def linear_record(evidence: Linear, states: Ints, actions: Ints, rewards: Floats) -> None:
    regression_record(evidence.data, states, actions, rewards)


@jit
def linear_payoffs(evidence: Linear, entries: Ints, out: Floats) -> None:
    """sup over theta in closed form, with expected features w carried forward:

    w_0 = E_rho phi(x, pi(x)),  u_h = Lambda_h^-1 w_h,  w_{h+1} = (M_h^pi)^T u_h,
    sup = sum_h u_h^T b_h + (1 / (4 eta)) sum_h u_h^T w_h.
    """
    data = evidence.data
    H, d = data.weight.shape[0], data.features.shape[2]
    M = evidence.joint.shape[0]
    bonus = evidence.sign[0] / (4.0 * evidence.eta[0])
    w = np.empty(d)
    u = np.empty(d)
    for e in range(out.shape[0]):
        entry = e if entries.shape[0] == 0 else entries[e]
        i, pi = entry // M, entry % M
        for p in range(d):
            w[p] = 0.0
        for x in range(evidence.initial.shape[0]):
            for p in range(d):
                w[p] += evidence.initial[x] * data.features[x, evidence.joint[pi, x], p]
        value = 0.0
        for h in range(H):
            for p in range(d):
                total = 0.0
                for q in range(d):
                    total += data.inverse[h, p, q] * w[q]
                u[p] = total
            for p in range(d):
                value += u[p] * data.response[i, h, p] + bonus * u[p] * w[p]
            if h + 1 < H:
                for p in range(d):
                    w[p] = 0.0
                for x in range(data.begins[h + 1], data.begins[h + 2]):
                    flow = 0.0
                    for p in range(d):
                        flow += data.onward[x, p] * u[p]
                    for p in range(d):
                        w[p] += flow * data.features[x, evidence.joint[pi, x], p]
        out[e] = value


operations(completion_record, completion_payoffs, LinearCompletion)
operations(linear_record, linear_payoffs, Linear)
