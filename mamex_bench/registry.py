"""Names are file names: a registry lists a package's files without importing any of them.

Packages of other people join through an entry point of the registry's group, for example
`mamex_bench.games`.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from mamex_bench.errors import InputError


@dataclass(frozen=True)
class Registry:
    """The modules of one room of the house, plus the entry points of its group.

    Attributes:
        kind: what an entry is called in messages, for example "learner".
        package: dotted name of the package whose files are the entries.
        path: the package's `__path__`.
        group: entry-point group of third parties.
    """

    kind: str
    package: str
    path: Sequence[str]
    group: str

    @cached_property
    def _foreign(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def _own(self) -> set[str]:
        return {m.name for m in pkgutil.iter_modules(self.path) if not m.name.startswith("_")}

    def names(self) -> list[str]:
        """All entries, sorted; nothing is imported."""
        return sorted(self._own() | set(self._foreign))

    def load(self, name: str) -> ModuleType:
        """The module behind a name.

        Raises:
            InputError: an unknown name, with a list of those there are; an entry of another
                package that takes a name of ours, cannot be imported or is not a module.
        """
        if name not in self.names():
            raise InputError(
                f"unknown {self.kind} {name!r}: choose one of {', '.join(self.names())}"
            )
        if name not in self._foreign:
            return importlib.import_module(f"{self.package}.{name}")
        point = self._foreign[name]
        where = f"entry point {name!r} of {self.group}, from {_distribution(point)},"
        if name in self._own():
            raise InputError(f"{where} has the name of a {self.kind} of {self.package}: rename it")
        try:
            module = point.load()
        except (ImportError, AttributeError) as error:
            raise InputError(f"{where} cannot be loaded: {error}") from error
        if not isinstance(module, ModuleType):
            raise InputError(f"{where} must name a module")
        return module

    def summary(self, name: str) -> str:
        """First line of an entry's docstring, read without importing it, and whose entry it is."""
        point = self._foreign.get(name)
        line = next((_first_line(p) for p in self._sources(name, point) if p.is_file()), "")
        if point is None:
            return line
        return f"{line} [{_distribution(point)}]".lstrip()

    def _sources(self, name: str, point: EntryPoint | None) -> Iterator[Path]:
        """Where the file behind a name may lie."""
        stems = [Path(folder) / name for folder in self.path]
        if point is not None:
            parts = point.module.replace(".", "/")
            stems = [] if point.dist is None else [Path(str(point.dist.locate_file(parts)))]
        for stem in stems:
            yield from (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")


def _distribution(point: EntryPoint) -> str:
    return "another package" if point.dist is None else f"package {point.dist.name}"


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n", 1)[0]
