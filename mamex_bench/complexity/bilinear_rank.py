"""Bilinear rank: the least dimension in which mean losses are inner products.

Du et al. (2021), "Bilinear classes", arXiv 2103.10897: |E[loss of f on data of q]| =
|<W_h(f) - W_h(f*), X_h(q)>|. For several agents W_h may depend on (i, f, pi), X_h on none of them,
so that the pairs of all agents stand in one matrix. The least dimension is the matrix's rank,
largest over steps (singular values below 1e-9 times the largest count as 0), for one of two losses:

    "residual"   E_q [ f_h - T_h^{i,pi} f_{h+1} ],           rows q, columns (i, f, pi);
    "model"      E_pi [ (P_f - P*) V_{g,h+1}^{i,pi} ],       rows (i, g, pi), columns f;

the second, for models alone, is that of linear mixtures (their lemma 4.3): its rank is at most the
number of base kernels. Estimation policies are the roll-ins themselves.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._residuals import (
    Factored,
    Folder,
    factored_residuals,
    finite_class,
    finite_models,
    later_blocks,
)
from mamex_bench.complexity._result import Measurement, timed
from mamex_bench.errors import InputError
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.structure import state_action_occupancies

Loss = Literal["residual", "model"]
DEFINITION = "bilinear rank, Du et al. 2021 (arXiv 2103.10897), on-policy, {} loss"


@timed
def measure(
    instance: Instance, loss: Loss | None = None, hypotheses: str | None = None
) -> Measurement:
    """The rank; `loss` None is "model" for models and "residual" for action values.

    The certificate has per step `ranks`, and bounds `features`, `weights` of |X_h| and |W_h|.
    NotApplicableError for a linear class, for the loss "model" of action values, and beyond 1e10
    multiply-adds.
    """
    chosen = default_loss(instance, hypotheses) if loss is None else loss
    if chosen not in ("residual", "model"):
        raise InputError(f"loss is {loss!r}: expected 'residual', 'model' or None")
    plain = dense_instance(instance)
    if chosen == "residual":
        (steps,) = factored_residuals(plain, hypotheses, joint=True)
    else:
        steps = factored_models(plain, hypotheses)
    rank = max(each.rank for each in steps)
    return Measurement(
        "bilinear_rank",
        instance.name,
        rank,
        rank,
        "singular values",
        DEFINITION.format(chosen),
        {"loss": chosen, "hypotheses": hypotheses},
        {
            "ranks": np.array([each.rank for each in steps]),
            "features": np.array([each.feature for each in steps]),
            "weights": np.array([each.weight for each in steps]),
        },
    )


def default_loss(instance: Instance, hypotheses: str | None) -> Loss:
    """The loss that the class's discrepancy bounds."""
    classes = finite_class(instance, hypotheses, "the bilinear rank")
    return "model" if isinstance(classes, ModelClass) else "residual"


def factored_models(instance: Instance, hypotheses: str | None) -> list[Factored]:
    """Per step the matrix E_pi [ (P_f - P*) V_g^{i,pi} ], factored."""
    game, models = instance.dense, finite_models(instance, hypotheses, "the loss 'model'")
    rolls, S = state_action_occupancies(instance), game.states
    met = rolls.max(axis=1) > 0.0
    folders = []
    for h in range(game.horizon):
        change = models.transitions[:, h] - game.transition[h]
        folders.append(
            Folder(change.reshape(models.size, -1, S)[:, met[h]].reshape(models.size, -1))
        )
    for agent in range(game.agents):
        for members, later in later_blocks(instance, agent, hypotheses):
            for h, (folder, values) in enumerate(zip(folders, later)):
                if folder.basis.size == 0:
                    continue
                basis = folder.basis.reshape(-1, int(met[h].sum()), S)
                # T (d_pi x V_g), d_pi first
                seen = np.einsum("rct,pc->rpt", basis, rolls[h, members][:, met[h]], optimize=True)
                rows = np.einsum("rpt,ftp->fpr", seen, values, optimize=True)
                folder.add(rows.reshape(-1, len(basis)))
    return [folder.done() for folder in folders]
