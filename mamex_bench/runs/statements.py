"""Registered bounds of a cell in the results file: numbers beside words in its prepared row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mamex_bench.bounds import Stated
from mamex_bench.runs.store import Store, Stored

KEY = "stated"


def with_statements(row: Stored, found: Sequence[Stated]) -> Stored:
    """The row with these bounds added; as it is where there are none."""
    if not found:
        return row
    words = [
        {
            "name": each.name,
            "kind": each.kind,
            "source": each.source,
            "failure_probability": each.failure_probability,
        }
        for each in found
    ]
    values = {f"{KEY}_{j}": each.values for j, each in enumerate(found)}
    return Stored({**row.header, KEY: words}, {**row.arrays, **values})


def statements(store: Store, owner: str, header: Mapping[str, Any] | None) -> tuple[Stated, ...]:
    """Those that a prepared row holds; none in files from before there were any."""
    words = [] if header is None else header.get(KEY, [])
    if not words:
        return ()
    arrays = store.arrays(owner, tuple(f"{KEY}_{j}" for j in range(len(words))))
    return tuple(Stated(values=arrays[f"{KEY}_{j}"], **each) for j, each in enumerate(words))
