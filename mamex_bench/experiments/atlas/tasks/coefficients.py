"""The decoupling coefficient between its ends, and verified."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from mamex_bench import complexity
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
