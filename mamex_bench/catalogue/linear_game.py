"""Linear Markov games: transitions and rewards linear in known features.

Definition. Features phi_h(s, a) in the simplex of R^d, unknown distributions mu_{h,1}, ...,
mu_{h,d} over states, known weights w_{i,h} in [0, 1]^d:

    P_h(s' | s, a) = <phi_h(s, a), mu_h(s')>,     r_{i,h}(s, a) = <phi_h(s, a), w_{i,h}>.

The simplex makes every row a mixture of the d distributions, hence stochastic.

Structure. For any function g of the next state and action and any joint policy pi,

    T_h^{i,pi} g = <phi_h, w_{i,h} + sum_s' mu_h(s') g(s', pi_{h+1}(s'))>,

linear in phi_h. By induction every Q^{i,pi}_h = <phi_h, theta>, with theta in [0, H-h]^d (h counted
from 0), so |theta| <= H sqrt(d): the linear class holds every Q, and a class of such Q's is
complete under linear completion.

Bilinear rank. For f_h = <phi_h, theta_h> the mean Bellman error under data policy q is

    E_q [ f_h - T_h^{i,pi} f_{h+1} ] = < theta_h - theta(T_h^{i,pi} f_{h+1}), E_q phi_h >,

an inner product in R^d. Over all linear f the matrix has rank dim span { E_q phi_h : q }, which is
at most d and equals d when the policies' expected features span; `make` measures it and files it
as `bilinear_rank`. The transition matrix of a step, (S A, S), has rank at most d too.

Hypotheses: "models" (a net of mu's around the truth, each a linear game), "linear" (all linear
functions, radius H sqrt(d)), "values" (every Q of every joint pure policy and some distractors,
tabular completion), "values_linear" (the same, linear completion).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._generators import (
    dirichlet_rows,
    model_net,
    per_agent,
    stream,
    value_class_of,
)
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.evaluation import occupancy
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import Hypotheses, LinearValueClass, ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies


def make(
    *,
    seed: int = 0,
    agents: int = 2,
    states: int = 6,
    actions: int | Sequence[int] = 2,
    horizon: int = 3,
    dimension: int = 3,
    policies: int | Sequence[int] = 4,
    models: int = 64,
    distractors: int = 8,
    ridge: float = 1.0,
    distance: Sequence[float] = (0.05, 0.5),
) -> Instance:
    """A random linear game with four kinds of hypotheses about it.

    Arguments:
        seed: draws everything.
        agents, states, horizon: sizes.
        actions, policies: per agent, or one number for all; keep policies few, since the value
            class holds one hypothesis per agent and joint policy.
        dimension: d.
        models: size of the net of mu's, the truth at index 0.
        distractors: further value hypotheses per agent.
        ridge: of the linear completion and the linear class.
        distance: least and greatest Hellinger distance of a model's mu_{h,j} from the true one.
    """
    n = positive_integer(agents, "agents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    S, H = positive_integer(states, "states"), positive_integer(horizon, "horizon")
    d, F = positive_integer(dimension, "dimension"), positive_integer(models, "models")
    A = int(np.prod(counts))

    phi = dirichlet_rows(stream(seed, "linear_game", "features"), (H, S, A), d, 0.5)
    mu = dirichlet_rows(stream(seed, "linear_game", "mu"), (H, 1, d), S, 0.5)
    weights = stream(seed, "linear_game", "rewards").random((n, H, d))
    # A game whose joint actions are the d factors: its net of models is a net of mu's.
    factors = MarkovGame(np.repeat(mu, S, axis=1), np.zeros((1, H, S, d)), (d,))
    nets = model_net(factors, F, seed, distance, floor=0.05).transitions[:, :, 0]
    transitions = np.einsum("hsaj,fhjt->fhsat", phi, nets)
    transitions /= transitions.sum(axis=-1, keepdims=True)
    reward = np.clip(np.einsum("hsaj,nhj->nhsa", phi, weights), 0.0, 1.0)

    game = MarkovGame(transitions[0], reward, counts, np.full(S, 1.0 / S))
    chosen = PurePolicies.sample(game, tables, seed)
    hypotheses: dict[str, Hypotheses] = {
        "models": ModelClass(transitions, truth=0),
        "linear": LinearValueClass(phi, ridge, radius=H * float(np.sqrt(d))),
        "values": value_class_of(game, chosen, distractors, seed),
        "values_linear": value_class_of(game, chosen, distractors, seed, phi, ridge),
    }
    rank = max(int(np.linalg.matrix_rank(X)) for X in expected_features(game, chosen, phi))
    return Instance(
        game,
        chosen,
        hypotheses,
        name=f"linear_game(d={d}, states={S})",
        known={"bilinear_rank": Known(rank, "proved in the docstring of linear_game")},
    )


def expected_features(game: MarkovGame, policies: PurePolicies, phi: Floats) -> Floats:
    """(H, M, d): E_q phi_h(s, a) of every joint pure policy q; phi (H, S, A, d)."""
    H, S, _, d = phi.shape
    out = np.empty((H, policies.size, d))
    steps, states = np.arange(H)[:, None], np.arange(S)
    for index in range(policies.size):
        actions = policies.joint_actions(game, index)
        visits = occupancy(game, actions)
        out[:, index] = np.einsum("hs,hsd->hd", visits, phi[steps, states, actions])
    return out
