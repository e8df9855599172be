"""Nash: a pure scan, then what suits the game, then what suits every game."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria.certificate import product
from mamex_bench.equilibria.linear_program import LinearProgram, solve_linear_program
from mamex_bench.equilibria.normal_form import NormalForm, Search
from mamex_bench.errors import ConvergenceError
from mamex_bench.kernels.lemke_howson import minimax, two_player_nash
from mamex_bench.kernels.logit import REACHED, pairwise_payoffs, trace_logit

SHORT_PATHS = 12  # pivots allowed per strategy, from the first labels
FIRST_LABELS = 16
LONG_PATHS = 200  # the same if no short path ended, from fewer labels; then short ones from all
LONG_LABELS = 8
RETRIES = 8  # branches from perturbed priors
PRECISIONS = 10.0 ** np.arange(0.5, 8.5, 0.5)
SUPPORT_THRESHOLDS = (3e-2, 1e-3, 1e-6)


def find(search: Search) -> None:
    """Fill the search with a Nash equilibrium: the first that its chain certifies."""
    game = search.game
    if game.pure >= 0 and search.offer("pure equilibrium", game.vertex(game.pure)):
        return
    if game.counts.size == 2:
        if _constant_sum(game):
            if _minimax(search):
                return
        elif _lemke_howson(search):
            return
    if game.counts.size > 1:
        _logit(search)


def _constant_sum(game: NormalForm) -> bool:
    """Whether normalised payoffs sum to one number: then the game is zero-sum in disguise."""
    return bool(np.ptp(game.unit[0] + game.unit[1]) <= 1e-12)


def _minimax(search: Search) -> bool:
    game = search.game
    rows, columns = game.shape
    x, y = np.empty(rows), np.empty(columns)
    minimax(game.unit[0], rows, columns, 20 * (rows + columns) + 100, x, y)
    if search.offer("minimax simplex", np.outer(x, y).reshape(-1)):
        return True
    # max sum y, A y <= 1, y >= 0 with A > 0: y and the duals are the optimal strategies.
    matrix = game.unit[0].reshape(rows, columns) + 1.0
    program = LinearProgram(
        np.ones(columns),
        np.ones(rows),
        np.arange(0, rows * columns + 1, rows, dtype=np.int32),
        np.tile(np.arange(rows, dtype=np.int32), columns),
        np.ascontiguousarray(matrix.T).reshape(-1),
    )
    try:
        solution = solve_linear_program(program)
    except ConvergenceError as failure:
        search.attempts.append((f"HiGHS: {failure}", float("inf")))
        return False
    x, y = np.maximum(solution.duals, 0.0), np.maximum(solution.x, 0.0)
    return search.offer("HiGHS", np.outer(x / x.sum(), y / y.sum()).reshape(-1))


def _lemke_howson(search: Search) -> bool:
    game = search.game
    rows, columns = game.shape
    labels = rows + columns
    x, gap = np.empty(rows * columns), np.empty(1)
    for first, last, factor in (
        (0, FIRST_LABELS, SHORT_PATHS),
        (0, LONG_LABELS, LONG_PATHS),
        (FIRST_LABELS, labels, SHORT_PATHS),
    ):
        last = min(last, labels)
        if first >= last:
            continue
        label = two_player_nash(
            game.unit, rows, columns, first, last, factor * labels, search.tolerance, x, gap
        )
        origin = f"label {label}" if label >= 0 else f"labels {first} to {last - 1}"
        if search.offer(f"Lemke-Howson, {origin}", x.copy()):
            return True
    return False


def _logit(search: Search) -> bool:
    """The branch from the uniform prior, then from priors drawn around it."""
    size = int(search.game.counts.sum())
    for retry in range(RETRIES + 1):
        # The retry number is the whole seed: a game always meets the same priors.
        generator = np.random.default_rng(np.random.SeedSequence([retry]))
        prior = generator.standard_normal(size) * (retry > 0)
        name = "logit branch" if retry == 0 else f"logit branch, prior {retry}"
        if _follow(search, name, prior):
            return True
    return False


def _follow(search: Search, name: str, log_prior: npt.NDArray[np.float64]) -> bool:
    """Trace one branch, and polish its support by Newton's method whenever it sharpens."""
    game = search.game
    size = log_prior.size
    z = np.zeros(size + 1)
    for own in _blocks(game.counts):
        z[own] = log_prior[own] - np.log(np.exp(log_prior[own]).sum())
    tangent, step = np.zeros(size + 1), np.array([0.1])
    tangent[size] = 1.0
    tried: set[bytes] = set()
    best, best_gap = z[:size], np.inf
    for precision in PRECISIONS:
        status = trace_logit(game.unit, game.counts, log_prior, precision, 1000, z, tangent, step)
        p = np.exp(np.minimum(z[:size], 0.0))
        for threshold in SUPPORT_THRESHOLDS:
            support = p > threshold
            if support.tobytes() in tried:
                continue
            tried.add(support.tobytes())
            polished = polish(game, p, support)
            gap = _gap(game, polished)
            if gap < best_gap:
                best, best_gap = polished, gap
            if gap <= search.tolerance and search.offer(name, _joint(game, polished)):
                return True
        if status != REACHED:
            break
    raw_gap = _gap(game, p)
    return search.offer(name, _joint(game, p if raw_gap < best_gap else best))


def polish(
    game: NormalForm, p: npt.NDArray[np.float64], support: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Newton on the equations of a support: its strategies earn alike, and sum to 1.

    `p (N,)`, `support (N,)`; least-squares steps, since duplicated strategies make the equations
    singular yet consistent. A strategy driven below zero leaves the support. Returns `(N,)`,
    which sums to 1 per agent; whether it is an equilibrium is for the certificate to say.
    """
    blocks = _blocks(game.counts)
    owner = np.repeat(np.arange(len(blocks)), game.counts)
    u, d = np.empty(p.size), np.empty((p.size, p.size))
    support = support.copy()
    for own in blocks:
        support[own.start + int(np.argmax(p[own]))] = True
    current = p
    for _ in range(4):
        current = _normalised(np.where(support, current, 0.0), blocks)
        members = np.flatnonzero(support)
        agents = np.equal.outer(owner[members], np.arange(len(blocks))).astype(float)
        corner = np.zeros((len(blocks), len(blocks)))
        for _ in range(12):
            pairwise_payoffs(game.unit, game.counts, current, u, d)
            value = agents.T @ (current * u)[members]
            residual = np.concatenate([u[members] - agents @ value, np.zeros(len(blocks))])
            if np.abs(residual).max() < 1e-15:
                break
            system = np.block([[d[np.ix_(members, members)], -agents], [agents.T, corner]])
            move = np.linalg.lstsq(system, -residual, rcond=1e-12)[0][: members.size]
            if np.abs(move).max() > 1e3:
                break
            current = current.copy()
            current[members] += move
        if not np.isfinite(current).all():
            return p
        if current.min() >= -1e-12:
            break
        support &= current > 0
        for own in blocks:
            support[own.start + int(np.argmax(current[own]))] = True
    return _normalised(np.maximum(current, 0.0), blocks)


def _blocks(counts: npt.NDArray[np.int64]) -> list[slice]:
    ends = np.cumsum(counts)
    return [slice(int(end - m), int(end)) for end, m in zip(ends, counts)]


def _normalised(p: npt.NDArray[np.float64], blocks: list[slice]) -> npt.NDArray[np.float64]:
    out = p.copy()
    for own in blocks:
        total = out[own].sum()
        out[own] = out[own] / total if total > 0 else 1.0 / (own.stop - own.start)
    return out


def _gap(game: NormalForm, p: npt.NDArray[np.float64]) -> float:
    """Largest normalised Nash gap of the product of `p`, at one pass over the tensor."""
    u, d = np.empty(p.size), np.empty((p.size, p.size))
    pairwise_payoffs(game.unit, game.counts, p, u, d)
    return max(float(u[own].max() - p[own] @ u[own]) for own in _blocks(game.counts))


def _joint(game: NormalForm, p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    blocks = _blocks(game.counts)
    clean = _normalised(p, blocks)
    return product([clean[own] for own in blocks]).reshape(-1)
