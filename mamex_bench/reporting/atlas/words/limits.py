"""Examples without bound, in words."""

from __future__ import annotations

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.answers import Slope
from mamex_bench.experiments.atlas.data import Atlas
from mamex_bench.reporting.atlas.words.phrases import slope, span, swept

# A slope is told to be a number when its interval is no wider than this.
NARROW = 0.1


def unbounded(atlas: Atlas) -> str:
    """Is there an example with unbounded coefficient?"""
    endless = [row for row in atlas.games if row.coefficient.unbounded]
    parts = []
    if endless:
        names = ", ".join(dict.fromkeys(row.label for row in endless))
        parts.append(
            f"Yes: without K the coefficient is infinite on {names}, where some error is never "
            "revealed by the policy that makes it."
        )
        for sweep in atlas.sweeps:
            found = answers.law(sweep)
            if (
                sweep.spec.parameter == "K"
                and not sweep.tied
                and found
                and any(point.coefficient.unbounded for point in sweep.points)
            ):
                parts.append(
                    f"Along {swept(sweep)} it grows with slope {slope(found)}, "
                    f"{_whether(found, 1.0, 'in proportion to K')}."
                )
    laws = [
        (sweep, answers.law(sweep, free=True), answers.curve(sweep, free=True))
        for sweep in atlas.sweeps
        if sweep.spec.parameter != "K"
    ]
    steep = [(s, law, c) for s, law, c in laws if law is not None and c.verdict == "grows"]
    if steep:
        sweep, law, curve = max(steep, key=lambda each: each[2].growth[0])
        parts.append(
            f"Finite for each member, the coefficient without K has no bound that the sweeps "
            f"show: it grows most along {swept(sweep)}, {span(curve)}, slope {slope(law)}."
        )
    return " ".join(parts) or "No example among these games and sweeps."


def _whether(found: Slope, exponent: float, words: str) -> str:
    if not found.holds(exponent):
        return f"not {words}"
    return words if found.high - found.low <= NARROW else f"which may or may not be {words}"
