"""The protocol of every learner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.kernels.layers import foreign_step
from mamex_bench.model._arrays import Floats, Ints, expect_shape, floats, positive_integer
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.game import Trajectory
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import Profile
from mamex_bench.model.simulator import Simulator
from mamex_bench.words import html_table


class Learner(ABC):
    """Chooses a profile, sees one trajectory of it, and so on, for a stated number of episodes.

    A learner may read the instance's policies, hypotheses, action counts and first-state
    distribution, what can follow what (`game.layers`; everything, in a dense game), and rewards
    unless they are random. It never reads transition probabilities, nor the means of random
    rewards: a universal test changes them and demands the same choices.

    A learner that also has `advance` plays many episodes in one call; the result is bit-identical
    to choose and observe, and a universal test demands it.

    Attributes:
        name: the registered name.
        profile_kind: "class" (distribution over joint pure policies) or "markov".
        reads_truth: whether it looks at what learners must not, as a yardstick may.
        concept: "nash", "ce" or "cce".
        episodes: the number of episodes that it is made for.
        eta: the trade-off parameter in use, if it has one.
        episode: episodes observed so far.
        rng: the learner's own randomness, which a run names after itself. A fused loop draws from
            it as choose and observe do, episode by episode.
    """

    name: str
    profile_kind: ClassVar[Literal["class", "markov"]] = "class"
    reads_truth: ClassVar[bool] = False

    def __init__(self, instance: Instance, concept: str, episodes: int) -> None:
        concept_code(concept)
        self.instance = instance
        self.concept = concept
        self.episodes = positive_integer(episodes, "episodes")
        self.eta: float | None = None
        self.episode = 0
        self.rng = np.random.default_rng(0)

    def __repr__(self) -> str:
        eta = "" if self.eta is None else f", eta={self.eta:.4g}"
        return (
            f"<{self.name}, {self.concept}, episode {self.episode:,} of {self.episodes:,}{eta}, "
            f"on {self.instance.name!r}>"
        )

    def _repr_html_(self) -> str:
        rows = {
            "plays": f"{self.profile_kind} profiles",
            "concept": self.concept,
            "episode": f"{self.episode:,} of {self.episodes:,}",
            "η": "—" if self.eta is None else f"{self.eta:.6g}",
            "instance": self.instance.name,
        }
        return html_table(self.name.replace("_", " "), rows)

    def begin(self, rng: np.random.Generator) -> None:
        """Take the stream that a learner draws from, where it draws at all; before episode 1."""
        self.rng = rng

    @abstractmethod
    def choose(self) -> Profile:
        """The profile of the coming episode; the same object as long as it does not change."""

    @abstractmethod
    def observe(self, trajectory: Trajectory) -> None:
        """Learn from one episode played with the profile that was chosen."""

    def steps(self, trajectory: Trajectory) -> tuple[Ints, Ints, Floats]:
        """States (H+1,), numbered across layers, joint actions (H,) and rewards (n, H).

        Rewards that are known are those of the game.

        Raises:
            InputError: a transition that the game does not have, or random rewards that are not 0
                or 1.
        """
        game = self.instance.game
        states, actions = game.numbered(trajectory.states), trajectory.actions @ game.strides
        h = foreign_step(game.layers, states, actions)
        if h >= 0:
            raise InputError(
                f"trajectory.states[{h}:{h + 2}] is {trajectory.states[h : h + 2]} with joint "
                f"action {actions[h]}: expected a transition of {game!r}"
            )
        if not game.random_rewards:
            return states, actions, game.rewards[:, states[:-1], actions]
        rewards = floats(trajectory.rewards, "trajectory.rewards", 2)
        expect_shape(rewards, "trajectory.rewards", (game.agents, game.horizon), "(n, H)")
        if not np.isin(rewards, (0.0, 1.0)).all():
            raise InputError(
                f"trajectory.rewards is {rewards.tolist()}: expected 0 or 1, rewards are random"
            )
        return states, actions, rewards

    def diagnostics(self) -> dict[str, float]:
        """Counters by name, for example the number of equilibrium solves."""
        return {}


class FusedLearner(Learner):
    """A learner whose episode loop is compiled."""

    @abstractmethod
    def advance(self, simulator: Simulator, draws: Floats) -> list[tuple[Profile, int]]:
        """Play draws.shape[0] episodes; returns the profiles used and for how many episodes.

        draws (B, 1 + simulator.uniforms): per episode the uniforms of the joint policy, the first
        state, the H transitions and the rewards that are random, exactly as choose, sample and
        observe would use them. A Markov profile needs one for each of the N states in place of the
        first: (B, N + simulator.uniforms).
        """
