"""The source files that an answer rests on, followed through imports and hashed."""

from __future__ import annotations

import ast
import hashlib
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mamex_bench import catalogue, complexity

PACKAGE = Path(__file__).parents[3]


@cache
def version(files: tuple[str, ...], roots: tuple[str, ...]) -> str:
    """Hash of these files, of these modules and all that they import, of numpy and of Python.

    Of a file its syntax tree counts: comments, docstrings and lines' lengths decide nothing.
    """
    found = set(map(Path, files))
    waiting = [path for root in roots for path in _files(f"{PACKAGE.name}.{root}")]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports(path) - found
    digest = hashlib.sha256(f"{np.__version__} {sys.version_info[:2]}".encode())
    for path in sorted(found):
        digest.update(path.name.encode() + b"\0" + _meaning(path))
    return digest.hexdigest()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _meaning(path: Path) -> bytes:
    """Hash of a file without what is for readers alone."""
    return hashlib.sha256(ast.dump(_Undocumented().visit(_tree(path))).encode()).digest()


class _Undocumented(ast.NodeTransformer):
    """Drops statements that are a constant: docstrings, and whatever else has no effect."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


def measure_roots() -> list[str]:
    """Every module of measures: relations name them, and do not import them."""
    return [f"complexity.{path.stem}" for path in sorted((PACKAGE / "complexity").glob("*.py"))]


@cache
def _imports(path: Path) -> frozenset[Path]:
    found: set[Path] = set()
    waiting: list[ast.AST] = [_tree(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and node.module:
            named = [_files(f"{node.module}.{each.name}") for each in node.names]
            found.update(file for files in named for file in files)
            # A package that a file is taken from is not what the importer rests on.
            if not all(named):
                found.update(_files(node.module))
        elif isinstance(node, ast.Import):
            for each in node.names:
                found.update(_files(each.name))
    return frozenset(found)


def _files(module: str) -> list[Path]:
    """The file of a module of this package or, by its registered name, of another; or none."""
    package, *rest = module.split(".")
    if package != PACKAGE.name:
        return []
    stem = PACKAGE.joinpath(*rest)
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return [path]
    room, name = (*rest, "", "")[:2]
    registries = {"catalogue": catalogue.REGISTRY, "complexity": complexity.registry}
    point = registries[room]._foreign.get(name) if room in registries else None
    spec = None if point is None else find_spec(point.module)
    return [] if spec is None or not spec.origin else [Path(spec.origin)]
