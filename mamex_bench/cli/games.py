"""Commands about what is registered: list, show, measure."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mamex_bench.cli.text import enumeration, hanging, table
from mamex_bench.errors import InputError, MamexBenchError
from mamex_bench.registry import Registry

if TYPE_CHECKING:
    from mamex_bench.model.instance import Instance

FILES = (".npz", ".nfg")
OPENSPIEL = "openspiel:"
ROOMS = {
    "games": "catalogue",
    "learners": "learners",
    "measures": "complexity",
    "bounds": "bounds",
    "claims": "claims",
}


# --- list ------------------------------------------------------------------------------------


def list_(options: argparse.Namespace) -> int:
    if options.kind == "games":
        return _list_games()
    kinds = [options.kind] if options.kind else [*ROOMS, "suites"]
    for kind in kinds:
        if len(kinds) > 1:
            print(kind)
        table(_suites() if kind == "suites" else _summaries(kind), indent=2 * (len(kinds) > 1))
    return 0


def _registry(kind: str) -> Registry:
    """The registry of one kind; asking it for names and first lines imports nothing."""
    room = ROOMS[kind]
    path = [str(Path(__file__).parents[1] / room)]
    return Registry(kind.removesuffix("s"), f"mamex_bench.{room}", path, f"mamex_bench.{kind}")


def _summaries(kind: str) -> list[tuple[str, str]]:
    registry = _registry(kind)
    return [(name, registry.summary(name)) for name in registry.names()]


def _suites() -> list[tuple[str, str]]:
    import tomllib

    from mamex_bench import content

    rows = []
    for name, path in content.suites().items():
        with path.open("rb") as stream:
            rows.append((name, str(tomllib.load(stream).get("title", ""))))
    return rows


def _list_games() -> int:
    """Every family with its parameters and, for the defaults, the constants that are known."""
    from mamex_bench import catalogue

    for name, summary in _summaries("games"):
        print(name)
        print(hanging("    ", summary))
        try:
            defaults = catalogue.parameters(name)
            known = catalogue.make(name).known
        except MamexBenchError as error:
            print(hanging("    ", str(error)))
            continue
        print(enumeration("    parameters  ", (f"{k} = {v!r}" for k, v in defaults.items())))
        if known:
            constants = (f"{key} = {each.value:.6g}" for key, each in known.items())
            print(enumeration("    known       ", constants))
        sys.stdout.flush()  # the next one may take a while, with kernels to compile
    return 0


# --- show ------------------------------------------------------------------------------------


def show(options: argparse.Namespace) -> int:
    from mamex_bench.cli import describe

    if options.picture is not None:
        from mamex_bench.reporting import pictures

        pictures.check_format(options.picture)
    item = _item(options)
    sound = True
    if _is_family(options.game):
        sound = describe.family(options.game, item, _parameters(options))
    else:
        describe.item(item)
    print()
    if options.picture is None:
        stem = Path(options.game.removeprefix(OPENSPIEL).partition("(")[0]).stem
        print(f"picture: add --picture {stem}.png")
    else:
        picture = pictures.draw(item)
        print(f"picture: {pictures.save(picture, options.picture)}")
        print(hanging("  ", picture.caption))
    return 0 if sound else 1


# --- measure ---------------------------------------------------------------------------------


MEASURE_COLUMNS = (43, 24, 8)


def measure(options: argparse.Namespace) -> int:
    import inspect

    from mamex_bench import complexity
    from mamex_bench.complexity import _cache

    names = options.measure or complexity.names()
    modules = {name: complexity.registry.load(name) for name in names}
    instance = _instance(options)
    print(instance)
    _measure_row("measure", "value or interval", "seconds", "by")
    for name, module in modules.items():
        takes = inspect.signature(module.measure).parameters
        episodes = {"episodes": options.episodes} if "episodes" in takes else {}
        variants: tuple[dict[str, Any], ...] = getattr(module, "VARIANTS", ({},))
        for variant in variants:
            found = _cache.line(name, instance, {**variant, **episodes}, not options.no_cache)
            seconds = "cached" if found.seconds is None else f"{found.seconds:.2f}"
            _measure_row(found.measure, found.value, seconds, found.method)
    return 0


def _measure_row(*cells: str) -> None:
    """One line as soon as it is known: a measure may take its time."""
    fixed = (f"{cell.ljust(width)}  " for cell, width in zip(cells, MEASURE_COLUMNS))
    print(hanging("".join(fixed), cells[-1], 160), flush=True)


# --- shared ----------------------------------------------------------------------------------


def _is_family(game: str) -> bool:
    return not (game.endswith(FILES) or os.sep in game or game.startswith(OPENSPIEL))


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    """What the user has set, the seed among it."""
    seed = {} if options.seed is None else {"seed": options.seed}
    return {**seed, **dict(options.set)}


def _item(options: argparse.Namespace) -> Any:
    """The game that the user names: an instance, or a game alone from a file or OpenSpiel."""
    from mamex_bench import catalogue
    from mamex_bench.model import storage

    name, parameters = options.game, _parameters(options)
    if _is_family(name):
        return catalogue.make(name, **parameters)
    if parameters:
        key = next(iter(parameters))
        option = "--seed" if key == "seed" else f"--set {key}"
        raise InputError(f"{option}: {name!r} is not a family")
    if name.startswith(OPENSPIEL):
        return catalogue.from_openspiel(name.removeprefix(OPENSPIEL))
    return catalogue.from_nfg(name) if name.endswith(".nfg") else storage.load(name)


def _instance(options: argparse.Namespace) -> Instance:
    from mamex_bench.model.instance import Instance

    item = _item(options)
    if not isinstance(item, Instance):
        raise InputError(
            f"{options.game!r} is a game alone: give it policies and hypotheses in a suite, or "
            "with catalogue.complete"
        )
    return item
