"""The one door to the solvers: payoffs in, a certified equilibrium out."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria import correlated, nash
from mamex_bench.equilibria.certificate import checked_distribution, checked_payoffs, gaps
from mamex_bench.equilibria.equilibrium import Equilibrium
from mamex_bench.equilibria.normal_form import NormalForm, Search
from mamex_bench.errors import InputError
from mamex_bench.model.concepts import CONCEPTS, concept_code


def solve(
    payoffs: npt.ArrayLike,
    concept: str,
    *,
    tolerance: float = 1e-9,
    start: Equilibrium | npt.ArrayLike | None = None,
) -> Equilibrium:
    """An equilibrium of a normal-form game, with its certificate.

    Which one, when there are several: CE and CCE have the greatest welfare (sum of payoffs). Nash
    is the pure equilibrium of greatest welfare, ties to the lowest flat index; where there is
    none, the first that the chain certifies: minimax simplex (two agents, constant sum) or
    Lemke-Howson from label 0, 1, ... (two agents), else a branch of logit equilibria. Without
    `start`, equal payoffs give the equal answer, bit for bit.

    Args:
        payoffs: `(n, m_0, ..., m_{n-1})`, finite, in any units.
        concept: "nash", "ce" or "cce".
        tolerance: the largest gap called exact, in units of `max(1, max U_i - min U_i)`.
        start: an equilibrium (or CCE distribution) of a similar game, which CE and CCE start
            from; it can change which of several maximisers is returned. Nash ignores it.

    Returns:
        The equilibrium; its status is "best found" when no link of the chain met the tolerance.

    Raises:
        InputError: payoffs, concept, tolerance or start are not of this kind.
    """
    code = concept_code(concept)
    if not (isinstance(tolerance, int | float) and 0 <= tolerance < math.inf):
        raise InputError(f"tolerance must be a finite number >= 0, got {tolerance!r}")
    game = NormalForm.of(checked_payoffs(payoffs))
    search = Search(game, code, float(tolerance))
    basis = None
    if concept == CONCEPTS[0]:
        nash.find(search)
    else:
        warm = isinstance(start, Equilibrium) and start.distribution.shape == game.shape
        previous = start.distribution if isinstance(start, Equilibrium) else start
        support = (
            None if previous is None else checked_distribution(previous, game.shape).reshape(-1)
        )
        usable = start.basis if warm and isinstance(start, Equilibrium) else None
        basis = correlated.maximal(search, support, usable)
    assert search.best is not None
    distribution = np.ascontiguousarray(search.best.reshape(game.shape))
    certificate = gaps(game.payoffs, distribution, concept)
    exact = bool((certificate <= tolerance * np.maximum(1.0, game.ranges)).all())
    axes = tuple(range(1, game.payoffs.ndim))
    return Equilibrium(
        distribution=distribution,
        gaps=certificate,
        method=search.method,
        status="exact" if exact else "best found",
        concept=concept,
        attempts=tuple(search.attempts),
        value=(game.payoffs * distribution).sum(axis=axes),
        basis=basis,
    )
