"""Relations between measures, and what became of them."""

from __future__ import annotations

from mamex_bench import complexity
from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import Atlas
from mamex_bench.reporting import style
from mamex_bench.reporting.table import Entry, Mark, Table
from mamex_bench.reporting.wording import number


def relations(atlas: Atlas) -> Table:
    """Every relation between measures and what became of it."""
    counts = answers.relation_counts(atlas)
    rows: list[tuple[Entry, ...]] = []
    for relation in complexity.relations():
        if relation.name not in counts:
            continue
        own = counts[relation.name]
        violated: Entry = number(own["violated"])
        if own["violated"]:
            violated = Mark(style.status("violated"), number(own["violated"]))
        rows.append(
            (
                relation.left,
                relation.right,
                relation.status,
                number(own["holds"]),
                number(own["undecided"]),
                number(own["not applicable"]),
                violated,
            )
        )
    length = "" if atlas.plan.relations is None else number(atlas.plan.relations.episodes)
    return Table(
        "relations",
        f"Relations “left ≤ right” between measures, checked on every class at K = {length}: on "
        "how many it holds, is undecided (the intervals overlap), does not apply, is violated. "
        "Games that a family ties to K are made for this K. "
        "One violation refutes a conjecture, and shows a mistake where a relation is proved.",
        ("left", "right", "status", "holds", "undecided", "not applicable", "violated"),
        "lllrrrr",
        tuple(rows),
    )
