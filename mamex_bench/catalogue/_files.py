"""Instances from files and games: what they lack comes from generators that the caller declares."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mamex_bench.catalogue._generators import model_net, value_class_of
from mamex_bench.catalogue._nets import star_known
from mamex_bench.errors import InputError
from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.model.hypotheses import Hypotheses, ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.storage import load as read

SAMPLE = {"sample", "seed"}
CLOSURE = {"closure", "concept", "seed"}
NET = {"net", "seed", "distance", "floor"}
VALUES = {"values", "distractors", "seed", "ridge"}


def load(
    path: str | os.PathLike[str],
    policies: str | Mapping[str, Any] | None,
    hypotheses: Mapping[str, Any] | None,
) -> Instance:
    """See `catalogue.load`."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path is {path!r}: expected the name of a file")
    name = Path(path).stem
    if Path(path).suffix == ".nfg":
        from mamex_bench.catalogue._nfg import from_nfg

        return complete(from_nfg(path), policies, hypotheses, name, f"{str(path)!r} holds")
    item = read(path)
    if isinstance(item, Instance):
        if policies is not None:
            raise InputError(f"{str(path)!r} holds its own policies: leave out `policies`")
        if hypotheses is None:
            return item
        if item.hypotheses:
            raise InputError(f"{str(path)!r} holds its own hypotheses: leave out `hypotheses`")
        made, radius = _hypotheses(item.game, item.policies, hypotheses)
        return Instance(item.game, item.policies, made, item.name, {**item.known, **radius})
    return complete(item, policies, hypotheses, name, f"{str(path)!r} holds")


def complete(
    game: Game,
    policies: str | Mapping[str, Any] | None,
    hypotheses: Mapping[str, Any] | None,
    name: str,
    source: str,
) -> Instance:
    """See `catalogue.complete`; source: what messages call the game."""
    if not isinstance(game, Game):
        raise InputError(f"game is {game!r}: expected a MarkovGame or a LayeredGame")
    if policies is None:
        raise InputError(
            f"{source} a game alone: declare policies, for example "
            f"{{ sample = {[32] * game.agents} }}"
        )
    chosen, known = _policies(game, policies)
    if hypotheses is None:
        return Instance(game, chosen, None, name, known)
    classes, radius = _hypotheses(game, chosen, hypotheses)
    return Instance(game, chosen, classes, name, {**known, **radius})


def _policies(
    game: Game, declared: str | Mapping[str, Any]
) -> tuple[PurePolicies, dict[str, Known]]:
    if declared == "all":
        return PurePolicies.all(game), {}
    if isinstance(declared, Mapping) and "sample" in declared:
        _known_keys(declared, SAMPLE, "policies")
        counts, seed = declared["sample"], declared.get("seed", 0)
        return _call("policies", PurePolicies.sample, game, counts, seed), {}
    if isinstance(declared, Mapping) and "closure" in declared:
        from mamex_bench.catalogue._populations import closure

        _known_keys(declared, CLOSURE, "policies")
        options = {key: value for key, value in declared.items() if key != "closure"}
        found = _call("policies", closure, game, declared["closure"], **options)
        return found.policies, found.known()
    raise InputError(
        f"policies is {declared!r}: expected 'all' or {{ sample = [m_0, ...] }} or "
        "{ closure = size }"
    )


def _hypotheses(
    game: Game, policies: PurePolicies, declared: Mapping[str, Any]
) -> tuple[Hypotheses, dict[str, Known]]:
    from mamex_bench.catalogue import _layered_nets as layered

    dense = isinstance(game, MarkovGame)
    if isinstance(declared, Mapping) and "net" in declared:
        _known_keys(declared, NET, "hypotheses")
        _numbers(declared, "floor")
        options = {key: value for key, value in declared.items() if key != "net"}
        make: Callable[..., ModelClass] = model_net if dense else layered.layered_net
        models = _call("hypotheses", make, game, declared["net"], **options)
        radius = star_known(models) if dense else layered.layered_star_known(game, models)
        return models, {"covering_radius": radius}
    if isinstance(declared, Mapping) and declared.get("values") == "all":
        _known_keys(declared, VALUES, "hypotheses")
        _numbers(declared, "ridge")
        options = {key: value for key, value in declared.items() if key != "values"}
        return _call("hypotheses", value_class_of, game, policies, **options), {}
    raise InputError(f'hypotheses is {declared!r}: expected {{ net = F }} or {{ values = "all" }}')


def _known_keys(declared: Mapping[str, Any], allowed: set[str], name: str) -> None:
    for key in declared:
        if key not in allowed:
            raise InputError(
                f"{name} has no key {key!r}: choose among {', '.join(sorted(allowed))}"
            )


def _numbers(declared: Mapping[str, Any], *names: str) -> None:
    for key in names:
        value = declared.get(key, 1.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError(f"hypotheses: {key} is {value!r}: expected a number")


def _call(name: str, generator: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """A generator's result; a value of the wrong type is the caller's, not a bug."""
    try:
        return generator(*arguments, **options)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {error}") from error
    except MemoryError as error:
        size = next((each for each in reversed(arguments) if isinstance(each, int)), options)
        raise InputError(f"{name}: {size} are more than memory holds: {error}") from error
