"""What a theorem says of one learner's regret, beside the curve that was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints

PROVED, PUBLISHED = "proved", "published"
KINDS = {
    PROVED: "proved, with every constant, of what runs here",
    PUBLISHED: "a paper's, with its constants, in its own setting: no claim here",
}


@dataclass(frozen=True)
class Statement:
    """A theorem on regret; the module of a registered bound holds it as `STATEMENT`.

    Attributes:
        learners: registered names of the learners that it speaks of.
        kind: "proved" (what is measured here cannot exceed it, but for the failure probability), or
            "published" (a paper's theorem, whose setting or algorithm differs as `source` says).
        source: paper or proof. Nothing in a bound is fitted to data.
    """

    learners: tuple[str, ...]
    kind: str
    source: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind is {self.kind!r}: expected {' or '.join(map(repr, KINDS))}")
        if not self.learners or not self.source:
            raise InputError("a statement needs the learners that it speaks of, and a source")


@dataclass(frozen=True, eq=False)
class Stated:
    """A registered bound at the checkpoints of a run.

    Attributes:
        name: registered name.
        kind, source: of its `Statement`.
        values: (P,) on the cumulative regret summed over agents at each checkpoint, in returns.
        failure_probability: with which it may fail at a checkpoint; 0: it is about the mean.
    """

    name: str
    kind: str
    source: str
    values: Floats
    failure_probability: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.failure_probability < 1.0:
            raise InputError(
                f"bound {self.name!r} fails with probability {self.failure_probability!r}: "
                "expected at least 0 and below 1"
            )


def stated(name: str, statement: Statement, found: tuple[Any, float], checkpoints: Ints) -> Stated:
    """What a module's `bound` gave, checked.

    Raises:
        InputError: not one number per checkpoint.
    """
    values = np.asarray(found[0], dtype=np.float64)
    if values.shape != checkpoints.shape or np.isnan(values).any():
        raise InputError(
            f"bound {name!r} gave {values.tolist()}: expected a number for each of "
            f"{checkpoints.size} checkpoints"
        )
    return Stated(name, statement.kind, statement.source, values, float(found[1]))
