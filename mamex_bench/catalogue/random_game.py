"""Random games after Garnet (Archibald, McKinnon and Thomas 1995), with any number of agents.

Every (h, s, a) has `branching` successors, drawn without replacement, with Dirichlet(1) weights;
rewards are uniform on [0, 1] and independent across agents; the first state is drawn uniformly.
With branching below the number of states transitions are sparse, with branching = states dense.

Hypotheses are a net around the truth at graded Hellinger distances (see
`_generators.model_net`): for branching > 1 every model has the truth's support; for branching = 1,
where the truth is deterministic, targets carry a floor of 5 % uniform.

Nothing is known of such a game in advance, and random games are easy: after a few episodes regret
stops growing and few hypotheses stay alive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._generators import model_net, per_agent, stream
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies


def make(
    *,
    seed: int = 0,
    agents: int = 2,
    states: int = 5,
    actions: int | Sequence[int] = (2, 3),
    horizon: int = 3,
    branching: int = 3,
    policies: int | Sequence[int] = 8,
    models: int = 64,
    distance: Sequence[float] = (0.02, 0.4),
) -> Instance:
    """A random game.

    Arguments:
        seed: draws everything.
        agents, states, horizon: sizes.
        actions, policies: per agent, or one number for all; counts may differ.
        branching: successors of each state and joint action, at most `states`.
        models: size of the net, the truth at index 0.
        distance: least and greatest Hellinger distance from the truth.
    """
    n = positive_integer(agents, "agents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    S, H = positive_integer(states, "states"), positive_integer(horizon, "horizon")
    b = positive_integer(branching, "branching")
    if b > S:
        raise InputError(f"branching is {b}: expected at most states = {S}")
    A = int(np.prod(counts))
    transition = sparse_rows(stream(seed, "random_game", "transition"), (H, S, A), S, b)
    reward = stream(seed, "random_game", "rewards").random((n, H, S, A))
    game = MarkovGame(transition, reward, counts, np.full(S, 1.0 / S))
    return Instance(
        game,
        PurePolicies.sample(game, tables, seed),
        model_net(game, models, seed, distance, floor=0.05 if b == 1 else 0.0),
        name=f"random_game(agents={n}, states={S}, branching={b})",
    )


def sparse_rows(
    rng: np.random.Generator, shape: tuple[int, ...], size: int, branching: int
) -> Floats:
    """(*shape, size): rows with `branching` positive entries at random places."""
    places = np.argsort(rng.random((*shape, size)), axis=-1)[..., :branching]
    rows = np.zeros((*shape, size))
    np.put_along_axis(rows, places, rng.dirichlet(np.ones(branching), size=shape), axis=-1)
    return rows
