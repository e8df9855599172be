"""Linear Q and V without a linear transition: noise that the features do not see.

Variant. Du et al. 2021 ("Bilinear classes", arXiv 2103.10897) ask that the *optimal* Q* be linear
in features phi(s, a) and V* in features psi(s). Hypotheses here evaluate policies, so the variant
is: for every agent i and every joint pure policy pi of the class, Q^{i,pi}_h is linear in phi_h and
V^{i,pi}_h in psi_h; and a value hypothesis f is linear in phi with f_h(., pi_h(.)) linear in psi.

Definition. psi_h(s) = u_h(s) x 1[o(s)], u_h(s) in the simplex of R^d, o(s) one of G signals;
phi_h(s, a) = psi_h(s) x e_a; policies act on the signal. Distributions mu_h give

    r_{i,h} = <phi_h, w_{i,h}>,     P_h(s' | s, a) = <phi_h(s, a), mu_h(s')> + N_h(s' | s, a),
    sum_s' N_h(s' | s, a) psi_{h+1}(s') = 0,

w in [0, 1]^{d G A}, N random with that property and so small that P >= 0. The entries of psi sum to
1, hence the rows of N to 0. N has a density on a space of S - d G dimensions, so that, almost
surely, the transitions of a step have rank S - d G at least: no linear game in few features.

Linear Q and V. By induction V^{i,pi}_{h+1} = <psi_{h+1}, v> with v in [0, H-h-1]^{d G}, which does
not see N. So

    Q^{i,pi}_h = <phi_h, w_{i,h} + sum_s' mu_h(s') V^{i,pi}_{h+1}(s')>,

and V^{i,pi}_h(s) = Q^{i,pi}_h(s, pi(o(s))) takes for each signal the block of its action.

Hypotheses. "values": every Q of every joint pure policy, and functions linear in phi and in b
further, believed, state features u'_h(s) in [0, 1] (with signal and action as in phi). Where a
function depends on u', its Bellman target sees N and is not linear: only tabular completion is
complete. "values_linear": the Q's and convex combinations of them, complete in phi.

Bilinear rank. Bars mean features with u' beside u: b G more for states, b G A more with actions.
Subtract E_q [ Q^pi_h - r_h - V^pi_{h+1}(s') ] = 0 from the mean Bellman error of (f, pi) under q:

    E_q [ f_h - T_h^{i,pi} f_{h+1} ] = < theta_f - theta^pi, E_q phibar_h(s, a) >
                                     - < w_f - w^pi, E_q psibar_{h+1}(s') >,

an inner product in d1 + d2 = (d+b) G (A + 1) dimensions, as in Du et al. Since E_q psi_{h+1}(s') is
linear in E_q phi_h, the d G among them are not needed: (d+b) G A + b G dimensions do. There

    X = (E_q phi_h, E_q u'_h, E_q u'_{h+1}(s')),  |X| <= sqrt(1 + 2b),  the entries of W in [-H, H]:

theta_f, and rewards plus averages of w_f, lie in [0, H - h]. For "values_linear" d G A dimensions
suffice, since its targets are linear in phi.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check, numerical_rank
from mamex_bench.catalogue._generators import (
    dirichlet_rows,
    per_agent,
    stream,
    value_class_of,
    within,
)
from mamex_bench.catalogue._signals import (
    by_signal,
    signal_count,
    signal_policies,
    state_features,
    with_actions,
    without_actions,
)
from mamex_bench.catalogue._values import with_functions
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.evaluation import policy_action_values
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import Hypotheses, ValueClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.structure import bellman_rank, policy_tables

SOURCE = "proved in the docstring of linear_qv"


def make(
    *,
    seed: int = 0,
    states: int = 12,
    agents: int = 2,
    actions: int | Sequence[int] = 2,
    horizon: int = 3,
    dimension: int = 2,
    believed: int = 1,
    signals: int = 1,
    noise: float = 0.9,
    policies: int | Sequence[int] = 6,
    distractors: int = 24,
    ridge: float = 1.0,
) -> Instance:
    """A random game with linear Q and V.

    Up to 128 states with 12 policies per agent.

    Arguments:
        seed: draws everything.
        states, agents, horizon: sizes; states more than dimension times signals.
        dimension: d.
        believed: b, state features that only the distractors believe in.
        signals: G, the number of groups of states that agents can tell apart; 1 is open loop.
        noise: size of N, in [0, 1]: 0 is a linear game, 1 the largest that keeps P >= 0.
        actions, policies: per agent, or one number for all; the value classes hold one hypothesis
            per agent and joint policy.
        distractors: further value hypotheses per agent.
        ridge: of the linear completion.
    """
    n = positive_integer(agents, "agents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    S, H = positive_integer(states, "states"), positive_integer(horizon, "horizon")
    d, b = positive_integer(dimension, "dimension"), positive_integer(believed, "believed")
    G, A = signal_count(signals, S), int(np.prod(counts))
    size = within(noise, "noise", 0.0, 1.0)
    if d * G >= S:
        raise InputError(f"states is {S}: expected more than dimension x signals = {d * G}")

    psi = state_features(stream(seed, "linear_qv", "features"), H + 1, S, d, G)
    phi = with_actions(psi[:H], A)
    mu = dirichlet_rows(stream(seed, "linear_qv", "mu"), (H, d * G * A), S, 0.5)
    linear = np.einsum("hsaj,hjt->hsat", phi, 0.9 * mu + 0.1 / S)
    weights = stream(seed, "linear_qv", "rewards").random((n, H, d * G * A))
    reward = np.clip(np.einsum("hsaj,nhj->nhsa", phi, weights), 0.0, 1.0)
    transition = linear + size * _unseen(stream(seed, "linear_qv", "noise"), linear, psi[1:])

    game = MarkovGame(np.maximum(transition, 0.0), reward, counts, np.full(S, 1.0 / S))
    chosen = signal_policies(counts, tables, H, S, G, seed)
    rng = stream(seed, "linear_qv", "believed")
    beliefs = with_actions(by_signal(rng.random((H, S, b)), G), A)
    both = np.concatenate([phi, beliefs / b], axis=3) / 2.0
    hypotheses: dict[str, Hypotheses] = {
        "values": with_functions(value_class_of(game, chosen), distractors, rng, both),
        "values_linear": value_class_of(game, chosen, distractors, seed, phi, ridge),
    }
    rank = (d + b) * G * A + b * G
    # Without noise the game is linear, and claims no more.
    nonlinear = {"transition_rank": Known(S - d * G, SOURCE)} if size > 0.0 else {}
    return Instance(
        game,
        chosen,
        hypotheses,
        name=f"linear_qv(d={d}, states={S})",
        known={
            "bilinear_rank": Known(rank, SOURCE),
            "dimension_q": Known(d * G * A, SOURCE),
            "dimension_v": Known(d * G, SOURCE),
            "feature_norm": Known(float(np.sqrt(1 + 2 * b)), SOURCE),
            "weight_norm": Known(float(H * np.sqrt(rank)), SOURCE),
            "residual_bound": Known(float(H), SOURCE),
            **nonlinear,
        },
    )


def certify(instance: Instance) -> list[Check]:
    """Linear Q and V of every policy, transitions that are not, and few dimensions of errors."""
    game, known = instance.dense, {key: each.value for key, each in instance.known.items()}
    complete = instance.hypothesis("values_linear")
    assert isinstance(complete, ValueClass)
    assert complete.features is not None
    phi = complete.features
    psi = without_actions(phi)
    away_q = away_v = 0.0
    steps, states = np.arange(game.horizon)[:, None], np.arange(game.states)
    for table in policy_tables(instance):
        Q = policy_action_values(game, table)
        V = Q[:, steps, states, table]
        for h in range(game.horizon):
            flat = Q[:, h].reshape(game.agents, -1)
            away_q = max(away_q, _distance(phi[h].reshape(flat.shape[1], -1), flat))
            away_v = max(away_v, _distance(psi[h], V[:, h]))
    checks = [
        Check("distance of Q of any policy from the span of phi", away_q, "<=", 0.0, 1e-8),
        Check("distance of V of any policy from the span of psi", away_v, "<=", 0.0, 1e-8),
        Check(
            "Bellman rank of the values",
            bellman_rank(instance, "values"),
            "<=",
            known["bilinear_rank"],
        ),
        Check(
            "Bellman rank of the linear values",
            bellman_rank(instance, "values_linear"),
            "<=",
            known["dimension_q"],
        ),
    ]
    if "transition_rank" in known:
        rows = min(numerical_rank(P.reshape(-1, game.states)) for P in game.transition)
        least = known["transition_rank"]
        checks.append(Check("rank of the transitions, least over steps", rows, ">=", least))
    return checks


def _unseen(rng: np.random.Generator, linear: Floats, psi: Floats) -> Floats:
    """(H, S, A, S): rows orthogonal to psi (H, S, k), as large as `linear` + rows >= 0 allows."""
    raw = rng.normal(size=linear.shape)
    inverse = np.linalg.pinv(psi)
    raw -= np.einsum("hsat,htk,hku->hsau", raw, psi, inverse, optimize=True)
    room = np.where(raw < 0.0, linear / np.maximum(-raw, 1e-300), np.inf).min(axis=-1)
    return raw * room[..., None]


def _distance(basis: Floats, values: Floats) -> float:
    """Largest entry by which rows of `values` miss the span of the columns of `basis`."""
    return float(np.abs(basis @ (np.linalg.pinv(basis) @ values.T) - values.T).max())
