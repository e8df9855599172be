"""The catalogue of games: one file per family, found by name, imported only when asked for.

    catalogue.names()
    catalogue.parameters("needle")
    catalogue.make("needle", arms=16, truth="last")
    catalogue.certify("needle", instance)
    catalogue.load("mine.npz", policies={"sample": [32, 32]}, hypotheses={"net": 256})

A family is a file with `make(*, seed=0, ...) -> Instance`. Its docstring proves the structure that
the instances have; its `Instance.known` holds the constants that follow; its
`certify(instance) -> list[Check]` measures them on an instance.
"""

from __future__ import annotations

import inspect
import os
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mamex_bench.errors import InputError
from mamex_bench.model.instance import Instance
from mamex_bench.registry import Registry

if TYPE_CHECKING:
    from mamex_bench.catalogue._certificate import Check

REGISTRY = Registry("game family", __name__, __path__, "mamex_bench.games")


def __getattr__(name: str) -> Any:
    """`Check`, loaded when asked for: to list names imports no helper of families."""
    if name != "Check":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mamex_bench.catalogue._certificate import Check

    return Check


def names() -> list[str]:
    """Every family, sorted."""
    return REGISTRY.names()


def parameters(name: str) -> dict[str, Any]:
    """The parameters of a family with their defaults."""
    signature = inspect.signature(REGISTRY.load(name).make)
    return {key: each.default for key, each in signature.parameters.items()}


def make(name: str, **parameters: Any) -> Instance:
    """An instance of a family; raises InputError that names a wrong family, parameter or value."""
    maker = REGISTRY.load(name).make
    allowed = inspect.signature(maker).parameters
    hints = typing.get_type_hints(maker)
    for key, value in parameters.items():
        if key not in allowed:
            raise InputError(f"{name} has no parameter {key!r}: choose among {', '.join(allowed)}")
        if key in hints and not _fits(value, hints[key]):
            raise InputError(f"{name}: {key} is {value!r}: expected {_words(hints[key])}")
    return maker(**parameters)


def certify(name: str, instance: Instance) -> list[Check]:
    """The structure that the family claims, measured on one of its members.

    Empty for a family that proves nothing about its members.
    """
    measure = getattr(REGISTRY.load(name), "certify", None)
    return [] if measure is None else list(measure(instance))


def load(
    path: str | os.PathLike[str],
    policies: str | Mapping[str, Any] | None = None,
    hypotheses: Mapping[str, Any] | None = None,
) -> Instance:
    """An instance from a file, its missing parts from declared generators.

    Arguments:
        path: `.npz`, an instance or a game alone, as `model.storage.save` writes them.
        policies: for a game alone: "all", or {"sample": [m_0, ...], "seed": 0}.
        hypotheses: where the file has none: {"net": F, "seed": 0, "distance": [low, high],
            "floor": 0.05} for models around the truth, or {"values": "all", "distractors": 0,
            "seed": 0} for the action values of every joint pure policy.
    """
    from mamex_bench.catalogue import _files

    return _files.load(path, policies, hypotheses)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value, possibly read from TOML, is of the annotated type."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in typing.get_args(hint))
    if origin is Sequence:
        (inner,) = typing.get_args(hint)
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            return False
        return all(_fits(each, inner) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(isinstance(key, str) for key in value)
    if hint is float:
        return _is_number(value)
    if hint is int:
        return _is_number(value) and int(value) == value and not isinstance(value, float)
    return isinstance(value, hint)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__") | isinstance(value, float)


def _words(hint: Any) -> str:
    """A type in words, for messages."""
    plain = {
        int: "a whole number",
        float: "a number",
        str: "a string",
        bool: "true or false",
        type(None): "nothing",
    }
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_words(each) for each in typing.get_args(hint))
    if origin is Sequence:
        return f"a list, each entry {_words(typing.get_args(hint)[0])}"
    if origin is dict:
        return "a table of named parameters"
    return plain.get(hint, str(hint))
