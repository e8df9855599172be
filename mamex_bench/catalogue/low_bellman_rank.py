"""Rich observations of few latent states: a Bellman rank far below policies and hypotheses.

Definition (a block game; for one agent Jiang, Krishnamurthy, Agarwal, Langford and Schapire 2017,
"Contextual decision processes with low Bellman rank are PAC-learnable", arXiv 1610.09512, and Du et
al. 2019, arXiv 1901.09018). L latent states emit E observations each, no observation twice: the
game's states are the S = L E observations, z(s) is the latent state behind s,

    P_h(s' | s, a) = sum_z' T_h(z' | z(s), a) q_{h+1}(s' | z').

Rewards and policies depend on the observation, so neither reduces to the latent states.

Bellman rank at most L (V-type: roll in by q, then act by the pair's own pi). Under any roll-in q,
Markov or not, the state at step h is drawn in two stages, the latent state by q and then the
observation from q_h(. | z), whatever q did. So for every function b of the observation

    E_q [ b(s_h) ] = < (Pr_q(z_h = z))_z, (E_{s ~ q_h(.|z)} b(s))_z >,

an inner product in R^L. Take b(s) = residual of the pair at (s, pi_h(s)): the mean Bellman errors
have rank at most L for every class of values or models, however many policies and hypotheses. The
first factor is a distribution, |X| <= 1; residuals lie in [-H, H], so |W| <= H sqrt(L).

With actions by q too (Q-type) the roll-in also chooses the action at each of S observations, and
the rank is not bounded by L. Where data are collected by deterministic policies the V-type bound
does not bound the decoupling coefficient; coverability does (Xie et al. 2022, arXiv 2210.04157):

    sum_{s,a} max_q d_h^q(s, a) <= sum_{z} max_q Pr_q(z_h = z) sum_{s,a} q_h(s | z) <= L A.

Hypotheses: "values" (every Q of every joint pure policy and random functions, tabular completion),
"models" (latent kernels around the true ones, the same emissions).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._generators import (
    dirichlet_rows,
    model_net,
    per_agent,
    stream,
    value_class_of,
)
from mamex_bench.catalogue._values import with_functions
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import Hypotheses, ModelClass, ValueClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.structure import (
    bellman_rank,
    largest_rank,
    state_action_occupancies,
    state_occupancies,
)

SOURCE = "proved in the docstring of low_bellman_rank"


def make(
    *,
    seed: int = 0,
    latents: int = 3,
    emissions: int = 4,
    agents: int = 2,
    actions: int | Sequence[int] = 2,
    horizon: int = 3,
    policies: int | Sequence[int] = 6,
    models: int = 24,
    distractors: int = 16,
    distance: Sequence[float] = (0.05, 0.5),
) -> Instance:
    """A random block game with values and models.

    Up to 16 latent states of 16 observations (256 states) with 12 policies per agent.

    Arguments:
        seed: draws everything.
        latents, emissions: L and E; there are L E states.
        agents, horizon: sizes.
        actions, policies: per agent, or one number for all; the value class holds one hypothesis
            per agent and joint policy.
        models: size of the net of latent kernels, the truth at index 0; one latent state leaves
            nothing to doubt, and the truth alone.
        distractors: further value hypotheses per agent, random functions.
        distance: least and greatest Hellinger distance of a model's latent rows from the true ones.
    """
    n = positive_integer(agents, "agents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    L, E = positive_integer(latents, "latents"), positive_integer(emissions, "emissions")
    H, F = positive_integer(horizon, "horizon"), positive_integer(models, "models")
    A, S = int(np.prod(counts)), L * E

    T = dirichlet_rows(stream(seed, "low_bellman_rank", "latents"), (H, L, A), L, 0.5)
    rows = dirichlet_rows(stream(seed, "low_bellman_rank", "emissions"), (H + 1, L), E)
    # emission[h, z, s]: all mass on the observations of z
    emission = np.einsum("hze,zy->hzye", rows, np.eye(L)).reshape(H + 1, L, S)
    latent = MarkovGame(T, np.zeros((n, H, L, A)), counts)
    nets = model_net(latent, F, seed, distance).transitions if L > 1 else latent.transition[None]
    transitions = np.repeat(np.einsum("fhzay,hys->fhzas", nets, emission[1:]), E, axis=2)
    transitions /= transitions.sum(axis=-1, keepdims=True)
    reward = stream(seed, "low_bellman_rank", "rewards").random((n, H, S, A))
    start = stream(seed, "low_bellman_rank", "initial").dirichlet(np.ones(L)) @ emission[0]

    game = MarkovGame(transitions[0], reward, counts, start / start.sum())
    chosen = PurePolicies.sample(game, tables, seed)
    hypotheses: dict[str, Hypotheses] = {
        "values": with_functions(
            value_class_of(game, chosen), distractors, stream(seed, "low_bellman_rank", "values")
        ),
        "models": ModelClass(transitions, truth=0),
    }
    return Instance(
        game,
        chosen,
        hypotheses,
        name=f"low_bellman_rank(latents={L}, states={S})",
        known={
            "bellman_rank": Known(L, SOURCE),
            "coverability": Known(L * A, SOURCE),
            "feature_norm": Known(1.0, SOURCE),
            "weight_norm": Known(float(H * np.sqrt(L)), SOURCE),
            "residual_bound": Known(float(H), SOURCE),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """V-type Bellman rank of every class at most L, below what the classes' sizes would allow."""
    rank = instance.known["bellman_rank"].value
    ranks = {name: bellman_rank(instance, name, "V") for name in instance.hypotheses}
    checks = [
        Check(f"V-type Bellman rank of the {name}", found, "<=", rank)
        for name, found in ranks.items()
    ]
    classes = instance.hypothesis("values"), instance.hypothesis("models")
    assert isinstance(classes[0], ValueClass)
    assert isinstance(classes[1], ModelClass)
    sizes = (instance.policies.size, instance.game.states, *classes[0].sizes, classes[1].size)
    if rank < min(sizes):
        # Fewer policies or hypotheses than latent states leave nothing to be below.
        statement = "V-type Bellman rank, below policies, states and hypotheses"
        checks.append(Check(statement, max(ranks.values()), "<=", min(sizes) - 1))
    return [
        Check(
            "rank of the state occupancies", largest_rank(state_occupancies(instance)), "<=", rank
        ),
        *checks,
        Check("coverability", coverability(instance), "<=", instance.known["coverability"].value),
    ]


def coverability(instance: Instance) -> float:
    """Largest over steps of sum_{s,a} max_q d_h^q(s, a), q in the policy class."""
    most: Floats = state_action_occupancies(instance).max(axis=1)
    return float(most.sum(axis=1).max())
