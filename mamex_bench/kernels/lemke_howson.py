"""Two-player Nash: the lexicographic Lemke-Howson path, and the minimax simplex."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.gaps import deviation_gains
from mamex_bench.kernels.simplex import OPTIMAL, PIVOT_CAP, leaving_row, maximise, pivot


@jit
def lemke_howson(
    payoffs: npt.NDArray[np.float64],
    rows: int,
    columns: int,
    label: int,
    max_pivots: int,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
) -> int:
    """A Nash equilibrium `x (rows,)`, `y (columns,)` of a bimatrix game in [0, 1].

    `payoffs (2, rows * columns)`. With A, B > 0 (payoffs plus 1) the path runs over the vertices
    of `{x >= 0, B'x <= 1}` and `{y >= 0, A y <= 1}`; labels 0..rows-1 are x or the slacks of A,
    the rest y or the slacks of B. It starts by dropping `label` and ends when that label leaves.
    Ties are broken lexicographically, so that the path cannot cycle (Lemke and Howson 1964; von
    Stengel 2002). Returns a status; PIVOT_CAP when the path was cut off.
    """
    labels = rows + columns
    first = np.zeros((columns, labels + 1))
    second = np.zeros((rows, labels + 1))
    first_basis = np.empty(columns, dtype=np.int64)
    second_basis = np.empty(rows, dtype=np.int64)
    for j in range(columns):
        for i in range(rows):
            first[j, i] = payoffs[1, i * columns + j] + 1.0
        first[j, rows + j] = 1.0
        first[j, labels] = 1.0
        first_basis[j] = rows + j
    for i in range(rows):
        for j in range(columns):
            second[i, rows + j] = payoffs[0, i * columns + j] + 1.0
        second[i, i] = 1.0
        second[i, labels] = 1.0
        second_basis[i] = i

    status = PIVOT_CAP
    entering = label
    in_first = label < rows
    for _ in range(max_pivots):
        if in_first:
            row = leaving_row(first, columns, entering, rows)
            if row < 0:
                break
            pivot(first, row, entering)
            leaving = first_basis[row]
            first_basis[row] = entering
        else:
            row = leaving_row(second, rows, entering, 0)
            if row < 0:
                break
            pivot(second, row, entering)
            leaving = second_basis[row]
            second_basis[row] = entering
        if leaving == label:
            status = OPTIMAL
            break
        entering = leaving
        in_first = not in_first

    x[:] = 0.0
    y[:] = 0.0
    for j in range(columns):
        if first_basis[j] < rows:
            x[first_basis[j]] = max(first[j, labels], 0.0)
    for i in range(rows):
        if second_basis[i] >= rows:
            y[second_basis[i] - rows] = max(second[i, labels], 0.0)
    if x.sum() <= 0.0 or y.sum() <= 0.0:
        x[:] = 1.0
        y[:] = 1.0
        status = PIVOT_CAP
    x /= x.sum()
    y /= y.sum()
    return status


@jit
def minimax(
    payoffs: npt.NDArray[np.float64],
    rows: int,
    columns: int,
    max_pivots: int,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
) -> int:
    """Optimal strategies `x (rows,)`, `y (columns,)` of a zero-sum game; returns a status.

    `payoffs (rows * columns,)` of the maximiser, in [0, 1]. With A = payoffs + 1 > 0:
        max sum y   subject to   A y <= 1, y >= 0;
    y and the duals x, both divided by the optimum, are optimal (von Neumann; Dantzig 1951).
    """
    width = columns + rows + 1
    tableau = np.zeros((rows + 1, width))
    basis = np.empty(rows, dtype=np.int64)
    for i in range(rows):
        for j in range(columns):
            tableau[i, j] = payoffs[i * columns + j] + 1.0
        tableau[i, columns + i] = 1.0
        tableau[i, width - 1] = 1.0
        basis[i] = columns + i
    for j in range(columns):
        tableau[rows, j] = -1.0
    status = maximise(tableau, basis, columns, max_pivots)
    y[:] = 0.0
    for i in range(rows):
        if basis[i] < columns:
            y[basis[i]] = max(tableau[i, width - 1], 0.0)
        x[i] = max(tableau[rows, columns + i], 0.0)
    if x.sum() <= 0.0 or y.sum() <= 0.0:
        x[:] = 1.0
        y[:] = 1.0
        status = PIVOT_CAP
    x /= x.sum()
    y /= y.sum()
    return status


@jit
def two_player_nash(
    payoffs: npt.NDArray[np.float64],
    rows: int,
    columns: int,
    first_label: int,
    last_label: int,
    max_pivots: int,
    tolerance: float,
    out: npt.NDArray[np.float64],
    gap: npt.NDArray[np.float64],
) -> int:
    """Lemke-Howson from label after label until a path ends in a certified equilibrium.

    `payoffs (2, rows * columns)` in [0, 1]; `out (rows * columns,)` receives the product with the
    least gap seen, `gap (1,)` that gap. Returns the label that brought a gap within `tolerance`,
    -1 if none in `first_label <= label < last_label` did within `max_pivots` pivots each.
    """
    x = np.empty(rows)
    y = np.empty(columns)
    counts = np.array([rows, columns])
    joint = np.empty(rows * columns)
    gains = np.empty(2)
    gap[0] = np.inf
    for label in range(first_label, last_label):
        lemke_howson(payoffs, rows, columns, label, max_pivots, x, y)
        for i in range(rows):
            for j in range(columns):
                joint[i * columns + j] = x[i] * y[j]
        deviation_gains(payoffs, counts, joint, 0, gains)
        found = max(gains[0], gains[1])
        if found < gap[0]:
            gap[0] = found
            out[:] = joint
        if found <= tolerance:
            return label
    return -1
