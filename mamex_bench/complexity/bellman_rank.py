"""Bellman rank: rank of the matrix of mean Bellman errors, of Q-type or V-type.

Q-type: Jin, Liu and Miryoosefi (2021), "Bellman eluder dimension", arXiv 2102.00815: actions of
the roll-in. V-type: Jiang et al. (2017), "Contextual decision processes with low Bellman rank are
PAC-learnable", arXiv 1610.09512: the pair's own policy acts at step h. Both take pi greedy for f;
here, as MAMEX evaluates hypotheses, every joint policy pi of the class stands beside every f, and
rows are the joint policies:

    E_q [ f_h - T_h^{i,pi} f_{h+1} ],    largest numerical rank over agents i and steps h.

Singular values below 1e-9 times the largest count as 0. Exact up to that.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._residuals import factored_residuals
from mamex_bench.complexity._result import Measurement, timed
from mamex_bench.model.instance import Instance
from mamex_bench.model.structure import Kind

VARIANTS = ({"kind": "Q"}, {"kind": "V"})
DEFINITIONS = {
    "Q": "Q-type Bellman rank, Jin et al. 2021 (arXiv 2102.00815), pi any joint policy",
    "V": "V-type Bellman rank, Jiang et al. 2017 (arXiv 1610.09512), pi any joint policy",
}


@timed
def measure(instance: Instance, kind: Kind = "Q", hypotheses: str | None = None) -> Measurement:
    """The rank, largest over agents and steps; the certificate has `ranks` (n, H).

    NotApplicableError for a linear class and beyond 1e10 multiply-adds.
    """
    factored = factored_residuals(dense_instance(instance), hypotheses, kind, norms=False)
    ranks = np.array([[each.rank for each in own] for own in factored])
    return Measurement(
        "bellman_rank",
        instance.name,
        int(ranks.max()),
        int(ranks.max()),
        "singular values",
        DEFINITIONS[kind],
        {"kind": kind, "hypotheses": hypotheses},
        {"ranks": ranks},
    )
