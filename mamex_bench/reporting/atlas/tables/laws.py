"""Laws in numbers: slopes, growth, and what could not be measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas, Sweep
from mamex_bench.experiments.atlas.specs import LENGTH
from mamex_bench.reporting.atlas.words.laws import bound_label
from mamex_bench.reporting.atlas.words.phrases import SIGNS, label, place, signed, slope, times
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import number

# Measures side by side in one table of growth.
GROWTHS = 5


def laws(atlas: Atlas) -> Table:
    """Slopes of the coefficient and of the bounds, per sweep."""
    rows = []
    for sweep in atlas.sweeps:
        if not sweep.points:
            rows.append((sweep.spec.id, sweep.axis, *("–",) * 6))
            continue
        at = [point.at for point in sweep.points]
        found, free = answers.law(sweep), answers.law(sweep, free=True)
        bounds = [
            f"{bound_label(bound).removesuffix(' bound')} {signed(_bound_slope(sweep, bound))}"
            for bound in sweep.spec.bounds
            if answers.bound_curve(sweep, bound)[0].size > 1
        ]
        rows.append(
            (
                sweep.spec.id,
                sweep.axis,
                f"{place(min(at))} to {place(max(at))}",
                number(sweep.spec.seeds),
                slope(found),
                "–" if found is None else _both(found.lower_end, found.upper_end),
                "–" if sweep.spec.parameter == "K" else slope(free),
                "; ".join(bounds) or "–",
            )
        )
    return Table(
        "laws",
        "Slopes on logarithmic axes, least squares over all values of a sweep that "
        "have positive and finite ends in every instance. The interval holds "
        "every slope that values between the certified ends allow, over all seeds (with "
        f"{number(answers.FEW_SEEDS)} seeds or more: widened by the 95 % bootstrap over seeds); "
        "slopes of the lower and of the upper end; "
        "of the coefficient without K; of the structural bounds, which are proved and not fitted.",
        (
            "sweep",
            "against",
            "values",
            "seeds",
            "slope of d(K)",
            "of its ends",
            "without K",
            "of bounds",
        ),
        "lllrrrrl",
        tuple(rows),
    )


def _both(low: float, high: float) -> str:
    return f"{signed(low)},\u00a0{signed(high)}"


def _bound_slope(sweep: Sweep, bound: str) -> float:
    at, values = answers.bound_curve(sweep, bound)
    found = answers.slope(at, values[None], values[None], 0)
    return math.nan if found is None else found.lower_end


def growth(atlas: Atlas) -> list[Table]:
    """By how much each measure grows along each sweep that has it, some measures at a time."""
    sweeps = [sweep for sweep in atlas.sweeps if sweep.spec.measures and sweep.points]
    used = {id for sweep in sweeps for id in sweep.spec.measures}
    ids = [spec.id for spec in atlas.plan.measures if spec.id in used]
    parts = max(1, -(-len(ids) // GROWTHS))
    width = -(-len(ids) // parts)
    chosen = [ids[part * width : (part + 1) * width] for part in range(parts)]
    return [_growths(atlas, sweeps, own, place, parts) for place, own in enumerate(chosen, start=1)]


def _growths(
    atlas: Atlas, sweeps: Sequence[Sweep], ids: Sequence[str], place: int, parts: int
) -> Table:
    rows = []
    for sweep in sweeps:
        if not set(ids) & set(sweep.spec.measures):
            continue
        cells = [_growth(sweep, id) if id in sweep.spec.measures else "" for id in ids]
        free = "" if sweep.spec.parameter == LENGTH else _growth(sweep, COEFFICIENT, free=True)
        rows.append((sweep.spec.id, _growth(sweep, COEFFICIENT), free, *cells))
    which = f" ({place} of {parts})" if parts > 1 else ""
    return Table(
        f"growth-{place}",
        f"Last value divided by first value along each sweep{which} (ends; means over seeds). "
        f"▲: certainly grows by a factor of {number(answers.GROWS, 1)} or more; ▼: falls by as "
        f"much; =: no two values differ by more than a factor of {number(answers.FLAT)}; empty: "
        "not measured there. At K the coefficient may sit at what no game with its range of errors "
        "exceeds, and then it does not move; it is therefore shown without K too (not where K is "
        "swept). Zeros of measures on a grid or at a scale are zeros there and no more.",
        ("sweep", "coefficient", "without K", *(label(atlas, id) for id in ids)),
        "l" + "r" * (2 + len(ids)),
        tuple(rows),
    )


def _growth(sweep: Sweep, measure: str, free: bool = False) -> str:
    found = answers.curve(sweep, measure, free)
    low, high = found.growth
    if found.verdict == "missing" and (math.isnan(low) or math.isnan(high)):
        return "–"
    return times((low, high)) + SIGNS[found.verdict]


def missing(atlas: Atlas) -> Table:
    """Values of sweeps that could not be measured."""
    rows = tuple((sweep.spec.id, words) for sweep in atlas.sweeps for words in sweep.missing)
    return Table(
        "missing",
        "Values of sweeps without a coefficient, and why.",
        ("sweep", "reason"),
        "ll",
        rows,
    )
