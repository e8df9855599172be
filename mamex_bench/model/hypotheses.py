"""Hypothesis classes: finite classes of models, finite and linear classes of action values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import (
    ROW_TOLERANCE,
    Floats,
    Ints,
    expect_shape,
    floats,
    in_range,
    stochastic,
)
from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.model.mixture import Mixture
from mamex_bench.words import count


@dataclass(frozen=True, eq=False, init=False, repr=False)
class ModelClass:
    """Finitely many models of what follows, and of what is paid where rewards are random.

    Attributes:
        transitions: (F, H, S, A, S), or (F, nnz) on the entries of a layered game; rows
            stochastic to 1e-9.
        truth: index of the true model, or None when the class is misspecified.
        rewards: (F, n, H, S, A) or (F, n, N, A), each model's means of the rewards, in [0, 1], for
            games whose rewards are random; None where they are known.
        ignored_steps: steps that the loss and the discrepancy leave out.
        mixture: known base kernels of which every model is a linear mixture, and its weights, for
            learners that estimate weights; None where there are none.
    """

    transitions: Floats
    truth: int | None
    rewards: Floats | None
    ignored_steps: tuple[int, ...]
    mixture: Mixture | None

    def __init__(
        self,
        transitions: ArrayLike,
        truth: int | None = 0,
        rewards: ArrayLike | None = None,
        ignored_steps: Sequence[int] = (),
        mixture: Mixture | None = None,
    ) -> None:
        P = floats(transitions, "transitions", 5, 2)
        F = P.shape[0]
        if P.ndim == 5:
            _, H, S, A, _ = P.shape
            expect_shape(P, "transitions", (F, H, S, A, S), "(F, H, S, A, S)")
            stochastic(P, "transitions")
        if truth is not None:
            if isinstance(truth, bool) or not isinstance(truth, (int, np.integer)):
                raise InputError(f"truth is {truth!r}: expected an index or None")
            if not 0 <= truth < F:
                raise InputError(f"truth is {truth}: expected an index below {F}, or None")
            truth = int(truth)
        means = None if rewards is None else floats(rewards, "rewards", P.ndim, P.ndim + 2)
        if means is not None:
            in_range(means, "rewards", 0.0, 1.0)
        if mixture is not None and not isinstance(mixture, Mixture):
            raise InputError(f"mixture is {mixture!r}: expected Mixture(basis, weights) or None")
        object.__setattr__(self, "transitions", P)
        object.__setattr__(self, "mixture", mixture)
        object.__setattr__(self, "truth", truth)
        object.__setattr__(self, "rewards", means)
        object.__setattr__(self, "ignored_steps", _steps(ignored_steps))

    @property
    def size(self) -> int:
        return self.transitions.shape[0]

    @property
    def probabilities(self) -> Floats:
        """(F, nnz): the models on the entries of the game's `layers`."""
        return self.transitions.reshape(self.size, -1)

    @property
    def means(self) -> Floats | None:
        """(F, n, N, A): the models' mean rewards, states numbered across layers, where unknown."""
        if self.rewards is None:
            return None
        F, n, A = *self.rewards.shape[:2], self.rewards.shape[-1]
        return self.rewards.reshape(F, n, -1, A)

    def check(self, game: Game) -> None:
        """Raise InputError unless these are models of that game, the truth at its index."""
        _check_steps(self.ignored_steps, game)
        if isinstance(game, MarkovGame):
            shape = (self.size, *game.transition.shape)
            expect_shape(self.transitions, "transitions", shape, "(F, H, S, A, S)")
        else:
            shape = (self.size, game.probability.size)
            expect_shape(self.transitions, "transitions", shape, "(F, nnz)")
            in_range(self.transitions, "transitions", 0.0, 1.0 + ROW_TOLERANCE)
            totals = np.add.reduceat(self.transitions, game.layers.rows[:-1], axis=1)
            off = np.abs(totals - 1.0) > ROW_TOLERANCE
            if off.any():
                f, row = (int(k) for k in np.argwhere(off)[0])
                raise InputError(
                    f"transitions[{f}] of state {row // game.actions}, joint action "
                    f"{row % game.actions}, sums to {totals[f, row]:.12g}: expected 1 within 1e-9"
                )
        if self.truth is not None:
            error = np.abs(self.probabilities[self.truth] - game.probability).max()
            if error > 1e-9:
                raise InputError(
                    f"transitions[{self.truth}] is named the truth but differs from the game's "
                    f"transition by {error:.3g}: expected equality"
                )
        self._check_rewards(game)
        if self.mixture is not None:
            self.mixture.check(game, self.probabilities)

    def _check_rewards(self, game: Game) -> None:
        dense = isinstance(game, MarkovGame)
        meaning = "(F, n, H, S, A)" if dense else "(F, n, N, A)"
        if not game.random_rewards:
            if self.rewards is not None:
                raise InputError(
                    "the models have rewards, but those of the game are known: expected rewards "
                    "None"
                )
            return
        if self.rewards is None:
            raise InputError(
                "the models have no rewards, but those of the game are random and unknown: "
                f"expected rewards {meaning}"
            )
        expect_shape(self.rewards, "rewards", (self.size, *game.reward.shape), meaning)
        if self.truth is not None:
            error = np.abs(self.rewards[self.truth] - game.reward).max()
            if error > 1e-9:
                raise InputError(
                    f"rewards[{self.truth}] are named the truth but differ from the game's by "
                    f"{error:.3g}: expected equality"
                )

    def __repr__(self) -> str:
        truth = "misspecified" if self.truth is None else f"truth {self.truth}"
        rewards = "" if self.rewards is None else ", rewards included"
        mixed = (
            ""
            if self.mixture is None
            else f", mixtures of {count(self.mixture.dimension, 'kernel')}"
        )
        ignoring = _ignoring(self.ignored_steps)
        return f"ModelClass({count(self.size, 'model')}, {truth}{rewards}{mixed}{ignoring})"


@dataclass(frozen=True, eq=False, init=False, repr=False)
class ValueClass:
    """Finitely many action-value hypotheses per agent, with a completion for the targets.

    Attributes:
        per_agent: one (F_i, H, S, A) array per agent, or (F_i, N, A) for a layered game, values
            nonnegative.
        features: None for tabular completion (every function of state and action), else
            (H, S, A, d) or (N, A, d): targets are completed by ridge regression on these
            features, and each hypothesis must be linear in them.
        ridge: the ridge parameter of linear completion, positive.
        ignored_steps: steps that the loss and the discrepancy leave out.
    """

    per_agent: tuple[Floats, ...]
    features: Floats | None
    ridge: float
    ignored_steps: tuple[int, ...]

    def __init__(
        self,
        per_agent: Sequence[ArrayLike],
        completion: Literal["tabular"] | ArrayLike = "tabular",
        ridge: float = 1.0,
        ignored_steps: Sequence[int] = (),
    ) -> None:
        arrays = tuple(floats(a, f"per_agent[{i}]", 4, 3) for i, a in enumerate(per_agent))
        if not arrays:
            raise InputError("per_agent is empty: expected one array (F_i, H, S, A) per agent")
        for i, array in enumerate(arrays):
            expect_shape(
                array, f"per_agent[{i}]", (array.shape[0], *arrays[0].shape[1:]), "(F_i, H, S, A)"
            )
            in_range(array, f"per_agent[{i}]", 0.0, np.inf)
        features = None
        if isinstance(completion, str):
            if completion != "tabular":
                raise InputError(
                    f"completion is {completion!r}: expected 'tabular' or features (H, S, A, d)"
                )
        else:
            features = floats(completion, "completion", 4, 3)
            shape = (*arrays[0].shape[1:], features.shape[-1])
            expect_shape(features, "completion", shape, "(H, S, A, d)")
        object.__setattr__(self, "per_agent", arrays)
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "ridge", _positive(ridge, "ridge"))
        object.__setattr__(self, "ignored_steps", _steps(ignored_steps))

    @property
    def sizes(self) -> tuple[int, ...]:
        """(F_0, ..., F_{n-1})."""
        return tuple(a.shape[0] for a in self.per_agent)

    @property
    def flat(self) -> tuple[Floats, ...]:
        """One (F_i, N, A) array per agent, states numbered across layers."""
        return tuple(a.reshape(a.shape[0], -1, a.shape[-1]) for a in self.per_agent)

    @property
    def flat_features(self) -> Floats | None:
        """(N, A, d), or None for tabular completion."""
        return None if self.features is None else _flat(self.features)

    def check(self, game: Game) -> None:
        _check_steps(self.ignored_steps, game)
        if len(self.per_agent) != game.agents:
            raise InputError(f"per_agent has {len(self.per_agent)} entries: expected {game.agents}")
        shape = (self.sizes[0], *game.table_shape, game.actions)
        meaning = "(F_i, H, S, A)" if len(shape) == 4 else "(F_i, N, A)"
        expect_shape(self.per_agent[0], "per_agent[0]", shape, meaning)
        features = self.flat_features
        if features is not None:
            for i, values in enumerate(self.flat):
                linear_coefficients(values, features, game.layers.first, f"per_agent[{i}]")

    def step_bounds(self, game: Game) -> Floats:
        """(n, H): the least B_h with f_h and r_h + f_{h+1} in [0, B_h] for all f of the class.

        r_h is what is paid: up to 1 where rewards are random and not surely 0. An empirical mean of
        targets r_h + f_{h+1} lies there too, so tabular completion does.
        """
        H = game.horizon
        bounds = np.zeros((game.agents, H))
        first = game.layers.first[:H]
        for i, values in enumerate(self.flat):
            largest = np.append(np.maximum.reduceat(values.max(axis=(0, 2)), first), 0.0)
            # y = r_h(s,a) + f_{h+1}(s',a'), maximised separately: an upper bound for every s'.
            rewards = np.maximum.reduceat(game.largest_rewards[i].max(axis=1), first)
            bounds[i] = np.maximum(largest[:H], rewards + largest[1:])
        return bounds

    def __repr__(self) -> str:
        completion = "tabular" if self.features is None else f"linear d={self.features.shape[-1]}"
        sizes = " x ".join(map(str, self.sizes))
        ignoring = _ignoring(self.ignored_steps)
        return f"ValueClass({sizes} values, {completion} completion{ignoring})"


@dataclass(frozen=True, eq=False, init=False, repr=False)
class LinearValueClass:
    """All action values linear in given features; the regularised supremum has a closed form.

    Attributes:
        features: (H, S, A, d), or (N, A, d) for a layered game.
        ridge: ridge parameter, positive.
        radius: bound on the parameter's Euclidean norm per step, or None for no bound.
    """

    features: Floats
    ridge: float
    radius: float | None

    def __init__(
        self, features: ArrayLike, ridge: float = 1.0, radius: float | None = None
    ) -> None:
        object.__setattr__(self, "features", floats(features, "features", 4, 3))
        object.__setattr__(self, "ridge", _positive(ridge, "ridge"))
        bound = None if radius is None else _positive(radius, "radius")
        object.__setattr__(self, "radius", bound)

    @property
    def dimension(self) -> int:
        return self.features.shape[-1]

    @property
    def flat_features(self) -> Floats:
        """(N, A, d), states numbered across layers."""
        return _flat(self.features)

    def check(self, game: Game) -> None:
        shape = (*game.table_shape, game.actions, self.dimension)
        meaning = "(H, S, A, d)" if len(shape) == 4 else "(N, A, d)"
        expect_shape(self.features, "features", shape, meaning)

    def __repr__(self) -> str:
        return f"LinearValueClass(d={self.dimension}, ridge={self.ridge:g})"


Hypotheses = ModelClass | ValueClass | LinearValueClass


def linear_coefficients(
    values: Floats, features: Floats, first: Ints | None = None, name: str = "values"
) -> Floats:
    """(F, H, d): theta with values[f, x] = features[x] @ theta[f, h] in layer h, or InputError.

    values: (F, N, A); features: (N, A, d); first: that of the game's layers. Without it
    values (F, H, S, A) and features (H, S, A, d). Least squares per layer, residual at most 1e-8.
    """
    if first is None:
        first = np.arange(values.shape[1] + 2) * values.shape[2]
        values, features = values.reshape(len(values), -1, values.shape[-1]), _flat(features)
    F, d, H = values.shape[0], features.shape[-1], first.size - 2
    theta = np.zeros((F, H, d))
    for h in range(H):
        layer = slice(first[h], first[h + 1])
        basis = features[layer].reshape(-1, d)
        target = values[:, layer].reshape(F, -1).T
        theta[:, h] = np.linalg.lstsq(basis, target, rcond=None)[0].T
        residual = np.abs(basis @ theta[:, h].T - target).max()
        if residual > 1e-8:
            raise InputError(
                f"{name} at step {h} is not linear in the completion's features: residual "
                f"{residual:.3g}, expected at most 1e-8"
            )
    return theta


def _steps(ignored: Sequence[int]) -> tuple[int, ...]:
    """The ignored steps, each once, ascending."""
    for h in ignored:
        if isinstance(h, bool) or not isinstance(h, (int, np.integer)) or h < 0:
            raise InputError(f"ignored_steps holds {h!r}: expected whole numbers of at least 0")
    return tuple(sorted({int(h) for h in ignored}))


def _check_steps(ignored: tuple[int, ...], game: Game) -> None:
    if ignored and ignored[-1] >= game.horizon:
        raise InputError(f"ignored_steps holds {ignored[-1]}: expected 0 to {game.horizon - 1}")


def _ignoring(steps: tuple[int, ...]) -> str:
    if not steps:
        return ""
    return f", ignoring step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"


def _flat(features: Floats) -> Floats:
    """(..., A, d) -> (N, A, d)."""
    return features.reshape(-1, *features.shape[-2:])


def _positive(value: float, name: str) -> float:
    if not np.isfinite(value) or value <= 0.0:
        raise InputError(f"{name} is {value!r}: expected a positive number")
    return float(value)
