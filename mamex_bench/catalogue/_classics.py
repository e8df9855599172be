"""What classic games share: opposed interests, relabelled actions, reduced classes of policies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._generators import stream
from mamex_bench.catalogue._nets import finite_known
from mamex_bench.equilibria.backward_induction import backward_induction
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.evaluation import reachable_states
from mamex_bench.model.game import MarkovGame, Units
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

Rules = Callable[[int, int, int], tuple[float, int]]


def opposed(
    horizon: int, states: int, rules: Rules, low: float = 0.0, high: float = 1.0
) -> MarkovGame:
    """Two agents with two actions each and opposite interests, started in state 0.

    `rules(state, a, b)` gives what agent 1 pays agent 0, in [low, high], and the next state. In
    [0, 1] agent 0 earns (pay - low) / (high - low) and agent 1 the rest of 1; `units` maps returns
    back, so that in own units those of the two agents sum to 0.
    """
    H = positive_integer(horizon, "horizon")
    transition = np.zeros((H, states, 2, 2, states))
    pay = np.zeros((H, states, 2, 2))
    for s, a, b in np.ndindex(states, 2, 2):
        pay[:, s, a, b], following = rules(s, a, b)
        transition[:, s, a, b, following] = 1.0
    share = (pay - low) / (high - low)
    return MarkovGame(
        transition.reshape(H, states, 4, states),
        np.stack([share, 1.0 - share]).reshape(2, H, states, 4),
        (2, 2),
        units=Units(np.full(2, high - low), H * np.array([low, -high])),
    )


def shifts(counts: Sequence[int]) -> Ints:
    """(A, A): row k permutes joint actions, agent i's action shifted cyclically by digit i of k.

    Row 0 is the identity.
    """
    table = np.array(list(np.ndindex(*counts)), dtype=np.int64)
    moved = (table[:, None] + table[None]) % np.array(counts)
    return np.ravel_multi_index(tuple(np.moveaxis(moved, -1, 0)), tuple(counts))


def relabelled(game: MarkovGame, live: int, limit: int, seed: int, family: str) -> ModelClass:
    """The agents know the rules but not which action is which.

    In each of the states 0, ..., live - 1 a model shifts the labels of every agent's actions by an
    amount of its own, the same at all steps: P_f(. | s, a) = P(. | s, a shifted). All A^live
    models, without repetition, if there are no more than `limit`, else so many with the truth; in
    random order.
    """
    size, permutations = positive_integer(limit, "models"), shifts(game.action_counts)
    rng = stream(seed, family, "models")
    A = game.actions
    if A**live <= size:
        codes = np.array(list(np.ndindex(*(A,) * live)), dtype=np.int64)
    else:
        drawn = {(0,) * live}
        while len(drawn) < size:
            drawn.add(tuple(int(code) for code in rng.integers(A, size=live)))
        codes = np.array(sorted(drawn), dtype=np.int64)
    models: dict[bytes, Floats] = {}
    for code in codes:  # the first is the truth
        transition = game.transition.copy()
        for s in range(live):
            transition[:, s] = game.transition[:, s, permutations[code[s]]]
        models.setdefault(transition.tobytes(), transition)
    order = rng.permutation(len(models))
    return ModelClass(np.stack(list(models.values()))[order], truth=int(np.argmin(order)))


def relabelled_known(game: MarkovGame, live: int, limit: int) -> Known:
    """The covering radius of `relabelled` models: 0 if the class holds them all."""
    return finite_known(game.actions**live <= limit, "all relabellings of the actions")


def value_checks(instance: Instance) -> list[Check]:
    """A zero-sum game's known value against backward induction, certified by its own gaps.

    The equilibrium withstands every policy of either agent, so its value is the game's up to the
    gaps; both are computed from the game's arrays.
    """
    game = instance.game
    found = backward_induction(game, "nash")
    own = game.units.to_own(instance.payoffs)
    return [
        Check("value by backward induction", float(found.value[0]), "==", _value(instance), 1e-8),
        Check("gain of any policy against that equilibrium", float(found.gaps.max()), "<=", 0.0),
        Check("sum of the agents' payoffs", float(np.abs(own.sum(axis=0)).max()), "==", 0.0, 1e-8),
    ]


def _value(instance: Instance) -> float:
    return float(instance.known["value"].value)


def reduced_policies(game: MarkovGame, agent: int, limit: int) -> Ints | None:
    """(m, H, S): every pure Markov policy of an agent up to equivalence; None beyond `limit`.

    Two policies are equivalent if they agree wherever the agent's own play lets the game come and
    its action changes a reward or the next state: their payoffs are equal against everything. Of
    each class the member is listed that takes action 0 elsewhere (the reduced strategic form).
    """
    n, H, S, _ = game.reward.shape
    counts = game.action_counts
    plans = [(np.zeros((H, S), dtype=np.int64), game.initial > 0.0)]
    for h in range(H):
        # Own action first, what the others do behind it: (S, A_i, others, ...).
        P = np.moveaxis(game.transition[h].reshape(S, *counts, S), 1 + agent, 1)
        P = P.reshape(S, counts[agent], -1, S)
        r = np.moveaxis(game.reward[:, h].reshape(n, S, *counts), 2 + agent, 2)
        matters = (r != r[:, :, :1]).reshape(n, S, -1).any(axis=(0, 2))
        if h + 1 < H:
            matters |= (P[:, :1] != P).any(axis=(1, 2, 3))
        following = (P > 0.0).any(axis=2)
        grown = []
        for table, reached in plans:
            cells = np.flatnonzero(reached & matters)
            for choice in itertools.product(range(counts[agent]), repeat=cells.size):
                longer = table.copy()
                longer[h, cells] = choice
                onward = following[np.arange(S), longer[h]][reached].any(axis=0)
                grown.append((longer, onward))
                if len(grown) > limit:
                    return None
        plans = grown
    return np.stack([table for table, _ in plans])


def population(game: MarkovGame, limit: int, seed: int, family: str) -> PurePolicies:
    """Per agent all policies up to equivalence, or else a sample around an equilibrium.

    All, when there are no more than `limit`: then the Nash equilibria of the class are those of the
    game. Beyond: let x_{h,s} be the agent's mixture at every step and state in the equilibrium of
    backward induction. The sample begins with the tables that take at (h, s) the u-quantile of
    x_{h,s}, one for each interval of u in [0, 1] on which no quantile changes; weighted by the
    lengths of the intervals they have the marginal x_{h,s} everywhere. Where payoffs are linear in
    these marginals (repeated matrix games, the second agent of the Big Match) that is the
    equilibrium itself; elsewhere the class has its actions but may lack its value. Uniformly random
    tables follow, up to `limit` in all.
    """
    size = positive_integer(limit, "policies")
    every = [reduced_policies(game, i, size) for i in range(game.agents)]
    if all(tables is not None for tables in every):
        return PurePolicies([tables for tables in every if tables is not None])
    joint = backward_induction(game, "nash").policy.joint
    reached = reachable_states(game)
    return PurePolicies(
        [
            _around(game, joint, reached, i, size, seed, family) if tables is None else tables
            for i, tables in enumerate(every)
        ]
    )


def _around(
    game: MarkovGame,
    joint: Floats,
    reached: np.ndarray,
    agent: int,
    size: int,
    seed: int,
    family: str,
) -> Ints:
    """(m, H, S): quantile tables of an agent's own mixtures, then random ones, all different."""
    H, S = joint.shape[:2]
    others = tuple(2 + i for i in range(game.agents) if i != agent)
    own = joint.reshape(H, S, *game.action_counts).sum(axis=others)
    edges = np.round(np.cumsum(own, axis=-1), 9)
    cuts = np.unique(np.concatenate([[0.0], edges[reached].reshape(-1), [1.0]]))
    middles = (cuts[:-1] + cuts[1:]) / 2.0
    tables = [(edges < u).sum(axis=-1) * reached for u in middles]
    chosen = {table.tobytes(): table for table in tables}
    rng = stream(seed, family, "policies", str(agent))
    while len(chosen) < size:
        table = rng.integers(game.action_counts[agent], size=(H, S)) * reached
        chosen.setdefault(table.tobytes(), table)
    return np.stack(list(chosen.values()))
