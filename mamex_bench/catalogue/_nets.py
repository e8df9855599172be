"""Nets of models whose covering radius is proved.

Distance of two models: the largest Hellinger distance of their rows,

    d(P, Q) = max_{h,s,a} D_H(P_h(. | s, a), Q_h(. | s, a)),    D_H^2 = (1/2) |sqrt p - sqrt q|^2,

a metric. A net of a set of models is a subset; its covering radius is the largest distance of a
model of the set from the nearest member. `Known("covering_radius")` of an instance is an upper
bound of it, and its source says which set is meant.

**Stars.** Square roots of rows are unit vectors. Let the star of a class be all models on the arcs
(in every row at the same share t in [0, 1] of the angle) from the truth to a member. At t <= 1/2
the truth is within half of the largest angle phi of that member's rows, at t >= 1/2 the member is.
Vectors at angle a have D_H = sqrt(1 - cos a) = sqrt(2) sin(a/2): the class covers its star with
radius sqrt(2) sin(phi/4), phi the largest angle of all members: about half the greatest distance.

Where rewards are random, models include their means, and rows are those of next state and rewards
jointly: independent parts j, whose affinities 1 - D_H^2 = cos(phi_j) multiply. The arc moves every
part by the same share of its angle. By the same two cases, as cosines fall, the radius is at most
sqrt(1 - prod_j cos(phi_j / 2)), the largest over members and rows.

**Simplices.** P_theta = sum_j theta_j P_j, theta in the simplex of R^d, is covered by the thetas
whose entries are multiples of 1/N. Rounding N theta down leaves fractions that sum to a whole
number k < d; round up the k largest. The d - k others sum to at most k (d - k)/d, so

    |theta - theta'|_1 <= 2 k (d - k) / (d N) <= 2 floor(d/2) ceil(d/2) / (d N),
    D_H^2 <= (1/2) |P_theta - P_theta'|_1 <= (1/2) |theta - theta'|_1,

and the radius is at most sqrt(floor(d/2) ceil(d/2) / (d N)), whatever the kernels P_j.

**Coins.** Rows that are one image of m independent coins with probabilities p_i = sin^2 alpha_i:
sum sqrt(p q) is at least the product of cos(alpha_i - alpha'_i), since an image brings
distributions no farther apart. Probabilities from a list cover all between its ends with radius
sqrt(1 - cos^m delta), delta half the largest gap of the list's angles.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import comb

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._generators import at_least, within
from mamex_bench.catalogue._losses import (
    bernoulli,
    model_squares,
    models_of,
    squared_hellinger,
    truth_of,
)
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known

STAR = "proved in catalogue/_nets: all models on arcs from the truth to a member"
COINS = "proved in catalogue/_nets: all failure probabilities between the least and the greatest"
MIDPOINTS = 8


def model_distance(models: Floats, other: Floats) -> Floats:
    """(...): d(P, Q) of models (..., H, S, A, S)."""
    distance: Floats = np.sqrt(squared_hellinger(models, other).max(axis=(-3, -2, -1)))
    return distance


def star_radius(models: ModelClass) -> float:
    """Covering radius of the star of a class that holds the truth, an upper bound."""
    truth = at_least(-1 if models.truth is None else models.truth, 0, "truth")
    if models.rewards is None:
        greatest = float(model_distance(models.transitions, models.transitions[truth]).max())
        # D_H = sqrt(2) sin(phi / 2), radius = sqrt(2) sin(phi / 4)
        return float(np.sqrt(2.0) * np.sin(0.5 * np.arcsin(greatest / np.sqrt(2.0))))
    rewards = squared_hellinger(bernoulli(models.rewards), bernoulli(models.rewards[truth]))
    parts = [squared_hellinger(models.transitions, models.transitions[truth])]
    # cos(phi) = 1 - D_H^2, cos(phi / 2) = sqrt((1 + cos(phi)) / 2)
    halves = [np.sqrt(1.0 - part / 2.0) for part in (*parts, *np.moveaxis(rewards, 1, 0))]
    return float(np.sqrt(1.0 - np.prod(halves, axis=0).min()))


def star_known(models: ModelClass) -> Known:
    """The covering radius of a star, as an instance states it."""
    return Known(star_radius(models), STAR)


def finite_known(complete: bool, what: str, distance: float = 1.0) -> Known:
    """Radius of a class inside a finite set: 0 if it is the set, else at most its diameter."""
    return Known(0.0 if complete else distance, f"by definition: {what}")


def star_checks(instance: Instance, name: str | None = None) -> list[Check]:
    """Middles of the longest arcs lie within the stated radius of a member."""
    models = models_of(instance, name)
    truth = truth_of(instance, models)
    length = model_squares(models, truth).max(axis=(1, 2, 3))
    nearest = 0.0
    for f in np.argsort(-length, kind="stable")[:MIDPOINTS]:
        squares = model_squares(models, _middle(models, int(f), truth))
        nearest = max(nearest, float(np.sqrt(squares.max(axis=(1, 2, 3)).min())))
    radius = instance.known["covering_radius"].value
    return [Check("distance of arcs' middles from the nearest model", nearest, "<=", radius)]


def _middle(models: ModelClass, f: int, truth: ModelClass) -> ModelClass:
    """The middle of the arc from the truth to model f, part by part."""

    def between(p: Floats, q: Floats) -> Floats:
        total = np.sqrt(p) + np.sqrt(q)
        middle: Floats = np.square(total / np.linalg.norm(total, axis=-1, keepdims=True))
        return middle

    rewards = None
    if models.rewards is not None and truth.rewards is not None:
        rewards = between(bernoulli(models.rewards[f]), bernoulli(truth.rewards[0]))[None, ..., 1]
    return ModelClass(between(models.transitions[f], truth.transitions[0])[None], 0, rewards)


def simplex_net(dimension: int, resolution: int) -> Floats:
    """(C(N+d-1, d-1), d): all points of the simplex whose entries are multiples of 1/N."""
    d, N = positive_integer(dimension, "dimension"), positive_integer(resolution, "resolution")
    bars = np.array(list(itertools.combinations(range(N + d - 1), d - 1)), dtype=np.int64)
    edges = np.pad(
        bars.reshape(comb(N + d - 1, d - 1), d - 1), ((0, 0), (1, 1)), constant_values=-1
    )
    edges[:, -1] = N + d - 1
    net: Floats = (np.diff(edges, axis=1) - 1) / N
    return net


def nearest_in_simplex_net(theta: Floats, resolution: int) -> Floats:
    """(..., d): the rounding of the proof, within 2 floor(d/2) ceil(d/2) / (d N) in L1."""
    scaled = np.asarray(theta, dtype=np.float64) * resolution
    below = np.floor(scaled + 1e-12)
    fraction = scaled - below
    left = np.rint(resolution - below.sum(axis=-1, keepdims=True)).astype(np.int64)
    order: Ints = np.argsort(np.argsort(-fraction, axis=-1, kind="stable"), axis=-1)
    rounded: Floats = (below + (order < left)) / resolution
    return rounded


def simplex_radius(dimension: int, resolution: int) -> float:
    """Covering radius of mixtures of d kernels by `simplex_net`, an upper bound."""
    d, N = positive_integer(dimension, "dimension"), positive_integer(resolution, "resolution")
    return float(np.sqrt((d // 2) * ((d + 1) // 2) / (d * N)))


def simplex_covering_number(dimension: int, scale: float) -> int:
    """An upper bound of the covering number of all mixtures of d kernels, at a scale in (0, 1]."""
    d, epsilon = positive_integer(dimension, "dimension"), within(scale, "scale", 1e-9, 1.0)
    resolution = max(int(np.ceil((d // 2) * ((d + 1) // 2) / (d * epsilon**2) - 1e-12)), 1)
    return comb(resolution + d - 1, d - 1)


def simplex_bracketing_number(dimension: int, scale: float) -> int:
    """An upper bound of the number of brackets that hold all mixtures of d kernels.

    Brackets as in `_coverings`, L1 width at most `scale` in every row. Cut theta_1, ...,
    theta_{d-1} into cells of side w = scale / (2 (d - 1)). In a cell [k w, (k+1) w] the last weight
    lies in an interval of length (d-1) w, so that l = sum_j low_j P_j and u = sum_j high_j P_j
    bracket the cell with width at most 2 (d-1) w. The cells that meet the simplex have
    sum k_j <= 1/w: there are C(floor(1/w) + d - 1, d - 1).
    """
    d, epsilon = positive_integer(dimension, "dimension"), within(scale, "scale", 1e-9, 2.0)
    return comb(int(np.floor(2 * (d - 1) / epsilon + 1e-12)) + d - 1, d - 1)


def coin_radius(options: Sequence[float], coins: int) -> float:
    """Covering radius of m coins with probabilities from a list, between its ends."""
    angles = np.sort(np.arcsin(np.sqrt(np.asarray(options, dtype=np.float64))))
    delta = float(np.diff(angles).max(initial=0.0)) / 2.0
    return float(np.sqrt(1.0 - np.cos(delta) ** positive_integer(coins, "coins")))
