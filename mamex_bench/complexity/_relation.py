"""What a relation between measures is, and the instance on which both sides are measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from mamex_bench.complexity import measure
from mamex_bench.complexity._bracket import Bracket, decoupling
from mamex_bench.complexity._residuals import residual_blocks
from mamex_bench.complexity._result import Measurement
from mamex_bench.errors import NotApplicableError
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance

Status = Literal["proved", "checked", "conjectured"]
Outcome = Literal["holds", "undecided", "not applicable", "violated"]
Ends = tuple[float, float]


@dataclass(frozen=True)
class Relation:
    """`left <= right` between measures.

    Attributes:
        name: of the relation.
        left, right: both sides in words and symbols, constants included.
        source: of the statement.
        status: "proved" (by the source, or in a docstring that it names), "checked" (believed and
            never found violated), "conjectured".
        sides: both sides measured: (lower, upper) of the left and of the right.
    """

    name: str
    left: str
    right: str
    source: str
    status: Status
    sides: Callable[[Subject], tuple[Ends, Ends]] = field(repr=False, compare=False)


def exactly(value: float) -> Ends:
    """Both ends of a number."""
    return float(value), float(value)


@dataclass(frozen=True)
class RelationCheck:
    """What became of a relation on an instance.

    Attributes:
        relation: the relation.
        instance: name of the instance.
        outcome: "holds", "undecided" (the intervals overlap), "not applicable" or "violated".
        left, right: the measured ends; None where it does not apply.
        reason: why it does not apply, else empty.
    """

    relation: Relation
    instance: str
    outcome: Outcome
    left: Ends | None = None
    right: Ends | None = None
    reason: str = ""

    def __str__(self) -> str:
        head = f"{self.outcome}: {self.relation.left} <= {self.relation.right} on {self.instance!r}"
        if self.left is None or self.right is None:
            return f"{head}: {self.reason}"
        left, right = (
            f"{low:.6g}" if low == high else f"[{low:.6g}, {high:.6g}]"
            for low, high in (self.left, self.right)
        )
        return f"{head}: {left} against {right}"


@dataclass(frozen=True, eq=False)
class Subject:
    """An instance under check; measures are computed once.

    Attributes:
        instance: dense.
        episodes: K of the coefficients.
        scale: eps of dimensions and numbers.
        hypotheses: name of the class.
        limit: comparisons of an exact search for an eluder dimension.
        memory: measures computed so far.
    """

    instance: Instance
    episodes: int
    scale: float
    hypotheses: str | None
    limit: int
    memory: dict[str, Measurement | NotApplicableError] = field(default_factory=dict)

    def measured(self, name: str, **options: Any) -> Measurement:
        key = f"{name} {sorted(options.items())}"
        if key not in self.memory:
            if name != "coverability":
                options["hypotheses"] = self.hypotheses
            if name in ("eluder_dimension", "bellman_eluder_dimension"):
                options["limit"] = self.limit
            try:
                self.memory[key] = measure(name, self.instance, **options)
            except NotApplicableError as error:
                self.memory[key] = error
        found = self.memory[key]
        if isinstance(found, NotApplicableError):
            raise found
        return found

    def ends(self, name: str, **options: Any) -> Ends:
        found = self.measured(name, **options)
        return float(found.lower), float(found.upper)

    @cached_property
    def bracket(self) -> Bracket:
        return decoupling(self.instance, self.episodes, self.hypotheses)

    @property
    def coefficient(self) -> Ends:
        return self.bracket.lower, self.bracket.upper

    @property
    def largest_error(self) -> float:
        return max(agent.largest_error for agent in self.bracket.agents)

    @property
    def horizon(self) -> int:
        return self.instance.game.horizon

    @property
    def models(self) -> bool:
        return isinstance(self.instance.hypothesis(self.hypotheses), ModelClass)

    @cached_property
    def value_bound(self) -> float:
        return self.instance.value_bound(self.hypotheses)

    @cached_property
    def residual(self) -> float:
        """B, the largest residual of any step."""
        return max(
            float(np.abs(b).max())
            for i in range(self.instance.game.agents)
            for _, steps in residual_blocks(self.instance, i, self.hypotheses)
            for b in steps
        )

    @property
    def every_step(self) -> Ends:
        """The coefficient, where its discrepancy leaves no step out."""
        classes = self.instance.hypothesis(self.hypotheses)
        if getattr(classes, "ignored_steps", ()):
            raise NotApplicableError(
                f"the discrepancy of {self.instance.name!r} leaves out steps: structural bounds "
                "count every step"
            )
        return self.coefficient

    @property
    def factor(self) -> float:
        return max(1.0, 2.0 * self.value_bound**2) if self.models else 1.0
