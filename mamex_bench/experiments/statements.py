"""Registered bounds on the learners of a suite, computed before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mamex_bench import bounds, learners
from mamex_bench.model.instance import Instance
from mamex_bench.runs.record import checkpoints
from mamex_bench.runs.statements import with_statements
from mamex_bench.runs.store import Stored


def state(
    row: Stored,
    instance: Instance,
    learner: str,
    concept: str,
    episodes: int,
    options: Mapping[str, Any],
) -> Stored:
    """A cell's prepared row with all registered bounds that speak of it.

    learner: registered name; options: those of the suite, over the learner's defaults.
    """
    found = bounds.of_learner(
        learner,
        instance,
        concept=concept,
        episodes=episodes,
        checkpoints=checkpoints(episodes),
        options=learners.options(learner) | dict(options),
    )
    return with_statements(row, found)
