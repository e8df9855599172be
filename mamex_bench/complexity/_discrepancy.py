"""Prediction errors and discrepancies of a hypothesis class, one object per agent.

A pair (f, pi) has the error e(f, pi) = V_f^{i,pi} - V^{i,pi} and, under data policy q, the loss

    D(q; f, pi) = sum_h E_q D_H^2(P_f, P*)                   (models: does not depend on pi)
    D(q; f, pi) = sum_h E_q (f_h - T_h^{i,pi} f_{h+1})^2     (action values)

with D_H^2 = 1 - sum sqrt(p q), of next state and rewards jointly where rewards are random; steps
that the class ignores are left out of the sums. Losses come in blocks; the full table over q and
pairs is never held.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels import decoupling as kernel
from mamex_bench.kernels.rewards import join_rewards
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.game import Game
from mamex_bench.model.hypotheses import ModelClass, ValueClass
from mamex_bench.model.instance import Instance


@dataclass(frozen=True, eq=False)
class Discrepancy(ABC):
    """What the search for a bracket needs to know of one agent.

    Attributes:
        errors: (M, F), e(f, pi) in the row of pi.
        own: (M, F), D(pi; f, pi).
    """

    errors: Floats
    own: Floats

    @property
    def policies(self) -> int:
        return self.errors.shape[0]

    @property
    def hypotheses(self) -> int:
        return self.errors.shape[1]

    @property
    @abstractmethod
    def shared(self) -> bool:
        """Whether D(q; f, pi) is the same for all pi."""

    @property
    @abstractmethod
    def step_cells(self) -> int:
        """Multiply-adds behind one loss; 0 when losses are looked up."""

    @abstractmethod
    def losses(self, members: Ints, policy: int, hypotheses: Ints | None = None) -> Floats:
        """D(q; f, policy) for each data policy q of `members` and each f (all when None)."""


@dataclass(frozen=True, eq=False)
class ModelDiscrepancy(Discrepancy):
    """Hellinger losses; `own` (M, F) holds D(q; f), whatever the policy of the pair."""

    @property
    def shared(self) -> bool:
        return True

    @property
    def step_cells(self) -> int:
        return 0

    def losses(self, members: Ints, policy: int, hypotheses: Ints | None = None) -> Floats:
        rows = self.own[members]
        return rows if hypotheses is None else rows[:, hypotheses]


@dataclass(frozen=True, eq=False)
class Residuals:
    """Squared Bellman residuals of one agent's hypotheses, computed per policy.

    Attributes:
        game: the true game; states are numbered across its layers.
        reward: (N, A), the agent's.
        values: (N A, F), hypotheses innermost.
        visits: (M, N), probability that policy q is in state x.
        cells: (M, N), the row x * A + a that it plays there.
        ignored: rows of the steps that are left out.
    """

    game: Game
    reward: Floats
    values: Floats
    visits: Floats
    cells: Ints
    ignored: Ints

    def losses(self, members: Ints, policy: int, hypotheses: Ints | None = None) -> Floats:
        values = self.values
        if hypotheses is not None:
            values = np.ascontiguousarray(values[:, hypotheses])
        game, played = self.game, self.cells[policy]
        squares = np.empty(values.shape)
        kernel.bellman_squares(game.layers, game.probability, self.reward, values, played, squares)
        squares[self.ignored] = 0.0
        out = np.empty((members.size, values.shape[1]))
        kernel.losses(self.visits, self.cells, members, squares, out)
        return out


@dataclass(frozen=True, eq=False)
class ValueDiscrepancy(Discrepancy):
    """Squared Bellman residuals; they depend on the pair's policy through its backup."""

    residuals: Residuals

    @property
    def shared(self) -> bool:
        return False

    @property
    def step_cells(self) -> int:
        return self.residuals.visits.shape[1]

    def losses(self, members: Ints, policy: int, hypotheses: Ints | None = None) -> Floats:
        return self.residuals.losses(members, policy, hypotheses)


def discrepancies(instance: Instance, hypotheses: str | None = None) -> list[Discrepancy]:
    """One per agent, following the hypotheses: models or action values.

    Raises NotApplicableError for a misspecified class of models (the losses need the truth) and
    for a linear class (its errors are unbounded, so is its coefficient).
    """
    classes = instance.hypothesis(hypotheses)
    if isinstance(classes, ModelClass):
        if classes.truth is None:
            raise NotApplicableError(
                f"hypotheses of {instance.name!r} are misspecified (truth is None): "
                "the decoupling coefficient needs the true model in the class"
            )
        return _of_models(instance, hypotheses, classes)
    if isinstance(classes, ValueClass):
        return _of_values(instance, classes)
    if instance.hypotheses:
        raise NotApplicableError(
            f"hypotheses of {instance.name!r} are an unbounded linear class: its prediction errors "
            "have no bound, so its decoupling coefficient is infinite"
        )
    raise InputError(f"instance {instance.name!r} has no hypotheses: give it a class")


def occupancies(instance: Instance) -> tuple[Floats, Ints]:
    """visits and cells, both (M, N), of every joint pure policy under the true game."""
    game, policies = instance.game, instance.policies
    shape = (policies.size, game.rewards.shape[1])
    visits, cells = np.empty(shape), np.empty(shape, dtype=np.int64)
    kernel.occupancies(
        game.layers,
        game.probability,
        game.initial,
        policies.flat,
        policies.offsets,
        game.strides,
        visits,
        cells,
    )
    return visits, cells


def _ignored_rows(game: Game, classes: ModelClass | ValueClass) -> Ints:
    """Rows x * A + a of the steps that the class ignores."""
    first, A = game.layers.first, game.actions
    steps = [np.arange(first[h] * A, first[h + 1] * A) for h in classes.ignored_steps]
    return np.concatenate(steps) if steps else np.empty(0, dtype=np.int64)


def _of_models(instance: Instance, name: str | None, models: ModelClass) -> list[Discrepancy]:
    visits, cells = occupancies(instance)
    P, rows = models.probabilities, instance.game.layers.rows
    squares = np.empty((rows.size - 1, models.size))
    kernel.hellinger_squares(rows, P, P[models.truth], squares)
    if models.means is not None:
        means = models.means.reshape(models.size, instance.game.agents, -1)
        join_rewards(means, means[models.truth], squares)
    table = np.empty((visits.shape[0], models.size))
    kernel.losses(visits, cells, np.arange(visits.shape[0]), squares, table)
    # e <= R sqrt(2 H D) at D = D(pi; f), no step ignored: true of exact numbers, so it removes only
    # rounding noise where a model cannot be told from the truth.
    ceiling = instance.value_bound(name) * np.sqrt(2.0 * instance.game.horizon * table)
    if models.ignored_steps:
        squares[_ignored_rows(instance.game, models)] = 0.0
        kernel.losses(visits, cells, np.arange(visits.shape[0]), squares, table)
    values = instance.model_payoffs(name)
    found: list[Discrepancy] = []
    for i in range(instance.game.agents):
        errors = np.ascontiguousarray((values[:, i] - values[models.truth, i]).T)
        found.append(ModelDiscrepancy(np.minimum(errors, ceiling), table))
    return found


def _of_values(instance: Instance, classes: ValueClass) -> list[Discrepancy]:
    visits, cells = occupancies(instance)
    game = instance.game
    truth = instance.payoffs.reshape(game.agents, -1)
    starts = cells[:, : game.initial.size]
    found: list[Discrepancy] = []
    for i, values in enumerate(classes.flat):
        innermost = np.ascontiguousarray(values.reshape(values.shape[0], -1).T)
        # V_f^{i,pi} = E_rho f_1(s, pi_1(s)), s in the first layer.
        errors = np.einsum("s,msf->mf", game.initial, innermost[starts]) - truth[i][:, None]
        nothing = np.empty(0, dtype=np.int64)
        residuals = Residuals(game, game.rewards[i], innermost, visits, cells, nothing)
        own = _own(residuals)
        # e <= sqrt(H D) at D = D(pi; f, pi), as above.
        ceiling = np.sqrt(game.horizon * own)
        if classes.ignored_steps:
            residuals = replace(residuals, ignored=_ignored_rows(game, classes))
            own = _own(residuals)
        found.append(ValueDiscrepancy(np.minimum(errors, ceiling), own, residuals))
    return found


def _own(residuals: Residuals) -> Floats:
    """(M, F): D(pi; f, pi)."""
    return np.concatenate(
        [residuals.losses(np.array([q]), q) for q in range(residuals.visits.shape[0])]
    )
