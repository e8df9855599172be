"""Linear values that are Bellman-complete for every policy, in a game that is not linear.

Definition. S states, of which `passive` ones have features that do not depend on the action. All
features phi_h(s, a) lie in the simplex of R^d; mu_{h,1}, ..., mu_{h,d} are distributions over the
states; rewards are r_{i,h} = <phi_h, w_{i,h}> with w in [0, 1]^d. Transitions are

    P_h(s' | s, a) = <phi_h(s, a), mu_h(s')> + nu_h(s' | s, a),

where nu_h(. | s, a) is zero but on passive states and orthogonal there to each of the d functions
psi_{h+1,j}(s') = phi_{h+1,j}(s', any a'). Since these add up to 1, nu sums to 0. Directions of nu
are random, one for each (h, s, a), and its size is the share `bend` of the largest with P >= 0.

Completeness. Let g(s, a) = <phi_{h+1}(s, a), theta> and pi be any joint policy, in the class or
not. Where nu is not zero g(s', pi(s')) = <psi_{h+1}(s'), theta>, so nu_h adds nothing to its mean:

    T_h^{i,pi} g = <phi_h, w_{i,h} + sum_s' mu_h(s') g(s', pi_{h+1}(s'))>,

linear in phi_h. By induction Q^{i,pi}_h = <phi_h, theta> with theta in [0, H-h]^d (h from 0), as
for linear games, and the same holds of T_h g for every g of the class.

Not a linear game of dimension d. In one the matrix P_h of shape (S A, S) has rank at most d,
whatever the features. Here its rows span the mu's and the directions of nu, which fill the
passive - d dimensions orthogonal to the psi's: the rank is `passive` > d for almost every draw. No
model of rank d has these transitions, and a learner that fits one is misspecified, while the linear
values are exact.

Bellman-eluder dimension. For f in the class, f_h = <phi_h, theta_h>, and any data policy q,

    E_q [ f_h - T_h^{i,pi} f_{h+1} ] = <W, X>,   W = theta_h - theta(T_h^{i,pi} f_{h+1}),
                                                 X = E_q phi_h,

with |X| <= B_X = 1 and |W| <= B_W = H sqrt(d), both parameters being in [0, H-h]^d. So the matrix
of mean Bellman errors has rank at most d ("bilinear_rank"), and at scale eps the Bellman-eluder
dimension with respect to occupancy measures is at most the largest N with

    N log(1 + 1/(1 + nu)) < d log(1 + N B_X^2 B_W^2 / (nu d eps^2)),    any nu > 0,

of order d log(B_X B_W / eps) (proof in `_dimensions.linear_eluder_bound`; Jin, Liu and Miryoosefi
2021, arXiv 2102.00815, have d log(1 + B_X B_W / eps) up to a constant for Bellman rank d; linear
Bellman-complete classes are an example there, after Zanette et al. 2020).

Hypotheses: "values_linear" (every Q of every joint pure policy and distractors, linear
completion), "values" (the same, tabular completion), "linear" (all linear functions, radius
H sqrt(d)), "models" (a net of mu's around the truth, each bent along the same directions).

Sizes: states = 60, passive = 40, actions = 3, horizon = 5, dimension = 10 with policies = 8 and
models = 64 takes two seconds and 520 MB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check, numerical_rank
from mamex_bench.catalogue._dimensions import (
    CERTIFICATE_POLICIES,
    bellman_eluder_check,
    bellman_targets,
    linear_eluder_bound,
    mean_residuals,
    rank_up_to,
)
from mamex_bench.catalogue._generators import (
    at_least,
    dirichlet_rows,
    model_net,
    per_agent,
    stream,
    value_class_of,
    within,
)
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import (
    Hypotheses,
    LinearValueClass,
    ModelClass,
    ValueClass,
    linear_coefficients,
)
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

SOURCE = "proved in the docstring of bellman_complete"


def make(
    *,
    seed: int = 0,
    agents: int = 2,
    states: int = 9,
    passive: int = 6,
    actions: int | Sequence[int] = 2,
    horizon: int = 3,
    dimension: int = 3,
    policies: int | Sequence[int] = 3,
    models: int = 32,
    distractors: int = 8,
    bend: float = 0.9,
    ridge: float = 1.0,
    distance: Sequence[float] = (0.05, 0.5),
    scale: float = 0.1,
) -> Instance:
    """A random game of this kind with four kinds of hypotheses about it.

    Arguments:
        seed: draws everything.
        agents, states, horizon: sizes.
        passive: states whose features do not depend on the action, more than `dimension`, fewer
            than `states`; they come last.
        actions, policies: per agent, or one number for all; keep policies few, since the value
            class holds one hypothesis per agent and joint policy.
        dimension: d.
        models: size of the net of mu's, the truth at index 0.
        distractors: further value hypotheses per agent, theta uniform in [0, H-h]^d at each step.
        bend: size of nu, as a share of the largest possible, in (0, 1].
        ridge: of the linear completion and the linear class.
        distance: least and greatest Hellinger distance of a model's mu_{h,j} from the true one.
        scale: eps, at which the bound of the Bellman-eluder dimension is filed.
    """
    n = positive_integer(agents, "agents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    S, H = positive_integer(states, "states"), positive_integer(horizon, "horizon")
    d, F = positive_integer(dimension, "dimension"), positive_integer(models, "models")
    if not d < passive < S:
        raise InputError(
            f"passive is {passive}: expected more than dimension = {d} and fewer than states = {S}"
        )
    eps = within(scale, "scale", 1e-6, 1e3)
    A = int(np.prod(counts))

    phi = dirichlet_rows(stream(seed, "bellman_complete", "features"), (H, S, A), d, 0.3)
    phi[:, S - passive :] = phi[:, S - passive :, :1]
    weights = stream(seed, "bellman_complete", "rewards").random((n, H, d))
    mu = dirichlet_rows(stream(seed, "bellman_complete", "mu"), (H, 1, d), S, 0.7)
    # A game whose joint actions are the d factors: its net of models is a net of mu's.
    factors = MarkovGame(np.repeat(mu, S, axis=1), np.zeros((1, H, S, d)), (d,))
    nets = model_net(factors, F, seed, distance, floor=0.05).transitions[:, :, 0]
    straight = np.einsum("hsaj,fhjt->fhsat", phi, nets)
    directions = _directions(phi, passive, stream(seed, "bellman_complete", "nu"))
    transitions = _bent(straight, directions, within(bend, "bend", 1e-6, 1.0))
    reward = np.clip(np.einsum("hsaj,nhj->nhsa", phi, weights), 0.0, 1.0)

    game = MarkovGame(transitions[0], reward, counts)
    chosen = PurePolicies.sample(game, tables, seed)
    rng = stream(seed, "bellman_complete", "distractors")
    theta = rng.random((n, at_least(distractors, 0, "distractors"), H, d))
    theta *= np.arange(H, 0, -1)[:, None]
    others = np.einsum("hsaj,nfhj->nfhsa", phi, theta)
    held = value_class_of(game, chosen).per_agent
    values = [np.concatenate(pair) for pair in zip(held, others)]
    radius = H * float(np.sqrt(d))
    hypotheses: dict[str, Hypotheses] = {
        "values_linear": ValueClass(values, phi, ridge),
        "values": ValueClass(values),
        "linear": LinearValueClass(phi, ridge, radius=radius),
        "models": ModelClass(transitions, truth=0),
    }
    known = {
        "dimension": d,
        "transition_rank": passive,
        "bilinear_rank": d,
        "feature_norm": 1.0,
        "weight_norm": radius,
        "residual_bound": H,
        "eluder_scale": eps,
        "bellman_eluder_bound": linear_eluder_bound(d, radius, eps),
    }
    return Instance(
        game,
        chosen,
        hypotheses,
        name=f"bellman_complete(d={d}, states={S})",
        known={key: Known(value, SOURCE) for key, value in known.items()},
    )


def certify(instance: Instance) -> list[Check]:
    """Values and targets linear, transitions not, and the dimensions that follow."""
    game, known = instance.dense, instance.known
    classes = instance.hypothesis("values_linear")
    if not isinstance(classes, ValueClass) or classes.features is None:
        raise InputError("values_linear has no features: expected linear completion")
    H, S, A, _ = classes.features.shape
    phi = classes.features.reshape(H, S * A, -1)
    # Orthogonal projections onto the span of each step's features.
    projections = np.stack([basis @ np.linalg.pinv(basis) for basis in phi])
    miss = weight = 0.0
    for i, values in enumerate(classes.per_agent):
        theta = linear_coefficients(values, classes.features)
        for h in range(H):
            targets = bellman_targets(instance, i, h, values, CERTIFICATE_POLICIES)
            targets = targets.reshape(-1, S * A)
            miss = max(miss, float(np.abs(targets - targets @ projections[h]).max()))
            after = (targets @ np.linalg.pinv(phi[h]).T).reshape(-1, *theta[:, h].shape)
            weight = max(weight, float(np.linalg.norm(theta[:, h] - after, axis=-1).max()))
    beyond = 0.0
    for h in range(H - 1):
        images = game.transition[h].reshape(S * A, S) @ _continuations(classes.features[h + 1])
        beyond = max(beyond, float(np.abs(images - projections[h] @ images).max()))
    d = known["dimension"].value
    ranks = [numerical_rank(rows.reshape(S * A, S)) for rows in game.transition]
    stacked = [rank_up_to(v[:, h], d) for v in classes.per_agent for h in range(H)]
    errors = [
        rank_up_to(mean_residuals(instance, i, h, "values_linear", CERTIFICATE_POLICIES), d)
        for i in range(game.agents)
        for h in range(H)
    ]
    return [
        Check("rank of the values of a step", max(stacked), "<=", d),
        Check("distance of Bellman targets from the features' span", miss, "==", 0.0, 1e-8),
        Check("the same for every policy, in the class or not", beyond, "==", 0.0, 1e-8),
        Check("least rank of a step's transitions", min(ranks), ">=", d + 1),
        Check(
            "largest rank of a step's transitions", max(ranks), "==", known["transition_rank"].value
        ),
        Check("rank of the mean Bellman errors", max(errors), "<=", d),
        Check("largest |theta_h - theta(T f)|", weight, "<=", known["weight_norm"].value),
        *bellman_eluder_check(instance, "occupancy", "values_linear"),
    ]


def _continuations(phi: Floats) -> Floats:
    """(S, J): a spanning set of all functions s' -> <phi(s', pi(s')), theta>, phi (S, A, d).

    All policies and thetas: the function of the first action, and at every state the difference
    that each other action makes there.
    """
    S = len(phi)
    at = np.einsum("st,saj->staj", np.eye(S), phi - phi[:, :1])
    return np.concatenate([phi[:, 0], at.transpose(1, 0, 2, 3).reshape(S, -1)], axis=1)


def _directions(phi: Floats, passive: int, rng: np.random.Generator) -> Floats:
    """(H, S, A, S): random directions on the passive states, orthogonal to the next step's psi.

    The last step has no next; its own features stand in.
    """
    H, S, A, _ = phi.shape
    out = np.zeros((H, S, A, S))
    for h in range(H):
        psi = phi[min(h + 1, H - 1), S - passive :, 0]
        # The last passive - rank right singular vectors of psi^T span what psi does not see.
        unseen = np.linalg.svd(psi.T)[2][numerical_rank(psi) :]
        out[h, :, :, S - passive :] = rng.normal(size=(S, A, len(unseen))) @ unseen
    return out


def _bent(straight: Floats, directions: Floats, bend: float) -> Floats:
    """P + t nu >= 0, t the share `bend` of the largest such number, in every row."""
    with np.errstate(divide="ignore"):
        room = np.where(directions < 0.0, -straight / np.minimum(directions, -1e-300), np.inf)
    rows: Floats = straight + bend * room.min(axis=-1, keepdims=True) * directions
    rows = np.maximum(rows, 0.0)
    normalised: Floats = rows / rows.sum(axis=-1, keepdims=True)
    return normalised
