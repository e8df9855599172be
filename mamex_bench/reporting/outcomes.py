"""Columns that say how duels ended: how often less, level or more, and by what factors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.reporting.wording import number

HEADER = ("compared", "less", "level", "more", "times, least", "median", "greatest")


def columns(signs: Sequence[int], factors: Sequence[float]) -> tuple[str, ...]:
    """For one row; a sign is -1 for less regret, 0 for level, 1 for more."""
    return (
        number(len(signs)),
        *(number(list(signs).count(sign)) for sign in (-1, 0, 1)),
        *spread(factors),
    )


def spread(factors: Sequence[float]) -> list[str]:
    """Least, median and greatest."""
    return [number(float(value), 2) for value in np.quantile(factors, [0.0, 0.5, 1.0])]
