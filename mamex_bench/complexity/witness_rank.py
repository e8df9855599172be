"""Witness rank: least rank of a matrix between the Bellman error and the witnessed misfit.

Sun, Jiang, Krishnamurthy, Agarwal and Langford (2019), "Model-based RL in contextual decision
processes", arXiv 1811.08540: the least rank of a matrix A with

    kappa |E_B| <= |A| <= W,      E_B(q; f, pi) = E_q [ (P_f - P*) V_{f,h+1}^{i,pi} ],
                                  W(q; f)       = sup_g E_q [ (P_f - P*) g ],

entry by entry, g in a class of test functions of (s, a, s'). Here with actions of the roll-in
(Q-type), every joint policy pi and agent i beside every model f, largest over agents and steps.
The least rank is not known to be computable; both ends are certified:

* upper: the rank of W, or of E_B; each is such a matrix as soon as kappa |E_B| <= W;
* lower: a triangle. Roll-ins q_1, ..., q_r and models f_1, ..., f_r with E_B(q_k; f_k, q_k) not 0
  and W(q_j; f_k) = 0 for j < k make A triangular, so its rank is at least r.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._residuals import factored_residuals, finite_models, residual_blocks
from mamex_bench.complexity._result import Measurement, positive, timed
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.instance import Instance
from mamex_bench.model.structure import (
    ZERO,
    WitnessTests,
    numerical_rank,
    state_action_occupancies,
    witnessed_misfits,
)

DEFINITION = "Q-type witness rank, Sun et al. 2019 (arXiv 1811.08540), pi any joint policy"
# Multiply-adds that the comparison of kappa |E_B| with W may take.
WORK_LIMIT = 10_000_000_000


@timed
def measure(
    instance: Instance,
    kappa: float = 1.0,
    tests: Sequence[WitnessTests] | None = None,
    hypotheses: str | None = None,
) -> Measurement:
    """The witness rank with ratio kappa in (0, 1].

    tests: g is a sum of one of each; None: every function with values in [0, R], R the largest
    value of any model, for which kappa = 1 does. The certificate has per step `misfit_ranks` and
    `error_ranks` (largest over agents), and the triangle of largest size.

    Raises InputError for kappa outside (0, 1], NotApplicableError for a class that is not one of
    models, for test functions that do not witness the Bellman error at this kappa (the largest
    kappa at which they do is told), and where that comparison takes more than 1e10 multiply-adds.
    """
    ratio = positive(kappa, "kappa")
    if ratio > 1.0:
        raise InputError(f"kappa is {kappa!r}: expected a number in (0, 1]")
    plain = dense_instance(instance)
    finite_models(plain, hypotheses, "the witness rank")
    misfits = misfit_matrices(plain, tests, hypotheses)
    if tests is not None:
        largest = largest_ratio(plain, misfits, hypotheses)
        if ratio > largest:
            raise NotApplicableError(
                f"the test functions witness the Bellman errors of {instance.name!r} with kappa "
                f"{largest:.6g} at most: no matrix lies between at kappa {ratio:g}"
            )
    misfit_ranks = np.array([numerical_rank(each) for each in misfits])
    factored = factored_residuals(plain, hypotheses, norms=False)
    error_ranks = np.array([[each.rank for each in own] for own in factored]).max(axis=0)
    triangle = np.zeros((2, 0), dtype=np.int64)
    if any(_some_hidden(W) for W in misfits):
        # One agent at a time: a triangle over several is no submatrix of any agent's.
        triangles = [
            _triangle(own, W)
            for agent in range(plain.game.agents)
            for own, W in zip(own_errors(plain, agent, hypotheses), misfits)
        ]
        triangle = max(triangles, key=lambda pairs: pairs.shape[1])
    upper = np.minimum(misfit_ranks, error_ranks)
    names = np.where(misfit_ranks <= error_ranks, "misfit", "Bellman error")
    return Measurement(
        "witness_rank",
        instance.name,
        max(triangle.shape[1], int(error_ranks.any())),
        int(upper.max()),
        f"triangle; rank of the {names[int(upper.argmax())]}",
        DEFINITION,
        {"kappa": ratio, "tests": "all" if tests is None else len(tests), "hypotheses": hypotheses},
        {"misfit_ranks": misfit_ranks, "error_ranks": error_ranks, "triangle": triangle},
    )


def misfit_matrices(
    instance: Instance, tests: Sequence[WitnessTests] | None, hypotheses: str | None
) -> list[Floats]:
    """Per step W (M, F); with free tests in [0, R] it is R times the mean total variation."""
    if tests is not None:
        return witnessed_misfits(instance, tests, hypotheses)
    game, models = instance.dense, finite_models(instance, hypotheses, "the witness rank")
    R, rolls = instance.value_bound(hypotheses), state_action_occupancies(instance)
    out = []
    for h in range(game.horizon):
        variation = np.abs(models.transitions[:, h] - game.transition[h]).sum(axis=-1) / 2.0
        out.append(R * (rolls[h] @ variation.reshape(models.size, -1).T))
    return out


def own_errors(instance: Instance, agent: int, hypotheses: str | None) -> list[Floats]:
    """Per step (M, F): |E_B(q; f, q)| of one agent."""
    game, rolls = instance.dense, state_action_occupancies(instance)
    F = finite_models(instance, hypotheses, "the witness rank").size
    out = [np.zeros((rolls.shape[1], F)) for _ in range(game.horizon)]
    for members, steps in residual_blocks(instance, agent, hypotheses):
        for h, b in enumerate(steps):
            out[h][members] = np.abs(np.einsum("fpc,pc->pf", b, rolls[h, members]))
    return out


def largest_ratio(instance: Instance, misfits: list[Floats], hypotheses: str | None) -> float:
    """The largest kappa <= 1 with kappa |E_B(q; f, pi)| <= W(q; f) at all entries."""
    rolls = state_action_occupancies(instance)
    M, F = misfits[0].shape
    work = rolls.size * M * F * instance.game.agents
    if work > WORK_LIMIT:
        raise NotApplicableError(
            f"comparing the Bellman errors of {instance.name!r} with these test functions takes "
            f"{work:.2g} multiply-adds: at most {WORK_LIMIT:.2g} are spent, so give fewer "
            "hypotheses or policies, or tests=None, which needs no comparison"
        )
    ratio = 1.0
    for agent in range(instance.game.agents):
        for _, steps in residual_blocks(instance, agent, hypotheses):
            for h, b in enumerate(steps):
                errors = np.abs(np.einsum("qc,fpc->qfp", rolls[h], b, optimize=True)).max(axis=2)
                seen = errors > ZERO
                if seen.any():
                    ratio = min(ratio, float((misfits[h][seen] / errors[seen]).min()))
    return ratio if ratio < 1.0 - 1e-9 else 1.0


def _some_hidden(misfits: Floats) -> bool:
    """Whether some roll-in hides a model that another shows: else no triangle exceeds one entry."""
    hidden = misfits <= ZERO
    return bool((hidden.any(axis=0) & ~hidden.all(axis=0)).any())


def _triangle(errors: Floats, misfits: Floats) -> Ints:
    """(2, r) roll-ins and models of a triangle, greedily: the roll-in that hides most models."""
    alive = np.ones(errors.shape[1], dtype=bool)
    hidden = misfits <= ZERO
    pairs: list[tuple[int, int]] = []
    while True:
        shown = (errors > 1e3 * ZERO) & alive
        candidates = np.flatnonzero(shown.any(axis=1))
        if candidates.size == 0:
            return np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        left = (hidden[candidates] & alive).sum(axis=1)
        q = int(candidates[left.argmax()])
        pairs.append((q, int(shown[q].argmax())))
        alive &= hidden[q]
