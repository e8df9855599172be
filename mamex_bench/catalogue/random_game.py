"""Random games after Garnet (Archibald, McKinnon and Thomas 1995), with a choice of interests.

Every (h, s, a) has `branching` successors, drawn without replacement, with Dirichlet(1) weights;
the first state is drawn uniformly. With branching below the number of states transitions are
sparse, with branching = states dense. Let u be uniform on [0, 1], independent everywhere.

Interests.

  * general: r_i = u_i.
  * common: r_i = u_0, so that all payoffs are equal.
  * zero_sum: r_i = (1 + u_i - u_{i+1}) / 2, indices modulo n >= 2. Rewards sum to n/2 everywhere,
    so returns sum to H n/2, and to 0 in own units.
  * anti_correlated: r_0 = u_0, r_i = (1 - w) (1 - u_0) + w u_i for i >= 1, w = `own`. So
    r_0 + r_i - 1 = w (u_i - (1 - u_0)) lies in [-w, w], and the returns of agents 0 and i sum to H
    up to w H under every policy; the rewards' correlation is -(1 - w) / sqrt((1 - w)^2 + w^2).
  * potential: with functions phi(h, s, a), psi_i(h, s) and c_i(s, a_-i), all uniform on [0, 1],
    psi_i(H, .) = 0, the expectation over the next state s',

        4 r_i(h, s, a) = 1 + phi(h, s, a) + psi_i(h, s) - E psi_i(h+1, s') + [h = 0] c_i(s, a_-i).

    Proof that this is a Markov potential game: along a trajectory the psi_i telescope to
    psi_i(0, s_0), and c_i is paid at the first state, which nobody has influenced. So

        U_i(pi) = Phi(pi) + C_i(pi_-i),    Phi(pi) = E_pi sum_h phi(h, s_h, a_h) / 4,
        C_i(pi_-i) = H/4 + E [ psi_i(0, s_0) + c_i(s_0, pi_-i(s_0)) ] / 4,

    and a change of pi_i alone changes U_i by what it changes Phi. (Leonardos and others 2022 define
    these games; per-agent terms at later steps would break them, since through the state an agent
    influences what the others then do.) A joint policy that maximises Phi is a pure equilibrium.

Hypotheses are a net around the truth at graded Hellinger distances (see
`_generators.model_net`): for branching > 1 and distances below 0.54 every model has the truth's
support; for branching = 1, where the truth is deterministic, targets carry a floor of 5 % uniform.

Rewards. "known": r_i is paid for sure, and learners know it. "random": r_i is the probability that
1 is paid, else 0, independently; learners do not know it, and the models of the net include their
own, at graded Hellinger distances of next state and rewards jointly. The class "values" holds Q of
every joint policy.

Values are not known in advance, and random games are easy: after a few episodes regret stops
growing and few hypotheses stay alive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._generators import (
    model_net,
    per_agent,
    stream,
    value_class_of,
    within,
)
from mamex_bench.catalogue._nets import star_checks, star_known
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.game import MarkovGame, Units
from mamex_bench.model.hypotheses import Hypotheses
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

SOURCE = "proved in the docstring of random_game"
REWARDS = ("known", "random")
INTERESTS = ("general", "common", "zero_sum", "anti_correlated", "potential")
# How far payoffs may be from the structure named; the entry that `known` holds says which it is.
DEFECTS = {
    "common": "largest difference of two agents' payoffs",
    "zero_sum": "largest sum of payoffs, in own units",
    "anti_correlated": "largest |U_0 + U_i - H|",
    "potential": "largest sum of gains around a cycle of two agents' deviations",
}


def make(
    *,
    seed: int = 0,
    agents: int = 2,
    states: int = 5,
    actions: int | Sequence[int] = (2, 3),
    horizon: int = 3,
    branching: int = 3,
    interests: str = "general",
    rewards: str = "known",
    own: float = 0.3,
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
        interests: "general", "common", "zero_sum", "anti_correlated" or "potential".
        rewards: "known", or "random": 0 or 1, with probabilities that are to be learnt.
        own: w of anti_correlated games, the share of an agent's own noise, in [0, 1].
        models: size of the net, the truth at index 0.
        distance: least and greatest Hellinger distance from the truth.
    """
    n = positive_integer(agents, "agents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    S, H = positive_integer(states, "states"), positive_integer(horizon, "horizon")
    b, w = positive_integer(branching, "branching"), within(own, "own", 0.0, 1.0)
    if b > S:
        raise InputError(f"branching is {b}: expected at most states = {S}")
    if interests not in INTERESTS:
        raise InputError(f"interests is {interests!r}: choose one of {', '.join(INTERESTS)}")
    if interests == "zero_sum" and n == 1:
        raise InputError("interests is 'zero_sum' but agents is 1: expected at least 2 agents")
    if rewards not in REWARDS:
        raise InputError(f"rewards is {rewards!r}: choose one of {', '.join(REWARDS)}")
    A = int(np.prod(counts))
    transition = sparse_rows(stream(seed, "random_game", "transition"), (H, S, A), S, b)
    u = stream(seed, "random_game", "rewards").random((n, H, S, A))
    units = None
    if interests == "common":
        reward = np.broadcast_to(u[0], u.shape)
    elif interests == "zero_sum":
        reward = (1.0 + u - np.roll(u, -1, axis=0)) / 2.0
        units = Units(np.ones(n), np.full(n, -H / 2.0))
    elif interests == "anti_correlated":
        reward = np.concatenate([u[:1], (1.0 - w) * (1.0 - u[0]) + w * u[1:]])
    elif interests == "potential":
        reward = _potential(u[0], transition, counts, stream(seed, "random_game", "potential"))
    else:
        reward = u
    random, initial = rewards == "random", np.full(S, 1.0 / S)
    game = MarkovGame(transition, reward, counts, initial, units, random_rewards=random)
    net = model_net(game, models, seed, distance, floor=0.05 if b == 1 else 0.0)
    played = PurePolicies.sample(game, tables, seed)
    hypotheses: dict[str, Hypotheses] = {"models": net}
    if random:
        hypotheses["values"] = value_class_of(game, played)
    known = {"branching": Known(b, SOURCE), "covering_radius": star_known(net)}
    if interests in DEFECTS:
        slack = w * H if interests == "anti_correlated" else 0.0
        known[f"{interests}_defect"] = Known(slack, SOURCE)
    prefix = "" if interests == "general" else f"{interests}, "
    prefix += "random rewards, " if random else ""
    return Instance(
        game,
        played,
        hypotheses,
        name=f"random_game({prefix}agents={n}, states={S}, branching={b})",
        known=known,
    )


def _potential(
    phi: Floats, transition: Floats, counts: Sequence[int], rng: np.random.Generator
) -> Floats:
    """(n, H, S, A): rewards of a Markov potential game with stage potentials phi (H, S, A) / 4."""
    H, S, _ = phi.shape
    rewards = []
    for i in range(len(counts)):
        psi = np.concatenate([rng.random((H, S)), np.zeros((1, S))])
        shaped = psi[:-1, :, None] - np.einsum("hsat,ht->hsa", transition, psi[1:])
        others = [1 if j == i else m for j, m in enumerate(counts)]
        reward = 1.0 + phi + shaped
        reward[0] += np.broadcast_to(rng.random((S, *others)), (S, *counts)).reshape(S, -1)
        rewards.append(reward / 4.0)
    return np.stack(rewards)


def sparse_rows(
    rng: np.random.Generator, shape: tuple[int, ...], size: int, branching: int
) -> Floats:
    """(*shape, size): rows with `branching` positive entries at random places."""
    places = np.argsort(rng.random((*shape, size)), axis=-1)[..., :branching]
    rows = np.zeros((*shape, size))
    np.put_along_axis(rows, places, rng.dirichlet(np.ones(branching), size=shape), axis=-1)
    return rows


def certify(instance: Instance) -> list[Check]:
    """Branching, the net, and what the interests claim of all joint policies."""
    game, known = instance.dense, instance.known
    most = float((game.transition > 0.0).sum(axis=-1).max())
    checks = [Check("successors of a state and action", most, "==", known["branching"].value)]
    if game.random_rewards:
        inside = float(((game.reward > 0.0) & (game.reward < 1.0)).mean())
        checks.append(Check("share of rewards that are random", inside, "==", 1.0))
    for interests, statement in DEFECTS.items():
        slack = known.get(f"{interests}_defect")
        if slack is not None:
            measured = DEFECT[interests](instance)
            checks.append(Check(statement, measured, "<=", slack.value, 1e-9 * game.horizon))
    return [*checks, *star_checks(instance)]


def _common(instance: Instance) -> float:
    return float(np.ptp(instance.payoffs, axis=0).max())


def _zero_sum(instance: Instance) -> float:
    return float(np.abs(instance.game.units.to_own(instance.payoffs).sum(axis=0)).max())


def _anti_correlated(instance: Instance) -> float:
    U = instance.payoffs
    return float(np.abs(U[:1] + U[1:] - instance.game.horizon).max(initial=0.0))


def _cycles(instance: Instance) -> float:
    """Monderer and Shapley 1996: a potential exists if and only if gains around cycles vanish.

    Around (a, b), (a', b), (a', b'), (a, b') of agents i < j the gains sum to minus the second
    difference of U_i - U_j. They all vanish if those through policy 0 do, and no other is more than
    four times the largest of these, which is what is returned.
    """
    U, worst = instance.payoffs, 0.0
    for i in range(len(U)):
        for j in range(i + 1, len(U)):
            W = np.moveaxis(U[i] - U[j], (i, j), (0, 1))
            worst = max(worst, float(np.abs(W - W[:1] - W[:, :1] + W[:1, :1]).max()))
    return worst


DEFECT = {
    "common": _common,
    "zero_sum": _zero_sum,
    "anti_correlated": _anti_correlated,
    "potential": _cycles,
}
