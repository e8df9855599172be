"""The episode loop of maximise-to-explore learners, for every kind of evidence.

The loop leaves compiled code only when the profile in use stops being an equilibrium of the
optimistic game within the tolerance.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Importing these registers their kinds of evidence.
import mamex_bench.kernels.linear_evidence
import mamex_bench.kernels.model_evidence
import mamex_bench.kernels.value_evidence  # noqa: F401
from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.evidence import Focus, focused_payoffs, payoffs, record
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.rewards import pay
from mamex_bench.kernels.simulate import draw, episode

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CE_CODE = 1


class Watch(NamedTuple):
    """The entries of the optimistic game that decide whether a profile is still an equilibrium.

    For each agent and each profile of the others in the support, a column with all m_i own
    policies; columns of agent i begin at block[i] (n+1,).
    focus: on these E entries; weight (E,): probability of that joint policy; counts (n,): m_i;
    cumulative (M,): for drawing; code: of the concept.
    """

    focus: Focus
    weight: Floats
    block: Ints
    counts: Ints
    cumulative: Floats
    code: int


@jit
def watched_gains(watch: Watch, optimistic: Floats, out: Floats) -> None:
    """Deviation gains (n,) of the watched profile on payoffs (E,) at its entries.

    Nash and CCE  max_v sum_{r,col} x(r, col) [U(v, col) - U(r, col)];
    CE            sum_r max_v sum_col x(r, col) [U(v, col) - U(r, col)].
    """
    swap = watch.code == CE_CODE
    for i in range(watch.counts.shape[0]):
        m = watch.counts[i]
        gains = np.zeros((m if swap else 1, m))
        for first in range(watch.block[i], watch.block[i + 1], m):
            for r in range(m):
                x = watch.weight[first + r]
                if x == 0.0:
                    continue
                row = gains[r] if swap else gains[0]
                for v in range(m):
                    row[v] += x * (optimistic[first + v] - optimistic[first + r])
        total = 0.0
        for r in range(gains.shape[0]):
            total += gains[r].max()
        out[i] = total


@jit
def certify(evidence: Any, watch: Watch, out: Floats) -> None:
    """Deviation gains (n,) of the watched profile in the optimistic game as it is now."""
    optimistic = np.empty(watch.weight.shape[0])
    focused_payoffs(evidence, watch.focus, optimistic)
    watched_gains(watch, optimistic, out)


@jit
def record_one(evidence: Any, states: Ints, actions: Ints, rewards: Floats) -> None:
    """One trajectory, states numbered across layers, for a learner stepped from outside."""
    record(evidence, states, actions, rewards)


@jit
def payoffs_at(evidence: Any, entries: Ints, out: Floats) -> None:
    """Regularised payoffs at entries (none: all), for a learner stepped from outside."""
    payoffs(evidence, entries, out)


@jit
def advance(
    evidence: Any,
    watch: Watch,
    layers: Layers,
    cumulative: Floats,
    cumulative_initial: Floats,
    reward: Floats,
    joint: Ints,
    draws: Floats,
    tolerance: float,
    certified: bool,
    gains: Floats,
    slack: Floats,
) -> int:
    """Play episodes with the watched profile while it stays an equilibrium within `tolerance`.

    cumulative (nnz,), cumulative_initial: sampling tables; reward (n, N, A); joint (M, N): joint
    actions; draws (B, H+2), or (B, H+2 + n H) when rewards are random: joint policy, first state,
    transitions, rewards agent by agent. `certified` says that `gains` (n,)
    already holds the certificate for the coming episode. Adds the positive part of each episode's
    gains to `slack` (n,). Returns the number of episodes played; if fewer than B, the profile must
    be solved anew before the next.
    """
    H = layers.first.shape[0] - 2
    n = gains.shape[0]
    states = np.empty(H + 1, np.int64)
    actions = np.empty(H, np.int64)
    rewards = np.empty((n, H))
    for k in range(draws.shape[0]):
        if not certified:
            certify(evidence, watch, gains)
            for i in range(n):
                if not gains[i] <= tolerance:
                    return k
        for i in range(n):
            slack[i] += max(gains[i], 0.0)
        policy = draw(watch.cumulative, draws[k, 0])
        episode(
            layers,
            cumulative,
            cumulative_initial,
            joint[policy],
            draws[k, 1 : H + 2],
            states,
            actions,
        )
        pay(reward, states, actions, draws[k, H + 2 :], rewards)
        record(evidence, states, actions, rewards)
        certified = False
    return draws.shape[0]
