"""The one decorator behind every kernel.

Numba's file cache does not notice an edited callee in another file: a cached caller would go on
returning the old result. So the cache directory carries a hash of all kernel sources and of the
numba version; any edit opens a new directory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config as numba_config

config: Any = numba_config

F = TypeVar("F", bound=Callable[..., Any])


def user_cache_directory() -> Path:
    """Where this package keeps what can be rebuilt; `MAMEX_BENCH_CACHE` overrides it."""
    chosen = os.environ.get("MAMEX_BENCH_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mamex-bench"


@cache
def kernel_cache_directory() -> Path:
    """The compiled kernels of exactly these sources and this numba."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return user_cache_directory() / "kernels" / digest.hexdigest()[:16]


def jit(function: F) -> F:
    """Compile lazily, cached on disk, without the GIL, bit-reproducible (no fastmath)."""
    dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    before = config.CACHE_DIR
    # Numba reads this setting when caching is switched on, so other code is left alone.
    config.CACHE_DIR = str(kernel_cache_directory())
    try:
        dispatcher.enable_caching()
    finally:
        config.CACHE_DIR = before
    return cast(F, dispatcher)
