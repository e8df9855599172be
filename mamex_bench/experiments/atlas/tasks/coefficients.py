"""The decoupling coefficient between its ends, verified, and under its structural bounds."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from mamex_bench import complexity, structural_bounds
from mamex_bench.experiments.atlas.specs import BOUNDS
from mamex_bench.experiments.atlas.tasks.instances import instance_of
from mamex_bench.experiments.atlas.tasks.task import Outcome

# Brackets of the last few classes: what is verified or made into a bound was bracketed just before.
CACHED_BRACKETS = 4
_brackets: OrderedDict[str, tuple[complexity.Bracket, float]] = OrderedDict()


def bracket_of(
    family: str, parameters: Mapping[str, Any], episodes: int, hypotheses: str | None
) -> tuple[complexity.Bracket, float]:
    """The bracket, and the seconds that it took when it was made."""
    name = json.dumps([family, dict(parameters), episodes, hypotheses], sort_keys=True)
    if name not in _brackets:
        instance = instance_of(family, parameters, episodes)
        started = perf_counter()
        found = complexity.decoupling(instance, episodes, hypotheses)
        _brackets[name] = found, perf_counter() - started
        while len(_brackets) > CACHED_BRACKETS:
            _brackets.popitem(last=False)
    return _brackets[name]


def bracket(
    family: str, parameters: Mapping[str, Any], episodes: int, hypotheses: str | None
) -> Outcome:
    """The interval of the decoupling coefficient, at K and without K."""
    found, seconds = bracket_of(family, parameters, episodes, hypotheses)
    agent, witness = found.witness
    return {
        "lower": found.lower,
        "upper": found.upper,
        "method": found.method,
        "free": list(found.k_free),
        "unbounded": found.unbounded is not None,
        "witness": {"agent": agent, "length": int(witness.length), "mu": float(witness.mu)},
        "hypotheses": found.hypotheses,
        "bracket_seconds": seconds,
    }


def check(
    family: str, parameters: Mapping[str, Any], episodes: int, hypotheses: str | None
) -> Outcome:
    """Both ends verified anew from the definition by slow independent code."""
    instance = instance_of(family, parameters, episodes)
    found, _ = bracket_of(family, parameters, episodes, hypotheses)
    verified = complexity.check_bracket(instance, found)
    return {"lower": max(verified.lower), "upper": max(verified.upper)}


def bounds(
    family: str,
    parameters: Mapping[str, Any],
    episodes: int,
    hypotheses: str | None,
    names: list[str],
) -> Outcome:
    """Structural upper bounds of the coefficient, by short name; None where one does not apply."""
    instance = instance_of(family, parameters, episodes)
    out: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    wanted = [each for each in complexity.relations() if each.name in _relation_names(names)]
    for each in complexity.check_relations(instance, episodes, 0.1, hypotheses, wanted):
        short = next(name for name, long in BOUNDS.items() if long == each.relation.name)
        out[short] = None if each.right is None else each.right[1]
        reasons[short] = each.reason
    constants = {name: float(each.value) for name, each in instance.known.items()}
    if "known" in names:
        out["known"] = constants.get("decoupling")
    if "linear_mixture" in names:
        try:
            out["linear_mixture"] = structural_bounds.structural_linear_mixture(
                constants["mixture_dimension"],
                horizon=instance.game.horizon,
                episodes=episodes,
                value_bound=instance.value_bound(hypotheses),
                feature=constants["feature_norm"],
                weight=constants["weight_norm"],
            )
        except KeyError as error:
            out["linear_mixture"] = None
            reasons["linear_mixture"] = f"{instance.name!r} knows no constant {error}"
    return {"bounds": out, "reasons": reasons}


def _relation_names(names: list[str]) -> set[str]:
    return {BOUNDS[name] for name in names if name in BOUNDS}
