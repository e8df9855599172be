"""What all finite-horizon general-sum Markov games share, and the dense form."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.errors import InputError
from mamex_bench.kernels.layers import Layers, cumulate
from mamex_bench.kernels.values import extreme_values
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
from mamex_bench.words import count, html_table

if TYPE_CHECKING:
    from mamex_bench.model.layered import LayeredGame


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


class Game(ABC):
    """A general-sum Markov game with n agents, horizon H and A = prod A_i joint actions.

    Joint actions are numbered in mixed radix, agent 0 slowest. Every game can be seen in the
    sparse layered form of `kernels.layers`, states numbered across layers, N of them in the layers
    where something is decided; kernels see that form alone. Tables over states, such as policies,
    have the shape `table_shape`: (H, S) for a dense game, (N,) for a layered one; both hold the
    same numbers in the same order.

    Attributes:
        action_counts: (A_0, ..., A_{n-1}); agents may have unequal numbers of actions.
        reward: (n, *table_shape, A), in [0, 1].
        probability: (nnz,), that of every entry of `layers`.
        initial: distribution over the states of the first layer.
        units: the affine map from returns to the game's own units; identity by default.
        random_rewards: False: agent i is paid reward[i, x, a] for sure, and learners know it. True:
            it is paid 1 with that probability, else 0, independently of the other agents and of the
            next state, and learners do not know how likely that is.
    """

    action_counts: tuple[int, ...]
    reward: Floats
    probability: Floats
    initial: Floats
    units: Units
    random_rewards: bool

    @property
    @abstractmethod
    def horizon(self) -> int: ...

    @property
    @abstractmethod
    def states(self) -> int:
        """Number of states: per step (S) for a dense game, of all layers (N) for a layered one."""

    @property
    @abstractmethod
    def table_shape(self) -> tuple[int, ...]:
        """Shape of a table over all states in which something is decided."""

    @property
    @abstractmethod
    def layers(self) -> Layers:
        """Where states lie and what may follow them."""

    @abstractmethod
    def numbered(self, states: Ints) -> Ints:
        """(H+1,) states of a trajectory, as numbered across layers."""

    @abstractmethod
    def named(self, states: Ints) -> Ints:
        """(H+1,) states numbered across layers, as a trajectory of this game names them."""

    @property
    def agents(self) -> int:
        return len(self.action_counts)

    @property
    def actions(self) -> int:
        """Number of joint actions."""
        return self.reward.shape[-1]

    @cached_property
    def rewards(self) -> Floats:
        """(n, N, A): the rewards, or their means, states numbered across layers."""
        return self.reward.reshape(self.agents, -1, self.actions)

    @property
    def largest_rewards(self) -> Floats:
        """(n, N, A): the most that can be paid at once."""
        return np.ceil(self.rewards) if self.random_rewards else self.rewards

    @cached_property
    def strides(self) -> Ints:
        """(n,): joint action = sum_i strides[i] * action_i."""
        tails = [math.prod(self.action_counts[i + 1 :]) for i in range(self.agents)]
        return frozen(np.array(tails, dtype=np.int64))

    @cached_property
    def counts(self) -> Ints:
        """(n,): action_counts as an array, for kernels."""
        return frozen(np.array(self.action_counts, dtype=np.int64))

    @cached_property
    def action_table(self) -> Ints:
        """(A, n): the agents' actions behind each joint action."""
        table = np.array(list(np.ndindex(*self.action_counts)), dtype=np.int64)
        return frozen(table.reshape(self.actions, self.agents))

    @cached_property
    def possible(self) -> tuple[Layers, Floats]:
        """`layers` and `probability` without the entries of probability zero.

        Sums over rows are the same bit for bit, and take a fraction of the time where a dense game
        is sparse at heart.
        """
        layers, kept = self.layers, self.probability > 0.0
        if kept.all():
            return layers, self.probability
        rows = np.concatenate([[0], np.cumsum(kept)])[layers.rows]
        following = frozen(layers.following[kept])
        thin = Layers(layers.first, frozen(rows), following, layers.actions)
        return thin, frozen(self.probability[kept])

    @cached_property
    def cumulative(self) -> Floats:
        """(nnz,): inverse-transform table of every row; exactly 1 from the last possible entry."""
        out = np.empty(self.probability.size)
        cumulate(self.layers.rows, self.probability, out)
        return frozen(out)

    @cached_property
    def cumulative_initial(self) -> Floats:
        """The same for the first state."""
        return frozen(cumulative(self.initial))

    @cached_property
    def return_range(self) -> float:
        """Widest range of any agent's expected return over all policies, history-dependent too."""
        P = self.probability[None]
        high, low = (_extreme(self, P, sign)[0, :, : self.initial.size] for sign in (1.0, -1.0))
        return float(((high - low) @ self.initial).max())

    def largest_value(self, probabilities: Floats, rewards: Floats | None = None) -> float:
        """Largest value of any agent, joint policy, state and model (F, nnz): R of model classes.

        On entries of `layers`; rewards (F, n, N, A), or None for the game's own. Where rewards are
        random it is also at least 1 + V_{h+1}(s'), what may be paid and then expected.
        """
        values = _extreme(self, probabilities, 1.0, rewards)
        largest = float(values.max())
        if self.random_rewards:
            largest = max(largest, 1.0 + float(values[:, :, self.initial.size :].max(initial=0.0)))
        # Rows sum to 1 and rewards are at most 1, but rounding knows neither.
        return min(largest, float(self.horizon))

    def _finish(
        self,
        action_counts: tuple[int, ...],
        reward: Floats,
        initial: ArrayLike | None,
        first_states: int,
        units: Units | None,
        random_rewards: bool,
    ) -> None:
        """Check and set what every form has in common."""
        in_range(reward, "reward", 0.0, 1.0)
        rho = np.eye(1, first_states)[0] if initial is None else initial
        start = floats(rho, "initial", 1)
        expect_shape(start, "initial", (first_states,), "one entry per first state")
        stochastic(start, "initial")
        n = len(action_counts)
        own = Units(np.ones(n), np.zeros(n)) if units is None else units
        if not isinstance(own, Units):
            raise InputError(f"units is {units!r}: expected Units(scale, offset)")
        scale, offset = floats(own.scale, "units.scale", 1), floats(own.offset, "units.offset", 1)
        expect_shape(scale, "units.scale", (n,), "(n,)")
        expect_shape(offset, "units.offset", (n,), "(n,)")
        if (scale <= 0.0).any():
            raise InputError(f"units.scale is {scale}: expected positive values")
        set_ = object.__setattr__
        set_(self, "action_counts", action_counts)
        set_(self, "reward", reward)
        set_(self, "initial", start)
        set_(self, "units", Units(scale, offset))
        set_(self, "random_rewards", bool(random_rewards))


@dataclass(frozen=True, eq=False, init=False, repr=False)
class MarkovGame(Game):
    """A dense Markov game: S states at every step, a full row of S probabilities each.

    Arrays are copied, checked and made read-only.

    Attributes:
        transition: (H, S, A, S), rows stochastic to 1e-9; the last step's row is observed too.
        reward: (n, H, S, A), in [0, 1].
        action_counts: (A_0, ..., A_{n-1}); agents may have unequal numbers of actions.
        initial: (S,), distribution of the first state; None puts all mass on state 0.
        units: the affine map from returns to the game's own units; identity by default.
        random_rewards: whether `reward` holds the means of unknown 0/1 rewards; see Game.
    """

    transition: Floats
    reward: Floats
    action_counts: tuple[int, ...]
    initial: Floats
    units: Units
    random_rewards: bool

    def __init__(
        self,
        transition: ArrayLike,
        reward: ArrayLike,
        action_counts: Sequence[int],
        initial: ArrayLike | None = None,
        units: Units | None = None,
        *,
        random_rewards: bool = False,
    ) -> None:
        counts = checked_action_counts(action_counts)
        P = floats(transition, "transition", 4)
        r = floats(reward, "reward", 4)
        H, S, A, _ = P.shape
        if math.prod(counts) != A:
            raise InputError(
                f"transition has {A} joint actions: expected the product of action_counts {counts}"
            )
        expect_shape(P, "transition", (H, S, A, S), "(H, S, A, S)")
        expect_shape(r, "reward", (len(counts), H, S, A), "(n, H, S, A)")
        stochastic(P, "transition")
        object.__setattr__(self, "transition", P)
        object.__setattr__(self, "probability", P.reshape(-1))
        self._finish(counts, r, initial, S, units, random_rewards)

    @property
    def horizon(self) -> int:
        return self.transition.shape[0]

    @property
    def states(self) -> int:
        return self.transition.shape[1]

    @property
    def table_shape(self) -> tuple[int, ...]:
        return self.transition.shape[:2]

    @cached_property
    def layers(self) -> Layers:
        """Full rows: entry (h, s, a, t) is that of `transition`, state (h, s) is h * S + s."""
        H, S, A, _ = self.transition.shape
        ends = (1 + np.arange(H, dtype=np.int32))[:, None, None] * S
        following = np.broadcast_to(ends + np.arange(S, dtype=np.int32), (H, S * A, S))
        return Layers(
            first=frozen(np.arange(H + 2, dtype=np.int64) * S),
            rows=frozen(np.arange(H * S * A + 1, dtype=np.int64) * S),
            following=frozen(np.ascontiguousarray(following).reshape(-1)),
            actions=A,
        )

    @property
    def cumulative_transition(self) -> Floats:
        """(H, S, A, S): inverse-transform table; exactly 1 from the last possible state on."""
        return self.cumulative.reshape(self.transition.shape)

    def numbered(self, states: Ints) -> Ints:
        return states + self.layers.first[:-1]

    def named(self, states: Ints) -> Ints:
        return states - self.layers.first[:-1]

    def layered(self) -> LayeredGame:
        """The same game as a layered one, entries of probability zero left out."""
        from mamex_bench.model.layered import LayeredGame

        kept = self.probability > 0.0
        layers = self.layers
        return LayeredGame(
            layers.first[:-1],
            np.concatenate([[0], np.cumsum(kept)])[layers.rows],
            layers.following[kept],
            self.probability[kept],
            self.rewards,
            self.action_counts,
            self.initial,
            self.units,
            random_rewards=self.random_rewards,
        )

    def __repr__(self) -> str:
        return (
            f"MarkovGame({count(self.agents, 'agent')}, "
            f"{count(self.states, 'state')}, horizon {self.horizon}, "
            f"actions {' x '.join(map(str, self.action_counts))}"
            f"{', random rewards' if self.random_rewards else ''})"
        )

    def _repr_html_(self) -> str:
        return html(self, "Markov game")


def html(game: Game, kind: str) -> str:
    """A table of a game's sizes, for notebooks."""
    rows = {
        "agents": game.agents,
        "states": f"{game.states:,}",
        "horizon": game.horizon,
        "actions": " × ".join(map(str, game.action_counts)),
        "rewards": "random" if game.random_rewards else "known",
        "returns range over": f"{game.return_range:.6g}",
    }
    return html_table(kind, rows)


def checked_action_counts(action_counts: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(action_counts, Iterable):
        raise InputError(f"action_counts is {action_counts!r}: expected one entry per agent")
    counts = tuple(positive_integer(c, "action_counts") for c in action_counts)
    if not counts:
        raise InputError("action_counts is empty: expected one entry per agent")
    return counts


def cumulative(rows: Floats) -> Floats:
    """Cumulative sums along the last axis, exactly 1 from the last positive entry on.

    So that a uniform draw in [0, 1) never lands on an entry of probability zero.
    """
    sums = np.cumsum(rows, axis=-1)
    last = rows.shape[-1] - 1 - np.argmax(rows[..., ::-1] > 0.0, axis=-1)
    sums[np.arange(rows.shape[-1]) >= last[..., None]] = 1.0
    return sums


def _extreme(
    game: Game, probabilities: Floats, sign: float, rewards: Floats | None = None
) -> Floats:
    """(F, n, N): value of the joint policy that is extreme for each agent, per model."""
    out = np.zeros((probabilities.shape[0], game.agents, int(game.layers.first[-1])))
    paid = game.rewards[None] if rewards is None else rewards
    extreme_values(game.layers, probabilities, paid, sign, out)
    return out[:, :, : game.rewards.shape[1]]


@dataclass(frozen=True)
class Trajectory:
    """One episode as the learner sees it.

    `policy`, where it is not None, is the joint pure policy that was run, a joint action in every
    state, (H, S) or (N,): agents know what they have drawn.

    Attributes:
        states: (H+1,) ints, the state before each step and after the last; in a layered game as
            numbered across layers.
        actions: (H, n) ints, each agent's action.
        rewards: (n, H) floats in [0, 1]; 0 or 1 where rewards are random.
    """

    states: Ints
    actions: Ints
    rewards: Floats
    policy: Ints | None = None
