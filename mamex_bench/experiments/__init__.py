"""Suites of experiments: read, run, load with verdicts, recompute."""

from __future__ import annotations

import os
from dataclasses import replace

from mamex_bench.experiments.execute import run_suite
from mamex_bench.experiments.suite import Suite, read_suite
from mamex_bench.experiments.verification import Verification
from mamex_bench.experiments.verify import verify
from mamex_bench.runs.results import Results, load_results


def results(path: str | os.PathLike[str]) -> Results:
    """The results in a file, judged: every claim's verdict on every cell."""
    from mamex_bench import claims

    loaded = load_results(path)
    return replace(loaded, verdicts=tuple(claims.judge_all(loaded)))


__all__ = ["Suite", "Verification", "read_suite", "results", "run_suite", "verify"]
