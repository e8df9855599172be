"""Equilibria of finite-horizon Markov games, stage game by stage game from the last step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria.oracle import solve
from mamex_bench.errors import InputError
from mamex_bench.kernels.stage_games import CERTIFIED, stage_equilibria
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.evaluation import best_response_values, evaluate, start_values
from mamex_bench.model.game import Game
from mamex_bench.model.profiles import MarkovProfile


@dataclass(frozen=True, eq=False, repr=False)
class BackwardInduction:
    """A Markov equilibrium and its certificate.

    Attributes:
        value: `(n,)` expected return from the start, in the game's own units.
        policy: a distribution over joint actions for every state.
        values: `(n, H, S)`, or `(n, N)` for a layered game: values of every state, in the game's
            rewards ([0, 1] per step).
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


def backward_induction(game: Game, concept: str) -> BackwardInduction:
    """Solve `Q(x, .) = r(x, .) + P(x, .) V` for its equilibrium, from the last layer to the first.

    Each stage equilibrium is the one that `equilibria.solve` selects (CE and CCE: of greatest
    stage welfare), so the whole is a Markov perfect equilibrium of the concept. States that cannot
    be reached are solved too: perfection is about them.

    Raises:
        InputError: an unknown concept; something else than a game (of an instance give `.game`).
    """
    code = concept_code(concept)
    if not isinstance(game, Game):
        raise InputError(f"game is {game!r}: expected a MarkovGame or a LayeredGame")
    layers, A = game.layers, game.actions
    n, N = game.agents, game.rewards.shape[1]
    joint = np.empty((N, A))
    values = np.zeros((n, int(layers.first[-1])))
    fallbacks = 0
    for h in range(game.horizon - 1, -1, -1):
        begin, end = layers.first[h], layers.first[h + 1]
        entries = slice(layers.rows[begin * A], layers.rows[end * A])
        later = game.probability[entries] * values[:, layers.following[entries]]
        rows = layers.rows[begin * A : end * A] - entries.start
        future = np.add.reduceat(later, rows, axis=1).reshape(n, end - begin, A)
        stage = game.rewards[:, begin:end] + future
        games = np.ascontiguousarray(stage.transpose(1, 0, 2))
        status = np.empty(end - begin, dtype=np.int64)
        stage_equilibria(games, game.counts, code, joint[begin:end], status)
        for k in np.flatnonzero(status != CERTIFIED):
            solved = solve(games[k].reshape(n, *game.action_counts), concept)
            joint[begin + k] = solved.distribution.reshape(-1)
            fallbacks += 1
        values[:, begin:end] = np.einsum("sa,nsa->ns", joint[begin:end], stage)
    played = evaluate(game, joint)
    start = start_values(game, played)
    gains = best_response_values(game, joint, swap=concept == "ce") - start
    return BackwardInduction(
        value=game.units.to_own(start),
        policy=MarkovProfile(joint.reshape(*game.table_shape, A), concept),
        values=played,
        gaps=game.units.scale * gains,
        fallbacks=fallbacks,
    )
