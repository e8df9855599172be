"""CE and CCE of maximal welfare: a pure vertex, a lexicographic simplex, HiGHS, then any Nash."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria import nash
from mamex_bench.equilibria.linear_program import LinearProgram, solve_linear_program
from mamex_bench.equilibria.normal_form import NormalForm, Search
from mamex_bench.equilibria.reduction import kept_strategies, lift, restrict
from mamex_bench.errors import ConvergenceError
from mamex_bench.kernels.simplex import OPTIMAL
from mamex_bench.kernels.stage_games import PURE_SLACK
from mamex_bench.kernels.welfare import deviation_columns, maximal_cce, maximal_ce
from mamex_bench.model.concepts import CONCEPTS

NASH, CE = CONCEPTS.index("nash"), CONCEPTS.index("ce")
DENSE_CELLS = 32  # a CE of a game this small comes from the dense tableau


def maximal(search: Search, start: npt.NDArray[np.float64] | None, basis: Any) -> Any:
    """Fill the search with the equilibrium of greatest welfare; returns a basis for CE, or None.

    Any Nash equilibrium is a CE and a CCE, so a pure one whose welfare no cell exceeds is optimal.
    `start (M,)`: an earlier CCE, whose support is priced first. `basis`: of an earlier CE.
    """
    game = search.game
    if game.pure >= 0 and game.weights[game.pure] >= game.weights.max() - PURE_SLACK:
        search.offer("pure equilibrium", game.vertex(game.pure))
        return None
    if search.code == CE:
        done, final = _ce(search, basis)
    else:
        done, final = _cce(search, start), None
    if not done and search.excess > search.tolerance:  # any Nash equilibrium is a CE and a CCE
        fallback = Search(game, NASH, search.tolerance)
        nash.find(fallback)
        if fallback.best is not None:
            search.offer(f"{fallback.method}, welfare not maximal", fallback.best)
    return final


def _cce(search: Search, start: npt.NDArray[np.float64] | None) -> bool:
    game = search.game
    x = np.empty(game.weights.size)
    likely = game.vertex(int(game.weights.argmax())) if start is None else start
    seeds = np.flatnonzero(likely > 0)
    status = maximal_cce(game.unit, game.counts, game.weights, seeds, _pivots(game), x)
    if _offer(search, "revised simplex", x, status):
        return True
    program = welfare_program(game, search.code)
    solved, _ = _by_highs(search, program, None)
    return solved is not None and search.offer("HiGHS", solved)


def _ce(search: Search, basis: Any) -> tuple[bool, Any]:
    whole = search.game
    kept = [np.arange(m) for m in whole.shape]
    if whole.weights.size > DENSE_CELLS:
        kept = kept_strategies(whole)
    game = restrict(whole, kept)
    if game.weights.size <= DENSE_CELLS:
        x = np.empty(game.weights.size)
        status = maximal_ce(game.unit, game.counts, game.weights, _pivots(game), x)
        if _offer(search, "dense simplex", lift(x, kept, whole.shape), status):
            return True, None
    solved, final = _by_highs(search, welfare_program(game, CE), basis)
    return solved is not None and search.offer("HiGHS", lift(solved, kept, whole.shape)), final


def _pivots(game: NormalForm) -> int:
    return 20 * int(game.counts.sum()) + 200


def _offer(search: Search, method: str, x: npt.NDArray[np.float64], status: int) -> bool:
    """Done only if certified and proved to be of maximal welfare."""
    proved = status == OPTIMAL
    return search.offer(method if proved else f"{method}, stopped early", x) and proved


def _by_highs(
    search: Search, program: LinearProgram, basis: Any
) -> tuple[npt.NDArray[np.float64] | None, Any]:
    """The whole program: a probability vector, or None with the failure noted; and the basis."""
    try:
        solution = solve_linear_program(program, basis)
    except ConvergenceError as failure:
        search.attempts.append((str(failure), float("inf")))
        return None, None
    x = np.maximum(solution.x, 0.0)
    if not x.sum() > 0:
        search.attempts.append(("HiGHS found no distribution", float("inf")))
        return None, None
    return x / x.sum(), solution.basis


def welfare_program(game: NormalForm, code: int) -> LinearProgram:
    """The program of `kernels.welfare` in compressed columns, one column per cell."""
    counts = game.counts
    cells, deviations = game.weights.size, int(counts.sum())
    values = np.empty((cells, deviations + 1))
    deviation_columns(game.unit, counts, np.arange(cells), values)
    values[:, deviations] = 1.0
    if code == CE:  # row (i, r, v): the block of the recommendation r = c_i
        recommended = np.stack(np.unravel_index(np.arange(cells), tuple(counts)))
        blocks = np.concatenate([[0], np.cumsum(counts**2)])
        parts = [
            (blocks[i] + recommended[i] * m)[:, None] + np.arange(m) for i, m in enumerate(counts)
        ]
        total = int(blocks[-1])
    else:
        parts = [np.broadcast_to(np.arange(deviations), (cells, deviations))]
        total = deviations
    rows = np.concatenate([*parts, np.full((cells, 1), total)], axis=1)
    kept = values != 0.0
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    upper = np.zeros(total + 1)
    upper[total] = 1.0
    return LinearProgram(
        game.weights, upper, starts.astype(np.int32), rows[kept].astype(np.int32), values[kept]
    )
