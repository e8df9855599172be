"""Finite-horizon general-sum Markov games and the trajectories that they produce."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import (
    Floats,
    Ints,
    expect_shape,
    floats,
    frozen,
    in_range,
    positive_integer,
    stochastic,
)


@dataclass(frozen=True, eq=False)
class Units:
    """The affine map to a game's own units: own return = scale * return + offset, per agent.

    Attributes:
        scale: (n,), positive.
        offset: (n,).
    """

    scale: Floats
    offset: Floats

    def to_own(self, values: ArrayLike) -> Floats:
        """Returns of shape (n, ...) in the game's own units."""
        array = np.asarray(values, dtype=np.float64)
        tail = (slice(None),) + (None,) * (array.ndim - 1)
        return self.scale[tail] * array + self.offset[tail]


@dataclass(frozen=True, eq=False, init=False, repr=False)
class MarkovGame:
    """A general-sum Markov game with n agents, S states, horizon H and A = prod A_i joint actions.

    Joint actions are numbered in mixed radix, agent 0 slowest. Arrays are copied, checked and made
    read-only.

    Attributes:
        transition: (H, S, A, S), rows stochastic to 1e-9; the last step's row is observed too.
        reward: (n, H, S, A), in [0, 1], deterministic and known to learners.
        action_counts: (A_0, ..., A_{n-1}); agents may have unequal numbers of actions.
        initial: (S,), distribution of the first state; None puts all mass on state 0.
        units: the affine map from returns to the game's own units; identity by default.
    """

    transition: Floats
    reward: Floats
    action_counts: tuple[int, ...]
    initial: Floats
    units: Units

    def __init__(
        self,
        transition: ArrayLike,
        reward: ArrayLike,
        action_counts: Sequence[int],
        initial: ArrayLike | None = None,
        units: Units | None = None,
    ) -> None:
        if not isinstance(action_counts, Iterable):
            raise InputError(f"action_counts is {action_counts!r}: expected one entry per agent")
        counts = tuple(positive_integer(c, "action_counts") for c in action_counts)
        if not counts:
            raise InputError("action_counts is empty: expected one entry per agent")
        P = floats(transition, "transition", 4)
        r = floats(reward, "reward", 4)
        H, S, A, _ = P.shape
        if int(np.prod(counts)) != A:
            raise InputError(
                f"transition has {A} joint actions: expected the product of action_counts {counts}"
            )
        expect_shape(P, "transition", (H, S, A, S), "(H, S, A, S)")
        expect_shape(r, "reward", (len(counts), H, S, A), "(n, H, S, A)")
        stochastic(P, "transition")
        in_range(r, "reward", 0.0, 1.0)
        rho = np.eye(1, S)[0] if initial is None else initial
        start = floats(rho, "initial", 1)
        expect_shape(start, "initial", (S,), "(S,)")
        stochastic(start, "initial")
        n = len(counts)
        own = units or Units(np.ones(n), np.zeros(n))
        scale, offset = floats(own.scale, "units.scale", 1), floats(own.offset, "units.offset", 1)
        expect_shape(scale, "units.scale", (n,), "(n,)")
        expect_shape(offset, "units.offset", (n,), "(n,)")
        if (scale <= 0.0).any():
            raise InputError(f"units.scale is {scale}: expected positive values")
        set_ = object.__setattr__
        set_(self, "transition", P)
        set_(self, "reward", r)
        set_(self, "action_counts", counts)
        set_(self, "initial", start)
        set_(self, "units", Units(scale, offset))

    @property
    def agents(self) -> int:
        return len(self.action_counts)

    @property
    def horizon(self) -> int:
        return self.transition.shape[0]

    @property
    def states(self) -> int:
        return self.transition.shape[1]

    @property
    def actions(self) -> int:
        """Number of joint actions."""
        return self.transition.shape[2]

    @cached_property
    def strides(self) -> Ints:
        """(n,): joint action = sum_i strides[i] * action_i."""
        tails = [int(np.prod(self.action_counts[i + 1 :])) for i in range(self.agents)]
        return frozen(np.array(tails, dtype=np.int64))

    @cached_property
    def action_table(self) -> Ints:
        """(A, n): the agents' actions behind each joint action."""
        table = np.array(list(np.ndindex(*self.action_counts)), dtype=np.int64)
        return frozen(table.reshape(self.actions, self.agents))

    @cached_property
    def cumulative_transition(self) -> Floats:
        """(H, S, A, S): inverse-transform table; exactly 1 from the last possible state on."""
        return frozen(cumulative(self.transition))

    @cached_property
    def cumulative_initial(self) -> Floats:
        """(S,): the same for the first state."""
        return frozen(cumulative(self.initial))

    @cached_property
    def return_range(self) -> float:
        """Widest range of any agent's expected return over all policies, history-dependent too."""
        high = _extreme_values(self.transition[None], self.reward, np.maximum)[0, 0]
        low = _extreme_values(self.transition[None], self.reward, np.minimum)[0, 0]
        return float(((high - low) @ self.initial).max()) if self.agents else 0.0

    def __repr__(self) -> str:
        return (
            f"MarkovGame({self.agents} agents, {self.states} states, horizon {self.horizon}, "
            f"actions {' x '.join(map(str, self.action_counts))})"
        )


def cumulative(rows: Floats) -> Floats:
    """Cumulative sums along the last axis, exactly 1 from the last positive entry on.

    So that a uniform draw in [0, 1) never lands on an entry of probability zero.
    """
    sums = np.cumsum(rows, axis=-1)
    last = rows.shape[-1] - 1 - np.argmax(rows[..., ::-1] > 0.0, axis=-1)
    sums[np.arange(rows.shape[-1]) >= last[..., None]] = 1.0
    return sums


def _extreme_values(transitions: Floats, reward: Floats, pick: np.ufunc) -> Floats:
    """(F, H, n, S): value of the joint policy that is extreme for each agent, per model.

    V_h(s) = pick_a [ r_h(s,a) + sum_s' P_h(s'|s,a) V_{h+1}(s') ].
    """
    F, H, S, _, _ = transitions.shape
    n = reward.shape[0]
    values = np.zeros((F, H + 1, n, S))
    for h in range(H - 1, -1, -1):
        future = np.einsum("fsat,fnt->fnsa", transitions[:, h], values[:, h + 1], optimize=True)
        values[:, h] = pick.reduce(reward[None, :, h] + future, axis=-1)
    return values[:, :H]


def largest_value(transitions: Floats, reward: Floats) -> float:
    """Largest V_h(s) of any agent, joint policy, step, state and model: the R of model classes."""
    return float(_extreme_values(transitions, reward, np.maximum).max())


@dataclass(frozen=True)
class Trajectory:
    """One episode as the learner sees it.

    Attributes:
        states: (H+1,) ints, the state before each step and after the last.
        actions: (H, n) ints, each agent's action.
        rewards: (n, H) floats in [0, 1].
    """

    states: Ints
    actions: Ints
    rewards: Floats
