"""Relations that count: by policies, hypotheses, states or pairs (s, a).

Single policies, and single models, bound the coefficient. Let e^2 <= kappa D(pi; f, pi): values
kappa = H, models kappa = 2 H' R^2 with H' the number of steps at which models differ. With E the
largest error and h_m = 1 + 1/2 + ... + 1/m,

    d(K) <= N max(kappa h_{K-1} / 4, E / (6H)),    N = |Pi|, or |F| - 1 for models.

Proof: theory/relations.md, section C.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.complexity._relation import Ends, Relation, Subject, exactly
from mamex_bench.complexity._relation_decisions import informative_steps
from mamex_bench.complexity._residuals import finite_class, finite_models
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.structural_bounds import BURN_IN

PAGE = "theory/relations.md, section C"


def _each(subject: Subject) -> float:
    """max(kappa h_{K-1} / 4, E / (6H)): what one policy, or one model, adds to the coefficient."""
    kappa = float(subject.horizon)
    classes = finite_class(subject.instance, subject.hypotheses, "the bound by counting")
    if isinstance(classes, ModelClass):
        kappa = 2.0 * informative_steps(subject.instance, classes) * subject.value_bound**2
    harmonic = float((1.0 / np.arange(1, subject.episodes)).sum())
    return max(kappa * harmonic / 4.0, subject.largest_error / (BURN_IN * subject.horizon))


def _policies(subject: Subject) -> tuple[Ends, Ends]:
    bound = subject.instance.policies.size * _each(subject)
    return subject.every_step, exactly(bound)


def _models(subject: Subject) -> tuple[Ends, Ends]:
    models = finite_models(subject.instance, subject.hypotheses, "the bound by counting models")
    return subject.every_step, exactly((models.size - 1) * _each(subject))


def _cells(subject: Subject) -> Ends:
    game = subject.instance.dense
    return exactly(game.states * game.actions)


def _points(subject: Subject) -> tuple[Ends, Ends]:
    finite_class(subject.instance, subject.hypotheses, "the eluder dimension")
    return subject.ends("eluder_dimension", scale=subject.scale), _cells(subject)


def _pairs_of_members(subject: Subject) -> tuple[Ends, Ends]:
    classes = finite_class(subject.instance, subject.hypotheses, "the eluder dimension")
    size = classes.size if isinstance(classes, ModelClass) else max(classes.sizes)
    return subject.ends("eluder_dimension", scale=subject.scale), exactly(size * (size - 1) / 2)


def _brackets(subject: Subject) -> tuple[Ends, Ends]:
    models = finite_models(subject.instance, subject.hypotheses, "the bracketing number")
    return subject.ends("bracketing_number", scale=subject.scale), exactly(models.size)


def _surprises(subject: Subject, family: str) -> Ends:
    return subject.ends("bellman_eluder_dimension", scale=subject.scale, family=family)


COUNTS: tuple[Relation, ...] = (
    Relation(
        "coefficient_below_policies",
        "decoupling(K)",
        "|Pi| max(kappa h_{K-1} / 4, E / (6H)), h harmonic numbers; values: kappa = H, models: "
        "2 H' R^2",
        PAGE,
        "proved",
        _policies,
    ),
    Relation(
        "coefficient_below_models",
        "decoupling(K)",
        "(|F| - 1) max(H' R^2 h_{K-1} / 2, E / (6H)), models",
        PAGE,
        "proved",
        _models,
    ),
    Relation(
        "eluder_below_points",
        "eluder_dimension(eps)",
        "S A",
        "Russo and Van Roy 2013, section 4: no point is independent of itself",
        "proved",
        _points,
    ),
    Relation(
        "eluder_below_pairs",
        "eluder_dimension(eps)",
        "|F| (|F| - 1) / 2",
        "docstring of mamex_bench/complexity/_eluder.py: no pair witnesses twice",
        "proved",
        _pairs_of_members,
    ),
    Relation(
        "bellman_eluder_below_points",
        "bellman_eluder_dimension(eps, dirac)",
        "S A",
        "as for the eluder dimension: no Dirac is independent of itself",
        "proved",
        lambda s: (_surprises(s, "dirac"), _cells(s)),
    ),
    Relation(
        "bellman_eluder_below_policies",
        "bellman_eluder_dimension(eps, occupancy)",
        "|Pi|, joint policies",
        "no occupancy measure is independent of itself",
        "proved",
        lambda s: (_surprises(s, "occupancy"), exactly(s.instance.policies.size)),
    ),
    Relation(
        "bellman_below_states",
        "bellman_rank(V)",
        "S",
        "Jiang et al. 2017 (arXiv 1610.09512): roll-ins are distributions over states",
        "proved",
        lambda s: (s.ends("bellman_rank", kind="V"), exactly(s.instance.dense.states)),
    ),
    Relation(
        "bellman_below_policies",
        "bellman_rank(Q)",
        "|Pi|, joint policies",
        "a row for each roll-in",
        "proved",
        lambda s: (s.ends("bellman_rank", kind="Q"), exactly(s.instance.policies.size)),
    ),
    Relation(
        "bilinear_below_points",
        "bilinear_rank(residual)",
        "S A",
        "roll-ins are distributions over pairs (s, a)",
        "proved",
        lambda s: (s.ends("bilinear_rank", loss="residual"), _cells(s)),
    ),
    Relation(
        "coverability_below_policies",
        "coverability",
        "|Pi|, joint policies",
        "Xie et al. 2022 (arXiv 2210.04157): the sum over policies bounds the maximum",
        "proved",
        lambda s: (s.ends("coverability"), exactly(s.instance.policies.size)),
    ),
    Relation(
        "coverability_below_points",
        "coverability",
        "S A",
        "no occupancy exceeds 1",
        "proved",
        lambda s: (s.ends("coverability"), _cells(s)),
    ),
    Relation(
        "bracketing_below_size",
        "bracketing_number(eps)",
        "|F|",
        "a bracket for each model",
        "proved",
        _brackets,
    ),
)
