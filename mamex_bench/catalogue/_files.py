"""Instances from files: what a file lacks comes from the generators that the caller declares."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mamex_bench.catalogue._generators import model_net, value_class_of
from mamex_bench.catalogue._nets import star_known
from mamex_bench.errors import InputError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import Hypotheses, ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.storage import load as read

NET = {"net", "seed", "distance", "floor"}
VALUES = {"values", "distractors", "seed", "ridge"}


def load(
    path: str | os.PathLike[str],
    policies: str | Mapping[str, Any] | None,
    hypotheses: Mapping[str, Any] | None,
) -> Instance:
    """See `catalogue.load`."""
    item, name = read(path), Path(path).stem
    if isinstance(item, Instance):
        if policies is not None:
            raise InputError(f"{str(path)!r} holds its own policies: leave out `policies`")
        if hypotheses is None:
            return item
        if item.hypotheses:
            raise InputError(f"{str(path)!r} holds its own hypotheses: leave out `hypotheses`")
        made = _hypotheses(item.game, item.policies, hypotheses)
        known = {**item.known, **_known(made)}
        return Instance(item.game, item.policies, made, item.name, known)
    if policies is None:
        raise InputError(
            f"{str(path)!r} holds a game alone: declare policies, for example "
            f"{{ sample = {[32] * item.agents} }}"
        )
    chosen = _policies(item, policies)
    if hypotheses is None:
        return Instance(item, chosen, None, name)
    made = _hypotheses(item, chosen, hypotheses)
    return Instance(item, chosen, made, name, _known(made))


def _known(made: Hypotheses) -> dict[str, Known]:
    """What follows from how hypotheses were made."""
    return {"covering_radius": star_known(made)} if isinstance(made, ModelClass) else {}


def _policies(game: MarkovGame, declared: str | Mapping[str, Any]) -> PurePolicies:
    if declared == "all":
        return PurePolicies.all(game)
    if not isinstance(declared, Mapping) or "sample" not in declared:
        raise InputError(f"policies is {declared!r}: expected 'all' or {{ sample = [m_0, ...] }}")
    _known_keys(declared, {"sample", "seed"}, "policies")
    counts, seed = declared["sample"], declared.get("seed", 0)
    return _call("policies", PurePolicies.sample, game, counts, seed)


def _hypotheses(
    game: MarkovGame, policies: PurePolicies, declared: Mapping[str, Any]
) -> Hypotheses:
    if isinstance(declared, Mapping) and "net" in declared:
        _known_keys(declared, NET, "hypotheses")
        options = {key: value for key, value in declared.items() if key != "net"}
        return _call("hypotheses", model_net, game, declared["net"], **options)
    if isinstance(declared, Mapping) and declared.get("values") == "all":
        _known_keys(declared, VALUES, "hypotheses")
        options = {key: value for key, value in declared.items() if key != "values"}
        return _call("hypotheses", value_class_of, game, policies, **options)
    raise InputError(f'hypotheses is {declared!r}: expected {{ net = F }} or {{ values = "all" }}')


def _known_keys(declared: Mapping[str, Any], allowed: set[str], name: str) -> None:
    for key in declared:
        if key not in allowed:
            raise InputError(
                f"{name} has no key {key!r}: choose among {', '.join(sorted(allowed))}"
            )


def _call(name: str, generator: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """A generator's result; a value of the wrong type is the caller's, not a bug."""
    try:
        return generator(*arguments, **options)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {error}") from error
