"""A curve of action values: eluder dimension of two or three, linear dimension without bound.

Definition. Joint actions have ranks tau(a) in {0, 1/(A-1), ..., 1}, a random order that all agents
share. In every state s and step h an agent's reward rises with the rank, by random increments
whose slopes lie between c1 and c2 = `slopes`, from a random base:

    c1 (tau(b) - tau(a)) <= r_{i,h}(s, b) - r_{i,h}(s, a) <= c2 (tau(b) - tau(a))

if tau(a) <= tau(b); where `opposed`, agents of odd number have 1 - r of such an r instead.
Transitions are

    P_h(. | s, a) = (1 - kappa tau(a)) P_{h,0}(. | s) + kappa tau(a) P_{h,1}(. | s),

kappa = `control`. A policy repeats one action, so a joint policy is a joint action a, with rank
tau. The class of an agent holds every Q^{i,a}, and between neighbours in rank convex combinations:
it is a curve with one parameter tau in [0, 1], linear between neighbours.

Bounded slopes. Put w = 1 - c1: for fixed h, a and i the rewards of two states differ by at most w,
so V_h^{i,a} has span at most (H-h) w (h from 0). With D = (H - 2) w and signs sigma_i = 1, -1,

    lo = c1 - kappa D,    hi = c2 + kappa D    (parameters with lo <= 0 are refused),

  * changing one action: sigma_i (Q_h^{i,b}(s, a') - Q_h^{i,b}(s, a)) lies in [lo, hi] (tau(a') -
    tau(a)) for h >= 1, tau(a') >= tau(a), since the rewards differ by [c1, c2] and the transitions
    by kappa (tau(a') - tau(a)) in total variation, times the span of V_{h+1}^{i,b};
  * *residuals*: f = Q^{i,b}, joint policy a: f_h - T_h^{i,a} f_{h+1} is the mean under P_h of
    Q_{h+1}^{i,b}(s', b) - Q_{h+1}^{i,b}(s', a), so sigma_i times it lies in
    [lo, hi] (tau(b) - tau(a)) wherever tau(b) >= tau(a), and the other way round; at the last step
    it is 0. Combinations of neighbours average such terms, all of one sign;
  * *values*: V_h^{i,b} - V_h^{i,a} is a sum of H - h such changes, one per step (h >= 1), so
    sigma_i (Q_h^{i,b} - Q_h^{i,a}) lies in (H-h-1) [lo, hi] (tau(b) - tau(a)), and along the curve
    between combinations likewise.

Eluder dimension. Let every function of a class lie between delta lo and delta hi up to sign, with
a delta of its own. If x_k is eps-independent of x_1, ..., x_{k-1} with witness g, then
(k-1) (delta lo)^2 <= sum g(x_j)^2 <= eps^2 < g(x_k)^2 <= (delta hi)^2, so k - 1 < (hi/lo)^2.
Hence at every scale, without a logarithm,

    dim_E(F_{i,h}, eps)  and  dim_BE(eps)   <=   ceil((hi / lo)^2),

the second with respect to any family of distributions, as means keep the bounds.

Linear dimension. At step H-2 the values are Q^{i,a} = r + P_{H-2} r_{i,H-1}(., a): the differences
between policies span as many dimensions as the increments of r_{i,H-1}, S x (A-1) independent
numbers with a density, if P_{H-2} has full rank: min(S, A-1) for almost every draw, and so many
features any linear class that holds the values must have. It grows with S and A, the eluder
dimension does not. (That the eluder dimension may be far smaller than any rank: Li, Kamath, Foster
and Srebro 2022, "Understanding the eluder dimension"; definitions in `_dimensions`.)

Sizes: states = 64 with actions = 8, linear dimension 63, takes a second and 190 MB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check, numerical_rank
from mamex_bench.catalogue._dimensions import (
    CERTIFICATE_LIMIT,
    CERTIFICATE_POLICIES,
    SearchTooLarge,
    bellman_eluder_check,
    bellman_residuals,
    eluder_dimension,
)
from mamex_bench.catalogue._generators import at_least, dirichlet_rows, per_agent, stream, within
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.evaluation import policy_action_values
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ValueClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

SOURCE = "proved in the docstring of small_eluder"


def make(
    *,
    seed: int = 0,
    agents: int = 2,
    states: int = 6,
    actions: int | Sequence[int] = 3,
    horizon: int = 3,
    slopes: Sequence[float] = (0.6, 0.7),
    control: float = 0.1,
    opposed: bool = True,
    between: int = 1,
    scale: float = 0.001,
) -> Instance:
    """A random curve.

    Arguments:
        seed: draws everything.
        agents, states: sizes; at least two joint actions.
        horizon: H, at least 2; with H = 1 all values are rewards.
        actions: per agent, or one number for all; also the numbers of policies.
        slopes: c1 and c2, 0 < c1 < c2 <= 1.
        control: kappa in [0, 1], how much actions steer the transitions.
        opposed: whether agents of odd number want low ranks.
        between: hypotheses between neighbours on the curve, per gap.
        scale: eps of the searches in the certificate; the bounds hold at every scale.
    """
    n, S = positive_integer(agents, "agents"), positive_integer(states, "states")
    counts, H = per_agent(actions, n, "actions"), at_least(horizon, 2, "horizon")
    A = at_least(int(np.prod(counts)), 2, "the number of joint actions")
    if len(slopes) != 2 or not 0.0 < slopes[0] < slopes[1] <= 1.0:
        raise InputError(f"slopes is {slopes!r}: expected two numbers, 0 < c1 < c2 <= 1")
    c1, c2 = map(float, slopes)
    kappa = within(control, "control", 0.0, 1.0)
    D = (H - 2) * (1.0 - c1)
    lo, hi = c1 - kappa * D, c2 + kappa * D
    if lo <= 0.0:
        raise InputError(
            f"control is {kappa:g}: with c1 = {c1:g} and horizon {H} expected less than {c1 / D:g}"
        )
    eps = within(scale, "scale", 1e-9, 1e3)

    order = stream(seed, "small_eluder", "ranks").permutation(A)
    tau = np.empty(A)
    tau[order] = np.arange(A) / (A - 1)
    rng = stream(seed, "small_eluder", "rewards")
    steps = rng.uniform(c1, c2, size=(n, H, S, A - 1)) / (A - 1)
    base = rng.uniform(0.0, 1.0 - c2, size=(n, H, S, 1))
    reward = np.empty((n, H, S, A))
    reward[..., order] = np.concatenate([base, base + np.cumsum(steps, axis=-1)], axis=-1)
    if opposed:
        reward[1::2] = 1.0 - reward[1::2]
    ends = dirichlet_rows(stream(seed, "small_eluder", "kernels"), (2, H, S, 1), S, 0.5)
    share = kappa * tau[None, None, :, None]
    transition = (1.0 - share) * ends[0] + share * ends[1]

    game = MarkovGame(transition, np.clip(reward, 0.0, 1.0), counts)
    chosen = PurePolicies([np.broadcast_to(np.arange(m)[:, None, None], (m, H, S)) for m in counts])
    known = {
        "slope_ratio": hi / lo,
        "linear_dimension": min(S, A - 1),
        "eluder_bound": math.ceil((hi / lo) ** 2 - 1e-12),
        "bellman_eluder_bound": math.ceil((hi / lo) ** 2 - 1e-12),
        "residual_bound": hi,
        "eluder_scale": eps,
    }
    return Instance(
        game,
        chosen,
        {"values": ValueClass(_curves(game, chosen, order, at_least(between, 0, "between")))},
        name=f"small_eluder(states={S}, joint actions={A})",
        known={key: Known(value, SOURCE) for key, value in known.items()},
    )


def certify(instance: Instance) -> list[Check]:
    """Slopes, the linear dimension, and the eluder dimensions by exact search where it is quick."""
    known, game = instance.known, instance.game
    classes = instance.hypothesis("values")
    if not isinstance(classes, ValueClass):
        raise InputError("values is not a class of action values")
    H, cells = game.horizon, game.states * game.actions
    curves = [v[:, h].reshape(len(v), cells) for v in classes.per_agent for h in range(H - 1)]
    # Agent by agent, the differences to the first policy at step H-2.
    spreads = [v[1:] - v[0] for v in curves[H - 2 :: H - 1]]
    uneven = last = 0.0
    for i, h in np.ndindex(game.agents, H):
        residuals = bellman_residuals(instance, i, h, most=CERTIFICATE_POLICIES).reshape(-1, cells)
        if h < H - 1:
            uneven = max(uneven, _unevenness(residuals))
        else:
            last = max(last, float(np.abs(residuals).max()))
    ratio, scale = known["slope_ratio"].value, known["eluder_scale"].value
    dimension, bound = known["linear_dimension"].value, known["eluder_bound"].value
    checks = [
        Check("rank of values, step H-2", min(map(numerical_rank, spreads)), "==", dimension),
        Check("widest to narrowest difference of values", max(map(_of_pairs, curves)), "<=", ratio),
        Check("widest to narrowest Bellman residual", uneven, "<=", ratio),
        Check("Bellman residual of the last step", last, "==", 0.0),
    ]
    try:
        first = [eluder_dimension(v, scale, CERTIFICATE_LIMIT) for v in curves[:: H - 1]]
        found = max(each.dimension for each in first)
        checks.append(Check(f"eluder dimension, step 0, scale {scale:g}", found, "<=", bound))
    except SearchTooLarge:
        pass
    return checks + bellman_eluder_check(instance, "occupancy")


def _of_pairs(curve: Floats) -> float:
    """`_unevenness` of the differences of all pairs of values, `curve` (F, cells)."""
    return max(_unevenness(curve[k + 1 :] - curve[k]) for k in range(len(curve) - 1))


def _unevenness(functions: Floats) -> float:
    """Largest max |g| / min |g| of functions (G, cells) that are not zero; inf if signs change."""
    size = np.abs(functions)
    g, size = functions[size.max(axis=1) > 1e-12], size[size.max(axis=1) > 1e-12]
    if (g.max(axis=1, initial=-np.inf) * g.min(axis=1, initial=np.inf) <= 0.0).any():
        return np.inf
    return float((size.max(axis=1) / size.min(axis=1)).max(initial=0.0))


def _curves(game: MarkovGame, policies: PurePolicies, order: Ints, between: int) -> list[Floats]:
    """(F, H, S, A) per agent: Q of the joint actions in order of rank, and combinations between."""
    every = np.stack(
        [policy_action_values(game, policies.joint_actions(game, int(a))) for a in order]
    )
    # Place t on the curve is the combination of the values at floor(t) and floor(t) + 1.
    places = np.linspace(0.0, len(order) - 1, (len(order) - 1) * (between + 1) + 1)
    left = np.minimum(places.astype(np.int64), len(order) - 2)
    share = (places - left)[:, None, None, None, None]
    members = (1.0 - share) * every[left] + share * every[left + 1]
    return [members[:, i] for i in range(game.agents)]
