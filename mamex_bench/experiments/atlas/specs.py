"""What an atlas asks for, as data; `plan` reads it from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Axes on which a sweep may be drawn, and what they are called.
AXES = {
    "agents": "agents n",
    "horizon": "horizon H",
    "states": "states S",
    "policies": "joint policies |Π|",
    "hypotheses": "hypotheses |F|",
}
# Structural bounds by short name: a relation whose right side they are.
BOUNDS = {
    "bellman_eluder": "coefficient_below_bellman_eluder",
    "bilinear": "coefficient_below_bilinear",
    "witness": "coefficient_below_witness",
    "coverability": "coefficient_below_coverability",
}
# A bound from constants that the family knows instead of measured ones, and the proved limit.
KNOWN_BOUNDS = ("linear_mixture", "known")
LENGTH = "K"
# What measuring says of a measure that is 0 at every gamma, on the grid and off it.
ZERO = "0 at every gamma"
REGRET_BOUND = "regret_bound"
SIZES = {
    "log_hypotheses": "log |F|",
    "log_policies": "log |Π|",
    REGRET_BOUND: "explicit regret bound",
}


@dataclass(frozen=True)
class MeasureSpec:
    """A measure beside the coefficient: `gammas` turns it into the largest gamma x measure."""

    id: str
    name: str
    label: str
    options: Mapping[str, Any]
    gammas: tuple[float, ...] = ()


@dataclass(frozen=True)
class GameSpec:
    """A member of a family; with `bracket_only` its coefficient alone is measured."""

    id: str
    family: str
    parameters: Mapping[str, Any]
    bracket_only: bool = False


@dataclass(frozen=True)
class SweepSpec:
    """A sweep of one parameter of a family; see the module."""

    id: str
    family: str
    parameter: str
    values: tuple[Any, ...]
    fixed: Mapping[str, Any]
    seeds: int
    episodes: int
    axis: str | None
    hypotheses: str | None
    bounds: tuple[str, ...]
    measures: tuple[str, ...]


@dataclass(frozen=True)
class RelationSpec:
    """How relations are checked.

    Attributes:
        episodes, scale, limit: as in `complexity.check_relations`.
        programs: numbers of the largest linear program to be solved for them.
    """

    episodes: int
    scale: float
    limit: int
    programs: int


@dataclass(frozen=True)
class RegretSpec:
    """Which learner's regret is measured, for how long and how often."""

    episodes: int
    seeds: int
    learner: str
    concept: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A whole atlas.

    Attributes:
        name: the file's name without `.toml`.
        path: what messages call the file.
        text: its content, as it was read.
        episodes: K of coefficients.
        measures, games, sweeps: in the file's order; games of `catalogue` come first.
        relations: how relations are checked, or None.
        regret: or None.
    """

    name: str
    path: str
    text: str = field(repr=False)
    title: str
    description: str
    episodes: int
    measures: tuple[MeasureSpec, ...]
    games: tuple[GameSpec, ...]
    sweeps: tuple[SweepSpec, ...]
    relations: RelationSpec | None
    regret: RegretSpec | None

    def measure(self, id: str) -> MeasureSpec:
        return next(spec for spec in self.measures if spec.id == id)

    def named(self, name: str) -> list[str]:
        """Ids of the measures of a registered name."""
        return [spec.id for spec in self.measures if spec.name == name]
