"""Suites: TOML files that name instances and learners, checked before anything runs.

    title = "A lock"
    episodes = 20_000                 # K, unless an instance says otherwise
    seeds = 20                        # independent runs per cell
    delta = 0.05                      # at which bounds are stated
    concept = "cce"                   # of learners that name none: one of them, or a list
    panels = { slow = ["mamex", "e2d"] }      # names for lists of learners

    [[instance]]
    id = "lock"
    family = "combination_lock"       # or: file = "mine.npz" (or .nfg), relative to the suite
    parameters = { length = 4 }

    [[instance]]
    id = "soccer"
    openspiel = "markov_soccer(horizon=12)"   # a game of OpenSpiel; limit = and horizon = as in
    policies = { closure = 32 }               # catalogue.from_openspiel
    hypotheses = { net = 64 }

    [[learner]]
    id = "mamex"
    name = "mamex"
    concept = ["nash", "cce", "ce"]
    eta = "tuned"                     # this and every further key: an option of the learner
    instances = ["lock"]              # optional: these only
    expect = "violated"               # for planted violations

An instance's `episodes` may be a list: it becomes one instance per entry, "lock@1000" and so on.
Its `concept`, one or several, keeps learners to these; its `learners`, ids or names of panels,
keeps other learners away, as from a panel for slow ones. A game of OpenSpiel or a file that holds a
game alone needs `policies`: "all", { sample = [m_0, ...] } or { closure = size, concept = "nash" };
and `hypotheses` where a learner needs them: { net = F } or { values = "all" }.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mamex_bench import catalogue, content, learners
from mamex_bench.errors import InputError, SuiteError
from mamex_bench.experiments._files import check_distinct, find, text_of, values_of
from mamex_bench.experiments._tables import Table, is_number, nearest, written
from mamex_bench.model.concepts import CONCEPTS

EXPECTATIONS = ("violated",)


@dataclass(frozen=True)
class InstanceSpec:
    """One instance to build.

    Attributes:
        id: unique; "group@K" when the suite lists several numbers of episodes.
        group: the id as written.
        episodes: K.
        family: registered name, or None for a file or a game of OpenSpiel.
        file: the file's name, or None.
        data: the file's bytes.
        parameters: of the family, or `limit` and `horizon` of a game of OpenSpiel.
        policies, hypotheses: generators for what the file or game lacks.
        concepts: the only ones to run here; None for all that a learner asks for.
        openspiel: a game of OpenSpiel with its parameters, or None.
        learners: ids of the only ones to run here; None for all.
    """

    id: str
    group: str
    episodes: int
    family: str | None
    file: str | None
    data: bytes = field(repr=False)
    parameters: Mapping[str, Any]
    policies: Any
    hypotheses: Any
    concepts: tuple[str, ...] | None
    openspiel: str | None = None
    learners: tuple[str, ...] | None = None

    @property
    def source(self) -> str:
        """Where the game comes from, in one line; boards of OpenSpiel have several."""
        return (self.family or self.file or str(self.openspiel)).replace("\n", "/")


@dataclass(frozen=True)
class LearnerSpec:
    """One learner to run.

    Attributes:
        id: unique.
        name: registered name.
        concepts: which equilibria.
        options: passed to the learner's `make`.
        instances: ids or groups to run on; None for all.
        expect: "violated" for a planted violation.
    """

    id: str
    name: str
    concepts: tuple[str, ...]
    options: Mapping[str, Any]
    instances: tuple[str, ...] | None
    expect: str | None


@dataclass(frozen=True)
class Suite:
    """A whole suite.

    Attributes:
        name: the file's name without `.toml`; a coordinate of every random stream.
        path: what messages call the file.
        text: its content, as it was read.
        title, description, episodes, seeds, delta: see the module.
        instances, learners: in the file's order.
    """

    name: str
    path: str
    text: str = field(repr=False)
    title: str
    description: str
    episodes: int
    seeds: int
    delta: float
    instances: tuple[InstanceSpec, ...]
    learners: tuple[LearnerSpec, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides what is built: name, text, and the files named in it."""
        digest = hashlib.sha256(f"{self.name}\0{self.text}".encode())
        for spec in self.instances:
            digest.update(spec.data)
        return digest.hexdigest()

    def cells(self) -> Iterator[tuple[InstanceSpec, LearnerSpec, str]]:
        """The work list: (instance, learner, concept)."""
        for instance in self.instances:
            for learner in self.learners:
                if instance.learners is not None and learner.id not in instance.learners:
                    continue
                wanted = learner.instances
                if wanted is None or instance.id in wanted or instance.group in wanted:
                    for concept in learner.concepts:
                        if instance.concepts is None or concept in instance.concepts:
                            yield instance, learner, concept

    def instance(self, id: str) -> InstanceSpec:
        return next(spec for spec in self.instances if spec.id == id)

    def learner(self, id: str) -> LearnerSpec:
        return next(spec for spec in self.learners if spec.id == id)


def read_suite(path_or_name: str | os.PathLike[str]) -> Suite:
    """The suite of that name (see `mamex-bench list suites`) or in that file.

    Raises SuiteError, naming file, key and allowed values.
    """
    path = find(path_or_name, "suite", content.suites())
    text = text_of(path, "suite")
    return parse_suite(text, _short(path), path.stem, path.parent)


def parse_suite(
    text: str,
    path: str,
    name: str,
    folder: Path,
    files: Mapping[str, bytes] | None = None,
) -> Suite:
    """A suite from its text.

    path: what messages call it. folder: where its relative file names start. files: by instance
    (without "@K"), the bytes of its file, when these are not to be read from there.
    """
    top = Table(path, "", values_of(text, path))
    title = top.string("title", name)
    description = top.string("description", "")
    episodes = top.whole("episodes", 1000)
    seeds = top.whole("seeds", 20)
    delta = top.probability("delta", 0.05)
    concepts = _concepts(top, ["cce"])
    named = top.mapping("panels")
    instance_tables = top.tables("instance")
    learner_tables = top.tables("learner")
    top.finish()
    instances = [
        spec for table in instance_tables for spec in _instances(table, episodes, folder, files)
    ]
    check_distinct(path, "instance", [spec.id for spec in instances])
    names = {spec.id for spec in instances} | {spec.group for spec in instances}
    specs = [_learner(table, names, concepts) for table in learner_tables]
    ids = [spec.id for spec in specs]
    check_distinct(path, "learner", ids)
    panels = _panels(Table(path, "panels: ", named), ids)
    tables = dict(zip((spec.group for spec in _first_of_groups(instances)), instance_tables))
    instances = [_invited(spec, tables[spec.group], panels, ids) for spec in instances]
    suite = Suite(
        name, path, text, title, description, episodes, seeds, delta, tuple(instances), tuple(specs)
    )
    _check_cells(suite)
    return suite


def _check_cells(suite: Suite) -> None:
    """Raise SuiteError where an instance or a learner has nothing to run."""
    cells = list(suite.cells())
    run = {learner.id for _, learner, _ in cells} | {instance.id for instance, _, _ in cells}
    for kind, specs in (("instance", suite.instances), ("learner", suite.learners)):
        for spec in specs:
            if spec.id not in run:
                raise SuiteError(
                    f"{suite.path}: [[{kind}]] {spec.id!r} is never run: its concept, or the "
                    "learners and instances that others name, leave nothing"
                )


def _instances(
    table: Table, default: int, folder: Path, files: Mapping[str, bytes] | None
) -> list[InstanceSpec]:
    group = table.identifier("id")
    table.called(f"instance {group!r}")
    lengths = table.whole_or_list("episodes", default)
    parameters = table.mapping("parameters")
    policies, hypotheses = table.any("policies"), table.any("hypotheses")
    concepts, wanted = _concepts(table, None), table.strings("learners", None)
    family, file = table.string("family", None), table.string("file", None)
    openspiel = table.string("openspiel", None)
    sizes = {key: table.whole(key, 0) for key in ("limit", "horizon")}
    table.finish()
    data = b""
    if [family, file, openspiel].count(None) != 2:
        raise table.error("expected one of family =, file = and openspiel =")
    given = {key: value for key, value in sizes.items() if value}
    if given and openspiel is None:
        raise table.error(f"{next(iter(given))} is for a game of OpenSpiel")
    if family is not None:
        table.one_of("family", family, catalogue.names())
        for key, value in (("policies", policies), ("hypotheses", hypotheses)):
            if value is not None:
                raise table.error(
                    f"{key} is for a file or a game of OpenSpiel; a family takes parameters = "
                    "{ ... }"
                )
        allowed = catalogue.parameters(family)
        for key in parameters:
            table.one_of("a key of parameters", key, allowed)
    elif parameters:
        kind = "a file" if openspiel is None else 'a game of OpenSpiel: write "name(key=value)"'
        raise table.error(f"parameters is for a family, not for {kind}")
    if file is not None:
        data = _content(table, group, file, folder, files)
    several = isinstance(lengths, list)
    return [
        InstanceSpec(
            id=f"{group}@{K}" if several else group,
            group=group,
            episodes=K,
            family=family,
            file=None if file is None else Path(file).name,
            data=data,
            parameters=parameters if openspiel is None else given,
            policies=policies,
            hypotheses=hypotheses,
            concepts=None if concepts is None else tuple(concepts),
            openspiel=openspiel,
            learners=None if wanted is None else tuple(wanted),
        )
        for K in (lengths if isinstance(lengths, list) else [lengths])
    ]


def _first_of_groups(instances: list[InstanceSpec]) -> list[InstanceSpec]:
    """One instance for each table of the file, in its order."""
    return list({spec.group: spec for spec in instances}.values())


def _panels(table: Table, ids: list[str]) -> dict[str, list[str]]:
    """Names for lists of learners; no panel has the name of a learner."""
    panels = {name: table.strings(name, None) for name in table.names()}
    for name, members in panels.items():
        if name in ids:
            raise table.error(f"{name!r} is a learner: expected another name for the panel")
        for learner in members:
            if learner in panels:
                raise table.error(f"{name} names the panel {learner!r}: expected learners alone")
            table.one_of(name, learner, ids)
    return panels


def _invited(
    spec: InstanceSpec, table: Table, panels: Mapping[str, list[str]], ids: list[str]
) -> InstanceSpec:
    """The instance with the learners of the panels that it names."""
    if spec.learners is None:
        return spec
    found: list[str] = []
    for name in spec.learners:
        if name not in (known := [*ids, *panels]):
            raise table.error(
                f"learners is {written(name)}: expected a learner or a panel, one of "
                f"{', '.join(known)}{nearest(name, known)}"
            )
        found += panels.get(name, [name])
    return replace(spec, learners=tuple(dict.fromkeys(found)))


def _content(
    table: Table, group: str, file: str, folder: Path, files: Mapping[str, bytes] | None
) -> bytes:
    if files is not None:
        return files[group]
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        raise table.error(f"file {str(folder / file)!r} cannot be read: {error.strerror}") from None


def _learner(table: Table, instances: Collection[str], default: list[str]) -> LearnerSpec:
    id = table.identifier("id")
    table.called(f"learner {id!r}")
    name = table.string("name", id)
    table.one_of("name", name, learners.names())
    concepts = _concepts(table, default)
    wanted = table.strings("instances", None)
    for instance in wanted or ():
        table.one_of("instances", instance, instances)
    expect = table.string("expect", None)
    if expect is not None:
        table.one_of("expect", expect, EXPECTATIONS)
    options = table.rest(learners.options(name))
    eta = options.get("eta")
    if eta is not None and not (
        eta in ("paper", "tuned") or (is_number(eta) and 1e-100 <= eta <= 1e100)
    ):
        expected = '"paper", "tuned" or a number from 1e-100 to 1e100'
        raise table.error(f"eta is {written(eta)}: expected {expected}")
    return LearnerSpec(
        id, name, tuple(concepts), options, None if wanted is None else tuple(wanted), expect
    )


def _concepts(table: Table, default: list[str] | None) -> Any:
    concepts = table.strings("concept", default)
    for concept in concepts or ():
        table.one_of("concept", concept, CONCEPTS)
        if concepts.count(concept) > 1:
            raise table.error(f"concept names {concept!r} twice, expected different ones")
    return concepts


def build(spec: InstanceSpec, path: str) -> Any:
    """The Instance that a spec describes; raises SuiteError when its source refuses it."""
    from tempfile import TemporaryDirectory

    try:
        if spec.family is not None:
            parameters = dict(spec.parameters)
            if "episodes" in catalogue.parameters(spec.family):
                parameters.setdefault("episodes", spec.episodes)
            return catalogue.make(spec.family, **parameters)
        if spec.openspiel is not None:
            game = catalogue.from_openspiel(spec.openspiel, **spec.parameters)
            return catalogue.complete(game, spec.policies, spec.hypotheses, spec.source)
        with TemporaryDirectory() as folder:
            file = Path(folder) / str(spec.file)
            file.write_bytes(spec.data)
            try:
                return catalogue.load(file, spec.policies, spec.hypotheses)
            except InputError as error:
                raise InputError(str(error).replace(str(file), str(spec.file))) from error
    except InputError as error:
        raise SuiteError(f"{path}: [[instance]] {spec.id!r}: {error}") from error


def _short(path: Path) -> str:
    """The path as a reader would type it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
