"""Complexity measures: one file per measure, found by name without importing any."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mamex_bench.registry import Registry

if TYPE_CHECKING:
    from mamex_bench.complexity._bracket import Bracket, decoupling
    from mamex_bench.complexity._check import check_bracket
    from mamex_bench.complexity._relation import Relation
    from mamex_bench.complexity._relations import check_relations, relations
    from mamex_bench.complexity._result import Measurement
    from mamex_bench.model.instance import Instance

__all__ = [
    "Bracket",
    "Measurement",
    "Relation",
    "check_bracket",
    "check_relations",
    "decoupling",
    "measure",
    "names",
    "relations",
]

_HOMES = {
    "Bracket": "_bracket",
    "Measurement": "_result",
    "Relation": "_relation",
    "check_bracket": "_check",
    "check_relations": "_relations",
    "relations": "_relations",
}

registry = Registry("complexity measure", __name__, __path__, "mamex_bench.measures")


def names() -> list[str]:
    """All registered measures; nothing is imported."""
    return registry.names()


def measure(name: str, instance: Instance, **options: Any) -> Any:
    """The named measure of an instance; options are the measure's own."""
    return registry.load(name).measure(instance, **options)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """This package; `decoupling` stays the function after the file of that name is imported.

    Python binds an imported submodule as an attribute of its package; the setter declines.
    """

    @property
    def decoupling(self) -> Any:
        from mamex_bench.complexity._bracket import decoupling

        return decoupling

    @decoupling.setter
    def decoupling(self, module: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
