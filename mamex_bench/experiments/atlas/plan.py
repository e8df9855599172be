"""Atlases: TOML files that say what to measure on the catalogue, checked before anything runs.

    title = "..."
    episodes = 1_000                  # K of every coefficient, unless a table says otherwise
    catalogue = "all"                 # or a list of families: each with its default parameters

    [[measure]]                       # what stands beside the coefficient; its id names it below
    id = "bellman_eluder"
    name = "bellman_eluder_dimension" # registered name, "log_hypotheses", "log_policies", or
                                      # "regret_bound": explicit, tuned, divided by R_true
    label = "Bellman-eluder dimension"
    options = { family = "occupancy", scale = 0.03 }
    gammas = [0.25, 1, 4]             # for decision_estimation: max over these of gamma x measure

    [[game]]                          # further members, or other sizes of a family of `catalogue`
    id = "needle_16"
    family = "needle"
    parameters = { arms = 16 }
    bracket_only = false              # true: no neighbours, no relations, no regret

    [[sweep]]                         # a law: the coefficient against one parameter
    id = "needle_arms"
    family = "needle"
    parameter = "arms"                # or "K", the length of sequences
    values = [2, 4, 8, 16]
    fixed = { truth = "none" }
    seeds = 1                         # instances per value, seeds 0, 1, ...
    axis = "policies"                 # drawn against: the parameter itself when left out
    bounds = ["coverability"]         # structural bounds on the same axes
    measures = ["bellman_eluder"]     # measured along the sweep too

    [relations]                       # relations between measures, checked on every game
    episodes = 100
    programs = 100_000                # largest linear program of a decision-estimation coefficient

    [regret]                          # measured regret of a learner on every game
    episodes = 1_000
    seeds = 5
    learner = "mamex"
    concept = "cce"
    options = { eta = "tuned" }

A family with a parameter `episodes` is made for the K in question unless that is given.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection
from typing import Any

from mamex_bench import catalogue, complexity, content, learners
from mamex_bench.errors import MamexBenchError, SuiteError
from mamex_bench.experiments._files import check_distinct, find, text_of, values_of
from mamex_bench.experiments._tables import Table, is_number, written
from mamex_bench.experiments.atlas.specs import (
    AXES,
    BOUNDS,
    KNOWN_BOUNDS,
    LENGTH,
    SIZES,
    GameSpec,
    MeasureSpec,
    Plan,
    RegretSpec,
    RelationSpec,
    SweepSpec,
)
from mamex_bench.model.concepts import CONCEPTS


class _Keys(Table):
    """A table of an atlas."""

    def optional_tables(self, key: str) -> list[_Keys]:
        if key not in self._values:
            self._taken.append(key)
            return []
        return [_Keys(self.path, each.where, each._values) for each in self.tables(key)]

    def optional_table(self, key: str) -> _Keys | None:
        given = key in self._values
        values = self.mapping(key)
        return _Keys(self.path, f"[{key}]: ", values) if given else None

    def list_of(self, key: str, expected: str, fits: Any, default: Any) -> list[Any]:
        def all_fit(value: Any) -> bool:
            return isinstance(value, list) and bool(value) and all(map(fits, value))

        return self._take(key, f"a list, each entry {expected}", default, all_fit)

    def positive(self, key: str, default: float) -> float:
        return float(
            self._take(key, "a positive number", default, lambda v: is_number(v) and v > 0)
        )

    def boolean(self, key: str) -> bool:
        return bool(self._take(key, "true or false", False, lambda v: isinstance(v, bool)))

    def required(self, key: str, allowed: Collection[str]) -> str:
        """A string among `allowed`."""
        if key not in self._values:
            raise self.error(f"{key} is missing: expected one of {', '.join(allowed)}")
        value = self.string(key, None)
        self.one_of(key, value, allowed)
        return str(value)


def read_plan(path_or_name: str | os.PathLike[str]) -> Plan:
    """The atlas of that name (a file of suites/ whose name starts with "atlas") or in that file.

    Raises SuiteError, naming file, key and allowed values.
    """
    path = find(path_or_name, "atlas", content.atlases())
    text = text_of(path, "atlas")
    return parse_plan(text, path.name, path.stem)


def parse_plan(text: str, path: str, name: str) -> Plan:
    """An atlas from its text; `path` is what messages call it."""
    top = _Keys(path, "", values_of(text, path))
    title = top.string("title", name)
    description = top.string("description", "")
    episodes = top.whole("episodes", 1000)
    families = _families(top)
    measure_tables = top.optional_tables("measure")
    game_tables, sweep_tables = top.optional_tables("game"), top.optional_tables("sweep")
    relation_table, regret_table = top.optional_table("relations"), top.optional_table("regret")
    top.finish()
    measures = [_measure(table) for table in measure_tables]
    check_distinct(path, "measure", [spec.id for spec in measures])
    games = [GameSpec(family, family, {}) for family in families]
    own = [_game(table) for table in game_tables]
    replaced = {spec.id for spec in own}
    games = [spec for spec in games if spec.id not in replaced] + own
    check_distinct(path, "game", [spec.id for spec in games])
    ids = [spec.id for spec in measures]
    sweeps = [_sweep(table, episodes, ids) for table in sweep_tables]
    check_distinct(path, "sweep", [spec.id for spec in sweeps])
    if not games and not sweeps:
        raise SuiteError(f"{path}: nothing to measure: expected catalogue, [[game]] or [[sweep]]")
    return Plan(
        name,
        path,
        text,
        title,
        description,
        episodes,
        tuple(measures),
        tuple(games),
        tuple(sweeps),
        None if relation_table is None else _relations(relation_table),
        None if regret_table is None else _regret(regret_table),
    )


def _families(top: _Keys) -> list[str]:
    """The families of `catalogue`; "all" are those whose default parameters are enough."""
    value = top.strings("catalogue", [])
    if value == ["all"]:
        return catalogue.names()
    for family in value:
        top.one_of("catalogue", family, ["all", *catalogue.names()])
    return list(value)


def _measure(table: _Keys) -> MeasureSpec:
    id = table.identifier("id")
    table.called(f"measure {id!r}")
    names = [*complexity.names(), *SIZES]
    name = table.string("name", id)
    table.one_of("name", name, names)
    label = table.string("label", SIZES.get(name, name.replace("_", " ")))
    options = table.mapping("options")
    gammas = table.list_of("gammas", "a positive number", lambda v: is_number(v) and v > 0, [])
    table.finish()
    if gammas and name != "decision_estimation":
        raise table.error('gammas is for name = "decision_estimation"')
    if name in SIZES:
        allowed: list[str] = []
    else:
        takes = inspect.signature(complexity.registry.load(name).measure).parameters
        allowed = [key for key in takes if key not in ("instance", "hypotheses", "episodes")]
    for key in options:
        table.one_of("a key of options", key, allowed)
    return MeasureSpec(id, name, label, options, tuple(map(float, gammas)))


def _game(table: _Keys) -> GameSpec:
    id = table.identifier("id")
    table.called(f"game {id!r}")
    family = table.required("family", catalogue.names())
    parameters, bracket_only = table.mapping("parameters"), table.boolean("bracket_only")
    table.finish()
    for key in parameters:
        table.one_of("a key of parameters", key, catalogue.parameters(family))
    return GameSpec(id, family, parameters, bracket_only)


def _sweep(table: _Keys, episodes: int, measures: list[str]) -> SweepSpec:
    id = table.identifier("id")
    table.called(f"sweep {id!r}")
    family = table.required("family", catalogue.names())
    parameters = [key for key in catalogue.parameters(family) if key != "seed"]
    parameter = table.required("parameter", [LENGTH, *parameters])
    values = table.list_of("values", "a value of the parameter", lambda _: True, [])
    fixed = table.mapping("fixed")
    seeds, length = table.whole("seeds", 1), table.whole("episodes", episodes)
    axis, hypotheses = table.string("axis", None), table.string("hypotheses", None)
    bounds = table.strings("bounds", [])
    wanted = table.strings("measures", [])
    table.finish()
    if len(values) < 2:
        raise table.error(f"values is {written(values)}: expected at least two values")
    if len({written(each) for each in values}) < len(values):
        raise table.error(f"values is {written(values)}: expected different ones")
    for key in fixed:
        table.one_of("a key of fixed", key, [each for each in parameters if each != parameter])
    for bound in bounds:
        table.one_of("bounds", bound, [*BOUNDS, *KNOWN_BOUNDS])
    for measure in wanted:
        table.one_of("measures", measure, measures)
    if axis is not None:
        table.one_of("axis", axis, AXES)
    elif not all(is_number(each) and each > 0 for each in values):
        raise table.error(
            f"values is {written(values)}: expected positive numbers, or axis = one of "
            f"{', '.join(AXES)}"
        )
    if parameter == LENGTH and not all(isinstance(each, int) for each in values):
        raise table.error(f"values is {written(values)}: expected whole numbers of episodes")
    return SweepSpec(
        id,
        family,
        parameter,
        tuple(values),
        fixed,
        seeds,
        length,
        axis,
        hypotheses,
        tuple(bounds),
        tuple(wanted),
    )


def _relations(table: _Keys) -> RelationSpec:
    spec = RelationSpec(
        table.whole("episodes", 100),
        table.positive("scale", 0.1),
        table.whole("limit", 100_000),
        table.whole("programs", 100_000),
    )
    table.finish()
    return spec


def _regret(table: _Keys) -> RegretSpec:
    episodes, seeds = table.whole("episodes", 1000), table.whole("seeds", 5)
    learner = table.string("learner", "mamex")
    table.one_of("learner", learner, learners.names())
    concept = table.string("concept", "cce")
    table.one_of("concept", concept, CONCEPTS)
    options = table.mapping("options")
    table.finish()
    for key in options:
        table.one_of("a key of options", key, learners.options(learner))
    return RegretSpec(episodes, seeds, learner, concept, options)


def check_buildable(plan: Plan) -> None:
    """Build the first member of every game and sweep; SuiteError where a family refuses it."""
    for kind, id, family, parameters in [
        *(("game", g.id, g.family, dict(g.parameters)) for g in plan.games if g.parameters),
        *(("sweep", s.id, s.family, {**s.fixed, s.parameter: s.values[0]}) for s in plan.sweeps),
    ]:
        parameters.pop(LENGTH, None)
        try:
            catalogue.make(family, **parameters)
        except MamexBenchError as error:
            raise SuiteError(f"{plan.path}: [[{kind}]] {id!r}: {error}") from error
