"""All payoffs of all models as one would write them in an afternoon: the yardsticks.

`numpy_payoffs` is vectorised over models, joint policies and states, all at once or in chunks of
models that fit the cache. `loop_payoffs` is a plain Python loop over lists.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.model.instance import Instance


def joint_tables(instance: Instance) -> np.ndarray:
    """(M, H, S): joint action of every joint pure policy."""
    policies = instance.policies
    return np.stack([policies.joint_actions(instance.game, k) for k in range(policies.size)])


def numpy_payoffs(instance: Instance, joint: np.ndarray, chunk: int) -> np.ndarray:
    """(F, n, M), `chunk` models at a time."""
    game, models = instance.game, instance.hypothesis().transitions
    H, S = game.horizon, game.states
    states = np.arange(S)
    out = []
    for first in range(0, len(models), chunk):
        P = models[first : first + chunk]
        V = np.zeros((len(P), len(joint), S, game.agents))
        for h in range(H - 1, -1, -1):
            rows = P[:, h, states, joint[:, h]]
            reward = np.moveaxis(game.reward[:, h, states, joint[:, h]], 0, -1)
            V = reward + rows @ V
        out.append(np.einsum("s,fmsn->fnm", game.initial, V))
    return np.concatenate(out)


def loop_payoffs(instance: Instance, joint: np.ndarray, model: int, policies: int) -> list:
    """Values (policies, n) of the first joint policies under one model."""
    game = instance.game
    P = instance.hypothesis().transitions[model].tolist()
    reward, initial = game.reward.tolist(), game.initial.tolist()
    S = range(game.states)
    values = []
    for table in joint[:policies].tolist():
        own = []
        for r in reward:
            V = [0.0] * game.states
            for h in range(game.horizon - 1, -1, -1):
                now = []
                for s in S:
                    a = table[h][s]
                    row = P[h][s][a]
                    total = r[h][s][a]
                    for t in S:
                        total += row[t] * V[t]
                    now.append(total)
                V = now
            own.append(sum(p * v for p, v in zip(initial, V)))
        values.append(own)
    return values
