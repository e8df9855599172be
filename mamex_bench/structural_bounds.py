"""Upper bounds of the decoupling coefficient from structure alone, with explicit constants.

Proofs: theory/decoupling_bracket.md. H is the horizon, K the number of episodes.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.errors import NotApplicableError


def _potential(rank: float, episodes: int, feature: float, weight: float) -> float:
    """g = gamma / log 2,  gamma = r log(1 + K^2 B_X^2 B_W^2 / r)."""
    return float(rank * np.log1p((episodes * feature * weight) ** 2 / rank) / np.log(2.0))


def structural_bellman_eluder(
    dimension: float, *, horizon: int, episodes: int, residual: float
) -> float:
    """d <= H max(d_BE, 1) max(1, log^2(B K) / 2), for d_BE at scale 1/K and B <= 6 H - 1.

    Squared loss; either family of distributions; `dimension` is the largest over agents.
    """
    H, K, B = horizon, episodes, residual
    if B > 6 * H - 1:
        raise NotApplicableError(f"residual is {B:g}: the bound is proved up to 6 H - 1")
    growth = max(float(np.log(B * K)), 0.0) if B > 0.0 else 0.0
    return float(H * max(dimension, 1.0) * max(1.0, growth**2 / 2.0))


def structural_bilinear(
    rank: float, *, horizon: int, episodes: int, feature: float, weight: float, residual: float
) -> float:
    """d <= H max( g/4, (sqrt(g) + B g) / (6H) ), when D >= sum_h <W_h, X_h>^2.

    `feature` and `weight` bound |X| and |W|; `residual` is B, the largest |<W, X>|.
    """
    g = _potential(rank, episodes, feature, weight)
    return float(horizon * max(g / 4.0, (np.sqrt(g) + residual * g) / (6.0 * horizon)))


def structural_linear_mixture(
    dimension: float,
    *,
    horizon: int,
    episodes: int,
    value_bound: float,
    feature: float,
    weight: float,
) -> float:
    """d <= H max( R^2 g/2, (sqrt(g) + R g) / (6H) ), Hellinger loss, R = `value_bound`."""
    g, R = _potential(dimension, episodes, feature, weight), value_bound
    return float(horizon * max(R**2 * g / 2.0, (np.sqrt(g) + R * g) / (6.0 * horizon)))


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

    `ratio` is kappa, `span` is R_F, the span of the test functions.
    """
    g = _potential(rank, episodes, feature, weight)
    first = span**2 * g / (2.0 * ratio**2)
    second = (np.sqrt(g) / ratio + residual * g) / (6.0 * horizon)
    return float(horizon * max(first, second))
