"""Structural upper bounds of the decoupling coefficient: proved, from ranks and norms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mamex_bench import complexity, structural_bounds
from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._eluder import LIMIT
from mamex_bench.complexity._relation import Subject
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.experiments.atlas.specs import BOUNDS
from mamex_bench.experiments.atlas.tasks.coefficients import bracket_of
from mamex_bench.experiments.atlas.tasks.instances import instance_of
from mamex_bench.experiments.atlas.tasks.task import Outcome
from mamex_bench.model.instance import Instance


def bounds(
    family: str,
    parameters: Mapping[str, Any],
    episodes: int,
    hypotheses: str | None,
    names: list[str],
) -> Outcome:
    """Structural upper bounds of the coefficient, by short name; None where one does not apply."""
    instance = instance_of(family, parameters, episodes)
    subject = Subject(dense_instance(instance), episodes, 1.0 / episodes, hypotheses, LIMIT)
    # Left sides of relations are the coefficient, which was bracketed just before.
    vars(subject)["bracket"] = bracket_of(family, parameters, episodes, hypotheses)[0]
    relations = {each.name: each for each in complexity.relations()}
    found: dict[str, float | None] = dict.fromkeys(names)
    reasons: dict[str, str] = {}
    for name in names:
        try:
            if name in BOUNDS:
                found[name] = relations[BOUNDS[name]].sides(subject)[1][1]
            else:
                found[name] = _known(instance, episodes, hypotheses, name)
        except (NotApplicableError, InputError) as error:
            reasons[name] = str(error)
    return {"bounds": found, "reasons": reasons}


def _known(instance: Instance, episodes: int, hypotheses: str | None, name: str) -> float:
    """The value that the family proves, or a bound from constants that it knows."""
    constants = {key: float(each.value) for key, each in instance.known.items()}
    try:
        if name == "known":
            return constants["decoupling"]
        return structural_bounds.structural_linear_mixture(
            constants["mixture_dimension"],
            horizon=instance.game.horizon,
            episodes=episodes,
            value_bound=instance.value_bound(hypotheses),
            feature=constants["feature_norm"],
            weight=constants["weight_norm"],
        )
    except KeyError as error:
        raise NotApplicableError(f"{instance.name!r} knows no constant {error}") from None
