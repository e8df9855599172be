"""Distributions of agents that draw independently, row after row, in few bytes and without loss.

Exponential weights multiply all but one probability by the same number in every episode. So a row
is predicted from the one before, p_k(v) ~ rho p_{k-1}(v) with rho the median of p_k / p_{k-1} over
an agent's policies, and what is kept is rho and by how many units in the last place each prediction
is wrong: small integers, of which a compressor makes one byte or less. A product of two doubles is
the same on every machine, so that the rows come back bit for bit, whatever they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamex_bench.model._arrays import Floats

Words = NDArray[np.int64]


def split(rows: Floats, counts: Sequence[int]) -> list[Floats]:
    """(..., sum m_i) -> n arrays (..., m_i)."""
    return np.split(rows, np.cumsum(counts)[:-1], axis=-1)


def encode(rows: Floats, counts: Sequence[int]) -> dict[str, Any]:
    """ratios (J, n) and errors (J, sum m_i) of rows (J, sum m_i); `decode` undoes it."""
    before = np.concatenate([np.ones((1, rows.shape[1])), rows[:-1]])
    with np.errstate(all="ignore"):
        quotients = split(rows / before, counts)
    ratios = np.stack([np.sort(own)[:, own.shape[1] // 2] for own in quotients], axis=1)
    ratios = np.where(np.isfinite(ratios), ratios, 1.0)
    errors = _words(rows) - _predicted(before, ratios, counts)
    # 0, -1, 1, -2, ... as 0, 1, 2, 3, ...: small numbers of either sign have leading zeros.
    return {"ratios": ratios, "errors": (errors << 1) ^ (errors >> 63)}


def decode(arrays: Mapping[str, Any], counts: Sequence[int]) -> Floats:
    """(J, sum m_i)."""
    ratios, folded = arrays["ratios"], arrays["errors"]
    errors = (folded >> 1) & np.int64(np.iinfo(np.int64).max)
    errors ^= -(folded & 1)
    rows = np.empty(errors.shape)
    row = np.ones((1, errors.shape[1]))
    for k in range(errors.shape[0]):
        row = (_predicted(row, ratios[k : k + 1], counts) + errors[k : k + 1]).view(np.float64)
        rows[k] = row
    return rows


def _predicted(before: Floats, ratios: Floats, counts: Sequence[int]) -> Words:
    return _words(before * np.repeat(ratios, counts, axis=1))


def _words(rows: Floats) -> Words:
    return np.ascontiguousarray(rows).view(np.int64)
