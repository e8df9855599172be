"""Linear mixture games: every model is a mixture of the same base kernels.

Definition. For base kernels P_{h,1}, ..., P_{h,d} and theta in the simplex of R^d

    P_{theta,h}(s' | s, a) = sum_j theta_j P_{h,j}(s' | s, a),

and the class is a finite net of thetas that contains the true one.

Structure (mixture dimension d). For a model theta, the truth theta*, an agent i and a joint policy
pi, the simulation lemma gives

    V_theta^{i,pi} - V^{i,pi} = sum_h E_pi [ (P_{theta,h} - P_{theta*,h}) V_{theta,h+1}^{i,pi} ]
                              = sum_h < theta - theta*, E_pi x_h >,
    x_h(s, a)_j = sum_s' P_{h,j}(s' | s, a) V_{theta,h+1}^{i,pi}(s'),

so each step's prediction error is bilinear in d dimensions, where the first factor does not
depend on the policy. This is the setting of Ayoub et al. (2020) and Zhou et al. (2021), with
several agents as in Chen et al. (2022). Thetas lie in the simplex, so differences of models span
at most d - 1 dimensions.

Base kernels have Dirichlet rows, mixed with `floor` of the uniform distribution: all models have
full support.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._generators import dirichlet_rows, per_agent, stream, within
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies


def make(
    *,
    seed: int = 0,
    agents: int = 2,
    states: int = 8,
    actions: int | Sequence[int] = 3,
    horizon: int = 4,
    policies: int | Sequence[int] = 32,
    models: int = 512,
    dimension: int = 4,
    concentration: float = 0.3,
    floor: float = 0.02,
) -> Instance:
    """A random linear mixture; the defaults are the reference instance of the benchmarks.

    Arguments:
        seed: draws kernels, rewards, policies, the net and the truth's place in it.
        agents, states, horizon: sizes.
        actions, policies: per agent, or one number for all.
        models: size of the net of thetas, Dirichlet(1) on the simplex.
        dimension: number of base kernels.
        concentration: of the base kernels' Dirichlet rows; small is far apart.
        floor: share of the uniform distribution in every row, in [0, 1].
    """
    n = positive_integer(agents, "agents")
    counts, tables = per_agent(actions, n, "actions"), per_agent(policies, n, "policies")
    S, H = positive_integer(states, "states"), positive_integer(horizon, "horizon")
    F, d = positive_integer(models, "models"), positive_integer(dimension, "dimension")
    spread = within(concentration, "concentration", 1e-2, 1e3)
    share = within(floor, "floor", 0.0, 1.0)
    A = int(np.prod(counts))

    rows = dirichlet_rows(stream(seed, "linear_mixture", "kernels"), (d, H, S, A), S, spread)
    base = (1.0 - share) * rows + share / S
    rng = stream(seed, "linear_mixture", "net")
    theta, truth = rng.dirichlet(np.ones(d), size=F), int(rng.integers(F))
    transitions = np.tensordot(theta, base, axes=1)
    reward = stream(seed, "linear_mixture", "rewards").random((n, H, S, A))

    game = MarkovGame(transitions[truth], reward, counts)
    return Instance(
        game,
        PurePolicies.sample(game, tables, seed),
        ModelClass(transitions, truth),
        name=f"linear_mixture(d={d}, models={F})",
        known={"mixture_dimension": Known(d, "proved in the docstring of linear_mixture")},
    )
