"""The lower-bound instance of linear mixtures: a chain with a hidden corner of the hypercube.

Definition (Zhou, Gu and Szepesvari 2021, "Nearly minimax optimal reinforcement learning for linear
mixture MDPs", arXiv 2012.08507, with a dummy second agent). States x_1, ..., x_{H+2}, of which
x_{H+1} and x_{H+2} are absorbing and x_{H+2} alone is worth 1 per step, to agent 0. Agent 0's
actions are the corners a of {-1, 1}^(d-1); at x_h, step h,

    P(x_{H+2} | x_h, a) = 1/H + <mu_h, a>,     P(x_{h+1} | x_h, a) = 1 - 1/H - <mu_h, a>,

with mu_h a corner of {-Delta, Delta}^(d-1). The dummy's action changes nothing and it earns
nothing. The instance depends on the number of episodes K: per coordinate

    Delta = c / sqrt(H K)                                  (c = 1 / (4 sqrt 2) in the lower bound),
    (d-1) Delta = total_deviation sqrt((d-1) / (H K))      (when `total_deviation` is given).

Structure (mixture dimension d). At (x_h, a) take the kernel "x_{H+2} with probability 1/H, else
x_{h+1}" and, for each coordinate, the signed kernel a_j (1[x_{H+2}] - 1[x_{h+1}]). Then P_h is
their combination with the weights theta_h = (1, mu_h), in d dimensions.

Optimal play takes a = sign(mu_h) at x_h, whatever h < H, so with p = 1/H + (d-1) Delta

    V* = sum_{h=1}^{H-1} (1 - p)^(h-1) p (H - h).

The action at step H cannot change a return. Policies are the open-loop sequences of the first H - 1
steps, the last step repeating the one before. Regret Omega(d H sqrt(H K)) for the worst mu, when
K is large enough (Chen, Zhou and Gu 2022, PMLR 167, theorem 5.5, by reduction to this chain).
"""

from __future__ import annotations

import math

import numpy as np

from mamex_bench.catalogue._generators import at_least, stream
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

SOURCE = "proved in the docstring of hypercube"
LOWER_BOUND_C = 1.0 / (4.0 * math.sqrt(2.0))
POLICY_LIMIT = 65_536


def make(
    *,
    seed: int = 0,
    dimension: int = 4,
    horizon: int = 3,
    episodes: int = 1000,
    c: float = LOWER_BOUND_C,
    total_deviation: float | None = None,
    models: int = 512,
    policies: int | None = None,
    dummy_actions: int = 2,
) -> Instance:
    """The hypercube with a hidden corner per step, drawn by the seed.

    Arguments:
        seed: draws mu (and the class and the policies, where these are samples).
        dimension: d, at least 2.
        horizon: H, at least 2.
        episodes: K, to which the gap is tied.
        c: gap per coordinate times sqrt(H K); positive.
        total_deviation: t with (d-1) Delta = t sqrt((d-1)/(H K)); overrides `c`.
        models: the class holds all 2^((d-1)H) sign patterns if there are no more than this, else a
            sample of this size that contains the truth.
        policies: number of agent 0's policies to sample; None for all 2^((d-1)(H-1)).
        dummy_actions: actions, and policies, of the dummy agent.
    """
    m, H = at_least(dimension, 2, "dimension") - 1, at_least(horizon, 2, "horizon")
    K, F = positive_integer(episodes, "episodes"), positive_integer(models, "models")
    dummies = positive_integer(dummy_actions, "dummy_actions")
    scale = c if total_deviation is None else total_deviation / np.sqrt(m)
    delta = float(scale / np.sqrt(H * K))
    if not 0.0 < m * delta <= 1.0 / H:
        name = "c" if total_deviation is None else "total_deviation"
        raise InputError(
            f"episodes = {K} and {name} = {scale if name == 'c' else total_deviation:g} give "
            f"(d-1) Delta = {m * delta:.3g}: expected a number in (0, 1/H = {1 / H:.3g}]"
        )
    bits = np.arange(2**m)[:, None] >> np.arange(m - 1, -1, -1) & 1
    corners: Floats = 2.0 * bits.astype(np.float64) - 1.0
    own = stream(seed, "hypercube", "mu").integers(2**m, size=H)
    patterns, truth = _patterns(own, 2**m, F, stream(seed, "hypercube", "class"))
    transitions = _chain(delta * corners[patterns], corners, dummies)
    reward = np.zeros((2, H, H + 2, 2**m * dummies))
    reward[0, :, H + 1] = 1.0

    game = MarkovGame(transitions[truth], reward, (2**m, dummies))
    sequences = _sequences(2**m, H, policies, stream(seed, "hypercube", "policies"))
    p = 1.0 / H + m * delta
    value = sum((1.0 - p) ** (h - 1) * p * (H - h) for h in range(1, H))
    known = {
        "mixture_dimension": Known(m + 1, SOURCE),
        "delta": Known(delta, SOURCE),
    }
    if policies is None:
        known["value"] = Known(value, SOURCE)
    return Instance(
        game,
        PurePolicies(
            [
                np.broadcast_to(sequences[:, :, None], (*sequences.shape, H + 2)),
                np.broadcast_to(np.arange(dummies)[:, None, None], (dummies, H, H + 2)),
            ]
        ),
        ModelClass(transitions, truth),
        name=f"hypercube(d={m + 1}, H={H}, K={K})",
        known=known,
    )


def _chain(mu: Floats, corners: Floats, dummies: int) -> Floats:
    """(F, H, H+2, A, H+2): transitions of the models with mu (F, H, d-1)."""
    F, H, _ = mu.shape
    S, A = H + 2, len(corners)
    absorbing = np.broadcast_to(np.eye(S)[:, None], (S, A, S))
    transitions = np.broadcast_to(absorbing, (F, H, S, A, S)).copy()
    for h in range(H):
        # P(x_{H+2} | x_h, a) = 1/H + <mu_h, a>
        success = np.clip(1.0 / H + mu[:, h] @ corners.T, 0.0, 1.0)
        transitions[:, h, h] = 0.0
        transitions[:, h, h, :, H + 1] = success
        transitions[:, h, h, :, h + 1] = 1.0 - success
    return np.repeat(transitions, dummies, axis=3)


def _patterns(own: Ints, base: int, limit: int, rng: np.random.Generator) -> tuple[Ints, int]:
    """(F, H) corner numbers in increasing order, and the index of the true ones."""
    H = own.size
    if base**H <= limit:
        every = np.array(list(np.ndindex(*(base,) * H)), dtype=np.int64)
    else:
        drawn = {tuple(int(k) for k in own)}
        while len(drawn) < limit:
            drawn.add(tuple(int(k) for k in rng.integers(base, size=H)))
        every = np.array(sorted(drawn), dtype=np.int64)
    return every, int(np.flatnonzero((every == own).all(axis=1))[0])


def _sequences(corners: int, H: int, wanted: int | None, rng: np.random.Generator) -> Ints:
    """(m_0, H): open-loop sequences of corners; the last step repeats the one before."""
    total = corners ** (H - 1)
    if wanted is None and total > POLICY_LIMIT:
        raise InputError(
            f"agent 0 has {total:,} open-loop sequences: expected at most {POLICY_LIMIT:,}, "
            "so give `policies`, the size of a sample"
        )
    numbers = (
        np.arange(total)
        if wanted is None or wanted >= total
        else np.sort(rng.choice(total, size=positive_integer(wanted, "policies"), replace=False))
    )
    first = numbers[:, None] // corners ** np.arange(H - 2, -1, -1) % corners
    return np.concatenate([first, first[:, -1:]], axis=1)
