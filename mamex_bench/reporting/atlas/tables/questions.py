"""What parts the coefficient from other measures, and where it has no bound."""

from __future__ import annotations

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.reporting.atlas.words.phrases import (
    SIGNS,
    ends,
    known_ends,
    label,
    length,
    place,
    slope,
)
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import number


def separations(atlas: Atlas, measure: str, slug: str) -> Table:
    """The sweeps that part the coefficient from a measure."""
    rows = []
    for each in answers.separations(atlas, measure):
        sweep = each.sweep
        at = [point.at for point in sweep.points]
        mine = each.growing.measure == COEFFICIENT
        pair = (each.growing, each.still) if mine else (each.still, each.growing)
        rows.append(
            (
                sweep.spec.family,
                f"{sweep.axis}, {place(min(at))} to {place(max(at))}{length(sweep, '; ')}",
                *(
                    f"{ends(*c.ends_of(0))} → {ends(*c.ends_of(-1))}" + SIGNS[c.verdict]
                    for c in pair
                ),
            )
        )
    return Table(
        slug,
        f"Sweeps along which one of the coefficient and the {label(atlas, measure)} grows (▲) "
        "while the other stays (=) or falls (▼): first and last value, means over seeds. "
        "Not among them are sweeps along which the measure is 0 on its grid or at its "
        "scale, or largest at an end of its grid, and sweeps of K over games that are tied to K. "
        "What is largest over a grid of γ is allowed to be larger between two γ of the grid. "
        "The coefficient is that without K, unless K is swept or it is infinite there.",
        ("family", "sweep", "coefficient", label(atlas, measure)),
        "llrr",
        tuple(rows),
    )


def unbounded(atlas: Atlas) -> Table:
    """Games whose coefficient is infinite without K, and the steepest sweeps."""
    rows = [
        (
            row.label,
            f"K = {number(atlas.plan.episodes)}",
            known_ends(row, COEFFICIENT),
            ends(*row.coefficient.free),
            "an error that its own policy never reveals",
        )
        for row in atlas.games
        if row.coefficient.unbounded
    ]
    for sweep in atlas.sweeps:
        found = answers.curve(sweep)
        free = answers.curve(sweep, free=True)
        law = answers.law(sweep, free=sweep.spec.parameter != "K")
        chosen = found if sweep.spec.parameter == "K" else free
        if law is None or chosen.verdict != "grows":
            continue
        at = [point.at for point in sweep.points]
        rows.append(
            (
                sweep.spec.id,
                f"{sweep.axis} = {place(max(at))}",
                ends(*found.ends_of(-1)),
                ends(*free.ends_of(-1)),
                f"slope {slope(law)} from {place(min(at))} on",
            )
        )
    return Table(
        "unbounded",
        "Games whose coefficient without K is infinite, and sweeps along which it grows: the "
        "largest value, and the slope (of the coefficient without K; at K where K is swept).",
        ("game or sweep", "at", "d(K)", "without K", "because"),
        "llrrl",
        tuple(rows),
    )
