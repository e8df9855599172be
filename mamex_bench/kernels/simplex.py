"""Lexicographic pivoting on a dense tableau: it cannot cycle, however many ties a game has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.kernels._jit import jit

PIVOT_TOLERANCE = 1e-7  # entries below this are no pivots
TIE_TOLERANCE = 1e-11  # ratios this close are ties
COST_TOLERANCE = 1e-11  # reduced costs below this do not improve

OPTIMAL, PIVOT_CAP, UNBOUNDED = range(3)


@jit
def pivot(tableau: npt.NDArray[np.float64], row: int, column: int) -> None:
    """Make `column` the unit vector of `row` by elimination in every other row."""
    rows, width = tableau.shape
    inverse = 1.0 / tableau[row, column]
    for k in range(width):
        tableau[row, k] *= inverse
    tableau[row, column] = 1.0
    for r in range(rows):
        factor = tableau[r, column]
        if r != row and factor != 0.0:
            for k in range(width):
                tableau[r, k] -= factor * tableau[row, k]
            tableau[r, column] = 0.0


@jit
def leaving_row(tableau: npt.NDArray[np.float64], rows: int, column: int, slack_start: int) -> int:
    """The row of the lexicographic minimum ratio test; -1 when no entry can be a pivot.

    Rows are compared by right-hand side (last column), then by the `rows` columns from
    `slack_start` on, which held the identity in the beginning, each divided by the entry of
    `column`. So no two rows tie in exact arithmetic.
    """
    width = tableau.shape[1]
    candidates = np.empty(rows, dtype=np.int64)
    alive = 0
    for r in range(rows):
        if tableau[r, column] > PIVOT_TOLERANCE:
            candidates[alive] = r
            alive += 1
    if alive == 0:
        return -1
    for step in range(-1, rows):
        if alive == 1:
            break
        k = width - 1 if step < 0 else slack_start + step
        least = np.inf
        for a in range(alive):
            least = min(least, tableau[candidates[a], k] / tableau[candidates[a], column])
        kept = 0
        for a in range(alive):
            r = candidates[a]
            if tableau[r, k] / tableau[r, column] <= least + TIE_TOLERANCE:
                candidates[kept] = r
                kept += 1
        alive = kept
    return candidates[0]


@jit
def maximise(
    tableau: npt.NDArray[np.float64],
    basis: npt.NDArray[np.int64],
    slack_start: int,
    max_pivots: int,
) -> int:
    """Primal simplex for `max c x, A x <= b, x >= 0` with b >= 0; returns a status.

    `tableau (R + 1, width)`: R constraint rows `[A | I | b]`, then the row `[-c | 0 | 0]`;
    `basis (R,)` starts with the slack columns. At OPTIMAL the right-hand side holds the basic
    variables and the last row the duals (below the slacks). Dantzig's rule picks the column.
    """
    rows = tableau.shape[0] - 1
    width = tableau.shape[1] - 1
    for _ in range(max_pivots):
        entering = -1
        most = -COST_TOLERANCE
        for k in range(width):
            if tableau[rows, k] < most:
                most = tableau[rows, k]
                entering = k
        if entering < 0:
            return OPTIMAL
        row = leaving_row(tableau, rows, entering, slack_start)
        if row < 0:
            return UNBOUNDED
        pivot(tableau, row, entering)
        basis[row] = entering
    return PIVOT_CAP
