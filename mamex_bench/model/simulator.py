"""What plays episodes: the game's sampling tables without its probabilities."""

from __future__ import annotations

import numpy as np

from mamex_bench.kernels.simulate import episode
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.game import MarkovGame, Trajectory


class Simulator:
    """Plays joint pure policies from uniform draws that are passed in.

    A learner's fused loop hands these arrays to its kernel and looks at nothing but the states
    that it visits.

    Attributes:
        cumulative_transition: (H, S, A, S), inverse-transform tables of the next state.
        cumulative_initial: (S,), that of the first state.
        reward: (n, H, S, A), known to learners.
    """

    cumulative_transition: Floats
    cumulative_initial: Floats
    reward: Floats

    def __init__(self, game: MarkovGame) -> None:
        self.cumulative_transition = game.cumulative_transition
        self.cumulative_initial = game.cumulative_initial
        self.reward = game.reward
        self._action_table = game.action_table
        self._steps = np.arange(game.horizon)

    def play(self, joint_actions: Ints, uniforms: Floats) -> Trajectory:
        """One episode of a joint pure policy.

        joint_actions: (H, S) ints. uniforms: (H+1,) in [0, 1): the first state's, then one per
        step.
        """
        H = self._steps.size
        states = np.empty(H + 1, dtype=np.int64)
        actions = np.empty(H, dtype=np.int64)
        episode(
            self.cumulative_transition,
            self.cumulative_initial,
            joint_actions,
            uniforms,
            states,
            actions,
        )
        rewards = self.reward[:, self._steps, states[:-1], actions]
        return Trajectory(states, self._action_table[actions], rewards)
