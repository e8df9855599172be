"""Low occupancy complexity: a chain that runs by itself, on which the agents have few levers.

Definition. With probability 1 - w the next state is that of a chain C_h, whatever the agents do;
with probability w they choose among k + 1 distributions eta_{h,0}, ..., eta_{h,k} over states:

    P_h(s' | s, a) = (1 - w) C_h(s' | s) + w sum_j lever_{h,j}(s, a) eta_{h,j}(s'),

lever_h(s, a) in the simplex. Policies act on the state's signal, one of G groups of states.

Occupancies. Under any policy pi, d_{h+1} = (1 - w) d_h C_h + w [ eta_{h,0} + sum_{j >= 1}
E_pi[lever_{h,j}] (eta_{h,j} - eta_{h,0}) ], so over *all* policies the d_h lie in an affine space
of dimension k h: in a linear space of dimension 1 + k h. A policy of the class picks its action by
the signal, d_h(s, a) = sum_{g,b} 1[pi_h(g) = b] d_h(s) 1[o(s) = g, a = b], hence

    d_h^pi(s, .) = < beta_h(pi), phi_h >  in 1 + k h dimensions (states),
                                          in (1 + k h) G A dimensions (states and actions):

low occupancy complexity in the sense of Du et al. 2021 ("Bilinear classes", arXiv 2103.10897). They
let rewards be linear in phi, so that values can be learnt; here rewards are known, and arbitrary.

Bilinear rank. For every pair (f, pi), of any class, and every roll-in q the mean Bellman error is

    E_q [ b(s_h, a_h) ] = < d_h^q, b > = < X_q, W_b >,

X_q and W_b the projections on an orthonormal basis of the span of the occupancies: rank at most
(1 + k (H - 1)) G A (Q-type), 1 + k (H - 1) (V-type, for policies that see the state too).
|X| <= |d| <= 1 and |W| <= |b| <= H sqrt(S A), as residuals lie in [-H, H].

Not a linear game of small dimension: C_h is (1 - e) times a permutation plus e times random rows,
e = 0.3, hence diagonally dominant up to the permutation and of rank S; the levers add rank k + 1.
So the transitions of a step have rank at least S - k - 1, and features that make the game linear
have as many dimensions.

Hypotheses: "values" (every Q of every joint pure policy and random functions, tabular completion),
"models" (a net around the truth without any structure).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check, numerical_rank
from mamex_bench.catalogue._generators import (
    dirichlet_rows,
    model_net,
    per_agent,
    stream,
    value_class_of,
    within,
)
from mamex_bench.catalogue._signals import signal_count, signal_policies
from mamex_bench.catalogue._values import with_functions
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import Hypotheses
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.structure import bellman_rank, largest_rank, state_action_occupancies

SOURCE = "proved in the docstring of low_occupancy"
NOISE = 0.3  # e


def make(
    *,
    seed: int = 0,
    states: int = 12,
    agents: int = 2,
    actions: int | Sequence[int] = 2,
    horizon: int = 3,
    controls: int = 1,
    weight: float = 0.5,
    signals: int = 1,
    policies: int | Sequence[int] = 8,
    models: int = 24,
    distractors: int = 16,
    distance: Sequence[float] = (0.05, 0.5),
) -> Instance:
    """A random chain with levers.

    Up to 128 states with 12 policies per agent.

    Arguments:
        seed: draws everything.
        states, agents, horizon: sizes.
        controls: k, at least 1.
        weight: w, in [0, 1).
        signals: G, the number of groups of states that agents can tell apart; 1 is open loop.
        actions, policies: per agent, or one number for all; the value class holds one hypothesis
            per agent and joint policy.
        models: size of the net, the truth at index 0.
        distractors: further value hypotheses per agent, random functions.
        distance: least and greatest Hellinger distance of a model's rows from the true ones.
    """
    n = positive_integer(agents, "agents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    S, H = positive_integer(states, "states"), positive_integer(horizon, "horizon")
    k, G = positive_integer(controls, "controls"), signal_count(signals, S)
    w, A = within(weight, "weight", 0.0, 0.99), int(np.prod(counts))

    rng = stream(seed, "low_occupancy", "chain")
    permutations = np.stack([np.eye(S)[rng.permutation(S)] for _ in range(H)])
    chain = (1.0 - NOISE) * permutations + NOISE * dirichlet_rows(rng, (H, S), S, 0.5)
    eta = dirichlet_rows(stream(seed, "low_occupancy", "levers"), (H, k + 1), S, 0.5)
    lever = dirichlet_rows(stream(seed, "low_occupancy", "actions"), (H, S, A), k + 1, 0.5)
    transition = (1.0 - w) * chain[:, :, None] + w * np.einsum("hsaj,hjt->hsat", lever, eta)
    transition /= transition.sum(axis=-1, keepdims=True)
    reward = stream(seed, "low_occupancy", "rewards").random((n, H, S, A))
    start = stream(seed, "low_occupancy", "initial").dirichlet(np.ones(S))

    game = MarkovGame(transition, reward, counts, start)
    chosen = signal_policies(counts, tables, H, S, G, seed)
    hypotheses: dict[str, Hypotheses] = {
        "values": with_functions(
            value_class_of(game, chosen), distractors, stream(seed, "low_occupancy", "values")
        ),
        "models": model_net(game, models, seed, distance),
    }
    dimension = 1 + k * (H - 1)
    return Instance(
        game,
        chosen,
        hypotheses,
        name=f"low_occupancy(controls={k}, states={S})",
        known={
            "controls": Known(k, SOURCE),
            "occupancy_dimension": Known(dimension, SOURCE),
            "bilinear_rank": Known(dimension * G * A, SOURCE),
            "feature_norm": Known(1.0, SOURCE),
            "weight_norm": Known(float(H * np.sqrt(S * A)), SOURCE),
            "residual_bound": Known(float(H), SOURCE),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """Few dimensions of occupancies and Bellman errors, many of transitions."""
    game, known = instance.dense, {key: each.value for key, each in instance.known.items()}
    spans = occupancy_dimensions(game)
    excess = max(span - (1 + known["controls"] * h) for h, span in enumerate(spans))
    rows = min(numerical_rank(P.reshape(-1, game.states)) for P in game.transition)
    rank = known["bilinear_rank"]
    return [
        Check("span of all policies' state occupancies, beyond 1 + k h", excess, "<=", 0),
        Check(
            "rank of the class's state-action occupancies",
            largest_rank(state_action_occupancies(instance)),
            "<=",
            rank,
        ),
        *(
            Check(f"Bellman rank of the {name}", bellman_rank(instance, name), "<=", rank)
            for name in instance.hypotheses
        ),
        Check(
            "V-type Bellman rank of the values",
            bellman_rank(instance, "values", "V"),
            "<=",
            known["occupancy_dimension"],
        ),
        Check(
            "rank of the transitions, least over steps",
            rows,
            ">=",
            game.states - known["controls"] - 1,
        ),
    ]


def occupancy_dimensions(game: MarkovGame) -> list[int]:
    """Per step, the dimension of a space that holds the state occupancies of *all* policies.

    D_0 = span(initial), D_{h+1} = D_h P_h(. | ., 0) + span { P_h(. | s, a) - P_h(. | s, 0) }.
    """
    basis, out = game.initial[None], [1]
    for P in game.transition[:-1]:
        changes = (P - P[:, :1]).reshape(-1, game.states)
        _, values, right = np.linalg.svd(np.concatenate([basis @ P[:, 0], changes]))
        basis = right[: int((values > 1e-9 * values[0]).sum())]
        out.append(len(basis))
    return out
