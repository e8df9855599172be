"""The command line. Each command imports what it needs, so that help and lists come at once.

Exit codes: 0 all as claimed; 1 a claim is violated that the suite did not plant, a planted
violation was not found, a certificate fails, or a run failed; 2 usage or input; 130 interrupted.

`parser.py` holds the commands and their help, `games.py` those about what is registered,
`results.py` those about runs and their results.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from mamex_bench.cli.parser import parser
from mamex_bench.errors import MamexBenchError

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
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
