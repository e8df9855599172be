"""Generalised linear values: a strictly monotone link of a function linear in known features.

Definition. W wheels, wheel j with d_j positions; a state is one position per wheel, or the brake.
At step h the joint action a turns wheel j by t_{h,j}(a) positions (a random table), and with
probability `slip` the brake comes down, for good. Nothing is earned before the last step, where

    r_{i,H-1}(s, a) = link( sum_j w_{i,j}[position of wheel j after the turn] ),

1/2 under the brake; link(u) = 1 / (1 + exp(-steepness u)), random w with |w_{i,j}[.]| <= 1/W.
Policies are open-loop.

Structure. Let phi_h(s, a) in R^d, d = sum_j d_j, hold one indicator per wheel, of its position
after the turn (zero under the brake); let G be the group of turns, acting on R^d by shifts within
the blocks: <phi_{h+1}(s', b), theta> = <phi_h(s, a), G_b theta> if s' follows (s, a) without brake,
where G_b theta[z] = theta[z + t_{h+1}(b)] in each block. Put link and brake together:

    link_h(u) = 1/2 + (1 - slip)^(H-1-h) (link(u) - 1/2).

  * *Completeness.* If g = link_{h+1}(<phi_{h+1}, theta>) and pi is open-loop, with b at step h+1,

        T_h^{i,pi} g = (1 - slip) link_{h+1}(<phi_h, G_b theta>) + slip / 2
                     = link_h(<phi_h, G_b theta>)

    (under the brake both are 1/2). The net of thetas is the orbit of w_i under G: the class of step
    h, link_h of the orbit, holds r_i (h = H-1) and every target of every policy.
  * *Realizability.* Hence Q^{i,pi}_h = link_h(<phi_h, G_{b_{h+1}} ... G_{b_{H-1}} w_i>).
  * *Derivative bounds.* |<phi, theta>| <= 1 on the orbit, so link_h' is (1 - slip)^(H-1-h) times a
    number in [c1, c2], c1 = steepness link(1) (1 - link(1)), c2 = steepness / 4.
  * *Not linear in d dimensions.* The matrix (positions x orbit) of values less 1/2 is L(z + g),
    L(z) = link(sum_j w_j[z_j]) - 1/2, a matrix over the group, with rank the number of Fourier
    coefficients of L that are not 0: all prod_j d_j for almost every w, as the link mixes the
    wheels. Before the link it is at most 1 + sum_j (d_j - 1). So a linear class that holds the
    values less 1/2 needs prod_j d_j features.

Bellman-eluder dimension, Diracs. A residual is link_h(<phi, theta>) - link_h(<phi, theta'>), theta'
the parameter of the target, so its absolute value lies between c1 and c2 (times the power) times
|<phi, theta - theta'>|, with |phi| <= B_X = sqrt(W) and |theta - theta'| <= B_W = 2 max_i |w_i|. At
scale eps the dimension is at most the largest N with

    N log(1 + (c1/c2)^2 / (1 + nu)) < d log(1 + N (c1 B_X B_W)^2 / (nu d eps^2)),    any nu > 0

("link_eluder_bound"; proof in `_dimensions.linear_eluder_bound`; cf. Russo and Van Roy 2013,
proposition 7, and Jin, Liu and Miryoosefi 2021 for the passage from complete classes to Bellman
residuals). It does not know the number of states. Nor can it exceed the prod_j d_j positions, since
no two points of a sequence have the same phi, and under the brake residuals vanish: the smaller
number in small instances, and "bellman_eluder_bound" is the smaller of the two. (Classes of this
kind for one agent: Wang et al. 2021, "Optimism in reinforcement learning with generalized linear
function approximation".)

Hypotheses: "values", tabular completion: every Q of every joint pure policy; every member of the
orbit, kept at all steps; and distractors, a random member of the orbit at each step.

Sizes: wheels = [8, 8, 8] with actions = 3, policies = 8, 513 states, takes four seconds and 580 MB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check, numerical_rank
from mamex_bench.catalogue._dimensions import (
    CERTIFICATE_POLICIES,
    bellman_eluder_check,
    bellman_targets,
    linear_eluder_bound,
    rank_up_to,
)
from mamex_bench.catalogue._generators import (
    at_least,
    per_agent,
    stream,
    value_class_of,
    within,
)
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ValueClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

SOURCE = "proved in the docstring of generalised_linear"
POSITION_LIMIT = 512
LEAST_SLOPE = 1e-7


def make(
    *,
    seed: int = 0,
    agents: int = 2,
    actions: int | Sequence[int] = 2,
    horizon: int = 3,
    wheels: Sequence[int] = (3, 3),
    steepness: float = 2.0,
    slip: float = 0.1,
    policies: int | Sequence[int] = 4,
    distractors: int = 8,
    scale: float = 0.1,
) -> Instance:
    """Wheels that turn as a random table says.

    Arguments:
        seed: draws everything.
        agents, horizon: sizes.
        actions: per agent, or one number for all.
        wheels: positions d_j of each wheel; their sum is d, their product plus 1 is S.
        steepness: of the link, at least 0.1; the flatter the link and the more wheels, the fainter
            the rank beyond d in numbers.
        slip: probability in [0, 1) that the brake comes down at a step. The least slope of link_0
            over steepness, link(1) (1 - link(1)) (1 - slip)^(H-1), must be at least 1e-7, or
            rounding hides it.
        policies: open-loop sequences per agent, or one number for all; all if there are no more.
        distractors: further hypotheses per agent.
        scale: eps, at which the bound of the Bellman-eluder dimension is filed.
    """
    n, H = positive_integer(agents, "agents"), positive_integer(horizon, "horizon")
    counts, wanted = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    sizes = tuple(at_least(each, 2, "wheels") for each in wheels)
    if not sizes or np.prod(sizes, dtype=float) > POSITION_LIMIT:
        raise InputError(
            f"wheels is {list(wheels)}: expected at least one, and at most {POSITION_LIMIT:,} "
            "positions in all"
        )
    steep, eps = within(steepness, "steepness", 0.1, 100.0), within(scale, "scale", 1e-6, 1e3)
    if not 0.0 <= slip < 1.0:
        raise InputError(f"slip is {slip!r}: expected a number in [0, 1)")
    ends = _link(steep, np.array([-1.0, 1.0]))
    slope = float(ends.prod()) * (1.0 - slip) ** (H - 1)
    if slope < LEAST_SLOPE:
        raise InputError(
            f"steepness is {steep:g} and slip {slip:g} at horizon {H}: their least slope is "
            f"{slope:.1e} of the steepness, expected at least {LEAST_SLOPE:g}"
        )
    A, Z = int(np.prod(counts)), int(np.prod(sizes))

    rng = stream(seed, "generalised_linear", "weights")
    weights = [rng.uniform(-1.0, 1.0, size=(n, each)) / len(sizes) for each in sizes]
    # u_i(z) = sum_j w_{i,j}[z_j] at the positions z in C order.
    total = np.zeros((n, Z))
    for w, z in zip(weights, np.indices(sizes).reshape(len(sizes), Z)):
        total += w[:, z]
    sums = _sums(sizes)
    turns = stream(seed, "generalised_linear", "turns").integers(Z, size=(H, A))
    transition = np.zeros((H, Z + 1, A, Z + 1))
    transition[..., Z] = slip
    transition[:, Z, :, Z] = 1.0
    steps, places, acts = np.ix_(np.arange(H), np.arange(Z), np.arange(A))
    # positions after the turn, (H, Z, A)
    turned = sums[places, turns[:, None, :]]
    transition[steps, places, acts, turned] = 1.0 - slip
    reward = np.zeros((n, H, Z + 1, A))
    reward[:, H - 1, Z] = 0.5
    reward[:, H - 1, :Z] = _link(steep, total)[:, turned[H - 1]]

    game = MarkovGame(transition, reward, counts)
    chosen = PurePolicies(_open_loop(counts, wanted, H, Z + 1, seed))
    # Parameter g of the orbit: u_i(z + g) at every (h, z, a).
    orbit = 0.5 * np.ones((n, Z, H, Z + 1, A))
    fading = (1.0 - slip) ** np.arange(H - 1, -1, -1)
    for g in range(Z):
        values = _link(steep, total)[:, sums[turned, g]]
        orbit[:, g, :, :Z] += fading[:, None, None] * (values - 0.5)
    drawn = stream(seed, "generalised_linear", "distractors").integers(
        Z, size=(n, at_least(distractors, 0, "distractors"), H)
    )
    held = value_class_of(game, chosen).per_agent
    classes = [
        np.concatenate([held[i], orbit[i], orbit[i, drawn[i], np.arange(H)]]) for i in range(n)
    ]
    top = 1.0 / (1.0 + math.exp(-steep))
    c1, c2 = steep * top * (1.0 - top), steep / 4.0
    feature = float(np.sqrt(len(sizes)))
    norm = 2.0 * float(np.sqrt(sum((w**2).sum(axis=1) for w in weights)).max())
    bound = linear_eluder_bound(sum(sizes), c1 * feature * norm, eps, c2 / c1)
    known: dict[str, float] = {
        "dimension": sum(sizes),
        "linear_dimension": Z,
        "slope_min": c1,
        "slope_max": c2,
        "steepness": steep,
        "slip": slip,
        "feature_norm": feature,
        "weight_norm": norm,
        "residual_bound": 1.0,
        "eluder_scale": eps,
        "link_eluder_bound": bound,
        "bellman_eluder_bound": min(bound, Z),
    }
    return Instance(
        game,
        chosen,
        {"values": ValueClass(classes)},
        name=f"generalised_linear(wheels={'+'.join(map(str, sizes))})",
        known={key: Known(value, SOURCE) for key, value in known.items()},
    )


def certify(instance: Instance) -> list[Check]:
    """Linear under the link and nowhere else, complete, with the slopes that the bound needs."""
    known, H = {key: each.value for key, each in instance.known.items()}, instance.game.horizon
    classes = instance.hypothesis("values")
    if not isinstance(classes, ValueClass):
        raise InputError("values is not a class of action values")
    inner: list[int] = []
    outer: list[int] = []
    least, largest, miss = np.inf, -np.inf, 0.0
    for i, values in enumerate(classes.per_agent):
        for h in range(H):
            own = values[:, h].reshape(len(values), -1)
            fading = (1.0 - known["slip"]) ** (H - 1 - h)
            link = 0.5 + (own - 0.5) / fading
            u = np.log(link / (1.0 - link)) / known["steepness"]
            inner.append(rank_up_to(u, known["dimension"]))
            outer.append(numerical_rank(own - 0.5))
            # Neighbours in u at a cell have the extreme slopes of all pairs there.
            order = np.argsort(u, axis=0)
            rise = np.diff(np.take_along_axis(link, order, axis=0), axis=0)
            run = np.diff(np.take_along_axis(u, order, axis=0), axis=0)
            slope = rise[run > 1e-6] / run[run > 1e-6]
            least, largest = min(least, slope.min()), max(largest, slope.max())
            targets = bellman_targets(instance, i, h, values, CERTIFICATE_POLICIES)
            miss = max(miss, _distance(targets.reshape(-1, own.shape[1]), own))
    return [
        Check("rank of the values before the link", max(inner), "<=", known["dimension"]),
        Check("rank of the values less 1/2", min(outer), "==", known["linear_dimension"]),
        Check("distance of Bellman targets from the class of their step", miss, "==", 0.0),
        Check("least slope of the link", least, ">=", known["slope_min"], 1e-6),
        Check("largest slope of the link", largest, "<=", known["slope_max"], 1e-6),
        *bellman_eluder_check(instance, "dirac"),
    ]


def _distance(targets: Floats, members: Floats) -> float:
    """Largest distance of a target from the member whose mean under random weights is nearest.

    That is the target itself where the class holds it, as weights tell different members apart.
    """
    weights = np.random.default_rng(0).normal(size=members.shape[1])
    order = np.argsort(members @ weights)
    places = np.searchsorted((members @ weights)[order], targets @ weights)
    nearest = [order[np.clip(places + step, 0, len(order) - 1)] for step in (-1, 0)]
    apart = [np.abs(targets - members[each]).max(axis=1) for each in nearest]
    return float(np.minimum(*apart).max())


def _link(steepness: float, u: Floats) -> Floats:
    """1 / (1 + exp(-steepness u))."""
    value: Floats = 1.0 / (1.0 + np.exp(-steepness * u))
    return value


def _sums(sizes: tuple[int, ...]) -> Ints:
    """(Z, Z): number of the position z + g of all wheels, both numbered in C order."""
    digits = np.indices(sizes).reshape(len(sizes), -1)
    together = (digits[:, :, None] + digits[:, None, :]) % np.array(sizes)[:, None, None]
    return np.ravel_multi_index(tuple(together), sizes)


def _open_loop(
    counts: tuple[int, ...], wanted: tuple[int, ...], H: int, S: int, seed: int
) -> list[Ints]:
    """Per agent (m_i, H, S): distinct random action sequences, all of them if there are no more."""
    tables = []
    for i, (actions, count) in enumerate(zip(counts, wanted)):
        rng = stream(seed, "generalised_linear", "policies", str(i))
        chosen: dict[tuple[int, ...], None] = {}
        if H * np.log(actions) <= np.log(count):
            chosen = dict.fromkeys(np.ndindex(*(actions,) * H))
        while len(chosen) < min(count, actions**H):
            chosen.setdefault(tuple(int(a) for a in rng.integers(actions, size=H)))
        sequences = np.array(list(chosen), dtype=np.int64)
        tables.append(np.broadcast_to(sequences[:, :, None], (*sequences.shape, S)))
    return tables
