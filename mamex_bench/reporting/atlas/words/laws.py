"""What a sweep shows, in words."""

from __future__ import annotations

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import Atlas, Sweep
from mamex_bench.reporting.atlas.words.phrases import slope, span
from mamex_bench.reporting.wording import number


def law(atlas: Atlas, sweep: Sweep) -> str:
    """What a sweep shows."""
    if not sweep.points:
        return "Nothing could be measured."
    found, free = answers.law(sweep), answers.law(sweep, free=True)
    curve = answers.curve(sweep)
    text = "Every K has a game of its own, so that this is no law of one game. " * sweep.tied
    went = span(curve)
    text += f"The coefficient {'stays' if went.startswith('at ') else 'goes'} {went}"
    used = f" (from {number(found.points)} of {number(curve.at.size)} values)" if found else ""
    used = used if found and found.points < curve.at.size else ""
    text += f", slope {slope(found)}{used}." if found is not None else "."
    if free is not None and sweep.spec.parameter != "K":
        text += f" Without K the slope is {slope(free)}."
    parts = []
    for bound in sweep.spec.bounds:
        factors = answers.bound_factors(sweep, bound) if bound != "known" else []
        if factors:
            least, most = number(min(factors), 2), number(max(factors), 2)
            spread = least if least == most else f"{least} to {most}"
            parts.append(f"{bound_label(bound)} {spread}")
    if parts:
        several = len({point.seed for point in sweep.points}) > 1
        which = " (both of the first seed’s instance)" if several else ""
        text += f" Bounds over the coefficient’s upper end{which}: {'; '.join(parts)}."
    return text


BOUND_LABELS = {
    "bellman_eluder": "Bellman-eluder bound",
    "bilinear": "bilinear bound",
    "witness": "witness bound",
    "coverability": "coverability bound",
    "linear_mixture": "linear mixture bound",
    "known": "proved value, K → ∞",
}


def bound_label(bound: str) -> str:
    return BOUND_LABELS[bound]
