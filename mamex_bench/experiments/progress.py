"""Progress on a terminal: runs done, time passed, time left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

from mamex_bench.words import count


class Progress:
    """One line on standard error."""

    def __init__(self, silent: bool, write: Callable[[str], object] | None = None) -> None:
        self._silent = silent
        self._write = write or sys.stderr.write
        self._total = self._done = 0
        self._started = perf_counter()
        self._shown = 0.0

    def say(self, words: str) -> None:
        if not self._silent:
            self._write(f"\r\x1b[K{words}")
            sys.stderr.flush()

    def begin(self, total: int, workers: int) -> None:
        self._total += total
        self.say(f"{count(self._total, 'run')} on {count(workers, 'worker')}")

    def drop(self, runs: int) -> None:
        self._total -= runs

    def count(self, runs: int) -> None:
        self._done += runs

    def show(self, seconds_left: float | None, changed: int) -> None:
        now = perf_counter()
        if self._silent or now - self._shown < 0.2:
            return
        self._shown = now
        left = "" if seconds_left is None else f", about {_clock(seconds_left)} left"
        done = f"{self._done:,} of {count(self._total, 'run')}"
        words = f"{done}, {_clock(now - self._started)} passed{left}"
        self.say(words)

    def end(self) -> None:
        if not self._silent:
            self.say(f"{count(self._done, 'run')} in {_clock(perf_counter() - self._started)}\n")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
