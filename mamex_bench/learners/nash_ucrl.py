"""Nash-UCRL for zero-sum linear mixture games: weighted value-targeted regression, paper's radii.

Paper: Chen, Zhou and Gu 2022, "Almost Optimal Algorithms for Two-player Zero-Sum Linear Mixture
Markov Games" (ALT, PMLR 167, pages 227-261). Rewards in [-1, 1], known;
P_h(s' | s, a) = <phi(s' | s, a), theta_h> with known phi, |theta_h| <= B, and phi_V(s, a) =
sum_s' phi(s' | s, a) V(s') of norm at most 1 for |V| <= 1. In episode k and step h, with Vbar the
value of the upper bound at step h + 1 and likewise, with other regressions, for the lower one:

    Qbar = min{ H, r + <phi_Vbar, theta_1> + beta_0 |phi_Vbar| },   |.| in the norm Sigma_1^-1,
    Sigma_1 = lambda I + sum phi_V phi_V^T / var,    theta_1 = Sigma_1^-1 sum phi_V V(s') / var,
    Sigma_2 = lambda I + sum phi_{V^2} phi_{V^2}^T,  theta_2 = Sigma_2^-1 sum phi_{V^2} V^2(s'),
    var = max{ H^2 / d, [<phi_{V^2}, theta_2>]_{[0, H^2]} - [<phi_V, theta_1>]^2_{[-H, H]} + E },
    E = min{ H^2, beta_1 |phi_{V^2}|_{Sigma_2^-1} } + min{ H^2, 2 H beta_2 |phi_V|_{Sigma_1^-1} },
    sigma(. | s) = CCE of (Qbar, Qunder),   Vbar = E_sigma Qbar,   Vunder = E_sigma Qunder.

Constants (lemma 5.1, theorem 5.2): lambda = 1 / B^2, and with l = log(4 k^2 H / delta)

    beta_0 = 16 sqrt(d log(1 + k / lambda) l) + 8 sqrt(d) l + sqrt(lambda) B,
    beta_1 = 16 sqrt(d H^4 log(1 + K H^4 / (d lambda)) l) + 8 H^2 l + sqrt(lambda) B,
    beta_2 = 16 d sqrt(log(1 + k / lambda) l) + 8 sqrt(d) l + sqrt(lambda) B.

One estimate of theta_h per step, as in the paper, also where an instance's weights are the same at
every step. Base kernels are divided by the largest sqrt(sum_j |phi_j(. | s, a)|_1^2), which makes
|phi_V| <= 1; B is the largest norm of the weights in the class of models, in these units.

Guarantee: with probability 1 - 5 delta, regret of order sqrt((d^2 H^2 + d H^3) T) up to logarithms
and lower orders, T = K H, where regret adds up V^{*, nu_k} - V^{mu_k, *} for the marginals mu_k,
nu_k of the sigma that is executed. That is the sum of both agents' gaps of sigma, concept "cce".
For "nash" the product of the marginals is executed: its gaps have the same sum, but the data then
come from the product and not from sigma, which the theorem does not cover.

Status: the algorithm with the theorem's constants, with these differences. Stage equilibria are
exact (to rounding) instead of epsilon-CCEs, those of `stage_equilibrium`, ties broken by lot.
Rewards in [0, 1] are mapped to 2 r - 1, and agent 1's are taken as the negative, which changes no
gap. The paper has log(4 k^2 H / (d delta)) inside beta_1; here it is the larger l, which is
positive for every d. delta = failure / 5. Upper bounds are also kept above -H, which holds of every
Q. The constants were read in the paper; that Qbar is clipped at H is recalled.

With these constants bounds stay at H for long. Measured on a linear_mixture of 4 states, 2 x 2
actions, d = 4 and H = 4: those of the step before the last begin to fall after 9 million episodes,
those of earlier steps not within 14 million; until then payoffs are tied at all steps but the last,
and one profile, drawn at random before the first episode, is played. `nash_ucrl_tuned` scales the
radii. `growth` above 1 makes a new plan only when the determinant of some Sigma has grown by that
factor, which is not in the paper.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels.layers import Layers
from mamex_bench.kernels.nash_ucrl import Fans, Targeted
from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._linear_planning import (
    LinearPlanning,
    empty_ridge,
    theorem_range,
    zero_sum_payoffs,
)
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.mixture import Mixture

GUARANTEE = Guarantee(
    rate=r"$\tilde O(\sqrt{(d^2H^2 + dH^3)\,T} + d^2H^3 + d^3H^2)$, $T = KH$",
    exponent=0.5,
    games="two-player zero-sum, linear mixture",
    concepts=("cce",),
    about="executed",
    source="Chen, Zhou and Gu 2022 (PMLR 167), theorem 5.2",
    checked=True,
    deviation="exact stage equilibria; a larger logarithm in one radius; "
    "for Nash the marginals are executed, which the theorem does not cover",
)


def make(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    failure: float = 0.05,
    growth: float = 1.0,
    hypotheses: str | None = None,
) -> LinearPlanning:
    """A fresh learner.

    failure: the probability with which the guarantee may fail; growth: see LinearPlanning;
    hypotheses: the class of models with a mixture, the first such class if not given.
    """
    K = positive_integer(episodes, "episodes")
    payoff = zero_sum_payoffs(instance, concept, "nash_ucrl")
    bounds = theorem_range(payoff, instance.game.horizon)
    mixture = mixture_of(instance, hypotheses, "nash_ucrl")
    evidence = targeted(instance, mixture, payoff, bounds, K, failure, 1.0)
    return LinearPlanning(instance, concept, K, "nash_ucrl", evidence, growth)


def mixture_of(instance: Instance, hypotheses: str | None, name: str) -> Mixture:
    """Base kernels and weights of the named class, or of the first that has them."""
    if hypotheses is not None:
        instance.hypothesis(hypotheses)
    for key, classes in instance.hypotheses.items():
        if hypotheses in (None, key) and isinstance(classes, ModelClass) and classes.mixture:
            return classes.mixture
    whose = " does" if hypotheses is None else f"'s {hypotheses!r} do"
    raise NotApplicableError(
        f"{name} needs the base kernels of a linear mixture, which instance {instance.name!r}"
        f"{whose} not give"
    )


def normalised(instance: Instance, mixture: Mixture) -> tuple[Floats, float]:
    """Base kernels (nnz, d) with |phi_V| <= 1 for all |V| <= 1, and B.

    Kernels are divided and weights multiplied by the largest sqrt( sum_j |basis_j(. | x, a)|_1^2 );
    B is the largest norm of these weights among all models and steps.
    """
    rows = instance.game.layers.rows[:-1]
    sizes = np.add.reduceat(np.abs(mixture.entries), rows, axis=1)
    unit = float(np.sqrt((sizes**2).sum(axis=0).max()))
    bound = unit * float(np.linalg.norm(mixture.weights, axis=2).max())
    return np.ascontiguousarray(mixture.entries.T / unit), bound


def fans_of(layers: Layers, basis: Floats) -> Fans:
    """Base kernels (nnz, d) on the entries of `layers`, put together by state."""
    A, d = layers.actions, basis.shape[1]
    row = np.repeat(np.arange(layers.rows.size - 1), np.diff(layers.rows))
    state, action = np.divmod(row, A)
    width = int(layers.first[-1])
    # Entries with the same state and the same follower are one of the fan.
    keys, place = np.unique(state * width + layers.following, return_inverse=True)
    fanned = np.zeros((keys.size, d, A))
    fanned[place, :, action] = basis
    first = np.searchsorted(keys, np.arange(int(layers.first[-2]) + 1) * width)
    return Fans(first.astype(np.int64), (keys % width).astype(np.int64), fanned)


def targeted(
    instance: Instance,
    mixture: Mixture,
    payoff: Floats,
    bounds: tuple[Floats, Floats],
    episodes: int,
    failure: float,
    scale: float,
) -> Targeted:
    """The evidence before any data; bounds: floor and ceiling of Q; scale: factor of every beta."""
    if not 0.0 < failure < 1.0:
        raise InputError(f"failure is {failure!r}: expected a probability between 0 and 1")
    if not scale > 0.0 or not np.isfinite(scale):
        raise InputError(f"scale is {scale!r}: expected a positive number")
    basis, bound = normalised(instance, mixture)
    count, d = 4 * instance.game.horizon, basis.shape[1]
    return Targeted(
        layers=instance.game.layers,
        payoff=payoff,
        floor=bounds[0],
        ceiling=bounds[1],
        fans=fans_of(instance.game.layers, basis),
        ridge=empty_ridge(count, d, bound**-2),
        theta=np.zeros((count, d)),
        episode=np.ones(1, dtype=np.int64),
        beta=np.zeros(3),
        of=np.zeros(1, dtype=np.int64),
        bound=bound,
        episodes=episodes,
        failure=failure / 5.0,
        scale=float(scale),
    )
