"""The focus of model evidence gives the numbers that all models together give, whatever comes."""

from __future__ import annotations

import numpy as np
import pytest

from mamex_bench.kernels import model_evidence as kernel
from mamex_bench.kernels.evidence import IMPOSSIBLE, REGULARISED, Focus
from mamex_bench.model.game import MarkovGame

ONE_CELL = MarkovGame(np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), (1,))

VALUES = {
    "spread": lambda rng, F, C: rng.random((F, C)),
    "ties": lambda rng, F, C: np.round(2 * rng.random((F, C))) / 2,
    "near-duplicates": lambda rng, F, C: rng.random(C) + rng.choice([0, 1e-9, 1e-13], (F, 1)),
    "large and negative": lambda rng, F, C: 1e3 * rng.random((F, C)) - 500,
}


def evidence(values, eta, sign):
    F = values.shape[0]
    made = kernel.Models(
        layers=ONE_CELL.layers,
        values=sign * values,
        log_loss=np.zeros((1, F)),
        reward_loss=np.empty((0, 0, 2, F)),
        losses=np.zeros(F),
        errors=np.zeros(F),
        spread=np.full((F, F), np.nan),
        live=np.zeros(F, dtype=np.int64),
        state=np.zeros(2, dtype=np.int64),
        eta=np.array([eta]),
        sign=np.array([sign]),
        mode=np.array([REGULARISED]),
    )
    kernel.models_prune(made)
    return made


def focus_on(entries, F, slack, unset):
    """As a learner makes it, but for what happens to lie in memory that is not set."""
    E = entries.size
    return Focus(
        entries=entries,
        base=np.full(E, unset),
        near=np.zeros(E * F, dtype=np.int32),
        values=np.full(E * F, unset),
        first=np.zeros(E + 1, dtype=np.int64),
        margin=np.full(F, unset),
        penalty=np.full(F, unset),
        looks=np.zeros(1, dtype=np.int64),
        slack=slack,
    )


@pytest.mark.parametrize("unset", [0.0, np.nan, -np.inf, np.inf])
@pytest.mark.parametrize("kind", sorted(VALUES))
def test_focused_payoffs_are_brute_force(kind, unset):
    """Losses walk, so that models are pruned, return, tie and become impossible."""
    rng = np.random.default_rng(1)
    for _ in range(150):
        F, C = int(rng.integers(1, 12)), int(rng.integers(1, 9))
        values, sign = VALUES[kind](rng, F, C), float(rng.choice([1, -1]))
        eta = float(10 ** rng.uniform(-8, 8))
        data = evidence(values, eta, sign)
        entries = rng.permutation(C)[: int(rng.integers(1, C + 1))]
        focus = focus_on(entries, F, float(rng.choice([0, 1e-6, 1e-2, 10])), unset)
        scale = 10 ** rng.uniform(-3, 1) / eta
        out = np.empty(entries.size)
        for _ in range(20):
            data.losses[:] += rng.choice([0, 1, 1], size=F) * rng.random(F) * scale
            if F > 1 and rng.random() < 0.02:
                data.losses[rng.integers(1, F)] += IMPOSSIBLE
            kernel.models_prune(data)
            kernel.models_focused(data, focus, out)
            excess = eta * (data.losses - data.losses.min())
            expected = sign * (sign * values - excess[:, None]).max(axis=0)[entries]
            np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12 * np.abs(values).max())
