"""Under which conditions results came about: versions and type of machine, no names."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mamex_bench

LIBRARIES = ("numpy", "scipy", "numba", "highspy", "joblib")


@cache
def _facts() -> tuple[tuple[str, str], ...]:
    facts = {"mamex-bench": mamex_bench.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            facts[library] = version(library)
        except PackageNotFoundError:
            facts[library] = "not installed"
    facts["system"] = f"{platform.system()} {platform.machine()}"
    facts["processor"] = f"{_processor()}, {os.cpu_count()} logical"
    commit = _commit()
    return tuple(facts.items()) if commit is None else (*facts.items(), ("commit", commit))


def provenance() -> dict[str, str]:
    """Package version, commit if this is a checkout, library versions, machine type."""
    return dict(_facts())


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _commit() -> str | None:
    """The checkout's commit, marked when files differ from it; None outside a checkout."""
    home = Path(__file__).parents[2]
    if not (home / ".git").exists():
        return None
    try:
        commit = _git(home, "rev-parse", "HEAD")
        changed = _git(home, "status", "--porcelain", "--", "mamex_bench")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit} with changes" if changed else commit


def _git(home: Path, *arguments: str) -> str:
    command = ["git", "-C", str(home), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
