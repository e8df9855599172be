"""HiGHS behind the oracle: `max c x, A x <= b, x >= 0`, refined below the solver's tolerance."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from mamex_bench.errors import ConvergenceError

FEASIBILITY = 1e-10  # the least tolerance that HiGHS accepts
REFINE_ABOVE = 1e-12  # a residual that hundreds of rows can add up without reaching 1e-9


@dataclass(frozen=True)
class LinearProgram:
    """Maximise `objective x` over `A x <= upper`, `x >= 0`; A in compressed columns.

    Attributes:
        objective: `(C,)`.
        upper: `(R,)`.
        starts: `(C + 1,)`, where each column starts in `rows` and `values`.
        rows: row of each entry. values: the entries.
    """

    objective: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    starts: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearSolution:
    """Primal `x (C,)`, duals `(R,)` >= 0, and the basis, with which a similar program starts."""

    x: npt.NDArray[np.float64]
    duals: npt.NDArray[np.float64]
    basis: Any


def solve_linear_program(program: LinearProgram, basis: Any = None) -> LinearSolution:
    """Dual simplex without presolve, then one step of iterative refinement.

    A `basis` of another size is of no use and left aside.

    The refinement (Gleixner, Steffy, Wolter 2016) solves the program shifted to the residuals and
    magnified, from the final basis: what the solver tolerates shrinks by the magnification.

    Raises:
        ConvergenceError: HiGHS did not report an optimum.
    """
    highspy: Any = import_module("highspy")  # its stubs lack half of the interface
    columns, rows = program.objective.size, program.upper.size
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns, rows
    model.col_cost_ = -program.objective
    model.col_lower_ = np.zeros(columns)
    model.col_upper_ = np.full(columns, np.inf)
    model.row_lower_ = np.full(rows, -np.inf)
    model.row_upper_ = program.upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = program.starts
    model.a_matrix_.index_ = program.rows
    model.a_matrix_.value_ = program.values

    solver = highspy.Highs()
    for option, value in (
        ("output_flag", False),
        ("presolve", "off"),
        ("threads", 1),
        ("primal_feasibility_tolerance", FEASIBILITY),
        ("dual_feasibility_tolerance", FEASIBILITY),
    ):
        solver.setOptionValue(option, value)
    solver.passModel(model)
    if basis is not None and (len(basis.col_status), len(basis.row_status)) == (columns, rows):
        solver.setBasis(basis)
    x, duals = _optimum(solver)
    final = solver.getBasis()

    owner = np.repeat(np.arange(columns), np.diff(program.starts))
    residual = program.upper - np.bincount(program.rows, program.values * x[owner], minlength=rows)
    worst = max(-float(residual.min()), -float(x.min()))
    if worst > REFINE_ABOVE:
        magnification = 1e-3 / worst
        indices = np.arange(columns, dtype=np.int32)
        no_bound = np.full(max(rows, columns), np.inf)
        solver.changeColsBounds(columns, indices, -x * magnification, no_bound[:columns])
        row_indices = np.arange(rows, dtype=np.int32)
        solver.changeRowsBounds(rows, row_indices, -no_bound[:rows], residual * magnification)
        with suppress(ConvergenceError):  # then the solution stands as it was
            correction, duals = _optimum(solver)
            x = x + correction / magnification
    return LinearSolution(x, duals, final)


def _optimum(solver: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    highspy: Any = import_module("highspy")
    solver.run()
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise ConvergenceError(f"HiGHS ended with status {solver.modelStatusToString(status)}")
    solution = solver.getSolution()
    return np.array(solution.col_value), -np.array(solution.row_dual)
