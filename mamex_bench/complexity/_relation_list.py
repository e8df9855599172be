"""The relations that are known, each with both sides measured.

Structural bounds on the coefficient are stated for squared residuals. With models, D_H^2 losses
hold squared mean residuals over 2 R^2 (`structural_bounds`), hence the factors max(1, 2 R^2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mamex_bench.catalogue._dimensions import linear_eluder_bound
from mamex_bench.complexity._relation import Ends, Relation, Subject, exactly
from mamex_bench.complexity._relation_counts import COUNTS
from mamex_bench.complexity._relation_decisions import DECISIONS
from mamex_bench.complexity._residuals import (
    factored_residuals,
    finite_class,
    finite_models,
    finite_values,
    later_blocks,
)
from mamex_bench.complexity.eluder_dimension import linear_span
from mamex_bench.complexity.witness_rank import misfit_matrices
from mamex_bench.errors import NotApplicableError
from mamex_bench.model.structure import numerical_rank
from mamex_bench.structural_bounds import (
    BURN_IN,
    structural_bellman_eluder,
    structural_bilinear,
    structural_linear_mixture,
    structural_witness,
)


def _bellman_eluder(subject: Subject, family: str) -> tuple[Ends, Ends]:
    K = subject.episodes
    ends = subject.ends("bellman_eluder_dimension", scale=1.0 / K, family=family)
    low, high = (
        subject.factor
        * structural_bellman_eluder(
            d, horizon=subject.horizon, episodes=K, residual=subject.residual
        )
        for d in ends
    )
    return subject.every_step, (low, high)


def _bilinear(subject: Subject) -> tuple[Ends, Ends]:
    found = subject.measured("bilinear_rank")
    reach = float((found.certificate["features"] * found.certificate["weights"]).max())
    rank = max(1.0, found.upper)
    common: dict[str, Any] = {"horizon": subject.horizon, "episodes": subject.episodes}
    common |= {"feature": reach, "weight": 1.0}
    if subject.models:
        bound = structural_linear_mixture(rank, value_bound=subject.value_bound, **common)
    else:
        bound = structural_bilinear(rank, residual=subject.residual, **common)
    return subject.every_step, exactly(bound)


def _witness(subject: Subject) -> tuple[Ends, Ends]:
    finite_models(subject.instance, subject.hypotheses, "the witness rank")
    rank, reach = 1, 0.0
    for misfit in misfit_matrices(subject.instance, None, subject.hypotheses):
        left, sizes, right = np.linalg.svd(misfit, full_matrices=False)
        d = numerical_rank(misfit)
        x, w = left[:, :d], sizes[:d, None] * right[:d]
        norms = (np.square(x).sum(axis=1).max() * np.square(w).sum(axis=0).max()) ** 0.5
        rank, reach = max(rank, d), max(reach, float(norms))
    R = subject.value_bound
    bound = structural_witness(
        rank,
        horizon=subject.horizon,
        episodes=subject.episodes,
        ratio=1.0,
        span=R,
        feature=reach,
        weight=1.0,
        residual=R,
    )
    return subject.every_step, exactly(bound)


def _coverability(subject: Subject) -> tuple[Ends, Ends]:
    finite_class(subject.instance, subject.hypotheses, "the bound by coverability")
    cover = float(subject.measured("coverability").certificate["per_step"].sum())
    models = subject.models
    residual = subject.value_bound if models else subject.residual
    errors = 2.0 * subject.value_bound**2 if models else 1.0
    # Any theta will do; the least of many.
    theta = np.geomspace(0.05, max(subject.episodes, 2), 200)
    growth = np.maximum(np.log(subject.episodes / theta), 0.0) / (theta * np.log1p(1.0 / theta))
    burn = (1.0 + theta) * residual / (BURN_IN * subject.horizon)
    bound = cover * np.maximum(errors * growth / 4.0, burn).min()
    return subject.every_step, exactly(bound)


def _ends_of_error(subject: Subject) -> tuple[Ends, Ends]:
    return exactly(subject.largest_error / (BURN_IN * subject.horizon)), subject.coefficient


def _times_error(subject: Subject) -> tuple[Ends, Ends]:
    bound = subject.episodes * subject.largest_error / (BURN_IN * subject.horizon)
    return subject.coefficient, exactly(bound)


def _rank_of_means(subject: Subject) -> tuple[Ends, Ends]:
    left = subject.ends("bellman_eluder_dimension", scale=subject.scale, family="occupancy")
    bounds = [0]
    for own in factored_residuals(subject.instance, subject.hypotheses):
        for each in own:
            if each.rank:
                reach = each.feature * each.weight
                bounds.append(linear_eluder_bound(each.rank, reach, subject.scale))
    return left, exactly(max(bounds))


def _linear_functions(subject: Subject) -> tuple[Ends, Ends]:
    classes = finite_values(subject.instance, subject.hypotheses, "this dimension")
    left = subject.ends("eluder_dimension", scale=subject.scale)
    bounds = [0]
    for values in classes.per_agent:
        for h in range(subject.horizon):
            d, reach = linear_span(values[:, h].reshape(len(values), -1))
            if d:
                bounds.append(linear_eluder_bound(d, reach, subject.scale))
    return left, exactly(max(bounds))


def _complete_classes(subject: Subject) -> tuple[Ends, Ends]:
    instance = subject.instance
    classes = finite_values(instance, subject.hypotheses, "Bellman completeness")
    game = instance.dense
    for i, values in enumerate(classes.per_agent):
        rows = np.round(values.reshape(len(values), game.horizon, -1), 9)
        members = [{row.tobytes() for row in rows[:, h] + 0.0} for h in range(game.horizon)]
        for _, later in later_blocks(instance, i, subject.hypotheses):
            for h, after in enumerate(later):
                # T f = r + P f(., pi)
                target = np.einsum("sat,ftp->fpsa", game.transition[h], after, optimize=True)
                target = np.round(target + game.reward[i, h], 9) + 0.0
                flat = target.reshape(-1, rows.shape[2])
                if any(row.tobytes() not in members[h] for row in flat):
                    raise NotApplicableError(
                        f"the action values of {instance.name!r} are not closed under Bellman "
                        f"operators at step {h}, agent {i}"
                    )
    left = subject.ends("bellman_eluder_dimension", scale=subject.scale, family="dirac")
    return left, subject.ends("eluder_dimension", scale=subject.scale)


def _joint_rank(subject: Subject) -> tuple[Ends, Ends]:
    left = subject.ends("bilinear_rank", loss="residual")
    right = subject.ends("bellman_rank", kind="Q")
    n = subject.instance.game.agents
    return left, (n * right[0], n * right[1])


def _covers(subject: Subject) -> tuple[Ends, Ends]:
    finite_models(subject.instance, subject.hypotheses, "the bracketing number")
    left = subject.ends("covering_number", scale=(subject.scale / 2.0) ** 0.5)
    return left, subject.ends("bracketing_number", scale=subject.scale)


BELOW = "this coefficient's definition"
STRUCTURAL = "docstring of mamex_bench/structural_bounds.py"

RELATIONS: tuple[Relation, ...] = (
    Relation(
        "error_below_coefficient",
        "E / (6H), E the largest prediction error",
        "decoupling(K)",
        f"{BELOW}: one pair costs nothing",
        "proved",
        _ends_of_error,
    ),
    Relation(
        "coefficient_below_errors",
        "decoupling(K)",
        "K E / (6H)",
        f"{BELOW}: V(mu) <= K E",
        "proved",
        _times_error,
    ),
    Relation(
        "greedy_below_all_pairs",
        "single_agent_decoupling(K)",
        "decoupling(K)",
        f"{BELOW}: fewer pairs",
        "proved",
        lambda s: (s.ends("single_agent_decoupling", episodes=s.episodes), s.coefficient),
    ),
    Relation(
        "coefficient_below_bellman_eluder",
        "decoupling(K)",
        "max(1, 2 R^2 for models) H max(d log(BK), (1 + B d) / (6H)), "
        "d = bellman_eluder_dimension(1/K, occupancy)",
        STRUCTURAL,
        "proved",
        lambda s: _bellman_eluder(s, "occupancy"),
    ),
    Relation(
        "coefficient_below_bellman_eluder_dirac",
        "decoupling(K)",
        "the same with d = bellman_eluder_dimension(1/K, dirac)",
        STRUCTURAL,
        "proved",
        lambda s: _bellman_eluder(s, "dirac"),
    ),
    Relation(
        "coefficient_below_bilinear",
        "decoupling(K)",
        "values: H max(g/4, (sqrt(g) + B g) / (6H)); models: H max(R^2 g/2, (sqrt(g) + R g) / "
        "(6H)); g = r log(1 + K^2 B_X^2 B_W^2 / r) / log 2, r = bilinear_rank",
        STRUCTURAL,
        "proved",
        _bilinear,
    ),
    Relation(
        "coefficient_below_witness",
        "decoupling(K)",
        "H max(R^2 g/2, (sqrt(g) + R g) / (6H)), g of the rank of the witnessed misfit, kappa = 1",
        STRUCTURAL,
        "proved",
        _witness,
    ),
    Relation(
        "coefficient_below_coverability",
        "decoupling(K)",
        "min over theta of sum_h C_h max(c log(K / theta) / (4 theta log(1 + 1 / theta)), "
        "(1 + theta) B / (6H)); values: c = 1; models: c = 2 R^2, B = R",
        "theory/relations.md, section D; the argument of Xie et al. 2022 (arXiv 2210.04157)",
        "proved",
        _coverability,
    ),
    Relation(
        "bellman_eluder_below_rank",
        "bellman_eluder_dimension(eps, occupancy)",
        "linear eluder bound at d = bellman_rank(Q), reach = B_X B_W",
        "Jin et al. 2021 (arXiv 2102.00815), proposition 11; constants: linear_eluder_bound",
        "proved",
        _rank_of_means,
    ),
    Relation(
        "bellman_eluder_below_eluder",
        "bellman_eluder_dimension(eps, dirac)",
        "eluder_dimension(eps), classes closed under Bellman operators",
        "Jin et al. 2021 (arXiv 2102.00815), proposition 12",
        "proved",
        _complete_classes,
    ),
    Relation(
        "eluder_below_linear",
        "eluder_dimension(eps)",
        "linear eluder bound at d = dimension of the differences f - f'",
        "Russo and Van Roy 2013, proposition 6; constants: linear_eluder_bound",
        "proved",
        _linear_functions,
    ),
    Relation(
        "bellman_below_bilinear",
        "bellman_rank(Q)",
        "bilinear_rank(residual)",
        "one agent's columns are some of the columns",
        "proved",
        lambda s: (s.ends("bellman_rank", kind="Q"), s.ends("bilinear_rank", loss="residual")),
    ),
    Relation(
        "bilinear_below_agents_bellman",
        "bilinear_rank(residual)",
        "n bellman_rank(Q)",
        "the rank of n matrices side by side",
        "proved",
        _joint_rank,
    ),
    Relation(
        "witness_below_bellman",
        "witness_rank(kappa = 1, all tests)",
        "bellman_rank(Q)",
        "Sun et al. 2019 (arXiv 1811.08540), proposition 7",
        "proved",
        lambda s: (s.ends("witness_rank"), s.ends("bellman_rank", kind="Q")),
    ),
    Relation(
        "covering_below_bracketing",
        "covering_number(sqrt(eps / 2))",
        "bracketing_number(eps)",
        "models of one bracket: D_H^2 <= |P - Q|_1 / 2 <= eps / 2",
        "proved",
        _covers,
    ),
    *COUNTS,
    *DECISIONS,
)
