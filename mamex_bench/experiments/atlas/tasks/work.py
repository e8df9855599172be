"""Doing the tasks of an atlas: what is kept is read back, the rest goes to worker processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from mamex_bench.errors import MamexBenchError
from mamex_bench.experiments.atlas.tasks.performing import kept, perform_all
from mamex_bench.experiments.atlas.tasks.task import Outcome, Task
from mamex_bench.experiments.execute import ONE_THREAD, _leave_interrupts
from mamex_bench.experiments.progress import Progress


@dataclass
class Work:
    """Jobs, each some tasks of one instance, on worker processes or on none."""

    workers: int | None
    progress: Progress
    use_cache: bool

    def do(self, jobs: Sequence[tuple[Task, ...]]) -> dict[Task, Outcome]:
        distinct = list(dict.fromkeys(jobs))
        self.progress.begin(len(distinct), self.workers or 1)
        # What is kept already needs no worker.
        ready = [job for job in distinct if self.use_cache and all(map(kept, job))]
        late = [job for job in distinct if job not in set(ready)]
        found: dict[Task, Outcome] = {}
        self._here(ready, found)
        if self.workers == 0:
            self._here(late, found)
        elif late:
            self._elsewhere(late, found)
        self.progress.end()
        return found

    def _here(self, jobs: Sequence[tuple[Task, ...]], found: dict[Task, Outcome]) -> None:
        for job in jobs:
            self._take(job, perform_all(job, self.use_cache), found)

    def _take(
        self, job: tuple[Task, ...], outcomes: Sequence[Outcome], found: dict[Task, Outcome]
    ) -> None:
        found.update(zip(job, outcomes))
        self.progress.count(1)
        self.progress.show(None, 1)

    def _elsewhere(self, jobs: Sequence[tuple[Task, ...]], found: dict[Task, Outcome]) -> None:
        import joblib
        from joblib.externals.loky import get_reusable_executor

        count = joblib.cpu_count() if self.workers is None else self.workers
        executor = get_reusable_executor(
            max_workers=count, timeout=300, env=ONE_THREAD, initializer=_leave_interrupts
        )
        submit: Callable[..., Future[list[Outcome]]] = executor.submit
        waiting = list(reversed(jobs))
        flying: dict[Future[list[Outcome]], tuple[Task, ...]] = {}
        try:
            while waiting or flying:
                while waiting and len(flying) < count + 1:
                    job = waiting.pop()
                    flying[submit(perform_all, job, self.use_cache)] = job
                done, _ = wait(flying, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(flying.pop(future), future.result(), found)
        except BrokenProcessPool as error:
            raise MamexBenchError(
                "a worker process died (out of memory?); what was measured is kept, the same "
                "command goes on from there"
            ) from error
        except BaseException:
            executor.shutdown(wait=True, kill_workers=True)
            raise
