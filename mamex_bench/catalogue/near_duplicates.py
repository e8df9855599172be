"""Nearly indistinguishable models and opposed interests: many live models, many equilibria.

Definition. A dense random game (Dirichlet(1) rows mixed with 5 % uniform) and a net of models on
random arcs around the truth (see `_generators.model_net`), each at one Hellinger distance

    delta_f = a_f / sqrt(K),     a_f geometric from `spread[0]` to `spread[1]`,

in every row (h, s, a); the truth's place in the class is drawn. Rewards are nearly opposed,

    r_0 uniform,    r_i = (1 - w) (1 - r_0) + w (uniform noise),    i >= 1,    w = `own`,

so that equilibria are mixed and move with every small change of payoffs. As in `random_game`,
|r_0 + r_i - 1| <= w, so the returns of agents 0 and i sum to H up to w H under every policy.

Structure. Let every row's target be farther than delta_f, which holds for small delta_f. Then for
every policy and every h the expected squared Hellinger distance of f from the truth is exactly
delta_f^2: a trajectory of any policy is equally informative, and

    l(f) = H a_f^2 / K,

so that after all K episodes the expected log-likelihood ratio is about 4 H a_f^2, whatever was
played. Models with small a_f cannot be told from the truth within K episodes: they stay live at
any sensible eta. By the simulation lemma |V_f - V| <= H R sqrt(2) a_f / sqrt(K).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._generators import dirichlet_rows, model_net, per_agent, stream, within
from mamex_bench.catalogue._losses import discrepancies, models_of, prediction_errors
from mamex_bench.catalogue._nets import star_checks, star_known
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

SOURCE = "proved in the docstring of near_duplicates"


def make(
    *,
    seed: int = 0,
    episodes: int = 100_000,
    agents: int = 2,
    states: int = 8,
    actions: int | Sequence[int] = 3,
    horizon: int = 4,
    policies: int | Sequence[int] = 32,
    models: int = 512,
    spread: Sequence[float] = (0.7, 40.0),
    own: float = 0.3,
) -> Instance:
    """The hard instance of the benchmarks.

    Arguments:
        seed: draws everything.
        episodes: K, to which the distances are tied.
        agents, states, actions, horizon, policies, models: sizes, as in linear_mixture.
        spread: least and greatest a_f.
        own: w, the share of an agent's own noise in its rewards, in [0, 1].
    """
    n, K = positive_integer(agents, "agents"), positive_integer(episodes, "episodes")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    S, H = positive_integer(states, "states"), positive_integer(horizon, "horizon")
    F, w = positive_integer(models, "models"), within(own, "own", 0.0, 1.0)
    distance = [float(a / np.sqrt(K)) for a in spread]
    if len(distance) != 2 or not 0.0 < distance[0] <= distance[1] < 1.0:
        raise InputError(f"spread is {spread!r}: expected 0 < low <= high < sqrt(episodes)")
    A = int(np.prod(counts))

    rows = dirichlet_rows(stream(seed, "near_duplicates", "transition"), (H, S, A), S)
    reward = stream(seed, "near_duplicates", "rewards").random((n, H, S, A))
    reward[1:] = (1.0 - w) * (1.0 - reward[0]) + w * reward[1:]
    game = MarkovGame(0.95 * rows + 0.05 / S, reward, counts)
    net = model_net(game, F, seed, distance, floor=0.0).transitions
    order = stream(seed, "near_duplicates", "order").permutation(F)
    classes = ModelClass(net[order], truth=int(np.argmin(order)))
    return Instance(
        game,
        PurePolicies.sample(game, tables, seed),
        classes,
        name=f"near_duplicates(models={F}, K={K})",
        known={
            "least_distance": Known(distance[0], SOURCE),
            "greatest_distance": Known(distance[1], SOURCE),
            "opposition_defect": Known(w * H, SOURCE),
            "covering_radius": star_known(classes),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """Distances, that all policies inform alike, the simulation lemma, and opposed returns."""
    H, known, truth = instance.game.horizon, instance.known, models_of(instance).truth
    loss = np.delete(discrepancies(instance), truth or 0, axis=0)
    e = np.abs(np.delete(prediction_errors(instance), truth or 0, axis=0)).max(axis=(1, 2))
    delta = np.sqrt(loss.mean(axis=1) / H)
    lemma = H * np.sqrt(2.0) * instance.value_bound()
    U = instance.payoffs
    opposed = float(np.abs(U[:1] + U[1:] - H).max(initial=0.0))
    spread = float((np.ptp(loss, axis=1) / delta**2).max(initial=0.0))
    least, greatest = float(delta.min(initial=1.0)), float(delta.max(initial=0.0))
    return [
        Check("least distance of a model", least, ">=", known["least_distance"].value),
        Check("greatest distance", greatest, "<=", known["greatest_distance"].value),
        Check("spread of a model's loss over policies, per delta^2", spread, "==", 0.0, 1e-6),
        Check("prediction error per delta", float((e / delta).max(initial=0.0)), "<=", lemma),
        Check("largest |U_0 + U_i - H|", opposed, "<=", known["opposition_defect"].value),
        *star_checks(instance),
    ]
