"""Upper bounds of the decoupling coefficient from structure alone, with explicit constants.

All bound V(mu), the supremum over sequences (f_k, pi_k), k <= K, of

    sum_k e(f_k, pi_k) - (1/mu) sum_k sum_{s<k} D(pi_s; f_k, pi_k),

by mu a + b; then d = max(a, b / (6H)) satisfies V(mu) <= mu d + 6 d H for every mu.

**Inner products.** Let e <= (1/kappa) sum_h <W_h, X_h> and D >= q sum_h <W_h(f_k), X_h(s)>^2 for
each step h, in r dimensions, |X| <= B_X, |W| <= B_W. Fix h, put
Lambda_k = lambda I + sum_{s<k} X_s X_s^T with lambda = 1/(K B_W^2), b_k = |X_k| in the norm of
Lambda_k^{-1}, S_k = sum_{s<k} <W_k, X_s>^2. By the determinant lemma
sum_k log(1 + b_k^2) = log det(Lambda_{K+1} / lambda) <= gamma = r log(1 + K^2 B_X^2 B_W^2 / r), so
sum_k min(1, b_k^2) <= g = gamma / log 2. Where b_k > 1, at most g times, e is at most B. Elsewhere

    <W_k, X_k> <= sqrt(lambda B_W^2 + S_k) b_k <= S_k/nu + nu b_k^2 / 4 + sqrt(lambda) B_W b_k,

and the last terms sum to sqrt(lambda) B_W sqrt(K g) = sqrt(g). With nu = mu / (q kappa) the first
is (1/kappa) S_k / nu = q S_k / mu, the step's share of D/mu. Hence, summed over h,

    a = H g / (4 q kappa^2),    b = H (sqrt(g)/kappa + B g).

Bilinear: q = 1, kappa = 1. Hellinger losses: for V in [0, R], (E_P V - E_Q V)^2 <= R^2 TV^2 <=
2 R^2 D_H^2, so q = 1/(2 R^2), and for witness rank the same with the span of the test functions.

**Bellman-eluder dimension** d_BE at scale 1/K (Jin, Liu, Miryoosefi 2021). Let r_k <= B be the
mean residual of pair k at step h under its own policy, beta_k the sum over s < k of its squared
mean residuals under theirs. Take the k with r_k > t and beta_k <= b, in order. If k is t-dependent
on m disjoint sets of earlier ones then beta_k > m t^2; so with max(1, ceil(b/t^2)) buckets each k
finds one of whose content it is t-independent. A bucket holds at most d_BE when t >= 1/K, so there
are at most d_BE (b/t^2 + 1) such k. Now

    sum_k (r_k - beta_k/mu)_+ = integral_0^B #{k: r_k > t, beta_k < mu t} dt
                              <= K/K + d_BE integral_{1/K}^B (mu/t + 1) dt,

hence a = H d_BE log(BK)_+ and b = H (1 + B d_BE). D holds beta_k by Jensen's inequality. For Dirac
distributions, draw one state-action pair per use from its policy; the bound holds for every draw.
"""

from __future__ import annotations

import numpy as np

BURN_IN = 6.0


def _coefficient(slope: float, constant: float, horizon: int) -> float:
    """Least d with mu slope + constant <= mu d + 6 d H for every mu."""
    return float(max(slope, constant / (BURN_IN * horizon)))


def _potential(rank: float, episodes: int, feature: float, weight: float) -> float:
    """g = r log(1 + K^2 B_X^2 B_W^2 / r) / log 2."""
    return float(rank * np.log1p((episodes * feature * weight) ** 2 / rank) / np.log(2.0))


def _inner_products(g: float, horizon: int, q: float, kappa: float, residual: float) -> float:
    slope = horizon * g / (4.0 * q * kappa**2)
    return _coefficient(slope, horizon * (np.sqrt(g) / kappa + residual * g), horizon)


def structural_bellman_eluder(
    dimension: float, *, horizon: int, episodes: int, residual: float
) -> float:
    """d <= H max( d_BE log(B K)_+, (1 + B d_BE) / (6H) ), d_BE at scale 1/K, squared loss.

    `residual` is B, the largest residual of a step; `dimension` the largest over steps and agents,
    for occupancy measures or Diracs.
    """
    growth = max(float(np.log(residual * episodes)), 0.0) if residual > 0.0 else 0.0
    slope = horizon * dimension * growth
    return _coefficient(slope, horizon * (1.0 + residual * dimension), horizon)


def structural_bilinear(
    rank: float, *, horizon: int, episodes: int, feature: float, weight: float, residual: float
) -> float:
    """d <= H max( g/4, (sqrt(g) + B g) / (6H) ), when D >= sum_h <W_h, X_h>^2.

    `feature` and `weight` are B_X and B_W, bounds of |X| and |W|; `residual` is B, the largest
    |<W, X>|.
    """
    return _inner_products(_potential(rank, episodes, feature, weight), horizon, 1.0, 1.0, residual)


def structural_linear_mixture(
    dimension: float,
    *,
    horizon: int,
    episodes: int,
    value_bound: float,
    feature: float,
    weight: float,
) -> float:
    """d <= H max( R^2 g/2, (sqrt(g) + R g) / (6H) ), Hellinger loss, R = `value_bound`.

    `weight` bounds the distance of a parameter from the true one, `feature` the vectors
    sum_s' (base kernels) V(s').
    """
    g = _potential(dimension, episodes, feature, weight)
    return _inner_products(g, horizon, 1.0 / (2.0 * value_bound**2), 1.0, value_bound)


def structural_witness(
    rank: float,
    *,
    horizon: int,
    episodes: int,
    ratio: float,
    span: float,
    feature: float,
    weight: float,
    residual: float,
) -> float:
    """d <= H max( R_F^2 g / (2 kappa^2), (sqrt(g)/kappa + B g) / (6H) ), Q-type witness rank.

    `ratio` is kappa, `span` is R_F, the span of the test functions, `residual` is B: no step's
    share of a prediction error exceeds it.
    """
    g = _potential(rank, episodes, feature, weight)
    return _inner_products(g, horizon, 1.0 / (2.0 * span**2), ratio, residual)
