"""From regret to one profile: theory/online_to_batch.md. Exact, seed by seed, at every checkpoint.

CCE, CE (class profiles): the uniform mixture of the profiles played has

    max_i gap_i <= max_i Reg_i(K) / K.

Nash, and Markov profiles: the profile of a uniformly drawn episode has

    max_i Reg_i(K) / K <= E max_i gap_i <= sum_i Reg+_i(K) / K,

Reg+ the sum of the positive parts (for Nash, where gaps are not negative, Reg itself).
"""

from __future__ import annotations

import numpy as np

from mamex_bench.claims._verdict import HOLDS, VIOLATED, Verdict, obstacle, of_cell
from mamex_bench.runs.results import NOT_APPLICABLE, Cell, Results
from mamex_bench.words import count

CLAIM = "online_to_batch"
TOLERANCE = 1e-9


def judge(results: Results) -> list[Verdict]:
    """One verdict per cell."""
    return [_judge(cell) for cell in results.cells]


def _judge(cell: Cell) -> Verdict:
    stopped = obstacle(cell)
    if stopped is not None:
        return of_cell(cell, CLAIM, *stopped)
    if not np.isfinite(cell.output_gap).all():
        return of_cell(cell, CLAIM, NOT_APPLICABLE, "no output profile is defined for this learner")
    times = cell.checkpoints[None, :]
    gap = cell.output_gap
    largest = cell.regret.max(axis=2) / times
    mixed = cell.concept in ("cce", "ce") and cell.profile_kind == "class"
    if mixed:
        excess, bound = gap - largest, largest
        rule, right = "the uniform mixture", "max_i Reg_i/K"
    else:
        bound = cell.positive_regret.sum(axis=2) / times
        excess = np.maximum(gap - bound, largest - gap)
        rule, right = "the profile of a uniformly drawn episode", "sum_i Reg_i/K"
    scale = np.maximum(1.0, np.abs(bound))
    worst = float((excess / scale).max())
    measured = (
        f"{rule} after {cell.episodes:,} episodes: largest gap {float(gap[:, -1].max()):.4g} over "
        f"{count(gap.shape[0], 'run')}, {right} up to {float(bound[:, -1].max()):.4g}; "
        f"largest excess at any checkpoint {worst:.2g}"
    )
    numbers = {
        "seeds": float(gap.shape[0]),
        "gap": float(gap[:, -1].max()),
        "bound": float(bound[:, -1].max()),
        "excess": worst,
    }
    if worst > TOLERANCE:
        return of_cell(cell, CLAIM, VIOLATED, f"the inequality fails: {measured}", numbers)
    return of_cell(cell, CLAIM, HOLDS, measured, numbers)
