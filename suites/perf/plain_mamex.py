"""Model-based MAMEX as one would write it in an afternoon: NumPy and scipy.optimize.linprog.

Same algorithm, no pruning, no reuse: every episode maximises over all models and solves the CCE
linear program anew. The yardstick of `bench_mamex`.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from mamex_bench.model.instance import Instance


class PlainMamex:
    """Steps through model-based MAMEX for a CCE of maximal welfare, two agents or more."""

    def __init__(self, instance: Instance, eta: float, seed: int) -> None:
        self.instance, self.eta = instance, eta
        self.rng = np.random.default_rng(seed)
        self.values = self._values()
        self.losses = np.zeros(self.values.shape[0])
        self.constraints = self._deviations()

    def _values(self) -> np.ndarray:
        """(F, n, M): policy evaluation, vectorised over models and joint policies."""
        game, policies = self.instance.game, self.instance.policies
        models = self.instance.hypothesis().transitions
        joint = np.stack([policies.joint_actions(game, k) for k in range(policies.size)])
        states = np.arange(game.states)
        V = np.zeros((models.shape[0], game.agents, policies.size, game.states))
        for h in range(game.horizon - 1, -1, -1):
            actions = joint[:, h]
            reward = game.reward[:, h][:, states, actions]
            rows = models[:, h][:, states, actions]
            V = reward[None] + np.einsum("fmst,fnmt->fnms", rows, V, optimize=True)
        return V @ game.initial

    def _deviations(self) -> list[tuple[int, int, np.ndarray]]:
        """(agent, own policy v, index of (v, others) for every joint policy)."""
        counts = self.instance.policies.counts
        grid = np.indices(counts).reshape(len(counts), -1)
        out = []
        for i, m in enumerate(counts):
            for v in range(m):
                moved = grid.copy()
                moved[i] = v
                out.append((i, v, np.ravel_multi_index(moved, counts)))
        return out

    def step(self) -> np.ndarray:
        """One episode; returns the distribution that was played."""
        game, policies = self.instance.game, self.instance.policies
        U = (self.values - self.eta * self.losses[:, None, None]).max(axis=0)
        rows = np.array([U[i, moved] - U[i] for i, _, moved in self.constraints])
        found = linprog(
            -U.sum(axis=0),
            A_ub=csr_matrix(rows),
            b_ub=np.zeros(rows.shape[0]),
            A_eq=np.ones((1, U.shape[1])),
            b_eq=[1.0],
        )
        x = np.maximum(found.x, 0.0)
        x /= x.sum()
        table = policies.joint_actions(game, self.rng.choice(x.size, p=x))
        s = self.rng.choice(game.states, p=game.initial)
        models = self.instance.hypothesis().transitions
        for h in range(game.horizon):
            a = table[h, s]
            t = self.rng.choice(game.states, p=game.transition[h, s, a])
            self.losses -= np.log(models[:, h, s, a, t])
            s = t
        return x
