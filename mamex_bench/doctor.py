"""What this machine offers, and whether the package works on it."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

CORE = ("numpy", "scipy", "numba", "highspy", "joblib")
REPORT = ("seaborn", "jinja2", "pypandoc_binary", "typst")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def examine() -> Iterator[tuple[str, str, bool]]:
    """One (subject, finding, healthy) after another; the kernels come last and take longest."""
    from mamex_bench import __version__

    yield "mamex-bench", __version__, True
    yield "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", True
    for name in CORE:
        yield name, *_library(name, "a dependency: reinstall mamex-bench")
    for name in REPORT:
        finding, found = _library(name, "for reports: pip install 'mamex-bench[report]'")
        yield name, finding, found or name in REPORT  # an extra may be absent
    yield "processors", f"{usable_processors()} usable of {os.cpu_count()}", True
    threads = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if name in os.environ]
    yield "threads", ", ".join(threads) or "no limit set in the environment", True
    yield "cache", *_cache()
    yield "kernels", *_kernels()


def usable_processors() -> int:
    """Processors that this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _library(name: str, remedy: str) -> tuple[str, bool]:
    try:
        return version(name), True
    except PackageNotFoundError:
        return f"not installed ({remedy})", False


def _cache() -> tuple[str, bool]:
    from mamex_bench.kernels._jit import kernel_cache_directory

    folder = kernel_cache_directory()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror}): set MAMEX_BENCH_CACHE", False
    return str(folder), True


def _kernels() -> tuple[str, bool]:
    """Compile (or load from the cache) what runs need, and check a result known in advance."""
    from mamex_bench import catalogue, learners
    from mamex_bench.complexity import decoupling
    from mamex_bench.model.concepts import CONCEPTS
    from mamex_bench.runs import run

    start = time.perf_counter()
    # One model and one payoff matrix: nothing is to be learned, so no learner has Nash regret.
    instance = catalogue.make("needle", arms=1, truth=1)
    for concept in CONCEPTS:
        for name in ("mamex", "optimistic_vi"):
            learner = learners.make(name, instance, concept=concept, episodes=2)
            regret = float(run(instance, learner, episodes=2, seed=0).regret.max())
            if not regret <= 1e-9:
                return f"{name} has {concept} regret {regret!r} where none is possible", False
    decoupling(instance, episodes=2)
    return f"ready in {time.perf_counter() - start:.1f} s", True
