"""Regularised payoffs: what the data leave possible, for each agent and joint pure policy.

Every kind of evidence is a named tuple of arrays with three operations, chosen by its type at
compile time:

    record(evidence, states, actions, rewards)   one more trajectory; cost independent of the past
    payoffs(evidence, entries, out)              sup_f { V_f^{i,pi} - eta L^i(f, pi) } at the wanted
                                                 entries i * M + pi (all, if none are named), up
                                                 to one common constant
    focused_payoffs(evidence, focus, out)        the same numbers at entries that are asked for
                                                 again and again, for less work where possible

`sign` -1 turns the supremum of V - eta L into the infimum of V + eta L. `mode` says how the data
and the value are traded off: see REGULARISED and the two that follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REGULARISED = 0  # sup over all hypotheses of V - eta L
LIKELIEST = 1  # extreme V (by sign) over the hypotheses of least loss
LIKELIEST_MEAN = 2  # mean V over the hypotheses of least loss

# Stands for -log 0: far beyond any sum of finite losses, yet its own sums stay finite.
IMPOSSIBLE = 1e150
# Losses this close count as tied where only the least loss matters.
TIE = 1e-9


@jit
def add(sums: Floats, errors: Floats, index: int, term: float) -> None:
    """sums[index] += term with Kahan's running compensation, so that 1e6 terms lose no digit."""
    corrected = term - errors[index]
    total = sums[index] + corrected
    errors[index] = (total - sums[index]) - corrected
    sums[index] = total


class Focus(NamedTuple):
    """Entries that are asked for again and again, and which models can matter at each.

    entries (E,): positions i * M + pi; base (E,): payoffs when the focus was last set;
    near (E * F,), values (E * F,): models within `slack` of the maximum, and their values, those
    of entry e from first[e] to first[e+1] (E+1,); margin (F,): how far a model falls short at
    least, where it is not near; penalty (F,): penalties when the focus was set; looks (1,):
    how often it was looked at. Other kinds of evidence than models use `entries` alone.
    """

    entries: Ints
    base: Floats
    near: NDArray[np.int32]
    values: Floats
    first: Ints
    margin: Floats
    penalty: Floats
    looks: Ints
    slack: float


def record(evidence: Any, states: Ints, actions: Ints, rewards: Floats) -> None:
    """Add one trajectory: states (H+1,) numbered across layers, joint actions (H,), rewards (n, H).

    Compiled code only.
    """
    raise TypeError("record runs inside compiled kernels only")


def payoffs(evidence: Any, entries: Ints, out: Floats) -> None:
    """Regularised payoffs at `entries` (none: all), written to `out`. Compiled code only."""
    raise TypeError("payoffs runs inside compiled kernels only")


def focused_payoffs(evidence: Any, focus: Focus, out: Floats) -> None:
    """Regularised payoffs at the focus, written to `out` (E,). Compiled code only."""
    raise TypeError("focused_payoffs runs inside compiled kernels only")


def operations(
    record_kernel: Any, payoffs_kernel: Any, kind: type, focused_kernel: Any = None
) -> None:
    """Register the operations of one kind of evidence."""

    @overload(record)
    def _record(evidence: Any, states: Any, actions: Any, rewards: Any) -> Any:
        if getattr(evidence, "instance_class", None) is not kind:
            return None

        def run(evidence: Any, states: Any, actions: Any, rewards: Any) -> Any:
            record_kernel(evidence, states, actions, rewards)

        return run

    @overload(payoffs)
    def _payoffs(evidence: Any, entries: Any, out: Any) -> Any:
        if getattr(evidence, "instance_class", None) is not kind:
            return None

        def run(evidence: Any, entries: Any, out: Any) -> Any:
            payoffs_kernel(evidence, entries, out)

        return run

    @overload(focused_payoffs)
    def _focused_payoffs(evidence: Any, focus: Any, out: Any) -> Any:
        if getattr(evidence, "instance_class", None) is not kind:
            return None

        def run_focused(evidence: Any, focus: Any, out: Any) -> Any:
            focused_kernel(evidence, focus, out)

        def run_all(evidence: Any, focus: Any, out: Any) -> Any:
            payoffs_kernel(evidence, focus.entries, out)

        return run_all if focused_kernel is None else run_focused
