"""Learners, one file each; `names()` lists them, `make(...)` builds one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from mamex_bench.errors import InputError
from mamex_bench.registry import Registry

if TYPE_CHECKING:
    from mamex_bench.learners._base import Learner
    from mamex_bench.model.instance import Instance

REGISTRY = Registry("learner", __name__, __path__, "mamex_bench.learners")
names = REGISTRY.names


def options(name: str) -> dict[str, Any]:
    """The learner's own options with their defaults, besides instance, concept and episodes."""
    signature = inspect.signature(REGISTRY.load(name).make)
    common = {"instance", "concept", "episodes"}
    return {k: p.default for k, p in signature.parameters.items() if k not in common}


def make(
    name: str, instance: Instance, *, concept: str = "cce", episodes: int, **chosen: Any
) -> Learner:
    """A fresh learner; raises InputError for an unknown name, concept, option or bad value.

    Raises NotApplicableError when the learner does not apply to the instance or concept.
    """
    module = REGISTRY.load(name)
    allowed = options(name)
    for option in chosen:
        if option not in allowed:
            known = ", ".join(allowed) or "none"
            raise InputError(f"learner {name!r} has no option {option!r}: it has {known}")
    learner: Learner = module.make(instance, concept=concept, episodes=episodes, **chosen)
    return learner


__all__ = ["REGISTRY", "make", "names", "options"]
