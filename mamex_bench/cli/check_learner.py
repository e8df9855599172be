"""Commands for those who add a learner: check-learner and new-learner."""

from __future__ import annotations

import argparse
import keyword
from pathlib import Path

from mamex_bench.cli.text import hanging
from mamex_bench.errors import InputError


def check_learner(options: argparse.Namespace) -> int:
    from mamex_bench.experiments import conformance

    who = conformance.subject(options.learner)
    counts: dict[str, int] = {}
    print(who.name)
    for line in conformance.check(who, options.family):
        counts[line.status] = counts.get(line.status, 0) + 1
        print(hanging(f"  {line.status:<15} {line.name:<28} ", line.detail), flush=True)
    total = ", ".join(f"{counts[status]} {status}" for status in counts)
    print(f"{total} (not applicable: the learner says that it does not exist there)")
    return int(conformance.FAILED in counts)


def new_learner(options: argparse.Namespace) -> int:
    from mamex_bench import learners

    name = str(options.name)
    proper = name.isidentifier() and name.islower() and not keyword.iskeyword(name)
    if not proper or name.startswith("_"):
        raise InputError(
            f"NAME is {name!r}: expected lower-case letters, digits and underscores, and no word "
            "that Python keeps for itself"
        )
    if name in learners.names():
        raise InputError(f"{name!r} is a registered learner already: choose another name")
    path = Path(f"{name}.py")
    if path.exists():
        raise InputError(f"{str(path)!r} is there already: it is not overwritten")
    template = Path(learners.__file__).with_name("_template.py").read_text(encoding="utf-8")
    words = "".join(part.capitalize() for part in name.split("_"))
    text = template.replace("MyLearner", words).replace("my_learner", name)
    path.write_text(text, encoding="utf-8")
    print(f"{path}\nnext:    mamex-bench check-learner {path}")
    return 0
