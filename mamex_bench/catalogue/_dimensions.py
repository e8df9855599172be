"""Eluder dimensions, exactly, of finite classes on finitely many points.

**Eluder dimension** (Russo and Van Roy 2013, "Eluder dimension and the sample complexity of
optimistic exploration"). A point x is eps-independent of x_1, ..., x_k with respect to a class F if
two of its members have

    sum_{j <= k} (f(x_j) - f'(x_j))^2 <= eps^2     and     |f(x) - f'(x)| > eps.

dim_E(F, eps) is the length of the longest sequence of which, for some eps' >= eps, every point is
eps'-independent of those before it.

**Distributional eluder dimension** (Jin, Liu and Miryoosefi 2021, arXiv 2102.00815). The same with
distributions mu in place of points and single functions g of a class G in place of differences:
sum_j (E_{mu_j} g)^2 <= eps^2 and |E_mu g| > eps. So dim_E is that of the differences F - F with
respect to Diracs.

**Bellman-eluder dimension** (same source, for several agents). The largest, over steps h and
agents i, of the distributional eluder dimension of the residuals f_h - T_h^{i,pi} f_{h+1}, f in the
class, pi a joint pure policy, with respect to the occupancy measures of the joint pure policies
("occupancy") or to the Diracs of all (s, a) ("dirac").

**Search.** Whether x may follow a sequence depends on its set S alone, and for a given eps' means
that eps' lies in

    I(S, x) = union over g of [ sqrt(sum_{s in S} g(s)^2), |g(x)| ).

No point follows itself. Hence E(S), the scales eps' >= eps at which S can be ordered so that each
point is independent of those before it, is a union of half-open intervals with

    E({}) = [eps, infinity),     E(S) = union over x in S of E(S - x) and I(S - x, x),

and the dimension is the size of the largest S with E(S) not empty. Sets are visited size by size;
the sizes of their layers, not the number of points, decide what it costs. Beyond a limit of work
the search refuses: it never returns a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.catalogue._certificate import Check, numerical_rank
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.evaluation import occupancy
from mamex_bench.model.hypotheses import ValueClass
from mamex_bench.model.instance import Instance

# Numbers whose ratio is this close to 1 count as equal.
TIE = 1e-9
# Functions x points, but no fewer than SET_WORK, x sets that a search looks at before it refuses:
# some 20 seconds, and 0.3 in a certificate.
WORK_LIMIT = 1_000_000_000
CERTIFICATE_LIMIT = 20_000_000
SET_WORK = 3_000
RESIDUAL_LIMIT = 100_000_000
# Policies whose Bellman targets a certificate looks at.
CERTIFICATE_POLICIES = 16

Intervals = list[tuple[float, float]]
Family = Literal["occupancy", "dirac"]


class SearchTooLarge(InputError):
    """An exact search would take more work than its limit allows."""


@dataclass(frozen=True)
class EluderSequence:
    """A longest sequence in which every point is independent of those before it.

    Attributes:
        points: their indices, in order.
        scale: eps', at which they are; at least the scale asked for.
    """

    points: tuple[int, ...]
    scale: float

    @property
    def dimension(self) -> int:
        return len(self.points)


def eluder_dimension(values: ArrayLike, scale: float, limit: int = WORK_LIMIT) -> EluderSequence:
    """dim_E(F, scale) of a class `values` (F, M) on M points, with a sequence that attains it.

    Raises SearchTooLarge beyond `limit` comparisons.
    """
    table = np.asarray(values, dtype=np.float64)
    F, M = table.shape
    _refuse_beyond(limit, F * (F - 1) // 2, M)
    first, second = np.triu_indices(F, 1)
    return distributional_eluder_dimension(table[first] - table[second], scale, limit)


def distributional_eluder_dimension(
    means: ArrayLike, scale: float, limit: int = WORK_LIMIT
) -> EluderSequence:
    """dim_DE(G, {mu_m}, scale), `means` (G, M) holding E_{mu_m} g, with a sequence attaining it.

    Raises SearchTooLarge beyond `limit` comparisons, functions x points x sets.
    """
    if not scale > 0.0:
        raise InputError(f"scale is {scale!r}: expected a positive number")
    table = np.abs(np.asarray(means, dtype=np.float64))
    _refuse_beyond(limit, *table.shape)
    size, kept = _reduced(table, scale)
    G, M = size.shape
    if M == 0:
        return EluderSequence((), scale)
    squares = np.square(size)
    layers: list[dict[int, Intervals]] = [{0: [(scale, np.inf)]}]
    work = 0
    while layers[-1]:
        work += max(G * M, SET_WORK) * len(layers[-1])
        _refuse_beyond(limit, G, M, work, f" ({len(layers[-1]):,} sets of {len(layers) - 1})")
        found: dict[int, Intervals] = {}
        for mask, scales in layers[-1].items():
            for x, openings in _followers(size, squares, mask):
                common = _intersection(scales, openings)
                if common:
                    key = mask | 1 << x
                    found[key] = _union(found[key], common) if key in found else common
        layers.append(found)
    return _retraced(size, squares, layers[:-1], kept)


def linear_eluder_bound(
    dimension: int, reach: float, scale: float, slope_ratio: float = 1.0
) -> int:
    """Largest eluder dimension at `scale` that d-dimensional (generalised) linear functions allow.

    Let |<x, w>| c1 <= |g(x)| <= c2 |<x, w>|, |x| <= B_X, |w| <= B_W, reach = c1 B_X B_W and
    slope_ratio r = c2 / c1 (linear functions: c1 = c2 = 1). In an eps-independent sequence of
    length N, let w_k witness that x_k is independent and Lambda_k = lambda I + sum_{j<k} x_j x_j^T
    with lambda = nu eps^2 / (c1 B_W)^2, nu > 0. Then w_k^T Lambda_k w_k <= (1 + nu) eps^2 / c1^2
    and eps / c2 < |<x_k, w_k>|, so x_k^T Lambda_k^{-1} x_k > 1 / ((1 + nu) r^2). By the determinant
    lemma

        N log(1 + 1/((1 + nu) r^2)) < log det(Lambda_{N+1} / lambda)
                                   <= d log(1 + N reach^2 / (nu d eps^2)).

    For each nu there is a largest such N; the bound is the least of them over nu = 1, 1/2, ...,
    2^-10. It falls as eps grows, so that eps' >= eps does no better. Means over distributions are
    linear too: for r = 1 it holds of them with x = E_mu x. (Russo and Van Roy 2013, propositions 6
    and 7, with other constants.)
    """
    alpha = (reach / scale) ** 2 / dimension
    return min(
        _last_below(float(np.log1p(1.0 / ((1.0 + nu) * slope_ratio**2))), dimension, alpha / nu)
        for nu in 0.5 ** np.arange(11)
    )


def _last_below(growth: float, dimension: int, alpha: float) -> int:
    """The largest N >= 0 with N growth < dimension log(1 + N alpha); 0 if there is none."""

    def below(N: int) -> bool:
        return bool(N * growth < dimension * np.log1p(N * alpha))

    low, high = 0, 1
    while below(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return low


def rank_up_to(matrix: Floats, claimed: float) -> int:
    """Numerical rank of a matrix (F, ...) as far as it matters: exact up to claimed + 8.

    That of its product with a Gaussian matrix of claimed + 8 columns, for almost every draw.
    """
    flat = matrix.reshape(len(matrix), -1)
    columns = min(int(claimed) + 8, flat.shape[1])
    sketch = np.random.default_rng(0).normal(size=(flat.shape[1], columns))
    return numerical_rank(flat @ sketch)


def bellman_residuals(
    instance: Instance,
    agent: int,
    step: int,
    hypotheses: str | None = None,
    most: int | None = None,
) -> Floats:
    """(G, S, A): f_h - T_h^{i,pi} f_{h+1} for every f of the class and every distinct pi_{h+1}.

    With `most`, for no more than so many of the pi_{h+1}; else SearchTooLarge beyond
    RESIDUAL_LIMIT numbers.
    """
    classes = instance.hypothesis(hypotheses)
    if not isinstance(classes, ValueClass):
        raise NotApplicableError(
            f"hypotheses {hypotheses!r} of {instance.name!r} are no finite class of action values: "
            "their Bellman residuals are not defined"
        )
    f = classes.per_agent[agent]
    rows = _distinct_actions(instance, step + 1)
    if most is None and len(rows) * f[:, step].size > RESIDUAL_LIMIT:
        raise SearchTooLarge(
            f"the Bellman residuals of {len(f):,} hypotheses and {len(rows):,} policies are more "
            f"than {RESIDUAL_LIMIT:,} numbers: give fewer hypotheses or policies"
        )
    residuals: Floats = f[None, :, step] - bellman_targets(instance, agent, step, f, most)
    return residuals.reshape(-1, *residuals.shape[2:])


def bellman_targets(
    instance: Instance, agent: int, step: int, values: Floats, most: int | None = None
) -> Floats:
    """(R, F, S, A): T_h^{i,pi} f_{h+1}, values (F, H, S, A), for the R distinct pi_{h+1}.

    With `most`, for no more than so many of these, evenly spread.
    """
    game = instance.dense
    F, H, S, A = values.shape
    if step == H - 1:
        return np.broadcast_to(game.reward[agent, step], (1, F, S, A))
    rows = _distinct_actions(instance, step + 1)
    if most is not None and len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    # v(s') = f_{h+1}(s', pi_{h+1}(s'))
    later = values[:, step + 1][:, np.arange(S), rows]
    targets: Floats = game.reward[agent, step] + np.einsum(
        "sat,frt->rfsa", game.transition[step], later, optimize=True
    )
    return targets


def _distinct_actions(instance: Instance, step: int) -> Ints:
    """(R, S): the distinct pi_h of the joint pure policies; after the last step there is one."""
    game, policies = instance.dense, instance.policies
    if step == game.horizon:
        return np.zeros((1, game.states), dtype=np.int64)
    tables = [policies.joint_actions(game, m)[step] for m in range(policies.size)]
    return np.unique(np.stack(tables), axis=0)


def mean_residuals(
    instance: Instance,
    agent: int,
    step: int,
    hypotheses: str | None = None,
    most: int | None = None,
) -> Floats:
    """(G, M): E_q [f_h - T_h^{i,pi} f_{h+1}] under every joint pure policy q."""
    game, policies = instance.dense, instance.policies
    residuals = bellman_residuals(instance, agent, step, hypotheses, most)
    states = np.arange(game.states)
    means = np.empty((len(residuals), policies.size))
    for q in range(policies.size):
        actions = policies.joint_actions(game, q)
        means[:, q] = residuals[:, states, actions[step]] @ occupancy(game, actions)[step]
    return means


def bellman_eluder_dimension(
    instance: Instance,
    scale: float,
    family: Family = "occupancy",
    hypotheses: str | None = None,
    limit: int = WORK_LIMIT,
) -> int:
    """The Bellman-eluder dimension at `scale`, largest over agents and steps."""
    if family not in ("occupancy", "dirac"):
        raise InputError(f"family is {family!r}: expected 'occupancy' or 'dirac'")
    game = instance.dense
    largest = 0
    for i in range(game.agents):
        for h in range(game.horizon):
            if family == "occupancy":
                means = mean_residuals(instance, i, h, hypotheses)
            else:
                means = bellman_residuals(instance, i, h, hypotheses).reshape(
                    -1, game.states * game.actions
                )
            found = distributional_eluder_dimension(means, scale, limit)
            largest = max(largest, found.dimension)
    return largest


def bellman_eluder_check(
    instance: Instance, family: Family, hypotheses: str | None = None
) -> list[Check]:
    """The exact dimension at the filed scale against the filed bound; empty where it is refused.

    A certificate leaves the search out where it would take long, for want of a bound that is both
    quick and able to fail.
    """
    scale = instance.known["eluder_scale"].value
    try:
        found = bellman_eluder_dimension(instance, scale, family, hypotheses, CERTIFICATE_LIMIT)
    except SearchTooLarge:
        return []
    bound = instance.known["bellman_eluder_bound"].value
    return [Check(f"Bellman-eluder dimension ({family}) at scale {scale:g}", found, "<=", bound)]


def _refuse_beyond(limit: int, G: int, M: int, work: int = 0, where: str = "") -> None:
    if max(work, G * M) > limit:
        raise SearchTooLarge(
            f"the exact eluder dimension of {G:,} functions on {M:,} points needs more than "
            f"{limit:,} comparisons{where}: give fewer, a larger scale, or a larger limit"
        )


def _reduced(size: Floats, scale: float) -> tuple[Floats, np.ndarray]:
    """(G', M') absolute means without what cannot matter, and the columns' old indices.

    Dropped: functions and points that never exceed the scale, repeated functions, and repeated
    points, of which no sequence holds two.
    """
    points = np.flatnonzero((size > scale).any(axis=0))
    functions = (size > scale).any(axis=1)
    kept = size[functions][:, points]
    # Twelve digits of the largest: repetitions up to rounding.
    digits = np.round(kept / (kept.max(initial=0.0) or 1.0), 12)
    rows = np.unique(digits, axis=0, return_index=True)[1]
    columns = np.sort(np.unique(digits, axis=1, return_index=True)[1])
    return kept[rows][:, columns], points[columns]


def _followers(size: Floats, squares: Floats, mask: int) -> list[tuple[int, Intervals]]:
    """Each point x with I(S, x) not empty, S the points in the bit mask; I as intervals."""
    M = size.shape[1]
    inside = np.array([mask >> x & 1 for x in range(M)], dtype=bool)
    left = np.sqrt(squares[:, inside].sum(axis=1))
    # Only functions that can exceed their sum somewhere.
    useful = np.flatnonzero(size.max(axis=1) > left * (1.0 + TIE))
    if useful.size == 0:
        return []
    order = useful[np.argsort(left[useful])]
    left = left[order]
    right = size[order].T
    # Points of S drop out here.
    right = np.where(right > left * (1.0 + TIE), right, 0.0)
    reached = np.maximum.accumulate(right, axis=1)
    before = np.full_like(reached, -1.0)
    before[:, 1:] = np.where(reached[:, :-1] > 0.0, reached[:, :-1], -1.0)
    # An interval opens a component where all those to its left end before it begins.
    fresh = (right > 0.0) & (before < left)
    out: list[tuple[int, Intervals]] = []
    for x in np.flatnonzero(fresh.any(axis=1)):
        starts = np.flatnonzero(fresh[x])
        ends = np.append(starts[1:] - 1, len(order) - 1)
        out.append((int(x), list(zip(left[starts].tolist(), reached[x, ends].tolist()))))
    return out


def _intersection(first: Intervals, second: Intervals) -> Intervals:
    """Of two sorted lists of disjoint intervals."""
    common: Intervals = []
    i = j = 0
    while i < len(first) and j < len(second):
        (a, b), (c, d) = first[i], second[j]
        low, high = max(a, c), min(b, d)
        if high > low * (1.0 + TIE):
            common.append((low, high))
        i, j = (i + 1, j) if b < d else (i, j + 1)
    return common


def _union(first: Intervals, second: Intervals) -> Intervals:
    merged: Intervals = []
    for a, b in sorted(first + second):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return merged


def _retraced(
    size: Floats, squares: Floats, layers: list[dict[int, Intervals]], kept: np.ndarray
) -> EluderSequence:
    """A sequence behind a set of the last layer: some last point, then the set without it."""
    mask, scales = next(iter(layers[-1].items()))
    scale = scales[0][0]
    backwards: list[int] = []
    for layer in reversed(layers[:-1]):
        for x in range(size.shape[1]):
            rest = mask & ~(1 << x)
            if rest == mask or not _holds(layer.get(rest, []), scale):
                continue
            if any(y == x and _holds(each, scale) for y, each in _followers(size, squares, rest)):
                backwards.append(int(kept[x]))
                mask = rest
                break
    assert mask == 0, "every set of a layer extends one of the layer before"
    return EluderSequence(tuple(reversed(backwards)), scale)


def _holds(intervals: Intervals, scale: float) -> bool:
    return any(a <= scale < b for a, b in intervals)
