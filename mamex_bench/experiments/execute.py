"""Running a suite: work list, worker processes, records as they finish, resumption.

Results are the same bit for bit whatever the number of workers: every task runs in a worker process
with one linear-algebra thread, and draws from streams named by its coordinates.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import signal
import sys
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from mamex_bench import catalogue
from mamex_bench.errors import MamexBenchError, NotApplicableError, ResultsError
from mamex_bench.experiments.progress import Progress
from mamex_bench.experiments.provenance import provenance
from mamex_bench.experiments.suite import InstanceSpec, Suite, read_suite
from mamex_bench.experiments.work import (
    CellKey,
    Planned,
    Prepare,
    RunSeeds,
    instance_of,
    try_cell,
    warm,
)
from mamex_bench.kernels._jit import all_sources, kernel_cache_directory, sources_digest
from mamex_bench.learners._zero_sum import constant_sum
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.instance import Instance
from mamex_bench.runs.record import checkpoints
from mamex_bench.runs.results import DONE, NOT_APPLICABLE
from mamex_bench.runs.store import VERSION, Store, Stored, undamaged

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Seeds of a cell share a task until it lasts about this long: shorter ones cost more to send.
TASK_SECONDS = 0.5


def run_suite(
    suite: str | os.PathLike[str],
    output: str | os.PathLike[str],
    workers: int | None = None,
    quiet: bool | None = None,
) -> Path:
    """Run a suite, or what is left of it, and return the results file.

    Args:
        suite: a name, or a `.toml` file.
        output: the results file; if it exists it must be of this very suite, and only what it
            lacks is run.
        workers: processes; by default one per processor.
        quiet: no progress on standard error; by default so unless it is a terminal.

    Raises:
        SuiteError: what is wrong with the suite, before anything runs.
        ResultsError: the output exists and is something else, or cannot be written.
    """
    import joblib

    plan = read_suite(suite)
    count = joblib.cpu_count() if workers is None else positive_integer(workers, "workers")
    silent = not sys.stderr.isatty() if quiet is None else quiet
    path = Path(output)
    if path.exists():
        with undamaged(path):
            store = _resume(path, plan)
            cells = _planned(store)
    else:
        store, cells = _begin(path, plan)
    with store:
        started = perf_counter()
        store.add_event("started", provenance() | {"workers": count})
        try:
            _Execution(plan, store, cells, count, Progress(silent)).go()
        except KeyboardInterrupt:
            store.add_event("interrupted", {"seconds": perf_counter() - started})
            raise
        store.add_event("finished", {"seconds": perf_counter() - started})
    return path


# --- the results file -------------------------------------------------------------------------


def _begin(path: Path, suite: Suite) -> tuple[Store, list[Planned]]:
    """A new results file, with every instance built and every learner made once before."""
    instances = {
        spec.id: Stored(
            describe(spec, instance_of(suite, spec.id)),
            {"file": _bytes(spec.data)} if spec.file is not None else {},
        )
        for spec in suite.instances
    }
    cells: dict[CellKey, dict[str, Any]] = {}
    planned = []
    for instance, learner, concept in suite.cells():
        header: dict[str, Any] = {
            "learner_name": learner.name,
            "episodes": instance.episodes,
            "checkpoints": checkpoints(instance.episodes).tolist(),
            "seeds": suite.seeds,
            "options": dict(learner.options),
            "expected": learner.expect,
            "status": "planned",
            "reason": "",
            "hypotheses": None,
        }
        try:
            cell = try_cell(suite, instance, learner, concept)
            planned.append(cell)
            header["hypotheses"] = cell.hypotheses
        except NotApplicableError as error:
            header |= {"status": NOT_APPLICABLE, "reason": str(error)}
        cells[instance.id, learner.id, concept] = header
    meta = {
        "suite": suite.name,
        "suite_text": suite.text,
        "title": suite.title,
        "description": suite.description,
        "episodes": suite.episodes,
        "delta": suite.delta,
        "version": provenance()["mamex-bench"],
    }
    return Store.create(path, meta, instances, cells), planned


def _resume(path: Path, suite: Suite) -> Store:
    """The existing results file, if it holds results of this very suite."""
    store = Store.open(path)
    try:
        if store.version != VERSION:
            raise ResultsError(
                f"{str(path)!r} has schema version {store.version}, which can be read, not added "
                "to: choose another output"
            )
        meta = store.meta()
        if (meta["suite"], meta["suite_text"]) != (suite.name, suite.text):
            raise ResultsError(
                f"{str(path)!r} holds results of another suite or of an earlier text of "
                f"{suite.path}: choose another output"
            )
        if meta["version"] != provenance()["mamex-bench"]:
            raise ResultsError(
                f"{str(path)!r} was begun by version {meta['version']}: choose another output"
            )
        for spec in suite.instances:
            if spec.file is not None:
                stored = store.arrays(f"instance/{spec.id}", ("file",))["file"].tobytes()
                if stored != spec.data:
                    raise ResultsError(
                        f"{str(path)!r} holds results of another {spec.file!r}: choose another "
                        "output"
                    )
    except BaseException:
        store.close()
        raise
    return store


def _planned(store: Store) -> list[Planned]:
    return [
        Planned(key, header["hypotheses"])
        for key, header in store.cells().items()
        if header["status"] != NOT_APPLICABLE
    ]


def describe(spec: InstanceSpec, instance: Instance) -> dict[str, Any]:
    """The header of an instance's row: `InstanceRecord` but for the bracket."""
    game = instance.game
    if spec.openspiel is not None:
        words = f"the game {spec.source} of OpenSpiel"
    elif spec.family is None:
        words = f"from the file {spec.source}"
    else:
        words = (catalogue.REGISTRY.load(spec.family).__doc__ or "").strip().split("\n")[0]
    known = {name: (each.value, each.source) for name, each in instance.known.items()}
    return {
        "id": spec.id,
        "group": spec.group,
        "family": spec.family or ("file" if spec.openspiel is None else "openspiel"),
        "parameters": dict(spec.parameters),
        "description": words,
        "agents": game.agents,
        "states": game.states,
        "horizon": game.horizon,
        "action_counts": game.action_counts,
        "policy_counts": instance.policies.counts,
        "hypotheses": {name: repr(classes) for name, classes in instance.hypotheses.items()},
        "known": known,
        "return_range": instance.return_range,
        "value_bound": instance.value_bound() if instance.hypotheses else None,
        "structure": "; ".join(f"{name} = {value:.6g}" for name, (value, _) in known.items()),
        "episodes": spec.episodes,
        "constant_sum": constant_sum(game),
    }


def _bytes(data: bytes) -> Any:
    import numpy as np

    return np.frombuffer(data, dtype=np.uint8)


# --- the schedule -----------------------------------------------------------------------------


def _leave_interrupts() -> None:
    """In a worker: Ctrl-C is for the process that started it, which ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@dataclass
class _Cell:
    """What is left of a cell."""

    cell: Planned
    episodes: int
    left: list[int]
    eta: float | None = None
    estimate: float | None = None  # seconds per run, once one has been timed
    open: int = 0  # runs not finished


@dataclass
class _Execution:
    """Longest first: preparations, then one run of each cell, then the rest by measured time."""

    suite: Suite
    store: Store
    planned: list[Planned]
    workers: int
    progress: Progress
    queue: list[tuple[float, float, int, Any]] = field(default_factory=list)
    number: int = 0

    def go(self) -> None:
        with undamaged(self.store.path):
            self.cells = self._what_is_left()
        if not self.cells:
            return
        self._warm()
        prepared = self.store.prepared()
        by_instance: dict[str, list[Planned]] = {}
        for key, cell in self.cells.items():
            row = prepared.get("cell/" + "/".join(key))
            if row is None:
                by_instance.setdefault(key[0], []).append(cell.cell)
            else:
                self._release(cell, row)
        for cells in by_instance.values():
            self._push(2, float(len(cells)), Prepare(self.suite, tuple(cells)))
        self.progress.begin(sum(cell.open for cell in self.cells.values()), self.workers)
        self._drain()
        self.progress.end()

    def _what_is_left(self) -> dict[CellKey, _Cell]:
        runs = self.store.runs()
        cells = {}
        for cell in self.planned:
            of_cell = {
                key.seed: header
                for key, header in runs.items()
                if (key.instance, key.learner, key.concept) == cell.key
            }
            left = [seed for seed in range(self.suite.seeds) if seed not in of_cell]
            timed = [header["seconds"] for header in of_cell.values() if header["status"] == DONE]
            if left:
                cells[cell.key] = _Cell(
                    cell,
                    self.suite.instance(cell.key[0]).episodes,
                    left,
                    estimate=sum(timed) / len(timed) if timed else None,
                    open=len(left),
                )
        return cells

    def _warm(self) -> None:
        """Fill the kernel cache before several cold processes would do it each for itself."""
        kernels = sources_digest(all_sources())
        marker = kernel_cache_directory() / f"warm-{self.suite.fingerprint[:16]}-{kernels}"
        if self.workers > 1 and not marker.exists():
            self.progress.say("compiling kernels")
            warm(self.suite, [cell.cell for cell in self.cells.values()])
            with contextlib.suppress(OSError):  # a cache that cannot be written
                marker.parent.mkdir(parents=True, exist_ok=True)
                marker.touch()

    def _push(self, rank: int, seconds: float, task: Any) -> None:
        heapq.heappush(self.queue, (-rank, -seconds, self.number, task))
        self.number += 1

    def _release(self, cell: _Cell, row: dict[str, Any]) -> None:
        """Queue a prepared cell: one run to time it, or all that is left of a timed one."""
        if row["status"] != DONE:
            self.progress.drop(cell.open)
            cell.open, cell.left = 0, []
            return
        cell.eta = row["eta"]
        if cell.estimate is None:
            self._push(1, float(cell.episodes), self._task(cell, 1))
            return
        share = -(-len(cell.left) // self.workers)
        batch = min(share, max(1, round(TASK_SECONDS / max(cell.estimate, 1e-6))))
        while cell.left:
            task = self._task(cell, batch)
            self._push(0, cell.estimate * len(task.seeds), task)

    def _task(self, cell: _Cell, batch: int) -> RunSeeds:
        seeds, cell.left = tuple(cell.left[:batch]), cell.left[batch:]
        return RunSeeds(self.suite, cell.cell.key, cell.eta, seeds)

    def _drain(self) -> None:
        from joblib.externals.loky import get_reusable_executor

        executor = get_reusable_executor(
            max_workers=self.workers, timeout=300, env=ONE_THREAD, initializer=_leave_interrupts
        )
        flying: dict[Future[Any], Any] = {}
        try:
            while self.queue or flying:
                while self.queue and len(flying) < self.workers + 1:
                    task = heapq.heappop(self.queue)[-1]
                    flying[executor.submit(task)] = task
                done, _ = wait(flying, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    self._finish(flying.pop(future), future.result())
                self.progress.show(self._seconds_left(), len(done))
        except BrokenProcessPool as error:
            raise MamexBenchError(
                "a worker process died (out of memory?); finished runs are kept, the same command "
                "goes on from there"
            ) from error
        except BaseException:
            # The executor trips over tasks that it has not handed on yet, so let it do that first.
            for _ in range(100):
                if all(future.running() or future.done() for future in flying):
                    break
                sleep(0.02)
            executor.shutdown(wait=True, kill_workers=True)
            raise

    def _finish(self, task: Any, result: Any) -> None:
        if isinstance(task, Prepare):
            self.store.add_prepared(result)
            for planned in task.cells:
                row = result["cell/" + "/".join(planned.key)]
                self._release(self.cells[planned.key], row.header)
            return
        self.store.add_runs(result)
        cell = self.cells[task.key]
        cell.open -= len(result)
        self.progress.count(len(result))
        if cell.estimate is None:
            times = [stored.header.get("seconds", 0.0) for _, stored in result]
            cell.estimate = sum(times) / len(times)
            self._release(cell, {"status": DONE, "eta": cell.eta})

    def _seconds_left(self) -> float | None:
        """Of all workers together, divided by them; None until every cell has been timed."""
        open_cells = [cell for cell in self.cells.values() if cell.open]
        if any(cell.estimate is None for cell in open_cells):
            return None
        return sum(cell.open * (cell.estimate or 0.0) for cell in open_cells) / self.workers
