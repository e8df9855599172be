"""The commands, their arguments and their help."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mamex_bench import __version__
from mamex_bench.cli import atlas, check_learner, games, results

DESCRIPTION = (
    "Run learners on games with known structure, measure regret exactly, and judge each theorem "
    "against a bound with explicit constants."
)
EPILOG = """\
a first tour:
  mamex-bench list                              games, learners, measures, bounds, claims, suites
  mamex-bench show needle --picture needle.png  a game, its certificate and its picture
  mamex-bench run smoke                         about a minute; writes results/smoke.sqlite
  mamex-bench report results/smoke.sqlite       HTML and PDF in results/smoke/
  mamex-bench claims results/smoke.sqlite       each verdict in one sentence

exit codes: 0 all as claimed; 1 a claim is violated that the suite did not plant, a planted
violation was not found, a certificate fails, or a run failed; 2 usage or input; 130 interrupted
(the same command goes on)."""

Command = Callable[[argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; the namespace's `command` is what to call."""
    top = argparse.ArgumentParser(
        prog="mamex-bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mamex-bench {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Command, text: str, *examples: str) -> argparse.ArgumentParser:
        calls = "\n".join(f"  mamex-bench {name} {each}".rstrip() for each in examples)
        sub = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"examples:\n{calls}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        return sub

    text = "list what is registered, here and by other packages"
    sub = add("list", games.list_, text, "", "games", "learners")
    kinds = [*games.ROOMS, "suites"]
    what = "one kind alone; games with their parameters and known constants"
    sub.add_argument("kind", nargs="?", choices=kinds, help=what)

    sub = add(
        "show",
        games.show,
        "describe a game: its structure, parameters, known values, certificate and picture",
        "combination_lock",
        "combination_lock --set length=4 --picture lock.svg",
        "mine.npz",
        '"openspiel:matrix_pd"',
    )
    _game(sub)
    what = "write a picture too: .png, .svg or .pdf; the state graph and payoff heat maps"
    sub.add_argument("--picture", type=Path, metavar="FILE", help=what)

    sub = add(
        "run",
        results.run,
        "run a suite; interrupted, the same command resumes",
        "smoke",
        "my_suite.toml --output results/mine.sqlite --workers 4",
    )
    sub.add_argument("suite", metavar="SUITE", help="name of a suite (see list) or a .toml file")
    sub.add_argument("--output", type=Path, metavar="FILE", help="default results/NAME.sqlite")
    sub.add_argument("--workers", type=_positive, metavar="N", help="default: all processors")
    sub.add_argument("--quiet", action="store_true", help="print nothing but errors")

    sub = add(
        "report",
        results.report,
        "write the report of a results file",
        "results/smoke.sqlite",
        "results/smoke.sqlite --output pages --format html",
    )
    _results(sub)
    sub.add_argument("--output", type=Path, metavar="DIR", help="default: beside RESULTS")
    sub.add_argument("--format", default="html,pdf", metavar="LIST", help="default html,pdf")

    text = "recompute stored regrets and certificates with slow independent code"
    _results(add("verify", results.verify, text, "results/smoke.sqlite"))

    sub = add(
        "measure",
        games.measure,
        "measure the complexity of a game: the decoupling coefficient and its neighbours",
        "needle",
        "combination_lock --set length=4 --episodes 20000 --measure decoupling",
        "mine.npz --measure coverability --measure bellman_rank --no-cache",
    )
    _game(sub)
    what = "one measure alone (see list measures); may be repeated"
    sub.add_argument("--measure", action="append", metavar="NAME", help=what)
    what = "sequence length of decoupling coefficients (1000)"
    sub.add_argument("--episodes", type=_positive, default=1000, metavar="K", help=what)
    what = "compute anew; results are kept in the cache directory that doctor names"
    sub.add_argument("--no-cache", action="store_true", help=what)

    sub = add(
        "atlas",
        atlas.atlas,
        "measure the complexity of the whole catalogue: brackets, laws, neighbours, regret",
        "--quick",
        "--output results/atlas --workers 2",
        "mine.toml",
    )
    what = "name of an atlas or a .toml file (default: atlas)"
    sub.add_argument("atlas", nargs="?", metavar="ATLAS", help=what)
    sub.add_argument("--quick", action="store_true", help="the small atlas, half a minute")
    sub.add_argument("--output", type=Path, metavar="DIR", help="default results/NAME")
    sub.add_argument("--workers", type=_positive, metavar="N", help="default: all processors")
    what = "measure anew; outcomes are kept in the cache directory that doctor names"
    sub.add_argument("--no-cache", action="store_true", help=what)

    text = "say for each claim what became of it"
    _results(add("claims", results.claims, text, "results/smoke.sqlite"))

    sub = add(
        "compare",
        results.compare,
        "final regrets of the cells that two results files share, side by side",
        "results/before.sqlite results/after.sqlite",
    )
    sub.add_argument("first", metavar="A", help="a results file")
    sub.add_argument("second", metavar="B", help="another one")

    sub = add(
        "check-learner",
        check_learner.check_learner,
        "check what every learner owes: protocol, determinism, no use of the truth, every family",
        "my_learner.py",
        "my_package.my_module:MyLearner",
        "mamex",
    )
    what = "path/file.py, module, either with :Class, or the name of a registered learner"
    sub.add_argument("learner", metavar="LEARNER", help=what)
    what = "run on this registered family alone (default: on all); may be repeated"
    sub.add_argument("--family", action="append", metavar="NAME", help=what)

    text = "write the file of a new learner, from a commented example, into this directory"
    sub = add("new-learner", check_learner.new_learner, text, "my_learner")
    sub.add_argument("name", metavar="NAME", help="of the learner, and of its file NAME.py")

    add("doctor", _doctor, "check versions, kernels, threads and the cache directory", "")
    return top


def _game(sub: argparse.ArgumentParser) -> None:
    what = "a family (see list games), a .npz or .nfg file, or openspiel:NAME(parameters)"
    sub.add_argument("game", metavar="GAME", help=what)
    sub.add_argument("--seed", type=int, metavar="S", help="seed of the family (0)")
    sub.add_argument(
        "--set",
        type=_assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the family; may be repeated",
    )


def _results(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("results", metavar="RESULTS", help="a results file, written by run")


def _doctor(options: argparse.Namespace) -> int:
    from mamex_bench.doctor import examine

    healthy = True
    for subject, finding, fine in examine():
        print(f"{'ok  ' if fine else 'BAD '} {subject:<16} {finding}", flush=True)
        healthy = healthy and fine
    return 0 if healthy else 2


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
