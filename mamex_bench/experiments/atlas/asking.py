"""What a plan asks of an instance, as tasks: the same words for games and for sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mamex_bench.experiments.atlas.data import COEFFICIENT, Coefficient, Reading
from mamex_bench.experiments.atlas.specs import MeasureSpec, RegretSpec, RelationSpec
from mamex_bench.experiments.atlas.tasks.task import DONE, Outcome, Task


@dataclass(frozen=True)
class Member:
    """A member of a family at a K, and one of its hypothesis classes (None: the first)."""

    family: str
    parameters: Mapping[str, Any]
    episodes: int
    hypotheses: str | None = None

    def facts(self) -> Task:
        return Task.of("facts", self.family, self.parameters, episodes=self.episodes)

    def bracket(self) -> Task:
        return self._about("bracket")

    def check(self) -> Task:
        return self._about("check")

    def bounds(self, names: tuple[str, ...]) -> Task:
        return self._about("bounds", names=list(names))

    def measure(self, spec: MeasureSpec) -> Task:
        options, gammas = dict(spec.options), list(spec.gammas)
        return self._about("measure", name=spec.name, options=options, gammas=gammas)

    def relations(self, spec: RelationSpec) -> Task:
        own = Member(self.family, self.parameters, spec.episodes, self.hypotheses)
        limits = {"scale": spec.scale, "limit": spec.limit, "programs": spec.programs}
        return own._about("relations", **limits)

    def regret(self, spec: RegretSpec) -> Task:
        return Task.of(
            "regret",
            self.family,
            self.parameters,
            episodes=spec.episodes,
            learner=spec.learner,
            concept=spec.concept,
            options=dict(spec.options),
            seeds=spec.seeds,
        )

    def _about(self, kind: str, **more: Any) -> Task:
        own = {"episodes": self.episodes, "hypotheses": self.hypotheses, **more}
        return Task.of(kind, self.family, self.parameters, **own)


def classes(facts: Outcome) -> list[str]:
    """Names of the hypothesis classes; none where the member could not be built."""
    return list(facts["classes"]) if facts["status"] == DONE else []


def reading(measure: str, found: Outcome) -> Reading:
    """The interval that an outcome holds, or the reason why there is none."""
    if found["status"] != DONE:
        return Reading.missing(measure, found["reason"], found["seconds"])
    return Reading(measure, found["lower"], found["upper"], found["method"], "", found["seconds"])


def coefficient(found: Outcome) -> Coefficient:
    """The coefficient that an outcome holds, or the reason why there is none."""
    if found["status"] != DONE:
        return Coefficient.missing(COEFFICIENT, found["reason"], found["seconds"])
    return Coefficient(
        COEFFICIENT,
        found["lower"],
        found["upper"],
        found["method"],
        "",
        found["bracket_seconds"],
        (found["free"][0], found["free"][1]),
        found["unbounded"],
        found["witness"]["length"],
    )
