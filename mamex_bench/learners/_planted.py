"""What the planted violations share: MAMEX with one thing broken, under a name of its own."""

from __future__ import annotations

from typing import Any

from mamex_bench.learners._evidence import Settings, select
from mamex_bench.learners._maximise_to_explore import MaximiseToExplore
from mamex_bench.learners.mamex import resolve_eta
from mamex_bench.model.instance import Instance


def plant(
    name: str,
    instance: Instance,
    concept: str,
    episodes: int,
    eta: float | str,
    classes: tuple[str | None, str | None],
    **broken: Any,
) -> MaximiseToExplore:
    """MAMEX with the settings `broken`; `classes` are its options hypotheses and mode."""
    number = resolve_eta(instance, episodes, eta, select(instance, *classes))
    settings = Settings(number, **broken)
    return MaximiseToExplore(instance, concept, episodes, settings, *classes, name=name)
