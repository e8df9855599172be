"""The interval of the decoupling coefficient is one: theory/decoupling_bracket.md.

    0 <= lower <= d(K) <= upper,    lower <= sup over K of d(K) where that is known.

Both ends are certificates; `complexity.check_bracket` recomputes them slowly.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.claims._verdict import HOLDS, VIOLATED, Verdict
from mamex_bench.runs.results import InstanceRecord, Results

CLAIM = "decoupling_bracket"
TOLERANCE = 1e-9


def judge(results: Results) -> list[Verdict]:
    """One verdict per instance that has a bracket."""
    return [
        verdict
        for record in results.instances
        for verdict in ([] if record.bracket is None else [_judge(record)])
    ]


def _judge(record: InstanceRecord) -> Verdict:
    assert record.bracket is not None
    lower, upper = float(record.bracket["lower"]), float(record.bracket["upper"])
    numbers = {"lower": lower, "upper": upper, "episodes": float(record.bracket["episodes"])}
    statement = f"the decoupling coefficient at K = {record.episodes:,} lies in "
    statement += f"[{lower:.4g}, {upper:.4g}], upper end by {record.bracket.get('method', '')}"
    faults = []
    if not np.isfinite([lower, upper]).all() or lower < 0.0:
        faults.append("an end is negative or not finite")
    if lower > upper * (1.0 + TOLERANCE) + TOLERANCE:
        faults.append("the ends are crossed")
    if record.bracket.get("checked") is False:
        faults.append("the slow checker refuses a certificate")
    if "decoupling" in record.known:
        known, source = record.known["decoupling"]
        numbers["known"] = float(known)
        statement += f"; the supremum over K is {known:.4g} ({source})"
        if lower > known * (1.0 + TOLERANCE) + TOLERANCE:
            faults.append("the lower end exceeds the known supremum")
    if faults:
        statement = f"{' and '.join(faults)}: {statement}"
    return Verdict(
        CLAIM,
        record.id,
        "",
        "",
        record.episodes,
        VIOLATED if faults else HOLDS,
        None,
        statement,
        numbers,
    )
