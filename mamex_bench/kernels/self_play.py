"""Exponential weights on bandit feedback, one learner per agent, no one seeing the others.

Agent i keeps loss estimates L_i, one row for external regret, m_i rows (one for each policy that
a swap would replace) for swap regret. Rows lie flat, agent after agent:

    q^b(v) ~ exp(-rate_i L_i[b, v]),      p = q^0, or for swap regret p = p Q with rows q^b.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.monte_carlo import play_once
from mamex_bench.kernels.simulate import draw

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@jit
def stationary(chain: Floats, out: Floats) -> None:
    """The distribution p = p Q of a chain (m, m) with positive entries, which is overwritten.

    Elimination of Grassmann, Taksar and Heyman: no subtraction, so no cancellation.
    """
    m = out.shape[0]
    for last in range(m - 1, 0, -1):
        leaving = 0.0
        for j in range(last):
            leaving += chain[last, j]
        for i in range(last):
            chain[i, last] /= leaving
            for j in range(last):
                chain[i, j] += chain[i, last] * chain[last, j]
    out[0] = 1.0
    total = 1.0
    for j in range(1, m):
        out[j] = 0.0
        for i in range(j):
            out[j] += out[i] * chain[i, j]
        total += out[j]
    for j in range(m):
        out[j] /= total


@jit
def mix(losses: Floats, counts: Ints, rates: Floats, floor: float, swap: bool, own: Floats) -> None:
    """Every agent's mixture from its loss estimates; own (sum m_i,).

    With `swap`, no entry of Q is taken below `floor`, so that the chain stays irreducible in
    floating point.
    """
    begin, first = 0, 0
    for i in range(counts.shape[0]):
        m = counts[i]
        rows = m if swap else 1
        chain = np.empty((rows, m))
        for b in range(rows):
            row = losses[begin + b * m : begin + (b + 1) * m]
            least = row.min()
            total = 0.0
            for v in range(m):
                chain[b, v] = np.exp(-rates[i] * (row[v] - least))
                if swap:
                    chain[b, v] = max(chain[b, v], floor)
                total += chain[b, v]
            for v in range(m):
                chain[b, v] /= total
        if swap:
            stationary(chain, own[first : first + m])
        else:
            own[first : first + m] = chain[0]
        begin += rows * m
        first += m


@jit
def combine(own: Floats, counts: Ints, joint: Floats) -> None:
    """The product (M,) of the agents' mixtures, agent 0 slowest."""
    joint[0] = 1.0
    size, first = 1, 0
    for i in range(counts.shape[0]):
        m = counts[i]
        for cell in range(size - 1, -1, -1):
            here = joint[cell]
            for v in range(m):
                joint[cell * m + v] = here * own[first + v]
        size *= m
        first += m


@jit
def learn(
    losses: Floats,
    counts: Ints,
    implicit: Floats,
    swap: bool,
    own: Floats,
    policy: int,
    loss: Floats,
) -> None:
    """Importance-weighted estimates of every agent's loss; loss (n,) in [0, 1].

    External: L(v) += loss / (p(v) + implicit_i) for the policy v that was played. Swap: row b gets
    p(b) times that, the loss for which it answers.
    """
    begin, first, left = losses.shape[0], own.shape[0], policy
    for i in range(counts.shape[0] - 1, -1, -1):
        m = counts[i]
        rows = m if swap else 1
        begin -= rows * m
        first -= m
        v = left % m
        left //= m
        estimate = loss[i] / (own[first + v] + implicit[i])
        for b in range(rows):
            losses[begin + b * m + v] += estimate * own[first + b] if swap else estimate


@jit
def self_play(
    layers: Layers,
    cumulative: Floats,
    cumulative_initial: Floats,
    reward: Floats,
    tables: Ints,
    counts: Ints,
    rates: Floats,
    implicit: Floats,
    floor: float,
    swap: bool,
    high: Floats,
    span: Floats,
    losses: Floats,
    draws: Floats,
    played: Floats,
) -> None:
    """Episodes of self-play; played (B, sum m_i) receives the mixtures that each was drawn from.

    tables (M, N): joint action tables; high, span (n,): largest return and width of returns.
    """
    n, M = counts.shape[0], tables.shape[0]
    H = layers.first.shape[0] - 2
    states = np.empty(H + 1, np.int64)
    actions = np.empty(H, np.int64)
    rewards = np.empty((n, H))
    loss = np.empty(n)
    joint = np.empty(M)
    sums = np.empty(M)
    for k in range(draws.shape[0]):
        own = played[k]
        mix(losses, counts, rates, floor, swap, own)
        combine(own, counts, joint)
        total = 0.0
        last = 0
        for cell in range(M):
            total += joint[cell]
            sums[cell] = total
            if joint[cell] > 0.0:
                last = cell
        sums[last:] = 1.0
        policy = draw(sums, draws[k, 0])
        play_once(
            layers,
            cumulative,
            cumulative_initial,
            reward,
            tables[policy],
            draws[k, 1:],
            states,
            actions,
            rewards,
            loss,
        )
        for i in range(n):
            loss[i] = (high[i] - loss[i]) / span[i]
        learn(losses, counts, implicit, swap, own, policy, loss)
