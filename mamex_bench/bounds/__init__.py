"""Bounds on regret: MAMEX's as objects, those of other theorems one file each.

Of MAMEX: `regret`, `regret_curve`, the tuned eta, and bounds of its coefficient from structure.
Of other learners: a file with a `STATEMENT` and

    bound(instance, *, concept, episodes, checkpoints, options) -> (values, failure probability)

values (P,) bound the cumulative regret summed over agents at the checkpoints, `options` are the
learner's own. It raises NotApplicableError where the theorem does not speak. Reports draw it beside
the curves of the learners that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mamex_bench.bounds._objects import Coefficient, RegretBounds, RegretCurve
from mamex_bench.bounds._regret import regret, regret_curve
from mamex_bench.bounds._stated import KINDS, PROVED, PUBLISHED, Stated, Statement, stated
from mamex_bench.bounds._tuning import nonvacuous_from, paper_eta, tuned_eta
from mamex_bench.concentration import Concentration, concentration
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model._arrays import Ints
from mamex_bench.model.instance import Instance
from mamex_bench.registry import Registry
from mamex_bench.structural_bounds import (
    structural_bellman_eluder,
    structural_bilinear,
    structural_linear_mixture,
    structural_witness,
)

__all__ = [
    "KINDS",
    "PROVED",
    "PUBLISHED",
    "REGISTRY",
    "Coefficient",
    "Concentration",
    "RegretBounds",
    "RegretCurve",
    "Stated",
    "Statement",
    "concentration",
    "names",
    "nonvacuous_from",
    "of_learner",
    "paper_eta",
    "regret",
    "regret_curve",
    "structural_bellman_eluder",
    "structural_bilinear",
    "structural_linear_mixture",
    "structural_witness",
    "tuned_eta",
]

REGISTRY = Registry("bound", __name__, __path__, "mamex_bench.bounds")
names = REGISTRY.names


def of_learner(
    learner: str,
    instance: Instance,
    *,
    concept: str,
    episodes: int,
    checkpoints: Ints,
    options: Mapping[str, Any],
) -> list[Stated]:
    """All registered bounds that speak of this learner here, at the checkpoints.

    learner: registered name; options: its own, defaults included; episodes: that it is made for.

    Raises:
        InputError: a bound whose file has no STATEMENT, that fails, or that gave no number per
            checkpoint.
    """
    found = []
    for name in names():
        module = REGISTRY.load(name)
        statement = getattr(module, "STATEMENT", None)
        if not isinstance(statement, Statement):
            raise InputError(f"bound {name!r} has no STATEMENT = Statement(...)")
        if learner not in statement.learners:
            continue
        try:
            given = module.bound(
                instance,
                concept=concept,
                episodes=episodes,
                checkpoints=checkpoints,
                options=options,
            )
        except NotApplicableError:
            continue
        except Exception as error:
            raise InputError(
                f"bound {name!r} fails on instance {instance.name!r}: {error!r}"
            ) from error
        found.append(stated(name, statement, given, checkpoints))
    return found
