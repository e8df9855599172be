"""Numbers, intervals, places and lists as an atlas writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mamex_bench.experiments.atlas.answers import Curve, Slope, Spread
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas, GameRow, Sweep
from mamex_bench.reporting.wording import FIXED, number

# Of verdicts along a sweep, after a space at which no line breaks.
SIGNS = {
    "grows": f"{FIXED}▲",
    "falls": f"{FIXED}▼",
    "flat": f"{FIXED}=",
    "neither": "",
    "missing": "",
}
# Ends that differ by less than this share are written as one number.
SAME = 2e-3


def label(atlas: Atlas, measure: str) -> str:
    """What a measure is called in tables and figures."""
    return "coefficient" if measure == COEFFICIENT else atlas.plan.measure(measure).label


def ends(low: float, high: float, digits: int = 3) -> str:
    """One number where the ends agree to a fifth of a per cent, else an interval."""
    if math.isnan(low) or math.isnan(high):
        return "–"
    if low == high or abs(high - low) <= SAME * abs(high):
        return number(float(high), digits)
    first, last = number(float(low), digits), number(float(high), digits)
    return first if first == last else f"[{first},{FIXED}{last}]"


def place(value: float) -> str:
    """A place on an axis: whole numbers without a point."""
    return number(int(value)) if float(value).is_integer() else number(float(value))


def slope(found: Slope | None) -> str:
    """0.98 [0.97, 0.99], the middle first."""
    if found is None:
        return "–"
    middle = (found.lower_end + found.upper_end) / 2.0
    return f"{signed(middle)}{FIXED}[{signed(found.low)},{FIXED}{signed(found.high)}]"


def signed_range(low: float, high: float) -> str:
    """0.31, or [0.28, 0.40], in two places."""
    first, last = signed(low), signed(high)
    return first if first == last else f"[{first},{FIXED}{last}]"


def spread(found: Spread) -> str:
    """0.33 [0.05, 0.55], the middle first, then the interval."""
    low, high = found.interval
    return f"{signed(found.middle)}{FIXED}[{signed(low)},{FIXED}{signed(high)}]"


def known_ends(row: GameRow, measure: str) -> str:
    """Both ends of a row's measure, a dash where it does not apply."""
    found = row.coefficient if measure == COEFFICIENT else row.readings[measure]
    return ends(found.lower, found.upper) if found.known else "–"


def signed(value: float) -> str:
    """Two places, a minus sign, no negative zero."""
    if math.isnan(value):
        return "–"
    text = f"{value:.2f}"
    return text.replace("-0.00", "0.00").replace("-", "−")


def times(growth: tuple[float, float]) -> str:
    """×7.0, or ×[2, 5]."""
    return f"×{ends(*growth, 2)}"


def swept(sweep: Sweep) -> str:
    """needle, arms from 2 to 64 at K = 30"""
    at = [point.at for point in sweep.points]
    if not at:
        return sweep.spec.id
    words = f"{sweep.spec.family}, {sweep.axis} from {place(min(at))} to {place(max(at))}"
    return words + length(sweep, " at ")


def length(sweep: Sweep, before: str) -> str:
    """K, where it is not what is swept."""
    return "" if sweep.spec.parameter == "K" else f"{before}K = {number(sweep.spec.episodes)}"


def span(found: Curve) -> str:
    """from 0.98 to 31.9"""
    low, high = found.ends_of(0), found.ends_of(-1)
    if ends(*low) == ends(*high):
        return f"at {ends(*low)}"
    return f"from {ends(*low)} to {ends(*high)}"


def article(name: str) -> str:
    """The name in a sentence; what is no count noun goes without an article."""
    return name if name.startswith(("log ", "coverability")) else f"the {name}"


def listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
