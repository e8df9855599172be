"""A learner under examination: found by name, by module or by file, and made for a game."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from mamex_bench import learners
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.learners._base import Learner
from mamex_bench.model.instance import Instance
from mamex_bench.runs.record import Run
from mamex_bench.runs.run import run

EPISODES = 120


class Broken(Exception):
    """A learner does not do what it owes; the message says what."""


@dataclass(frozen=True)
class Subject:
    """A learner to check: its name, how to make one, and its module where there is one."""

    name: str
    factory: Callable[..., Any]
    module: ModuleType | None = field(default=None, repr=False)

    def make(self, instance: Instance, concept: str, episodes: Any = EPISODES) -> Learner:
        """A fresh learner, eta a number where it has one; it may refuse in one sentence."""
        options = {"eta": 0.2} if "eta" in inspect.signature(self.factory).parameters else {}
        try:
            learner = self.factory(instance, concept=concept, episodes=episodes, **options)
        except NotApplicableError as error:
            if not str(error).strip() or "\n" in str(error).strip():
                raise Broken(f"it refuses with {str(error)!r}: expected one sentence") from error
            raise
        if not isinstance(learner, Learner):
            raise Broken(f"made a {type(learner).__name__}: expected a Learner")
        return learner

    def run(
        self, instance: Instance, concept: str, seed: int, episodes: int = EPISODES, **how: Any
    ) -> Run:
        """A run of a fresh learner. Once it has been made, it may not refuse any more."""
        return self.play(instance, concept, seed, episodes, **how)[1]

    def play(
        self, instance: Instance, concept: str, seed: int, episodes: int = EPISODES, **how: Any
    ) -> tuple[Learner, Run]:
        """A fresh learner and its run; the learner as it is afterwards."""
        learner = self.make(instance, concept, episodes)
        try:
            result = run(instance, learner, episodes, seed, **how)
        except NotApplicableError as error:
            raise late(error) from error
        if learner.episode != episodes:
            raise Broken(f"episode is {learner.episode} after {episodes} in a run")
        return learner, result


def subject(target: str) -> Subject:
    """The learner that a registered name, `module:Class`, `module` or `path/file.py` names.

    Raises:
        InputError: there is no such thing, or it cannot be imported.
    """
    place, _, attribute = target.partition(":")
    if place in learners.names() and not attribute:
        module = learners.REGISTRY.load(place)
    elif place.endswith(".py"):
        module = _from_file(Path(place))
    else:
        module = _from_path(place)
    name = attribute or "make"
    if not callable(getattr(module, name, None)):
        raise InputError(
            f"{place!r} has no {name!r} to make a learner with: expected a registered learner, "
            "module:Class, module or path/file.py"
        )
    factory = getattr(module, name)
    label = attribute or module.__name__.rpartition(".")[2]
    return Subject(label, factory, module)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"no file {str(path)!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{str(path)!r} cannot be imported: {words(error)}") from error
    return module


def _from_path(name: str) -> ModuleType:
    """A module by its dotted name, also from the directory one stands in."""
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:
        hint = "" if "." in name else f"; registered are {', '.join(learners.names())}"
        raise InputError(f"{name!r} cannot be imported: {words(error)}{hint}") from error
    finally:
        sys.path.remove(here)


def late(error: NotApplicableError) -> Broken:
    """A learner that was made has no right to refuse."""
    return Broken(f"it refuses while it runs: {error}; expected that when it is made")


def words(error: Exception) -> str:
    """Kind and message of an error, on one line."""
    return f"{type(error).__name__}: {error}".strip(": ").replace("\n", " ")
