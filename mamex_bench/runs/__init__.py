"""One run: the loop, what it measures, what is stored of it."""

from __future__ import annotations

from mamex_bench.runs.record import Output, Run
from mamex_bench.runs.results import Cell, InstanceRecord, Results, load_results
from mamex_bench.runs.run import run

__all__ = ["Cell", "InstanceRecord", "Output", "Results", "Run", "load_results", "run"]
