"""Measuring an atlas: tasks in, rows and points out.

Numbers depend on the plan alone: not on the number of workers, nor on what was measured before,
which is read back from the user's cache directory.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter

from mamex_bench.experiments.atlas import games, sweeps
from mamex_bench.experiments.atlas.data import Atlas
from mamex_bench.experiments.atlas.plan import check_buildable, read_plan
from mamex_bench.experiments.atlas.specs import Plan
from mamex_bench.experiments.atlas.tasks.task import Task
from mamex_bench.experiments.atlas.tasks.work import Work
from mamex_bench.experiments.progress import Progress
from mamex_bench.experiments.provenance import provenance


def run_atlas(
    plan: Plan | str | os.PathLike[str],
    workers: int | None = None,
    quiet: bool | None = None,
    use_cache: bool = True,
) -> Atlas:
    """Measure what a plan asks for; interrupted, the same call goes on.

    Args:
        plan: a plan, or a name or file as in `read_plan`.
        workers: processes, by default one per processor; 0: this process.
        quiet: no progress on standard error; by default so unless it is a terminal.
        use_cache: read back and keep outcomes.

    Raises SuiteError for what is wrong with the plan, before anything is measured.
    """
    chosen = plan if isinstance(plan, Plan) else read_plan(plan)
    check_buildable(chosen)
    silent = not sys.stderr.isatty() if quiet is None else quiet
    started = perf_counter()
    work = Work(workers, Progress(silent), use_cache)
    first = [games.member(chosen, spec).facts() for spec in chosen.games]
    facts = work.do([(task,) for task in first])
    jobs: list[tuple[Task, ...]] = []
    for spec, task in zip(chosen.games, first):
        jobs += games.jobs(chosen, spec, facts[task])
    for sweep in chosen.sweeps:
        jobs += [tuple(sweeps.tasks(chosen, sweep, place)) for place in sweeps.places(sweep)]
    found = facts | work.do(jobs)
    rows = [
        row
        for spec, task in zip(chosen.games, first)
        for row in games.rows(chosen, spec, facts[task], found)
    ]
    return Atlas(
        chosen,
        tuple(rows),
        tuple(sweeps.gather(chosen, sweep, found) for sweep in chosen.sweeps),
        provenance(),
        perf_counter() - started,
    )
