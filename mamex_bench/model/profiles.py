"""What a learner plays in one episode: a distribution over policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.kernels.gaps import deviation_gains
from mamex_bench.kernels.markov_gaps import markov_class_gaps, markov_gaps
from mamex_bench.kernels.simulate import draw
from mamex_bench.model._arrays import Floats, Ints, expect_shape, floats, frozen, stochastic
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.game import Game, cumulative
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.unrestricted import (
    NODE_LIMIT,
    unrestricted_value_bounds,
    unrestricted_values,
)

if TYPE_CHECKING:
    from mamex_bench.model.instance import Instance


@dataclass(frozen=True, eq=False, repr=False)
class ClassProfile:
    """A distribution over the joint pure policies of a class (a product for Nash).

    Attributes:
        policies: the class.
        distribution: (m_0, ..., m_{n-1}), sums to 1.
        concept: "nash", "ce" or "cce"; says which gap is meant.
        factors: n arrays (m_i,) whose outer product the distribution is, bit for bit, where it was
            made from them by `product`; else None, whether or not it is a product.
    """

    policies: PurePolicies
    distribution: Floats
    concept: str
    factors: tuple[Floats, ...] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        concept_code(self.concept)
        x = floats(self.distribution, "distribution", self.policies.agents)
        expect_shape(x, "distribution", self.policies.counts, "(m_0, ..., m_{n-1})")
        stochastic(x.reshape(-1), "distribution")
        object.__setattr__(self, "distribution", x)

    @classmethod
    def product(
        cls, policies: PurePolicies, factors: Sequence[Floats], concept: str
    ) -> ClassProfile:
        """Agents that draw independently, each by its own distribution (m_i,)."""
        own = tuple(floats(each, f"factors[{i}]", 1) for i, each in enumerate(factors))
        profile = cls(policies, outer(own), concept)
        object.__setattr__(profile, "factors", own)
        return profile

    @classmethod
    def trusted_product(
        cls, policies: PurePolicies, distribution: Floats, factors: tuple[Floats, ...], concept: str
    ) -> ClassProfile:
        """Without copy or check, of arrays that no one will change: `outer` of the factors."""
        profile = object.__new__(cls)
        object.__setattr__(profile, "policies", policies)
        object.__setattr__(profile, "distribution", frozen(distribution))
        object.__setattr__(profile, "concept", concept)
        object.__setattr__(profile, "factors", factors)
        return profile

    @cached_property
    def cumulative(self) -> Floats:
        """(M,): inverse-transform table over joint policies in C order."""
        return frozen(cumulative(self.distribution.reshape(-1)))

    def sample(self, rng: np.random.Generator) -> int:
        """Index of a joint pure policy, from one uniform draw."""
        return draw(self.cumulative, rng.random())

    def play(self, game: Game, rng: np.random.Generator) -> Ints:
        """(H, S) or (N,): joint action in every state, of one sampled joint pure policy."""
        return self.policies.joint_actions(game, self.sample(rng))

    def gaps(self, instance: Instance) -> Floats:
        """(n,): exact deviation gains inside the class on the true payoffs, signed."""
        return self.payoff_gaps(instance.payoffs)

    def payoff_gaps(self, payoffs: ArrayLike) -> Floats:
        """(n,): deviation gains on any payoff tensor (n, m_0, ..., m_{n-1})."""
        U = np.ascontiguousarray(payoffs, dtype=np.float64)
        n = U.shape[0]
        out = np.empty(n)
        counts = np.array(self.policies.counts, dtype=np.int64)
        code = concept_code(self.concept)
        deviation_gains(U.reshape(n, -1), counts, self.distribution.reshape(-1), code, out)
        return out

    def unrestricted_gaps(self, instance: Instance, limit: int = NODE_LIMIT) -> Floats:
        """(n,): exact gain of the best deviation among *all* policies of one agent.

        It may depend on all states and actions seen so far, and for "ce" on the agent's own drawn
        policy; see `model.unrestricted`. At least `gaps`, and zero for no small class in general.

        Raises:
            InputError: more than `limit` pairs of a state and a set of policies still possible.
        """
        game, x = instance.game, self.distribution
        best = unrestricted_values(game, self.policies, x, self.concept, limit)
        return best - (instance.payoffs * x).reshape(game.agents, -1).sum(axis=1)

    def unrestricted_interval(self, instance: Instance) -> Floats:
        """(2, n): lower and upper ends of `unrestricted_gaps`, for profiles of any size."""
        game, x = instance.game, self.distribution
        ends = unrestricted_value_bounds(game, self.policies, x, self.concept)
        return np.stack(ends) - (instance.payoffs * x).reshape(game.agents, -1).sum(axis=1)

    def __repr__(self) -> str:
        support = int((self.distribution > 0.0).sum())
        return f"ClassProfile({self.concept}, support {support} of {self.distribution.size})"


@dataclass(frozen=True, eq=False, repr=False)
class MarkovProfile:
    """A Markov joint policy: at each step and state a distribution over joint actions.

    Attributes:
        joint: (H, S, A), or (N, A) for a layered game, stochastic rows.
        concept: "nash", "ce" or "cce"; says which gap is meant.
    """

    joint: Floats
    concept: str

    def __post_init__(self) -> None:
        concept_code(self.concept)
        joint = floats(self.joint, "joint", 3, 2)
        stochastic(joint, "joint")
        object.__setattr__(self, "joint", joint)

    @classmethod
    def trusted(cls, joint: Floats, concept: str) -> MarkovProfile:
        """Without copy or check: a contiguous array of stochastic rows that no one will change."""
        profile = object.__new__(cls)
        object.__setattr__(profile, "joint", frozen(joint))
        object.__setattr__(profile, "concept", concept)
        return profile

    @cached_property
    def cumulative(self) -> Floats:
        """Of the shape of joint: inverse-transform tables."""
        return frozen(cumulative(self.joint))

    def sample(self, rng: np.random.Generator) -> Ints:
        """(H, S) or (N,): a joint action in every state, from one uniform draw for each."""
        uniforms = rng.random(self.joint.shape[:-1])
        table = (self.cumulative <= uniforms[..., None]).sum(axis=-1)
        return table.astype(np.int64)

    def play(self, game: Game, rng: np.random.Generator) -> Ints:
        """A joint action in every state, to play in one episode; each is met at most once."""
        return self.sample(rng)

    def gaps(self, instance: Instance) -> Floats:
        """(n,): exact gain of the best deviation among *all* policies of one agent.

        Best response by dynamic programming; for "ce" the deviation may depend on the
        recommendation at each step and state (per-state swap).
        """
        game = instance.game
        out = np.empty(game.agents)
        markov_gaps(
            *game.possible,
            game.rewards,
            game.initial,
            game.counts,
            game.strides,
            self.joint.reshape(-1, game.actions),
            self.concept == "ce",
            out,
        )
        return out

    def class_gaps(self, instance: Instance) -> Floats:
        """(n,): gain of the best fixed deviation inside the instance's policy class, signed.

        Each policy v of agent i's class is set against the others' marginal play.
        """
        game, policies = instance.game, instance.policies
        out = np.empty(game.agents)
        markov_class_gaps(
            *game.possible,
            game.rewards,
            game.initial,
            game.counts,
            game.strides,
            self.joint.reshape(-1, game.actions),
            policies.flat,
            policies.offsets,
            out,
        )
        return out

    def __repr__(self) -> str:
        return f"MarkovProfile({self.concept}, {' x '.join(map(str, self.joint.shape))})"


Profile = ClassProfile | MarkovProfile


def outer(factors: Sequence[Floats]) -> Floats:
    """x(v_0, ..., v_{n-1}) = prod_i factors_i(v_i), agent 0 first.

    factors (..., m_i), result (..., m_0, ..., m_{n-1}); the axes in front are gone through.
    """
    x: Floats = np.ones(factors[0].shape[:-1])
    for own in factors:
        front = own.shape[:-1]
        x = x[..., None] * own.reshape(*front, *(1,) * (x.ndim - len(front)), own.shape[-1])
    return x
