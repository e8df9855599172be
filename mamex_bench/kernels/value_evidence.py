"""Evidence on a finite class of action values, any target function allowed (tabular)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.evidence import LIKELIEST_MEAN, REGULARISED, TIE, add, operations
from mamex_bench.kernels.layers import Layers, position

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class TabularValues(NamedTuple):
    """Evidence on finitely many action values per agent, any target function allowed.

    tables (sum F_i, N, A): the hypotheses f; first (n+1,): agent i's begin at first[i];
    start (sum F_i, M): sign * E_rho f(x, pi(x)); joint (M, N): joint actions;
    reward (n, N, A): as far as it is known, 0 where it is random; surplus (n, N, A): sum of what
    was paid beyond it; visits (N, A); onward (nnz,): how often each entry was taken;
    losses, errors (sum F_i, M); weight (H,): 1, or 0 for a step that is ignored.
    """

    layers: Layers
    tables: Floats
    first: Ints
    start: Floats
    joint: Ints
    reward: Floats
    surplus: Floats
    visits: Floats
    onward: Floats
    losses: Floats
    errors: Floats
    weight: Floats
    eta: Floats
    sign: Floats
    mode: Ints


@jit
def tabular_record(evidence: TabularValues, states: Ints, actions: Ints, rewards: Floats) -> None:
    """L(f, pi) gains, in the one cell per step that was visited,

        e^2 - (t-1)/t (d - e)^2,   e = f - y,   d = f - mean of the t-1 earlier targets,

    which is the growth of t (f - mean y)^2 = sum (f - y)^2 - min_g sum (g - y)^2.
    Targets are y = r + f(x', pi(x')), r what was paid and x' the state that followed; y = r at the
    end.
    """
    H = actions.shape[0]
    tables, joint, layers = evidence.tables, evidence.joint, evidence.layers
    M = joint.shape[0]
    n = evidence.reward.shape[0]
    for h in range(H):
        x, a, after = states[h], actions[h], states[h + 1]
        row = x * layers.actions + a
        seen = evidence.visits[x, a]
        begin, end = layers.rows[row], layers.rows[row + 1]
        taken = begin + np.flatnonzero(evidence.onward[begin:end])
        counts, earlier = evidence.onward[taken], layers.following[taken]
        if evidence.weight[h] != 0.0:
            for i in range(n):
                r, r_mean = rewards[i, h], evidence.reward[i, x, a]
                if seen > 0.0:
                    r_mean += evidence.surplus[i, x, a] / seen
                for f in range(evidence.first[i], evidence.first[i + 1]):
                    own = tables[f, x, a]
                    for pi in range(M):
                        y = r
                        mean = r_mean
                        if h + 1 < H:
                            y += tables[f, after, joint[pi, after]]
                            if seen > 0.0:
                                total = 0.0
                                for k in range(counts.shape[0]):
                                    u = earlier[k]
                                    total += counts[k] * tables[f, u, joint[pi, u]]
                                mean += total / seen
                        e = own - y
                        d = own - mean
                        gain = e * e - seen / (seen + 1.0) * (d - e) * (d - e)
                        add(evidence.losses[f], evidence.errors[f], pi, gain)
        for i in range(n):
            evidence.surplus[i, x, a] += rewards[i, h] - evidence.reward[i, x, a]
        evidence.visits[x, a] += 1.0
        evidence.onward[position(layers, row, after)] += 1.0


@jit
def finite_values(
    start: Floats,
    losses: Floats,
    first: Ints,
    settings: tuple[float, float, int],
    entries: Ints,
    out: Floats,
) -> None:
    """sup_f { E_rho f - eta L(f, pi) } over agent i's hypotheses; settings (eta, sign, mode)."""
    eta, sign, mode = settings
    M = start.shape[1]
    for e in range(out.shape[0]):
        entry = e if entries.shape[0] == 0 else entries[e]
        i, pi = entry // M, entry % M
        best = -np.inf
        if mode == REGULARISED:
            for f in range(first[i], first[i + 1]):
                value = start[f, pi] - eta * losses[f, pi]
                if value > best:
                    best = value
            out[e] = sign * best
            continue
        least = np.inf
        for f in range(first[i], first[i + 1]):
            least = min(least, losses[f, pi])
        total, tied = 0.0, 0
        for f in range(first[i], first[i + 1]):
            if losses[f, pi] - least <= TIE:
                total += start[f, pi]
                tied += 1
                best = max(best, start[f, pi])
        out[e] = sign * (total / tied if mode == LIKELIEST_MEAN else best)


@jit
def tabular_payoffs(evidence: TabularValues, entries: Ints, out: Floats) -> None:
    settings = (evidence.eta[0], evidence.sign[0], evidence.mode[0])
    finite_values(evidence.start, evidence.losses, evidence.first, settings, entries, out)


operations(tabular_record, tabular_payoffs, TabularValues)
