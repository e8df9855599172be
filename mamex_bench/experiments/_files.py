"""Suites and atlases as files: found by name or path, read as TOML, in messages that name them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mamex_bench.errors import SuiteError
from mamex_bench.experiments._tables import nearest


def find(path_or_name: str | os.PathLike[str], kind: str, known: Mapping[str, Path]) -> Path:
    """What ends in .toml is a path, else it is the name of a known file; `kind` is "suite", ..."""
    path, name = Path(path_or_name), str(path_or_name)
    if path.suffix == ".toml":
        return path
    if name not in known:
        raise SuiteError(
            f"unknown {kind} {name!r}: expected a .toml file or one of "
            f"{', '.join(known)}{nearest(name, known)}"
        )
    return known[name]


def text_of(path: Path, kind: str) -> str:
    """The file's text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError(f"no {kind} file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{kind} file {str(path)!r} cannot be read: {error}") from error


def values_of(text: str, path: str) -> dict[str, Any]:
    """The values of a TOML text; `path` is what messages call its file."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SuiteError(f"{path} is not valid TOML: {error}") from error


def check_distinct(path: str, kind: str, ids: Sequence[str]) -> None:
    """Raise SuiteError when two tables [[kind]] of a file have one id."""
    for id in ids:
        if ids.count(id) > 1:
            raise SuiteError(f"{path}: [[{kind}]]: {id!r} occurs twice, expected different ones")
