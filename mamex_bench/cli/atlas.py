"""The command `atlas`: measure, then write the document."""

from __future__ import annotations

import argparse
from pathlib import Path

from mamex_bench.errors import InputError


def atlas(options: argparse.Namespace) -> int:
    """Write the atlas; 1 when a relation between measures is violated."""
    from mamex_bench.experiments.atlas.answers import counterexamples
    from mamex_bench.experiments.atlas.plan import read_plan
    from mamex_bench.experiments.atlas.run import run_atlas
    from mamex_bench.reporting.atlas.document import write_atlas
    from mamex_bench.reporting.atlas.words import summary

    if options.quick and options.atlas is not None:
        raise InputError(f"--quick is an atlas of its own: leave out {options.atlas!r}")
    plan = read_plan("atlas_smoke" if options.quick else options.atlas or "atlas")
    output = options.output or Path("results") / plan.name
    found = run_atlas(plan, workers=options.workers, use_cache=not options.no_cache)
    written = write_atlas(found, output)
    print(*summary(found), sep="\n")
    documents = [path for path in written if path.parent == Path(output)]
    print(*documents, sep="\n")
    print(f"and {len(written) - len(documents)} figures and tables beside them")
    return int(bool(counterexamples(found)))
