"""Claims: records in, verdicts out. One file per claim, named as its page in theory/.

A claim is a file with `judge(results) -> list[Verdict]`.
"""

from __future__ import annotations

from collections.abc import Iterable

from mamex_bench.claims._verdict import STATUSES, Verdict
from mamex_bench.registry import Registry
from mamex_bench.runs.results import Results

REGISTRY = Registry("claim", __name__, __path__, "mamex_bench.claims")
names = REGISTRY.names


def judge(name: str, results: Results) -> tuple[Verdict, ...]:
    """The verdicts of one claim; raises InputError for an unknown name."""
    verdicts: Iterable[Verdict] = REGISTRY.load(name).judge(results)
    return tuple(verdicts)


def judge_all(results: Results) -> tuple[Verdict, ...]:
    """The verdicts of every claim, claims in alphabetical order, cells in the suite's."""
    return tuple(verdict for name in names() for verdict in judge(name, results))


__all__ = ["REGISTRY", "STATUSES", "Verdict", "judge", "judge_all", "names"]
