"""Factored games: a witness rank that stays while the Bellman rank doubles with every factor.

Definition. A state is m bits, S = 2^m; given state and joint action the next bits are independent,

    P_h(s' | s, a) = prod_j P_{h,j}(s'_j | s[pa_j], a).

The first u factors have unknown tables and p parents each: themselves and the p - 1 factors that
follow, cyclically. The other factors have known tables and no parent but themselves. Models differ
in the unknown tables alone. Rewards are known and depend on all bits and actions, the first state
is uniform, policies see the whole state.

Witness rank at most L = u 2^p A, however large m (Sun, Jiang, Krishnamurthy, Agarwal and Langford
2019, "Model-based RL in contextual decision processes", arXiv 1811.08540; here with the Q-type
roll-in, and every policy beside every model). Test functions: sum_{j <= u} g_j(s[pa_j], a, s'_j),
each g_j with values in [0, R], R = H - 1, else free. The law of s'_j depends on s[pa_j] and a
alone, so

    misfit(q, f) = sum_{j <= u} sum_{v, b} Pr_q(s[pa_j] = v, a = b) R TV(P_{f,j}, P*_j)(v, b)
                 = < X_q, W_f >,     X_q, W_f in R^L,  |X_q| <= sqrt(u),  |W_f| <= R sqrt(L).

It dominates the mean Bellman error with kappa = 1: values of later steps lie in [0, R] and the
total variation of product laws is at most the sum of that of their factors, so

    |E_q (P_f - P*) V_{f,h+1}| <= R E_q TV(P_f, P*) <= misfit(q, f).

The tests' sums have span R_F = u R.

Bellman rank, u = 1: not bounded. At step H - 2 the later values are rewards,
V^{i,pi}(s') = r_{i,H-1}(s', pi(s')), and with s = (x, y), x the unknown bit,

    (P_f - P*) V (s, a) = d_f(s[pa], a) sum_{y'} K_a(y' | y) [V(1, y') - V(0, y')],

d_f the change of the chance of x' = 1, K_a the kernel of the known bits: a Kronecker product of
2 x 2 matrices, whose rows differ by construction, hence invertible. Let the d_f span all functions
of (s[pa], a) and the V^{i,pi} all functions of s'. Products of members span the products: on the
cell of any (v, b), where x is constant, every function of y arises. So the residuals span all
functions of (s, a), and

    Bellman rank at step H - 2 (Q-type)  =  rank of the state-action occupancies of the policies.

Over all policies that is S A when the occupancies of states span R^S, and S (A - 1) + 1 for H = 2:
exponential in m. `separation` measures both ranks as factors are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mamex_bench.catalogue._certificate import Check, numerical_rank
from mamex_bench.catalogue._generators import at_least, per_agent, stream, towards
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.structure import (
    WitnessTests,
    bellman_rank,
    mean_bellman_errors,
    policy_tables,
    state_action_occupancies,
    witness_rank,
    witnessed_misfits,
)

SOURCE = "proved in the docstring of factored"
FACTOR_LIMIT = 9
# Chances of a bit to be 1 next when it is 0, or 1, now: disjoint, so that tables are invertible.
LOW, HIGH = (0.1, 0.4), (0.6, 0.9)


def make(
    *,
    seed: int = 0,
    factors: int = 3,
    agents: int = 2,
    actions: int | Sequence[int] = 2,
    horizon: int = 3,
    parents: int = 2,
    unknown: int = 1,
    policies: int | Sequence[int] = 8,
    models: int = 24,
    distance: Sequence[float] = (0.02, 0.3),
) -> Instance:
    """A random factored game and a net of models of its unknown factors.

    Up to 8 factors (256 states) with 16 policies per agent and 24 models.

    Arguments:
        seed: draws everything.
        factors: m, between `parents` and 9; there are 2^m states.
        agents, horizon: sizes; the horizon is at least 2.
        actions, policies: per agent, or one number for all.
        parents: p, of each unknown factor, itself among them.
        unknown: u, the number of unknown factors, at most m.
        models: size of the net, the truth at index 0.
        distance: least and greatest Hellinger distance of a model's tables from the true ones,
            geometric in between; rows whose random target is nearer stop there.
    """
    n, p = positive_integer(agents, "agents"), positive_integer(parents, "parents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    m, u = at_least(factors, p, "factors"), positive_integer(unknown, "unknown")
    H, F = at_least(horizon, 2, "horizon"), positive_integer(models, "models")
    if m > FACTOR_LIMIT:
        raise InputError(
            f"factors is {m}: expected at most {FACTOR_LIMIT}, for 2^{FACTOR_LIMIT} states"
        )
    if u > m:
        raise InputError(f"unknown is {u}: expected at most factors = {m}")
    if np.shape(distance) != (2,) or not 0.0 < distance[0] <= distance[1] < 1.0:
        raise InputError(f"distance is {distance!r}: expected 0 < low <= high < 1")
    S, A = 2**m, int(np.prod(counts))

    known = _chances(stream(seed, "factored", "known"), (m - u, H, 2, A))
    unknown_tables = _tables(stream(seed, "factored", "unknown"), F, u, (H, 2**p, A), distance)
    bits = _bits(m)
    # (F, H, S, A, S): the product over factors, one at a time.
    transitions = np.ones((F, H, S, A, S))
    for j in range(m):
        if j < u:
            chance = unknown_tables[:, j][:, :, contexts(bits, j, p)]
        else:
            chance = known[None, j - u][:, :, bits[:, j]]
        transitions *= np.where(bits[:, j] == 1, chance[..., None], 1.0 - chance[..., None])
    transitions /= transitions.sum(axis=-1, keepdims=True)

    reward = stream(seed, "factored", "rewards").random((n, H, S, A))
    game = MarkovGame(transitions[0], reward, counts, np.full(S, 1.0 / S))
    rank = u * 2**p * A
    return Instance(
        game,
        PurePolicies.sample(game, tables, seed),
        ModelClass(transitions, truth=0),
        name=f"factored(factors={m}, unknown={u}, parents={p})",
        known={
            "factors": Known(m, SOURCE),
            "unknown": Known(u, SOURCE),
            "parents": Known(p, SOURCE),
            "witness_rank": Known(rank, SOURCE),
            "witness_ratio": Known(1.0, SOURCE),
            "test_span": Known(float(u * (H - 1)), SOURCE),
            "feature_norm": Known(float(np.sqrt(u)), SOURCE),
            "weight_norm": Known(float((H - 1) * np.sqrt(rank)), SOURCE),
            "residual_bound": Known(float(H - 1), SOURCE),
        },
    )


def test_functions(instance: Instance) -> list[WitnessTests]:
    """The tests of the docstring: for each unknown factor, functions of its parents, a and s'_j."""
    m, u, p = (int(instance.known[key].value) for key in ("factors", "unknown", "parents"))
    A, bits = instance.game.actions, _bits(m)
    span = instance.known["test_span"].value / u
    return [
        WitnessTests(contexts(bits, j, p)[:, None] * A + np.arange(A), bits[:, j], span)
        for j in range(u)
    ]


def certify(instance: Instance) -> list[Check]:
    """Factored models, bounded witness rank with kappa = 1, and the growing Bellman rank."""
    game, known = instance.dense, {key: each.value for key, each in instance.known.items()}
    tests = test_functions(instance)
    misfits = witnessed_misfits(instance, tests)
    errors = [mean_bellman_errors(instance, i) for i in range(game.agents)]
    F, M = misfits[0].shape[1], misfits[0].shape[0]
    excess = max(
        float((np.abs(error.reshape(M, F, M)) - known["witness_ratio"] * misfit[:, :, None]).max())
        for own in errors
        for error, misfit in zip(own, misfits)
    )
    checks = [
        Check(
            "distance of the models from the product of their factors",
            _factor_distance(instance),
            "<=",
            0.0,
        ),
        Check(
            "rank of the witnessed misfits, largest over steps",
            max(numerical_rank(misfit) for misfit in misfits),
            "<=",
            known["witness_rank"],
        ),
        Check("mean Bellman errors beyond kappa times the misfit", excess, "<=", 0.0),
    ]
    h = game.horizon - 2
    for i, own in enumerate(errors):
        if known["unknown"] == 1 and _spans(instance, i):
            checks.append(
                Check(
                    f"Bellman rank at the last but one step for agent {i}, against occupancies",
                    numerical_rank(own[h]),
                    "==",
                    numerical_rank(state_action_occupancies(instance)[h]),
                )
            )
    return checks


@dataclass(frozen=True)
class Separation:
    """Ranks of one factored game.

    Attributes:
        factors, states: m and 2^m.
        policies: joint pure policies, the number of roll-ins.
        witness_bound: L.
        witness: measured rank of the witnessed misfits.
        bellman_q, bellman_v: measured Q-type and V-type Bellman rank.
    """

    factors: int
    states: int
    policies: int
    witness_bound: int
    witness: int
    bellman_q: int
    bellman_v: int


def separation(
    factors: Iterable[int] = range(2, 7),
    *,
    seed: int = 0,
    policies: int | Sequence[int] = 16,
    models: int = 24,
) -> list[Separation]:
    """Witness rank against Bellman rank of the default game as factors are added."""
    rows = []
    for m in factors:
        instance = make(seed=seed, factors=m, policies=policies, models=models)
        rows.append(
            Separation(
                factors=m,
                states=instance.game.states,
                policies=instance.policies.size,
                witness_bound=int(instance.known["witness_rank"].value),
                witness=witness_rank(instance, test_functions(instance)),
                bellman_q=bellman_rank(instance, kind="Q"),
                bellman_v=bellman_rank(instance, kind="V"),
            )
        )
    return rows


def contexts(bits: Ints, factor: int, parents: int) -> Ints:
    """(S,): the number that the parents' bits spell, the factor itself first; bits (S, m)."""
    m = bits.shape[1]
    chosen = bits[:, [(factor + k) % m for k in range(parents)]]
    return chosen @ (1 << np.arange(parents - 1, -1, -1))


def _bits(m: int) -> Ints:
    """(2^m, m): the bits of every state, the first slowest."""
    return np.arange(2**m)[:, None] >> np.arange(m - 1, -1, -1) & 1


def _chances(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Chances of 1 next; the axis before the last starts with the contexts whose own bit is 0."""
    out, half = np.empty(shape), shape[-2] // 2
    out[..., :half, :] = rng.uniform(*LOW, (*shape[:-2], half, shape[-1]))
    out[..., half:, :] = rng.uniform(*HIGH, (*shape[:-2], half, shape[-1]))
    return out


def _tables(
    rng: np.random.Generator, F: int, u: int, shape: tuple[int, ...], distance: Sequence[float]
) -> Floats:
    """(F, u, H, 2^p, A): unknown chances of 1 next, of the truth and of models around it."""
    truth = _chances(rng, (u, *shape))
    rows = np.stack([1.0 - truth, truth], axis=-1)
    out = np.empty((F, u, *shape))
    out[0] = truth
    low, high = distance
    for f, delta in enumerate(np.geomspace(low, high, max(F - 1, 1))[: F - 1]):
        out[f + 1] = towards(rows, rng.dirichlet((1.0, 1.0), size=truth.shape), delta)[..., 1]
    return out


def _factor_distance(instance: Instance) -> float:
    """Largest difference between a model and the product of factors that see their parents only."""
    known = instance.known
    m, u, p = (int(known[key].value) for key in ("factors", "unknown", "parents"))
    bits, models = _bits(m), instance.hypothesis().transitions  # type: ignore[union-attr]
    product = np.ones(models.shape)
    for j in range(m):
        chance = models @ bits[:, j].astype(np.float64)
        seen = contexts(bits, j, p if j < u else 1)
        # Each cell of the parents takes the chance of its first state.
        first = np.unique(seen, return_index=True)[1][seen]
        chance = chance[:, :, first] if j < u else chance[:1, :, first]
        product *= np.where(bits[:, j] == 1, chance[..., None], 1.0 - chance[..., None])
    return float(np.abs(models - product).max())


def _spans(instance: Instance, agent: int) -> bool:
    """Whether changes of tables span all functions of context, and last rewards those of states."""
    game, h = instance.dense, instance.game.horizon - 2
    p, states = int(instance.known["parents"].value), np.arange(game.states)
    bits = _bits(int(instance.known["factors"].value))
    models = instance.hypothesis().transitions  # type: ignore[union-attr]
    first = np.unique(contexts(bits, 0, p), return_index=True)[1]
    changes = (models[:, h] - game.transition[h])[:, first] @ bits[:, 0].astype(np.float64)
    later = game.reward[agent, h + 1, states, policy_tables(instance)[:, h + 1]]
    full = numerical_rank(changes.reshape(len(models), -1)) == first.size * game.actions
    return full and numerical_rank(later) == game.states
