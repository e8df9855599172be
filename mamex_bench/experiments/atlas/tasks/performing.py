"""Doing tasks, and keeping what came of them.

An outcome is filed in the user's cache directory under a hash of what was asked and of every source
file that the answer rests on, so that an interrupted atlas goes on where it stopped and an edited
measure is computed anew while the others are read back.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from types import ModuleType

from mamex_bench.errors import InputError, MamexBenchError, NotApplicableError
from mamex_bench.experiments.atlas.specs import REGRET_BOUND, SIZES
from mamex_bench.experiments.atlas.tasks import coefficients, instances, neighbours, play, structure
from mamex_bench.experiments.atlas.tasks.sources import measure_roots, version
from mamex_bench.experiments.atlas.tasks.task import (
    DONE,
    FAILED,
    NOT_APPLICABLE,
    Outcome,
    Task,
)
from mamex_bench.kernels._jit import user_cache_directory

# Where the function of each kind is.
HOMES: dict[str, ModuleType] = {
    "facts": instances,
    "bracket": coefficients,
    "check": coefficients,
    "bounds": structure,
    "measure": neighbours,
    "relations": neighbours,
    "regret": play,
}
_BRACKET = "complexity._bracket"


def perform(task: Task, use_cache: bool = True) -> Outcome:
    """The outcome, read back or computed now: `status`, `reason`, `seconds`, and what kind adds."""
    path = _place(task)
    if use_cache:
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            pass
    started = perf_counter()
    try:
        found = {"status": DONE, "reason": "", **answer(task)}
    except (NotApplicableError, InputError) as error:
        found = {"status": NOT_APPLICABLE, "reason": str(error)}
    except MamexBenchError as error:
        found = {"status": FAILED, "reason": str(error)}
    except MemoryError:
        found = {"status": NOT_APPLICABLE, "reason": "too large for this machine's memory"}
    found["seconds"] = perf_counter() - started
    if use_cache:
        _keep(path, found)
    return found


def perform_all(tasks: Sequence[Task], use_cache: bool = True) -> list[Outcome]:
    """Several of one instance, one after the other."""
    return [perform(task, use_cache) for task in tasks]


def answer(task: Task) -> Outcome:
    """What the function of the task's kind returns."""
    return dict(getattr(HOMES[task.kind], task.kind)(**task.asked))


def kept(task: Task) -> bool:
    """Whether the outcome is in the cache directory."""
    return _place(task).is_file()


def _place(task: Task) -> Path:
    return user_cache_directory() / "atlas" / f"{key(task)}.json"


def key(task: Task) -> str:
    """Hash of the question and of the sources behind the answer."""
    homes = [HOMES[task.kind], instances]
    if task.kind == "bounds" or (task.kind, task.asked.get("name")) == ("measure", REGRET_BOUND):
        homes.append(coefficients)
    own = tuple(str(module.__file__) for module in homes)
    behind = version(own, tuple(_roots(task)))
    return hashlib.sha256(f"{task.kind}\0{task.text}\0{behind}".encode()).hexdigest()[:32]


def _roots(task: Task) -> list[str]:
    """Modules of the package that an answer rests on, with all that they import."""
    asked = task.asked
    roots = [f"catalogue.{asked['family']}"]
    base = asked["parameters"].get("base")
    if isinstance(base, str):
        roots.append(f"catalogue.{base}")
    if task.kind in ("bracket", "check"):
        roots += [_BRACKET, "complexity._check"]
    elif task.kind == "measure" and asked["name"] == REGRET_BOUND:
        roots += ["bounds", _BRACKET]
    elif task.kind == "measure" and asked["name"] not in SIZES:
        roots.append(f"complexity.{asked['name']}")
    elif task.kind in ("relations", "bounds"):
        roots += measure_roots()
    elif task.kind == "regret":
        roots += [f"learners.{asked['learner']}", "runs.run", "bounds", _BRACKET]
    return roots


def _keep(path: Path, found: Outcome) -> None:
    """Whole or not at all; a directory that cannot be written to costs the cache alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(found), encoding="utf-8")
        part.replace(path)
    except OSError:
        return
