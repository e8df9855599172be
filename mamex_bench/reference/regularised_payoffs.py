"""Slow twins of the evidence kernels: regularised payoffs from the definition, data replayed.

Every quantity is recomputed from the list of trajectories; nothing is shared with the kernels. A
layered game is taken in its dense form, states that fill up a layer being never reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.evaluation import dense
from mamex_bench.model.game import Game, MarkovGame, Trajectory
from mamex_bench.model.hypotheses import Hypotheses, LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.layered import LayeredGame
from mamex_bench.model.policies import PurePolicies
from mamex_bench.reference.rows import padded

Step = tuple[int, int, int, int, Floats]  # (h, s, joint action, s', what each agent was paid)
Steps = list[list[Step]]  # of every trajectory


def regularised_payoffs(
    instance: Instance, name: str, trajectories: Sequence[Trajectory], eta: float
) -> Floats:
    """(n, m_0, ...): sup_f { V_f^{i,pi}(rho) - eta L^i(f, pi) }, raw losses."""
    seen = [_steps(instance.game, trajectory) for trajectory in trajectories]
    classes = _dense_class(instance.game, instance.hypothesis(name))
    game, policies = dense(instance.game), _dense_policies(instance.game, instance.policies)
    out = np.empty((game.agents, *policies.counts))
    for index, members in enumerate(np.ndindex(*policies.counts)):
        joint = policies.joint_actions(game, index)
        for i in range(game.agents):
            if isinstance(classes, ModelClass):
                worth = _models(game, classes, seen, eta, joint, i)
            elif isinstance(classes, ValueClass):
                worth = _values(game, classes, seen, eta, joint, i)
            else:
                worth = _linear(game, classes, seen, eta, joint, i)
            out[(i, *members)] = worth
    return out


def _steps(game: Game, trajectory: Trajectory) -> list[Step]:
    """Of a trajectory, states as the dense form names them."""
    states = trajectory.states
    if isinstance(game, LayeredGame):
        states = states - game.layer_offsets
    actions = [int(np.ravel_multi_index(each, game.action_counts)) for each in trajectory.actions]
    paid = trajectory.rewards.T
    return [(h, int(states[h]), a, int(states[h + 1]), paid[h]) for h, a in enumerate(actions)]


def _dense_policies(game: Game, policies: PurePolicies) -> PurePolicies:
    return PurePolicies(
        [np.stack([padded(game, table) for table in tables]) for tables in policies.tables]
    )


def _dense_class(game: Game, classes: Hypotheses) -> Hypotheses:
    """The hypotheses for the game's dense form; values and features of padding are zero."""
    if not isinstance(game, LayeredGame):
        return classes
    if isinstance(classes, ModelClass):
        parts = game.layer_offsets, game.indptr, game.next_state
        models = [
            LayeredGame(*parts, model, game.reward, game.action_counts).dense().transition
            for model in classes.transitions
        ]
        means = classes.rewards
        if means is not None:
            means = np.stack([[padded(game, own) for own in model] for model in means])
        return ModelClass(models, None, means, classes.ignored_steps)
    if isinstance(classes, LinearValueClass):
        return LinearValueClass(padded(game, classes.features), classes.ridge)
    values = [np.stack([padded(game, f) for f in each]) for each in classes.per_agent]
    if classes.features is None:
        return ValueClass(values, ignored_steps=classes.ignored_steps)
    features = padded(game, classes.features)
    return ValueClass(values, features, classes.ridge, classes.ignored_steps)


def policy_value(transition: Floats, reward: Floats, initial: Floats, joint: Ints) -> float:
    """V^pi(rho) of one agent's reward (H, S, A) under one model (H, S, A, S)."""
    H, S = joint.shape
    V = np.zeros(S)
    for h in range(H - 1, -1, -1):
        V = np.array(
            [reward[h, s, joint[h, s]] + transition[h, s, joint[h, s]] @ V for s in range(S)]
        )
    return float(initial @ V)


def model_losses(game: Game, classes: ModelClass, trajectories: Sequence[Trajectory]) -> Floats:
    """(F,): negative log-likelihoods, infinite where a model excludes what was seen."""
    models = _dense_class(game, classes)
    assert isinstance(models, ModelClass)
    return _losses(models, [_steps(game, trajectory) for trajectory in trajectories])


def _losses(classes: ModelClass, seen: Steps) -> Floats:
    losses = np.zeros(classes.size)
    for steps in seen:
        for h, s, a, t, paid in steps:
            if h in classes.ignored_steps:
                continue
            p = classes.transitions[:, h, s, a, t]
            if classes.rewards is not None:
                means = classes.rewards[:, :, h, s, a]
                p = p * np.where(paid == 1.0, means, 1.0 - means).prod(axis=1)
            losses -= np.log(p, out=np.full(p.shape, -np.inf), where=p > 0.0)
    return losses


def _models(
    game: MarkovGame,
    classes: ModelClass,
    seen: Steps,
    eta: float,
    joint: Ints,
    agent: int,
) -> float:
    losses = _losses(classes, seen)
    means = [game.reward] * classes.size if classes.rewards is None else classes.rewards
    values = [
        policy_value(P, r[agent], game.initial, joint) for P, r in zip(classes.transitions, means)
    ]
    return float(np.max(np.array(values) - eta * losses))


def _start(game: MarkovGame, f: Floats, joint: Ints) -> float:
    return float(sum(game.initial[s] * f[0, s, joint[0, s]] for s in range(game.states)))


def _target(game: MarkovGame, f: Floats, joint: Ints, agent: int, step: Step) -> float:
    """y = r + f_{h+1}(s', pi_{h+1}(s'))."""
    h, _, _, t, paid = step
    onward = f[h + 1, t, joint[h + 1, t]] if h + 1 < game.horizon else 0.0
    return float(paid[agent] + onward)


def _values(
    game: MarkovGame,
    classes: ValueClass,
    seen: Steps,
    eta: float,
    joint: Ints,
    agent: int,
) -> float:
    best = -np.inf
    for f in classes.per_agent[agent]:
        loss = 0.0
        for h in set(range(game.horizon)) - set(classes.ignored_steps):
            steps = [each[h] for each in seen]
            y = np.array([_target(game, f, joint, agent, step) for step in steps])
            if classes.features is None:
                own = np.array([f[h, s, a] for _, s, a, *_ in steps])
                cells = [(s, a) for _, s, a, *_ in steps]
                for cell in set(cells):
                    at = np.array([c == cell for c in cells])
                    loss += ((own[at] - y[at]) ** 2).sum() - ((y[at] - y[at].mean()) ** 2).sum()
            else:
                loss += _ridge_excess(f[h], classes.features[h], steps, y, classes.ridge)
        best = max(best, _start(game, f, joint) - eta * loss)
    return float(best)


def _ridge_excess(f: Floats, features: Floats, steps: list[Step], y: Floats, ridge: float) -> float:
    """sum (f - y)^2 + ridge |theta_f|^2 - min_theta [ sum (phi theta - y)^2 + ridge |theta|^2 ].

    The minimum by least squares on the data padded with sqrt(ridge) I.
    """
    d = features.shape[-1]
    basis = features.reshape(-1, d)
    own = np.linalg.lstsq(basis, f.reshape(-1), rcond=None)[0]
    rows = np.array([features[s, a] for _, s, a, *_ in steps]).reshape(-1, d)
    padded = np.vstack([rows, np.sqrt(ridge) * np.eye(d)])
    target = np.concatenate([y, np.zeros(d)])
    fitted = np.linalg.lstsq(padded, target, rcond=None)[0]
    return float(((padded @ own - target) ** 2).sum() - ((padded @ fitted - target) ** 2).sum())


def _linear(
    game: MarkovGame,
    classes: LinearValueClass,
    seen: Steps,
    eta: float,
    joint: Ints,
    agent: int,
) -> float:
    """Maximum of a concave quadratic in all parameters at once, solved as one linear system.

    g^T z - eta z^T Q z + eta c^T z is maximal at z = Q^-1 (g / eta + c) / 2, where z stacks
    (theta_0, ..., theta_{H-1}) and Q, c collect |theta_h - Lambda_h^-1 (b_h + M_h theta_{h+1})|^2.
    """
    H, d = game.horizon, classes.dimension
    quadratic = np.zeros((H * d, H * d))
    linear = np.zeros(H * d)
    constant: Any = 0.0
    for h in range(H):
        gram = classes.ridge * np.eye(d)
        b = np.zeros(d)
        M = np.zeros((d, d))
        for steps in seen:
            _, s, a, t, paid = steps[h]
            phi = classes.features[h, s, a]
            gram += np.outer(phi, phi)
            b += phi * paid[agent]
            if h + 1 < H:
                M += np.outer(phi, classes.features[h + 1, t, joint[h + 1, t]])
        # theta_h - Lambda^-1 b - Lambda^-1 M theta_{h+1} = E z - k
        E = np.zeros((d, H * d))
        E[:, h * d : (h + 1) * d] = np.eye(d)
        if h + 1 < H:
            E[:, (h + 1) * d : (h + 2) * d] = -np.linalg.solve(gram, M)
        k = np.linalg.solve(gram, b)
        quadratic += E.T @ gram @ E
        linear += 2.0 * E.T @ gram @ k
        constant += k @ gram @ k
    g = np.zeros(H * d)
    for s in range(game.states):
        g[:d] += game.initial[s] * classes.features[0, s, joint[0, s]]
    z = np.linalg.solve(quadratic, g / eta + linear) / 2.0
    return float(g @ z - eta * (z @ quadratic @ z - linear @ z + constant))
