"""Any family without the truth: the nearest hypothesis at a stated Hellinger distance.

Definition. An instance of the family `base`, made with `parameters` and the seed, whose class of
models loses the truth: `_misspecified.misspecify` puts a neighbour at distance exactly `zeta` in
its place and removes all other members that are not farther. Distance is the largest Hellinger
distance over rows (h, s, a); the neighbour is at zeta in every row that the class doubts, and there
it gives positive probability to whatever the truth does. Proofs: docstring of `_misspecified`.

What the theory says. The explicit bounds assume that the class holds the truth; here they are not
applicable (`bounds.concentration` refuses). The neighbour's value errs by no more than

    |V_f - V| <= H R sqrt(2) zeta,

R its largest value, by the simulation lemma and |E_P V - E_Q V| <= R sqrt(2) D_H(P, Q). A learner
of maximum likelihood in the end believes in the member of least divergence under what it plays,
which need not be the neighbour: another member may be right about all that is played and wrong
about deviations. So regret may grow linearly, and no rate in terms of zeta bounds it: without the
last arm of a needle, f_0 explains every empty arm, and whoever believes it loses 1 per episode.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._losses import models_of, prediction_errors
from mamex_bench.catalogue._misspecified import misspecify, row_deviation, unlikely_support
from mamex_bench.catalogue._nets import model_distance
from mamex_bench.errors import InputError
from mamex_bench.model.instance import Instance


def make(
    *,
    seed: int = 0,
    base: str = "random_game",
    parameters: dict[str, Any] | None = None,
    zeta: float = 0.1,
) -> Instance:
    """A family's instance, misspecified.

    Arguments:
        seed: of the base, and of the neighbour.
        base: name of a family that has a class of models.
        parameters: of the base, without its seed.
        zeta: distance of the nearest model, positive and below sqrt(1 - 1/sqrt(S)).
    """
    from mamex_bench import catalogue

    if base == "misspecified":
        raise InputError("base is 'misspecified': expected a family that holds its truth")
    options = dict(parameters or {})
    if "seed" in options:
        raise InputError("parameters has a seed: give it to misspecified itself")
    bare = misspecify(catalogue.make(base, seed=seed, **options), zeta, seed)
    classes, name = dict(bare.hypotheses), f"misspecified({bare.name})"
    return Instance(bare.game, bare.policies, classes, name, bare.known)


def certify(instance: Instance) -> list[Check]:
    """Distances from the truth, what stays possible, and the simulation lemma."""
    models, game = models_of(instance), instance.dense
    zeta = instance.known["misspecification"].value
    distance = model_distance(models.transitions, game.transition)
    nearest = int(distance.argmin())
    error = float(np.abs(prediction_errors(instance)[nearest]).max())
    lemma = game.horizon * instance.value_bound() * np.sqrt(2.0) * zeta
    deviation = row_deviation(instance, models, zeta)
    return [
        Check("models named the truth", float(models.truth is not None), "==", 0.0),
        Check("distance of the nearest model", float(distance[nearest]), "==", zeta),
        Check("rows of it at another distance than this or 0, by", deviation, "==", 0.0),
        Check(
            "probability that it gives to what can happen",
            unlikely_support(instance, models),
            ">=",
            1e-12,
            0,
        ),
        Check("value error of the nearest model", error, "<=", lemma),
    ]
