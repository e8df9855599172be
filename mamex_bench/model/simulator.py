"""What plays episodes: the game's sampling tables without its probabilities."""

from __future__ import annotations

import numpy as np

from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.rewards import pay
from mamex_bench.kernels.simulate import episode
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.game import Game, Trajectory


class Simulator:
    """Plays joint pure policies from uniform draws that are passed in.

    A learner's fused loop hands these arrays to its kernel and looks at nothing but the states
    that it visits.

    Attributes:
        layers: where states lie and what may follow them.
        cumulative: (nnz,), inverse-transform tables of the next state.
        cumulative_initial: that of the first state, over the first layer.
        reward: (n, N, A), the rewards or, where they are random, their means.
        uniforms: how many uniform draws an episode takes, the profile's aside: one for the first
            state, one per step and, where rewards are random, one per agent and step after these.
    """

    layers: Layers
    cumulative: Floats
    cumulative_initial: Floats
    reward: Floats
    uniforms: int

    def __init__(self, game: Game) -> None:
        self.layers = game.layers
        self.cumulative = game.cumulative
        self.cumulative_initial = game.cumulative_initial
        self.reward = game.rewards
        self.uniforms = 1 + game.horizon * (1 + game.agents * game.random_rewards)
        self._game = game

    def play(self, joint_actions: Ints, uniforms: Floats) -> Trajectory:
        """One episode of a joint pure policy.

        joint_actions: a joint action per state, (H, S) or (N,). uniforms: (`uniforms`,) in [0, 1):
        the first state's, then one per step, then those of the rewards, agent by agent.
        """
        game, H = self._game, self._game.horizon
        states = np.empty(H + 1, dtype=np.int64)
        actions = np.empty(H, dtype=np.int64)
        rewards = np.empty((game.agents, H))
        episode(
            self.layers,
            self.cumulative,
            self.cumulative_initial,
            joint_actions.reshape(-1),
            uniforms[: H + 1],
            states,
            actions,
        )
        pay(self.reward, states, actions, uniforms[H + 1 : self.uniforms], rewards)
        return Trajectory(game.named(states), game.action_table[actions], rewards, joint_actions)
