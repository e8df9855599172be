"""Measures that were computed before, kept as lines of text in the user's cache directory.

A line is filed under a hash of all that decides it: the instance's numbers, the measure's name and
options, and the version of the estimator, that is the sources below this package and those of a
measure from elsewhere. What cannot be read counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mamex_bench.complexity._result import Measurement
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels._jit import user_cache_directory
from mamex_bench.model.fingerprint import feed
from mamex_bench.model.instance import Instance

PACKAGE = Path(__file__).parents[1]
SOURCES = ("kernels", "model", "equilibria", "catalogue", "complexity")


@dataclass(frozen=True)
class Line:
    """A measure of an instance, in words.

    Attributes:
        measure: its name and what was asked for, for example "bellman_rank kind=Q".
        value: a number, an interval, or "-" where there is none.
        method: where it comes from, or why there is none.
        seconds: what computing took; None for one that was read back.
    """

    measure: str
    value: str
    method: str
    seconds: float | None


def line(name: str, instance: Instance, options: Mapping[str, Any], use_cache: bool = True) -> Line:
    """The named measure in words, computed now or, with `use_cache`, before.

    A measure that does not apply to the instance, or is too large for its method, says why.
    """
    from mamex_bench import complexity

    module = complexity.registry.load(name)
    path = user_cache_directory() / "measures" / f"{_key(name, module, instance, options)}.json"
    found = _read(path) if use_cache else None
    if found is None:
        found = _computed(name, module, instance, options)
        if use_cache:
            _write(path, found)
        return found
    return Line(found.measure, found.value, found.method, None)


def _computed(
    name: str, module: ModuleType, instance: Instance, options: Mapping[str, Any]
) -> Line:
    from time import perf_counter

    title = " ".join([name, *(f"{key}={value}" for key, value in options.items())])
    start = perf_counter()
    try:
        found = module.measure(instance, **options)
    except (NotApplicableError, InputError) as error:
        return Line(title, "-", str(error), perf_counter() - start)
    seconds = perf_counter() - start
    if isinstance(found, Measurement):
        return Line(title, found.interval, found.method, seconds)
    lower, upper = getattr(found, "lower", None), getattr(found, "upper", None)
    if lower is not None and upper is not None:
        low, high = f"{lower:.6g}", f"{upper:.6g}"
        interval = low if low == high else f"[{low}, {high}]"
        return Line(title, interval, str(getattr(found, "method", "")), seconds)
    if isinstance(found, int | float | np.number):
        return Line(title, f"{found:.6g}", "", seconds)
    return Line(title, str(found), "", seconds)


def _key(name: str, module: ModuleType, instance: Instance, options: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    digest.update(estimator_version().encode())
    source = getattr(module, "__file__", None)
    if source is not None:
        digest.update(Path(source).read_bytes())
    digest.update(repr((name, sorted(options.items()))).encode())
    feed(digest, instance)
    return digest.hexdigest()[:32]


@cache
def estimator_version() -> str:
    """A hash of the sources that measures are computed with, and of numpy's version."""
    digest = hashlib.sha256(np.__version__.encode())
    for source in sorted(path for room in SOURCES for path in (PACKAGE / room).glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(path: Path) -> Line | None:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return Line(**held)
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, found: Line) -> None:
    """Whole or not at all; a directory that cannot be written to costs the cache alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(found.__dict__), encoding="utf-8")
        part.replace(path)
    except OSError:
        return
