"""The game families that the oracle is held to: full of ties, and without easy equilibria."""

from __future__ import annotations

import numpy as np

FAMILIES = ("uniform", "anti-correlated", "duplicated rows", "clipped", "constant")


def payoffs(family, counts, seed):
    """(n, *counts) in [0, 1]; `clipped` has 80 % equal entries."""
    rng = np.random.default_rng([seed, *counts])
    n = len(counts)
    U = rng.random((n, *counts))
    if family == "anti-correlated":
        # What one agent gains the others lose, up to noise: pure equilibria are rare.
        U = np.clip(0.5 + 0.5 * (U - U.mean(axis=0)) + 0.05 * rng.standard_normal(U.shape), 0, 0.99)
    elif family == "duplicated rows":
        for i, m in enumerate(counts):
            U = np.take(U, rng.integers(0, max(1, m // 2), m), axis=1 + i)
    elif family == "clipped":
        U = payoffs("anti-correlated", counts, seed)
        U = np.maximum(U - np.quantile(U, 0.8), 0) / (1 - np.quantile(U, 0.8))
    elif family == "constant":
        U = np.full_like(U, 0.7)
    return np.ascontiguousarray(U)


def random_distribution(counts, seed, product=False):
    """(*counts): correlated with some zeros, or a product."""
    rng = np.random.default_rng(seed)
    if product:
        x = np.ones(())
        for m in counts:
            x = np.multiply.outer(x, rng.dirichlet(np.ones(m)))
        return x
    x = rng.exponential(size=counts) * (rng.random(counts) < 0.6)
    x.flat[0] += 0.1
    return x / x.sum()
