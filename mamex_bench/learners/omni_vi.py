"""OMNI-VI for zero-sum linear games: least-squares value iteration with upper and lower bounds.

Paper: Xie, Chen, Wang and Yang 2020, "Learning Zero-Sum Simultaneous-Move Markov Games Using
Function Approximation and Correlated Equilibrium" (COLT, PMLR 125, arXiv 2002.07066), the offline
setting, in which both players are controlled. Rewards in [-1, 1] and transitions linear in known
features: r_h = <phi, theta_h>, P_h(s' | .) = <phi, mu_h(s')>, |phi| <= 1, |theta_h| and
|mu_h(S)| <= sqrt(d). Before every episode, backward over the steps, with sums over the past visits
(s_t, a_t, s_t') of step h:

    Lambda = I + sum phi phi^T,   wbar = Lambda^-1 sum phi (r + Vbar(s_t')),
    Qbar = <phi, wbar> + beta |phi|_{Lambda^-1},   Qunder = <phi, wunder> - beta |phi|_{Lambda^-1},
    both clipped to [-H, H],
    sigma(. | s) = CCE of (Qbar, Qunder),   Vbar = E_sigma Qbar,   Vunder = E_sigma Qunder.

The constant. The theorem has beta = c d H sqrt(iota), iota = log(2 d T / p), T = K H, with an
absolute constant c without a number. Here beta is what the proof below needs in a game of finitely
many states, S of them at most in any later layer, and no more:

    beta = H ( sqrt( 2 S log K + 2 log(H / p) + d log(1 + K / d) ) + 2 sqrt(d / K) + 2 sqrt(d) ),

that is c = beta / (d H sqrt(iota)), 1.4 on the default linear_game at K = 10,000. Proof. For fixed
V with |V| <= H the errors V(s') - P V have mean zero and range 2 H, so by the self-normalised bound
of Abbasi-Yadkori, Pal and Szepesvari (2011), with probability 1 - p' for all episodes,

    | sum phi (V(s') - P V) |_{Lambda^-1} <= H sqrt( 2 log(1 / p') + d log(1 + K / d) ).

A grid of at most K^S functions comes within H / K of every V, which moves the sum by at most
2 (H / K) sum |phi|_{Lambda^-1} <= 2 H sqrt(d / K); p' = p / (H K^S) covers grid and steps, both
signs of V included. The ridge adds at most |w| <= sqrt(d) (1 + H) <= 2 H sqrt(d). So for any V,
however it came about, |<phi, w> - (r + P V)| <= beta |phi|_{Lambda^-1}, and by induction backward,
with probability 1 - p for all episodes at once, Qbar is at least the value of the best response to
the executed sigma, and Qunder at most that of the other agent's.

Rounding. The paper rounds (Qbar, Qunder) to an epsilon-net before it seeks a CCE, since a CCE is no
Lipschitz function of the payoffs and its V must be covered. The proof above covers all V directly
and needs none, so it is off; `rounding` = w rounds the payoffs of stage games to multiples of w, a
net of another shape, which costs at most w per step in optimism.

Guarantee: duality gap of order sqrt(d^3 H^3 T) up to logarithms, summed over the episodes, of the
marginals of the sigma that is executed: the sum of both agents' gaps of sigma, concept "cce". With
the beta above d^3 is d^2 (d + S). For "nash" the product of the marginals is executed: its gaps
have the same sum, but the data then come from the product, which the theorem does not cover.

Assumptions: rewards that are not linear in the features, or with larger weights, are refused. That
transitions are linear in them a learner cannot check: they are in linear_game, while features of a
class of values elsewhere may only fit values. Features are divided by their largest norm where that
is above 1.

Status: the rate and the algorithm's outline were read in the paper's abstract; lambda = 1, the
form of beta and iota, clipping and the details of rounding are recalled. Stage equilibria are
exact, those of `stage_equilibrium`, ties broken by lot; as long as payoffs are tied one profile
is played that was drawn at random before the first episode: in one run on the default zero-sum
linear_game (uniform play has gaps of 0.51 in sum) gaps were 0.59 after 1,000 episodes, 0.13 after
10,000 and 0.05 after 30,000. Rewards in [0, 1] are mapped to 2 r - 1, and
agent 1's are taken as the negative, which changes no gap. `growth` above 1 makes a new plan only
when the determinant of some Lambda has grown by that factor, which is not in the paper.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels.omni_vi import LeastSquares
from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.learners._linear_planning import (
    LinearPlanning,
    empty_ridge,
    theorem_range,
    zero_sum_payoffs,
)
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.game import Game
from mamex_bench.model.hypotheses import ModelClass, linear_coefficients
from mamex_bench.model.instance import Instance

CLOSE = 1e-8

GUARANTEE = Guarantee(
    rate=r"$\tilde O(\sqrt{d^3H^3T})$, $T = KH$",
    exponent=0.5,
    games="two-player zero-sum, linear game",
    concepts=("cce",),
    about="executed",
    source="Xie, Chen, Wang and Yang 2020 (PMLR 125), from the abstract",
    checked=True,
    deviation="the bonus is proved here for finitely many states, so that no rounding is needed; "
    "for Nash the marginals are executed, which the theorem does not cover",
)


def make(
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    failure: float = 0.05,
    growth: float = 1.0,
    rounding: float = 0.0,
    hypotheses: str | None = None,
) -> LinearPlanning:
    """A fresh learner.

    failure: the probability p with which the guarantee may fail; growth, rounding: see
    LinearPlanning; hypotheses: the class whose features are used, the first that has some if not
    given.
    """
    K = positive_integer(episodes, "episodes")
    game = instance.game
    payoff = zero_sum_payoffs(instance, concept, "omni_vi")
    features = features_of(instance, hypotheses, "omni_vi")
    _expect_linear_rewards(instance, features, payoff)
    beta = theorem_radius(game, features.shape[2], K, failure)
    bounds = theorem_range(payoff, game.horizon)
    evidence = least_squares(game, features, payoff, bounds, beta, known_payoff=False)
    return LinearPlanning(instance, concept, K, "omni_vi", evidence, growth, rounding)


def features_of(instance: Instance, hypotheses: str | None, name: str) -> Floats:
    """(N, A, d): features of the named class, or of the first that has some, of norm at most 1.

    They are divided by their largest norm where that is above 1.
    """
    if hypotheses is not None:
        instance.hypothesis(hypotheses)
    for key, classes in instance.hypotheses.items():
        if hypotheses not in (None, key) or isinstance(classes, ModelClass):
            continue
        features = classes.flat_features
        if features is not None:
            largest = float(np.linalg.norm(features, axis=2).max())
            return np.ascontiguousarray(features / max(largest, 1.0))
    whose = " does" if hypotheses is None else f"'s {hypotheses!r} do"
    raise NotApplicableError(
        f"{name} needs linear features, which instance {instance.name!r}{whose} not give"
    )


def _expect_linear_rewards(instance: Instance, features: Floats, payoff: Floats) -> None:
    """u_0 = <phi, theta_h> with |theta_h| <= sqrt(d): the part of the assumption that is known."""
    d = features.shape[2]
    try:
        theta = linear_coefficients(payoff[:, 0][None], features, instance.game.layers.first)
        fits = bool(np.linalg.norm(theta, axis=2).max() <= np.sqrt(d) + CLOSE)
    except InputError:
        fits = False
    if not fits:
        raise NotApplicableError(
            f"omni_vi needs rewards 2 r - 1 that are linear in the features with weights of norm "
            f"at most sqrt(d) = {np.sqrt(d):.3g}, unlike those of instance {instance.name!r}"
        )


def theorem_radius(game: Game, dimension: int, episodes: int, failure: float) -> float:
    """beta, as proved in the docstring of this file."""
    if not 0.0 < failure < 1.0:
        raise InputError(f"failure is {failure!r}: expected a probability between 0 and 1")
    H, d, K = game.horizon, dimension, episodes
    S = int(np.diff(game.layers.first)[1:-1].max(initial=0))
    fixed = 2.0 * S * np.log(K) + 2.0 * np.log(H / failure) + d * np.log(1.0 + K / d)
    return float(H * (np.sqrt(fixed) + 2.0 * np.sqrt(d / K) + 2.0 * np.sqrt(d)))


def least_squares(
    game: Game,
    features: Floats,
    payoff: Floats,
    bounds: tuple[Floats, Floats],
    beta: float,
    known_payoff: bool,
) -> LeastSquares:
    """The evidence before any data, lambda = 1; bounds: floor and ceiling of Q."""
    H, d = game.horizon, features.shape[2]
    return LeastSquares(
        layers=game.layers,
        payoff=payoff,
        floor=bounds[0],
        ceiling=bounds[1],
        features=np.ascontiguousarray(features.swapaxes(1, 2)),
        ridge=empty_ridge(H, d, 1.0),
        response=np.zeros((2, H, d)),
        onward=np.zeros((int(game.layers.first[-1]), d)),
        weights=np.zeros((2, H, d)),
        beta=beta,
        known_payoff=known_payoff,
    )
