"""Bracketing number of a class of models: how few brackets of a width hold all of them.

van de Geer (2000), "Empirical processes in M-estimation", chapter 3, in L1 on rows, as maximum
likelihood in Liu, Chung, Szepesvari and Jin (2022), arXiv 2204.08967, needs it: a bracket [l, u],
l <= u entry by entry, holds the models P with l <= P <= u, its width is max_{h,s,a} sum_s' (u - l).

Up to 12 members the least partition into sets whose minimum and maximum are narrow enough is found
by dynamic programming over sets. Beyond, the ends are a packing, models pairwise farther apart than
eps in L1, and first-fit.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.catalogue import _coverings
from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._residuals import finite_models
from mamex_bench.complexity._result import Measurement, positive, timed
from mamex_bench.complexity.covering_number import refuse_large
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats
from mamex_bench.model.instance import Instance

EXACT_LIMIT = 12
SLACK = 1e-12
DEFINITION = "L1 bracketing number on rows, van de Geer 2000, chapter 3 (Liu et al. 2022)"


@timed
def measure(instance: Instance, scale: float = 0.1, hypotheses: str | None = None) -> Measurement:
    """The bracketing number at `scale` in (0, 2]; the certificate has a `packing`.

    Raises InputError for another scale, NotApplicableError for action values, a linear class, and
    beyond 4,096 models.
    """
    epsilon = positive(scale, "scale")
    if epsilon > 2.0:
        raise InputError(f"scale is {scale!r}: expected a number in (0, 2]")
    plain = dense_instance(instance)
    models = finite_models(plain, hypotheses, "the bracketing number")
    refuse_large(models.size, instance.name, "bracketing")
    rows = _coverings.doubted_rows(models.transitions)
    apart = _coverings.packing(_coverings.row_variations(models.transitions), epsilon + SLACK)
    lower, upper = apart.size, len(_coverings.brackets(rows, epsilon))
    method = "packing; first-fit"
    if lower < upper and models.size <= EXACT_LIMIT:
        lower = upper = least_partition(rows, epsilon)
        method = "least partition"
    return Measurement(
        "bracketing_number",
        instance.name,
        lower,
        upper,
        method,
        DEFINITION,
        {"scale": epsilon, "hypotheses": hypotheses},
        {"packing": apart},
    )


def least_partition(rows: Floats, scale: float) -> int:
    """Fewest brackets of width `scale` for models rows (F, N, S): F <= 12."""
    F = len(rows)
    narrow = np.zeros(1 << F, dtype=bool)
    for mask in range(1, 1 << F):
        members = rows[[f for f in range(F) if mask >> f & 1]]
        width = np.ptp(members, axis=0).sum(axis=-1).max()
        narrow[mask] = width <= scale + SLACK
    least = [0] + [F] * ((1 << F) - 1)
    for mask in range(1, 1 << F):
        # The first member of a set is in some bracket: take all subsets that hold it.
        first = mask & -mask
        rest = part = mask ^ first
        while True:
            if narrow[part | first]:
                least[mask] = min(least[mask], 1 + least[mask ^ part ^ first])
            if part == 0:
                break
            part = part - 1 & rest
    return least[-1]
