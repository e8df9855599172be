"""Correlated equilibria of maximal welfare: constraint columns, prices, and a dense simplex.

The linear program, on w > 0 (welfare mapped onto [1, 2]):
    max sum_c w(c) x(c)   subject to   D x <= 0,   sum_c x(c) <= 1,   x >= 0,
    CCE: D[(i, v), c]    = U_i(v, c_-i) - U_i(c)
    CE:  D[(i, r, v), c] = U_i(v, c_-i) - U_i(c)  if c_i = r, else 0.
The constraints D x <= 0 are a cone and w > 0, so an optimum sums to 1; and x = 0 is a feasible
start, so there is no first phase.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.simplex import (
    COST_TOLERANCE,
    OPTIMAL,
    PIVOT_CAP,
    UNBOUNDED,
    leaving_row,
    maximise,
    pivot,
)


@jit
def welfare_weights(
    payoffs: npt.NDArray[np.float64],
    ranges: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """`out (M,)`: welfare sum_i ranges[i] U_i(c) of normalised payoffs, mapped onto [1, 2]."""
    agents, cells = payoffs.shape
    low = np.inf
    high = -np.inf
    for cell in range(cells):
        total = 0.0
        for i in range(agents):
            total += ranges[i] * payoffs[i, cell]
        out[cell] = total
        low = min(low, total)
        high = max(high, total)
    varies = high - low > 1e-15 * ranges.sum()
    for cell in range(cells):
        out[cell] = 1.0 + (out[cell] - low) / (high - low) if varies else 1.0


@jit
def deviation_columns(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    cells: npt.NDArray[np.int64],
    out: npt.NDArray[np.float64],
) -> None:
    """`out (len(cells), sum counts)`: U_i(v, c_-i) - U_i(c) for every agent i and deviation v."""
    agents, size = payoffs.shape
    for k in range(cells.shape[0]):
        cell = cells[k]
        stride = size
        row = 0
        for i in range(agents):
            count = counts[i]
            stride //= count
            base = cell - (cell // stride) % count * stride
            for v in range(count):
                out[k, row] = payoffs[i, base + v * stride] - payoffs[i, cell]
                row += 1


@jit
def _dot(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], size: int) -> float:
    """sum_k a[k] b[k] in four interleaved sums: one sum alone waits for its own last addition."""
    s0 = 0.0
    s1 = 0.0
    s2 = 0.0
    s3 = 0.0
    whole = size - size % 4
    for k in range(0, whole, 4):
        s0 += a[k] * b[k]
        s1 += a[k + 1] * b[k + 1]
        s2 += a[k + 2] * b[k + 2]
        s3 += a[k + 3] * b[k + 3]
    for k in range(whole, size):
        s0 += a[k] * b[k]
    return (s0 + s1) + (s2 + s3)


@jit
def reduced_gains(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    duals: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Reduced gain of every cell of the CCE program, `out (M,)`, by one contraction per agent.

        g(c) = w(c) - z + sum_i [ (sum_v y_iv) U_i(c) - sum_v y_iv U_i(v, c_-i) ]
    `duals (sum counts + 1,)`: y, then z of the row sum x <= 1. No positive g: x is optimal.
    """
    agents, cells = payoffs.shape
    for cell in range(cells):
        out[cell] = weights[cell] - duals[duals.shape[0] - 1]
    stride = cells
    row = 0
    for i in range(agents):
        count = counts[i]
        block = stride
        stride //= count
        y = duals[row : row + count]
        total = y.sum()
        mixed = np.empty(stride)
        for first in range(0, cells if total != 0.0 else 0, block):
            # Along contiguous memory: over the agents after i, or over i itself if it is last.
            if stride == 1:
                mixed[0] = _dot(y, payoffs[i, first : first + count], count)
            else:
                mixed[:] = 0.0
                for v in range(count):
                    for k in range(stride):
                        mixed[k] += y[v] * payoffs[i, first + v * stride + k]
            for v in range(count):
                for k in range(stride):
                    cell = first + v * stride + k
                    out[cell] += total * payoffs[i, cell] - mixed[k]
        row += count


@jit
def maximal_ce(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    max_pivots: int,
    out: npt.NDArray[np.float64],
) -> int:
    """CE of greatest weight, `out (M,)`, by the dense lexicographic simplex; returns a status.

    `payoffs (n, M)` in [0, 1], `weights (M,)` in [1, 2]. The tableau has sum m_i^2 + 2 rows and
    M more columns than rows, so it suits small games only.
    """
    agents, cells = payoffs.shape
    deviations = 0
    for i in range(agents):
        deviations += counts[i] * counts[i]  # rows (i, r, v); those with v = r stay empty
    rows = deviations + 1
    width = cells + rows + 1
    tableau = np.zeros((rows + 1, width))
    basis = np.empty(rows, dtype=np.int64)
    for cell in range(cells):
        stride = cells
        block = 0
        for i in range(agents):
            count = counts[i]
            stride //= count
            own = (cell // stride) % count
            base = cell - own * stride
            for v in range(count):
                gain = payoffs[i, base + v * stride] - payoffs[i, cell]
                tableau[block + own * count + v, cell] = gain
            block += count * count
        tableau[deviations, cell] = 1.0
        tableau[rows, cell] = -weights[cell]
    for r in range(rows):
        tableau[r, cells + r] = 1.0
        basis[r] = cells + r
    tableau[deviations, width - 1] = 1.0
    status = maximise(tableau, basis, cells, max_pivots)
    _distribution(basis, tableau[:rows, width - 1], out)
    return status


@jit
def _column_norms(columns: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    for k in range(columns.shape[0]):
        out[k] = np.sqrt(_dot(columns[k], columns[k], columns.shape[1]))


@jit
def _steepest(
    weights: npt.NDArray[np.float64],
    candidates: npt.NDArray[np.int64],
    columns: npt.NDArray[np.float64],
    norms: npt.NDArray[np.float64],
    duals: npt.NDArray[np.float64],
) -> tuple[int, float]:
    """The candidate of greatest reduced gain per length of its column, and its gain; or -1.

    Dividing by the length halves the pivots of a seeded start.
    """
    best = -1
    best_gain = 0.0
    score = 0.0
    for k in range(candidates.shape[0]):
        gain = weights[candidates[k]] - _dot(duals, columns[k], columns.shape[1])
        if gain > COST_TOLERANCE and gain > score * norms[k]:
            best = k
            best_gain = gain
            score = gain / norms[k]
    return best, best_gain


@jit
def maximal_cce(
    payoffs: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    seeds: npt.NDArray[np.int64],
    max_pivots: int,
    out: npt.NDArray[np.float64],
) -> int:
    """CCE of greatest weight, `out (M,)`, by a revised simplex that prices all cells implicitly.

    Only the slack block is kept: B^-1, the right-hand side and the duals, (sum m_i + 2)^2 numbers,
    which are also what the lexicographic rule compares. Candidates are tried first: `seeds`
    (cells, say the support of an earlier solution), later the best cell for each strategy of
    agent 0, renewed by one contraction of the tensor when none of them improves. Returns a status.
    """
    cells = payoffs.shape[1]
    rows = counts.sum() + 1
    entering_column = rows
    width = rows + 2
    tableau = np.zeros((rows + 1, width))
    basis = np.empty(rows, dtype=np.int64)
    for r in range(rows):
        tableau[r, r] = 1.0
        basis[r] = cells + r
    tableau[rows - 1, width - 1] = 1.0

    block = cells // counts[0]
    candidates = np.empty(max(seeds.shape[0], counts[0]), dtype=np.int64)
    columns = np.empty((candidates.shape[0], rows))
    columns[:, rows - 1] = 1.0
    norms = np.empty(candidates.shape[0])
    size = seeds.shape[0]
    candidates[:size] = seeds
    deviation_columns(payoffs, counts, candidates[:size], columns)
    _column_norms(columns[:size], norms)
    gains = np.empty(cells)

    status = PIVOT_CAP
    for _ in range(max_pivots):
        best, gain = _steepest(weights, candidates[:size], columns, norms, tableau[rows])
        entering = -1
        if best < 0:
            reduced_gains(payoffs, counts, weights, tableau[rows, :rows], gains)
            size = 0
            for own in range(counts[0]):
                top = own * block + np.argmax(gains[own * block : (own + 1) * block])
                if gains[top] > COST_TOLERANCE:
                    candidates[size] = top
                    size += 1
            deviation_columns(payoffs, counts, candidates[:size], columns)
            _column_norms(columns[:size], norms)
            best, gain = _steepest(weights, candidates[:size], columns, norms, tableau[rows])
            for r in range(rows):  # a slack of more reduced gain may return to the basis
                if -tableau[rows, r] > max(gain, COST_TOLERANCE):
                    gain = -tableau[rows, r]
                    best = -1
                    entering = cells + r
            if best < 0 and entering < 0:
                status = OPTIMAL
                break
        if best >= 0:
            entering = candidates[best]
            for r in range(rows):
                tableau[r, entering_column] = _dot(tableau[r], columns[best], rows)
        else:
            for r in range(rows):
                tableau[r, entering_column] = tableau[r, entering - cells]
        tableau[rows, entering_column] = -gain
        row = leaving_row(tableau, rows, entering_column, 0)
        if row < 0:
            status = UNBOUNDED
            break
        pivot(tableau, row, entering_column)
        basis[row] = entering

    _distribution(basis, tableau[:rows, width - 1], out)
    return status


@jit
def _distribution(
    basis: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Basic variables on a probability vector: columns below M are cells, the rest slacks."""
    cells = out.shape[0]
    out[:] = 0.0
    for r in range(basis.shape[0]):
        if basis[r] < cells:
            out[basis[r]] = max(values[r], 0.0)
    total = out.sum()
    if total > 0.0:
        out /= total
    else:
        out[:] = 1.0 / cells
