"""Commands about suites and their results: run, report, verify, claims, compare."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mamex_bench.cli.text import table
from mamex_bench.errors import InputError
from mamex_bench.words import count

if TYPE_CHECKING:
    from mamex_bench.runs.results import Results, Verdict


def run(options: argparse.Namespace) -> int:
    from mamex_bench import experiments

    output = options.output or Path("results") / f"{Path(options.suite).stem}.sqlite"
    quiet = True if options.quiet else None
    path = experiments.run_suite(options.suite, output, workers=options.workers, quiet=quiet)
    results = experiments.results(path)
    if not options.quiet:
        print(_count(results.verdicts))
        print(f"results: {path}\nnext:    mamex-bench report {path}")
    return _judge(results)


def report(options: argparse.Namespace) -> int:
    from mamex_bench import experiments
    from mamex_bench.reporting import write_report

    formats = tuple(part for part in options.format.split(",") if part)
    if not formats or set(formats) - {"html", "pdf"}:
        raise InputError(f"--format {options.format!r}: expected html, pdf or html,pdf")
    output = options.output or Path(options.results).with_suffix("")
    written = write_report(options.results, output, formats=formats)
    documents = [path for path in written if path.parent == Path(output)]
    print(*documents, sep="\n")
    if len(written) > len(documents):
        print(f"and {len(written) - len(documents)} figures and tables beside them")
    return _judge(experiments.results(options.results))


def verify(options: argparse.Namespace) -> int:
    from mamex_bench import experiments

    experiments.verify(options.results)
    return 0


def claims(options: argparse.Namespace) -> int:
    from mamex_bench import experiments

    results = experiments.results(options.results)
    for v in sorted(results.verdicts, key=lambda v: (v.claim, v.instance, v.learner, v.concept)):
        planted = " (planted)" if v.expected == "violated" else ""
        where = " ".join(part for part in (v.instance, v.learner, v.concept) if part)
        print(f"{v.status}{planted}: {v.claim}: {where}, K = {v.episodes:,}\n    {v.statement}")
    print(_count(results.verdicts))
    return _judge(results)


def compare(options: argparse.Namespace) -> int:
    import numpy as np

    from mamex_bench import experiments

    def finals(path: str) -> dict[tuple[str, str, str, int], float]:
        results: Results = experiments.results(path)
        return {
            (c.instance, c.learner, c.concept, c.episodes): float(
                np.median(c.regret[:, -1].sum(axis=-1))
            )
            for c in results.cells
            if c.status == "done"
        }

    first, second = finals(options.first), finals(options.second)
    common = [key for key in first if key in second]
    if not common:
        raise InputError(
            f"{options.first!r} and {options.second!r} have no finished cell in common"
        )
    print("median over seeds of the final regret, summed over agents")
    rows = [("instance", "learner", "concept", "episodes", "A", "B", "B / A")]
    for key in common:
        a, b = first[key], second[key]
        ratio = f"{b / a:.3f}" if a else "-"
        rows.append((*key[:3], f"{key[3]:,}", f"{a:.6g}", f"{b:.6g}", ratio))
    table(rows)
    for name, only in (("A", first.keys() - second.keys()), ("B", second.keys() - first.keys())):
        if only:
            print(f"only in {name}: {count(len(only), 'cell')}")
    return 0


def _judge(results: Results) -> int:
    """0 if every cell ran, every violation was planted and every planted one was found, else 1."""
    failed = [cell for cell in results.cells if cell.status == "failed"]
    for cell in failed:
        where = f"{cell.instance}, {cell.learner}, {cell.concept}"
        print(f"mamex-bench: failed: {where}: {cell.reason}", file=sys.stderr)
    surprises = [
        v for v in results.verdicts if (v.status == "violated") != (v.expected == "violated")
    ]
    return int(bool(failed or surprises))


def _count(verdicts: Sequence[Verdict]) -> str:
    counts: dict[str, int] = {}
    for verdict in verdicts:
        key = verdict.status + (" as planted" if verdict.expected == verdict.status else "")
        counts[key] = counts.get(key, 0) + 1
    total = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    return f"{count(len(verdicts), 'verdict')}: {total or 'none'}"
