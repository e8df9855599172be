"""Equilibria of finite-horizon Markov games, stage game by stage game from the last step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria.oracle import solve
from mamex_bench.kernels.stage_games import CERTIFIED, stage_equilibria
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.evaluation import best_response_values, evaluate
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.profiles import MarkovProfile


@dataclass(frozen=True, eq=False, repr=False)
class BackwardInduction:
    """A Markov equilibrium and its certificate.

    Attributes:
        value: `(n,)` expected return from the start, in the game's own units.
        policy: a distribution over joint actions for every step and state.
        values: `(H + 1, n, S)` in the game's rewards ([0, 1] per step).
        gaps: `(n,)` in own units: the gain of the best deviation among all policies of one agent,
            by dynamic programming against the policy (for "ce" it may depend on the agent's
            recommendation); computed from the policy alone.
        fallbacks: stage games that the batched kernel left to the full oracle.
    """

    value: npt.NDArray[np.float64]
    policy: MarkovProfile
    values: npt.NDArray[np.float64]
    gaps: npt.NDArray[np.float64]
    fallbacks: int

    def __repr__(self) -> str:
        value = ", ".join(f"{v:.6g}" for v in self.value)
        return (
            f"BackwardInduction({self.policy.concept}, value ({value}), "
            f"gap {self.gaps.max():.1g}, {self.fallbacks} stage games by the full oracle)"
        )


def backward_induction(game: MarkovGame, concept: str) -> BackwardInduction:
    """Solve `Q_h(s, .) = r_h(s, .) + P_h(s, .) V_{h+1}` for its equilibrium, h = H-1 .. 0.

    Each stage equilibrium is the one that `equilibria.solve` selects (CE and CCE: of greatest
    stage welfare), so the whole is a Markov perfect equilibrium of the concept.

    Raises:
        InputError: an unknown concept.
    """
    code = concept_code(concept)
    n, H, S, A = game.reward.shape
    counts = np.array(game.action_counts, dtype=np.int64)
    joint, status = np.empty((H, S, A)), np.empty(S, dtype=np.int64)
    later = np.zeros((n, S))
    fallbacks = 0
    for h in range(H - 1, -1, -1):
        stage = game.reward[:, h] + np.einsum("sat,nt->nsa", game.transition[h], later)
        games = np.ascontiguousarray(stage.transpose(1, 0, 2))
        stage_equilibria(games, counts, code, joint[h], status)
        for s in np.flatnonzero(status != CERTIFIED):
            solved = solve(games[s].reshape(n, *game.action_counts), concept)
            joint[h, s] = solved.distribution.reshape(-1)
            fallbacks += 1
        later = np.einsum("sa,nsa->ns", joint[h], stage)
    values = evaluate(game, joint)
    start = values[:, 0] @ game.initial
    gains = best_response_values(game, joint, swap=concept == "ce") - start
    return BackwardInduction(
        value=game.units.to_own(start),
        policy=MarkovProfile(joint, concept),
        values=np.ascontiguousarray(values.transpose(1, 0, 2)),
        gaps=game.units.scale * gains,
        fallbacks=fallbacks,
    )
