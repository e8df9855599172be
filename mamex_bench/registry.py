"""Names are file names: a registry lists a package's files without importing any of them.

Packages of other people join through an entry point of the registry's group, for example
`mamex_bench.games`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
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

    def names(self) -> list[str]:
        """All entries, sorted; nothing is imported."""
        own = {m.name for m in pkgutil.iter_modules(self.path) if not m.name.startswith("_")}
        return sorted(own | set(self._foreign))

    def load(self, name: str) -> ModuleType:
        """The module behind a name; raises InputError that lists the names there are."""
        if name not in self.names():
            raise InputError(
                f"unknown {self.kind} {name!r}: choose one of {', '.join(self.names())}"
            )
        if name in self._foreign:
            module = self._foreign[name].load()
            if not isinstance(module, ModuleType):
                raise InputError(f"entry point {name!r} of {self.group} must name a module")
            return module
        return importlib.import_module(f"{self.package}.{name}")
