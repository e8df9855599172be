"""The decoupling coefficient from its definition: slow, plain NumPy, no kernel of this package.

Own policy evaluation, own discrepancies, own sums over clusters. Used by `check_bracket` and tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mamex_bench.model.hypotheses import ModelClass, ValueClass
from mamex_bench.model.instance import Instance
from mamex_bench.reference.rows import Rows, rows_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def joint_actions(instance: Instance, index: int) -> Ints:
    """(N,): the joint actions of joint policy `index`, agents in mixed radix, 0 slowest."""
    members = np.unravel_index(index, instance.policies.counts)
    joint = np.zeros(instance.policies.tables[0][0].size, dtype=np.int64)
    for count, table, member in zip(instance.game.action_counts, instance.policies.tables, members):
        joint = joint * count + table[member].reshape(-1)
    return joint


def model_values(
    rows: Rows, probabilities: Floats, reward: Floats, initial: Floats, joint: Ints
) -> Floats:
    """(F,): value of one joint policy under each model (F, nnz), reward (N, A) or (F, N, A)."""
    values = reward[..., np.arange(joint.size), joint] + np.zeros((len(probabilities), 1))
    for h in reversed(range(rows.horizon - 1)):
        entries, begin = rows.chosen(h, joint)
        later = probabilities[:, entries] * values[:, rows.after[entries]]
        values[:, rows.layer(h)] += np.add.reduceat(later, begin, axis=1)
    return np.einsum("s,fs->f", initial, values[:, : initial.size])


def visits(rows: Rows, initial: Floats, joint: Ints) -> Floats:
    """(N,): probability that the policy visits each state."""
    out = np.zeros(rows.first[-1])
    out[: initial.size] = initial
    for x in range(rows.first[rows.horizon]):
        if out[x] > 0.0:
            row = x * rows.actions + joint[x]
            entries = slice(rows.starts[row], rows.starts[row + 1])
            out[rows.after[entries]] += out[x] * rows.probability[entries]
    return out[: joint.size]


class Definition:
    """One agent's errors and discrepancies, straight from the definition.

    Attributes:
        errors: (M, F), e(f, pi) = V_f^{i,pi} - V^{i,pi}.
    """

    def __init__(self, instance: Instance, hypotheses: str | None, agent: int) -> None:
        game, classes = instance.game, instance.hypothesis(hypotheses)
        rows = rows_of(game)
        self.rows, self.classes, self.reward, self.agent = rows, classes, rows.reward[agent], agent
        self.joints = [joint_actions(instance, q) for q in range(instance.policies.size)]
        self.data = self._occupancies(game.initial)
        models, paid = [rows.probability], [rows.reward]
        if isinstance(classes, ModelClass):
            models.extend(classes.transitions.reshape(classes.size, -1))
            own = [rows.reward] * classes.size if classes.rewards is None else classes.rewards
            paid.extend(np.asarray(each).reshape(rows.reward.shape) for each in own)
        P, means = np.stack(models), np.stack(paid)
        r = means[:, agent]
        under = np.stack([model_values(rows, P, r, game.initial, joint) for joint in self.joints])
        true, values = under[:, :1], under[:, 1:]
        if isinstance(classes, ModelClass):
            # D_H^2 = 1 - sum sqrt(p q) = (1/2) sum (sqrt p - sqrt q)^2.
            differences = (np.sqrt(P[1:]) - np.sqrt(P[0])) ** 2
            squares = 0.5 * np.add.reduceat(differences, rows.starts[:-1], axis=1)
            if game.random_rewards:
                # Jointly with the rewards: 1 - D^2 = prod_j (1 - D_j^2) over independent parts,
                # without the cancellation that 1 - (something near 1) has.
                p, q = means[1:], means[:1]
                gaps = (np.sqrt(p) - np.sqrt(q)) ** 2 + (np.sqrt(1 - p) - np.sqrt(1 - q)) ** 2
                for own in np.moveaxis(0.5 * gaps, 1, 0):
                    squares = squares + own.reshape(classes.size, -1) * (1.0 - squares)
            self.table = self.data @ self._heard(squares).T
        elif isinstance(classes, ValueClass):
            f = classes.per_agent[agent].reshape(-1, *self.reward.shape)
            states = np.arange(game.initial.size)
            first = [f[:, states, joint[states]] for joint in self.joints]
            values = np.einsum("s,mfs->mf", game.initial, np.stack(first))
        else:
            raise TypeError("the decoupling coefficient of a linear class is infinite")
        self.errors: Floats = values - true

    def _heard(self, squares: Floats) -> Floats:
        """Squares (F, N A) without those of the steps that the class ignores."""
        assert isinstance(self.classes, (ModelClass, ValueClass))
        layers = squares.reshape(squares.shape[0], -1, self.rows.actions).copy()
        for h in self.classes.ignored_steps:
            layers[:, self.rows.layer(h)] = 0.0
        return layers.reshape(squares.shape)

    def _occupancies(self, initial: Floats) -> Any:
        """(M, N A) sparse: probability that each policy meets each state with its action there."""
        from scipy.sparse import csr_array

        row, column, weight = [], [], []
        for q, joint in enumerate(self.joints):
            met = visits(self.rows, initial, joint)
            states = np.flatnonzero(met)
            row.append(np.full(states.size, q))
            column.append(states * self.rows.actions + joint[states])
            weight.append(met[states])
        where = np.concatenate(row), np.concatenate(column)
        shape = len(self.joints), self.reward.size
        return csr_array((np.concatenate(weight), where), shape=shape)

    @property
    def shared(self) -> bool:
        """Whether the losses of a pair depend on its hypothesis alone."""
        return isinstance(self.classes, ModelClass)

    def squares(self, policy: int) -> Floats:
        """(F, N A): (f_h - T_h^{i,pi} f_{h+1})^2 of action values."""
        assert isinstance(self.classes, ValueClass)
        rows, joint = self.rows, self.joints[policy]
        f = self.classes.per_agent[self.agent].reshape(-1, *self.reward.shape)
        later = np.zeros((f.shape[0], rows.first[-1]))  # nothing after the end
        later[:, : joint.size] = f[:, np.arange(joint.size), joint]
        steps = [rows.expected(h, later) for h in range(rows.horizon)]
        residuals = f - (self.reward + np.concatenate(steps, axis=1))
        return self._heard(residuals.reshape(f.shape[0], -1) ** 2)

    def losses(self, members: Ints, policy: int) -> Floats:
        """(len(members), F): D(q; f, policy) of each data policy q of `members`."""
        if isinstance(self.classes, ModelClass):
            return self.table[members]
        found: Floats = self.data[members] @ self.squares(policy).T
        return found

    def sequence_sums(self, hypotheses: Ints, policies: Ints, counts: Ints) -> tuple[float, float]:
        """A = sum_k e_k, B = sum_k sum_{s<k} D(pi_s; k) of runs of pairs (f, pi)."""
        total, cost = 0.0, 0.0
        data, place = np.unique(policies, return_inverse=True)
        memory: dict[int, Floats] = {}
        for k in range(counts.size):
            f, pi, c = int(hypotheses[k]), int(policies[k]), int(counts[k])
            if pi not in memory:
                memory[pi] = self.losses(data, pi)
            column = memory[pi][place[: k + 1], f]
            total += c * self.errors[pi, f]
            cost += c * float((column[:k] * counts[:k]).sum()) + 0.5 * c * (c - 1) * column[k]
        return float(total), float(cost)


def sequence_value(total: float, cost: float, burn: float) -> float:
    """sup over mu > 0 of (A - B/mu) / (mu + b).

    The derivative vanishes at A mu^2 - 2 B mu - b B = 0.
    """
    if total <= 0.0:
        return 0.0
    if cost <= 0.0:
        return total / burn
    mu = (cost + np.sqrt(cost**2 + burn * total * cost)) / total
    return float((total - cost / mu) / (mu + burn))


def all_sums(definition: Definition, episodes: int) -> Floats:
    """(sequences, 2): A and B of every sequence of at most K pairs; tiny cases only.

    Pairs with e <= 0 lower A and never lower B, so they are left out.
    """
    pi, f = np.nonzero(definition.errors > 0.0)
    loss = np.empty((pi.size, pi.size))
    for b in range(pi.size):
        loss[:, b] = definition.losses(pi, int(pi[b]))[:, f[b]]
    sums = [(0.0, 0.0)]
    for length in range(1, episodes + 1):
        for sequence in itertools.product(range(pi.size), repeat=length):
            total = sum(definition.errors[pi[k], f[k]] for k in sequence)
            cost = sum(loss[s, k] for x, k in enumerate(sequence) for s in sequence[:x])
            sums.append((float(total), float(cost)))
    return np.array(sums)


def brute_force(definition: Definition, episodes: int, burn: float) -> float:
    """The coefficient of one agent by all sequences of at most K pairs."""
    return max(sequence_value(a, b, burn) for a, b in all_sums(definition, episodes))


def corners(height: Floats, slope: Floats) -> Floats:
    """t at which max_k [e_k - t m_k]_+ of hull lines in order may bend, 0 first."""
    crossings = [
        (height[k] - height[k + 1]) / (slope[k] - slope[k + 1]) for k in range(height.size - 1)
    ]
    zero = [height[-1] / slope[-1]] if height.size and slope[-1] > 0.0 else []
    return np.array([0.0, *crossings, *zero])


def uncovered(errors: Floats, least: Floats, height: Floats, slope: Floats) -> float:
    """How far the lines errors - t least of a cluster rise above max_k [e_k - t m_k]_+.

    The difference of a line and a convex function is concave between corners of the latter, so it
    suffices to look there. The last corner is where the hull reaches 0, or where a line that never
    falls begins to rule: beyond it a line that does not rise cannot overtake.
    """
    t = corners(height, slope)
    stored = np.maximum((height - np.outer(t, slope)).max(axis=1, initial=0.0), 0.0)
    return float((errors - np.outer(t, least) - stored[:, None]).max())


def largest_by(owner: Ints, groups: Ints, errors: Floats, shape: tuple[int, int]) -> Floats:
    """(owners, G): the largest error that each owner has in each group, 0 where it has none."""
    out = np.zeros(shape)
    np.maximum.at(out, (owner, groups), errors)
    return out


def asked(source: Floats, P: Floats) -> Floats:
    """(M, G): max over g of source[q, g] P[g, g'], what a pair of g' asks of D(q; .) per error."""
    return np.stack([np.maximum((row[:, None] * P).max(axis=0), 0.0) for row in source])


def shortfall(definition: Definition, labels: Ints, factors: Floats, levy: float) -> float:
    """How far some D(pi_r; r') lies below <z_r, z_r'>, z_r = (e_r - levy)_+ Z_g(r), at most.

    Differences up to a share of 1e-8 of <z_r, z_r'> are rounding.
    """
    P = factors @ factors.T
    pi, f = np.nonzero((labels >= 0) & (definition.errors > levy))
    g, error = labels[pi, f], definition.errors[pi, f] - levy
    M, F = labels.shape
    asks = asked(largest_by(pi, g, error, (M, len(P))), P) * (1.0 - 1e-8)
    every = np.arange(M)
    if definition.shared:
        target = largest_by(f, g, error, (F, len(P)))
        table = definition.losses(every, 0)
        return max(float((np.outer(a, t) - table).max()) for a, t in zip(asks.T, target.T))
    worst = -np.inf
    for policy in np.unique(pi):
        mine = pi == policy
        table = definition.losses(every, int(policy))[:, f[mine]]
        worst = max(worst, float((asks[:, g[mine]] * error[mine] - table).max()))
    return worst


def potential_value(
    factors: Floats,
    tops: Floats,
    idle: float,
    levy: float,
    x: Floats,
    mu: float,
    episodes: float,
) -> float:
    """K levy + min over levels of K level + tau^2 mu |y|^2 / 2 for y = Z'x / mu, any x.

    tau is the least with  tau <Z_g, y> >= 1 + tops |Z_g|^2 / (2 mu) - level / tops  for all g, and
    the level covers `idle`. Convex in the level: golden-section search; any level is valid.
    """
    y = factors.T @ x / mu
    push, square = factors @ y, 0.5 * mu * float(y @ y)
    weight = 1.0 + tops * (factors**2).sum(axis=1) / (2.0 * mu)
    reached = push > 0.0
    if not np.isfinite(episodes):
        if levy > 0.0 or idle > 1e-12 or not reached.all():
            return np.inf
        return float((weight / push).max(initial=0.0) ** 2 * square)

    def bound(level: float) -> float:
        tau = ((weight - level / tops)[reached] / push[reached]).max(initial=0.0)
        return float(episodes * level + tau**2 * square)

    low = max(idle, float((weight * tops)[~reached].max(initial=0.0)))
    high = max(low, float((weight * tops).max(initial=0.0)))
    return episodes * levy + golden(bound, low, high)


def golden(bound: Callable[[float], float], low: float, high: float) -> float:
    """Least value of a convex function that 80 steps of the golden-section search meet."""
    best = min(bound(low), bound(high))
    ratio = 0.5 * (np.sqrt(5.0) - 1.0)
    for _ in range(80):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        at_a, at_b = bound(a), bound(b)
        best = min(best, at_a, at_b)
        if at_a <= at_b:
            high = b
        else:
            low = a
    return best


def cluster_value(parts: list[tuple[Floats, Floats]], mu: float, episodes: float) -> float:
    """Sum of the K largest G_C((c-1)/mu), c <= K, over clusters given by their hull lines.

    It is the least over levels >= 0 of K level + sum_C sum_c (G_C((c-1)/mu) - level)_+, convex in
    the level, so a golden-section search finds it; any level gives an upper bound. Line k of a hull
    rules from its crossing with line k-1 to that with line k+1; its terms are an arithmetic series.
    """
    kept = [(e, m, corners(e, m)) for e, m in parts if e.size]
    if not kept:
        return 0.0
    e = np.concatenate([part[0] for part in kept])
    fall = np.concatenate([part[1] for part in kept]) / mu
    start = np.concatenate([t[: x.size] for x, _, t in kept])
    end = np.concatenate([np.append(t[1 : x.size], np.inf) for x, _, t in kept])
    begin = np.ceil(start * mu)
    if not np.isfinite(episodes):
        # No level: a line that never falls would be used for ever.
        if any(m[-1] == 0.0 for _, m, _ in kept):
            return np.inf
        end = np.where(np.isfinite(end), end, e / (fall * mu))
    last = np.minimum(np.ceil(end * mu), episodes) - 1.0

    def bound(level: float) -> float:
        top = e - level
        reach = np.full(top.size, np.inf)
        np.divide(top, fall, out=reach, where=fall > 0.0)
        stop = np.where(top > 0.0, np.minimum(last, np.floor(reach)), -1.0)
        terms = np.maximum(stop - begin + 1.0, 0.0)
        sums = terms * (top - fall * 0.5 * (begin + stop))
        return float((episodes * level if level else 0.0) + sums[terms > 0.0].sum())

    if not np.isfinite(episodes):
        return bound(0.0)

    return golden(bound, 0.0, float(e.max()))


def chord_bound(mus: Floats, values: Floats, burn: float) -> float:
    """Bound of sup V(mu)/(mu + b) from upper bounds at rising mu, V convex in 1/mu."""
    values = np.array([values[j:].min() for j in range(mus.size)])
    values = np.array([(mus[j] * values[: j + 1] / mus[: j + 1]).min() for j in range(mus.size)])
    if np.isinf(values).any():
        return np.inf
    best = max(values[0] / burn, values[-1] / mus[-1])
    for j in range(mus.size - 1):
        u = np.array([1.0 / mus[j + 1], 1.0 / mus[j]])
        slope = max((values[j + 1] - values[j]) / (u[1] - u[0]), 0.0)
        alpha = values[j + 1] + slope * u[0]
        if alpha <= 0.0:
            continue
        peak = (slope + np.sqrt(slope**2 + burn * alpha * slope)) / alpha
        mu = float(np.clip(peak, mus[j], mus[j + 1]))
        best = max(best, (alpha - slope / mu) / (mu + burn))
    return float(best)


def integral_bound(parts: list[tuple[Floats, Floats]], burn: float) -> float:
    """max(I, E_Sum / b) of one partition."""
    heights, area = 0.0, 0.0
    for e, m in parts:
        if e.size == 0:
            continue
        if m[-1] == 0.0:
            return np.inf
        t = corners(e, m)
        G = np.maximum((e - np.outer(t, m)).max(axis=1), 0.0)
        area += float(np.trapezoid(G, t))
        heights += float(e[0])
    return max(area, heights / burn)
