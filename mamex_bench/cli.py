"""The command line. Each command imports what it needs, so that help and lists come at once.

Exit codes: 0 all as claimed; 1 a claim is violated that the suite did not plant, a planted
violation was not found, or a run failed; 2 usage or input; 130 interrupted.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mamex_bench import __version__
from mamex_bench.errors import InputError, MamexBenchError, NotApplicableError
from mamex_bench.registry import Registry

if TYPE_CHECKING:
    from mamex_bench.model.instance import Instance
    from mamex_bench.runs.results import Results, Verdict

ROOMS = {"games": "catalogue", "learners": "learners", "measures": "complexity", "claims": "claims"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        sys.stdout.flush()  # here, where a closed pipe can be met, not while the interpreter ends
        return code
    except (MamexBenchError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of a pipe has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"mamex-bench: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"mamex-bench: too large for this machine's memory: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "mamex-bench: interrupted; finished runs are kept, the same command goes on from there",
            file=sys.stderr,
        )
        return 130


# --- looking around --------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    kinds = [options.kind] if options.kind else [*ROOMS, "suites"]
    for kind in kinds:
        rows = _suite_rows() if kind == "suites" else _room_rows(kind)
        if len(kinds) > 1:
            print(kind)
        _table(rows, indent=2 if len(kinds) > 1 else 0)
    return 0


def _registry(kind: str) -> Registry:
    """The registry of one kind; asking it for names imports nothing."""
    room = ROOMS[kind]
    path = [str(Path(__file__).parent / room)]
    return Registry(kind.removesuffix("s"), f"mamex_bench.{room}", path, f"mamex_bench.{kind}")


def _room_rows(kind: str) -> list[tuple[str, str]]:
    registry = _registry(kind)
    return [(name, _first_line(Path(registry.path[0]), name)) for name in registry.names()]


def _first_line(folder: Path, name: str) -> str:
    """First line of a module's docstring, read without importing it."""
    for path in (folder / f"{name}.py", folder / name / "__init__.py"):
        if path.is_file():
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            return text.split("\n", 1)[0]
    return "from another package"


def _suite_rows() -> list[tuple[str, str]]:
    import tomllib

    from mamex_bench import content

    rows = []
    for name, path in content.suites().items():
        with path.open("rb") as stream:
            rows.append((name, str(tomllib.load(stream).get("title", ""))))
    return rows


def _show(options: argparse.Namespace) -> int:
    import inspect

    from mamex_bench import catalogue
    from mamex_bench.model.storage import load

    if _is_file(options.game):
        print(load(options.game))
        return 0
    instance = _instance(options)
    defaults = catalogue.parameters(options.game)
    print(inspect.cleandoc(catalogue.REGISTRY.load(options.game).__doc__ or ""), end="\n\n")
    print("parameters, with their defaults")
    _table([(name, repr(value)) for name, value in defaults.items()], indent=2)
    print(f"\n{instance}")
    _table([(k, f"{v.value:.10g}", v.source) for k, v in instance.known.items()], indent=2)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from mamex_bench.doctor import examine

    healthy = True
    for subject, finding, fine in examine():
        print(f"{'ok  ' if fine else 'BAD '} {subject:<16} {finding}", flush=True)
        healthy = healthy and fine
    return 0 if healthy else 2


# --- running and reporting -------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    from mamex_bench import experiments

    output = options.output or Path("results") / f"{Path(options.suite).stem}.sqlite"
    quiet = True if options.quiet else None
    path = experiments.run_suite(options.suite, output, workers=options.workers, quiet=quiet)
    results = experiments.results(path)
    if not options.quiet:
        print(_count(results.verdicts))
        print(f"results: {path}\nnext:    mamex-bench report {path}")
    return _judge(results)


def _report(options: argparse.Namespace) -> int:
    from mamex_bench import experiments
    from mamex_bench.reporting import write_report

    formats = tuple(part for part in options.format.split(",") if part)
    if not formats or set(formats) - {"html", "pdf"}:
        raise InputError(f"--format {options.format!r}: expected html, pdf or html,pdf")
    output = options.output or Path(options.results).with_suffix("")
    written = write_report(options.results, output, formats=formats)
    documents = [path for path in written if path.parent == Path(output)]
    print(*documents, sep="\n")
    if len(written) > len(documents):
        print(f"and {len(written) - len(documents)} figures and tables beside them")
    return _judge(experiments.results(options.results))


def _verify(options: argparse.Namespace) -> int:
    from mamex_bench import experiments

    experiments.verify(options.results)
    return 0


def _claims(options: argparse.Namespace) -> int:
    from mamex_bench import experiments

    results = experiments.results(options.results)
    for v in sorted(results.verdicts, key=lambda v: (v.claim, v.instance, v.learner, v.concept)):
        planted = " (planted)" if v.expected == "violated" else ""
        where = " ".join(part for part in (v.instance, v.learner, v.concept) if part)
        print(f"{v.status}{planted}: {v.claim}: {where}, K = {v.episodes:,}\n    {v.statement}")
    print(_count(results.verdicts))
    return _judge(results)


def _compare(options: argparse.Namespace) -> int:
    import numpy as np

    from mamex_bench import experiments

    def finals(path: str) -> dict[tuple[str, str, str, int], float]:
        results: Results = experiments.results(path)
        return {
            (c.instance, c.learner, c.concept, c.episodes): float(
                np.median(c.regret[:, -1].sum(axis=-1))
            )
            for c in results.cells
            if c.status == "done"
        }

    first, second = finals(options.first), finals(options.second)
    common = [key for key in first if key in second]
    if not common:
        raise InputError(
            f"{options.first!r} and {options.second!r} have no finished cell in common"
        )
    print("median over seeds of the final regret, summed over agents")
    rows = [("instance", "learner", "concept", "episodes", "A", "B", "B / A")]
    for key in common:
        a, b = first[key], second[key]
        ratio = f"{b / a:.3f}" if a else "-"
        rows.append((*key[:3], f"{key[3]:,}", f"{a:.6g}", f"{b:.6g}", ratio))
    _table(rows)
    for name, only in (("A", first.keys() - second.keys()), ("B", second.keys() - first.keys())):
        if only:
            print(f"only in {name}: {len(only)} cells")
    return 0


def _measure(options: argparse.Namespace) -> int:
    from mamex_bench import complexity

    instance = _instance(options)
    print(instance)
    for name in complexity.names():
        extra = {"episodes": options.episodes} if name == "decoupling" else {}
        try:
            print(f"{name}: {complexity.measure(name, instance, **extra)}", flush=True)
        except NotApplicableError as error:
            print(f"{name}: not applicable: {error}", flush=True)
    return 0


# --- shared ----------------------------------------------------------------------------------


def _judge(results: Results) -> int:
    """0 if every cell ran, every violation was planted and every planted one was found, else 1."""
    failed = [cell for cell in results.cells if cell.status == "failed"]
    for cell in failed:
        where = f"{cell.instance}, {cell.learner}, {cell.concept}"
        print(f"mamex-bench: failed: {where}: {cell.reason}", file=sys.stderr)
    surprises = [
        v for v in results.verdicts if (v.status == "violated") != (v.expected == "violated")
    ]
    return int(bool(failed or surprises))


def _count(verdicts: Sequence[Verdict]) -> str:
    counts: dict[str, int] = {}
    for verdict in verdicts:
        key = verdict.status + (" as planted" if verdict.expected == verdict.status else "")
        counts[key] = counts.get(key, 0) + 1
    total = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    return f"{len(verdicts)} verdicts: {total or 'none'}"


def _is_file(game: str) -> bool:
    return game.endswith(".npz") or os.sep in game


def _instance(options: argparse.Namespace) -> Instance:
    from mamex_bench import catalogue

    parameters = dict(options.set)
    if not _is_file(options.game):
        return catalogue.make(options.game, **{"seed": options.seed, **parameters})
    if parameters:
        raise InputError(
            f"--set {next(iter(parameters))}: {options.game!r} is a file, not a family"
        )
    return catalogue.load(options.game)


def _assignment(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _positive(text: str) -> int:
    try:
        number = int(text.replace("_", ""))
    except ValueError:
        number = 0
    if not 1 <= number <= 10**12:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 10^12")
    return number


def _table(rows: Sequence[Sequence[str]], indent: int = 0) -> None:
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print((" " * indent + "  ".join(cells)).rstrip())


# --- the commands and their help -------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mamex-bench",
        description="Run learners on games with known structure, measure regret exactly, and judge "
        "each theorem against a bound with explicit constants.",
        epilog="""\
a first tour:
  mamex-bench list                              games, learners, measures, claims, suites
  mamex-bench run smoke                         about a minute; writes results/smoke.sqlite
  mamex-bench report results/smoke.sqlite       HTML and PDF in results/smoke/
  mamex-bench claims results/smoke.sqlite       each verdict in one sentence

exit codes: 0 all as claimed; 1 a claim is violated that the suite did not plant, a planted
violation was not found, or a run failed; 2 usage or input; 130 interrupted (the same command
goes on).""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mamex-bench {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str, examples: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        return sub

    sub = add(
        "list",
        _list,
        "list what is registered, here and by other packages",
        "  mamex-bench list\n  mamex-bench list games",
    )
    sub.add_argument("kind", nargs="?", choices=[*ROOMS, "suites"], help="one kind alone")

    sub = add(
        "show",
        _show,
        "describe a game: its structure, parameters and known values",
        "  mamex-bench show combination_lock\n"
        "  mamex-bench show combination_lock --set length=4\n"
        "  mamex-bench show mine.npz",
    )
    _game_options(sub)

    sub = add(
        "run",
        _run,
        "run a suite; interrupted, the same command resumes",
        "  mamex-bench run smoke\n"
        "  mamex-bench run my_suite.toml --output results/mine.sqlite --workers 4",
    )
    sub.add_argument("suite", metavar="SUITE", help="name of a suite (see list) or a .toml file")
    sub.add_argument("--output", type=Path, metavar="FILE", help="default results/NAME.sqlite")
    sub.add_argument("--workers", type=_positive, metavar="N", help="default: all processors")
    sub.add_argument("--quiet", action="store_true", help="print nothing but errors")

    sub = add(
        "report",
        _report,
        "write the report of a results file",
        "  mamex-bench report results/smoke.sqlite\n"
        "  mamex-bench report results/smoke.sqlite --output pages --format html",
    )
    _results_argument(sub)
    sub.add_argument("--output", type=Path, metavar="DIR", help="default: beside RESULTS")
    sub.add_argument("--format", default="html,pdf", metavar="LIST", help="default html,pdf")

    sub = add(
        "verify",
        _verify,
        "recompute stored regrets and certificates with slow independent code",
        "  mamex-bench verify results/smoke.sqlite",
    )
    _results_argument(sub)

    sub = add(
        "measure",
        _measure,
        "measure the complexity of a game: the decoupling bracket and all that applies",
        "  mamex-bench measure linear_mixture\n"
        "  mamex-bench measure combination_lock --set length=4 --episodes 20000\n"
        "  mamex-bench measure mine.npz",
    )
    _game_options(sub)
    sub.add_argument(
        "--episodes", type=_positive, default=1000, metavar="K", help="sequence length (1000)"
    )

    sub = add(
        "claims",
        _claims,
        "say for each claim what became of it",
        "  mamex-bench claims results/smoke.sqlite",
    )
    _results_argument(sub)

    sub = add(
        "compare",
        _compare,
        "final regrets of the cells that two results files share, side by side",
        "  mamex-bench compare results/before.sqlite results/after.sqlite",
    )
    sub.add_argument("first", metavar="A", help="a results file")
    sub.add_argument("second", metavar="B", help="another one")

    add(
        "doctor",
        _doctor,
        "check versions, kernels, threads and the cache directory",
        "  mamex-bench doctor",
    )
    return parser


def _game_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("game", metavar="GAME", help="a family (see list games) or a .npz file")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the family (0)")
    sub.add_argument(
        "--set",
        type=_assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the family; may be repeated",
    )


def _results_argument(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("results", metavar="RESULTS", help="a results file, written by run")


if __name__ == "__main__":
    sys.exit(main())
