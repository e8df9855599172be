"""Captions of the atlas's figures."""

from __future__ import annotations

from collections.abc import Sequence

from mamex_bench.experiments.atlas.answers import FEW_SEEDS
from mamex_bench.experiments.atlas.data import Atlas, Sweep
from mamex_bench.reporting.atlas.words.phrases import label, listed
from mamex_bench.reporting.wording import number

SINGLE = (
    "The multi-agent coefficient against the single-agent one, every class of games with several "
    "agents: both intervals. Classes on which one of them is 0 have no place here. The largest "
    "ratios are named."
)
REGRET = (
    "Rank of normalised regret against rank of each measure; a point is a game, two tones tell "
    "neighbouring families apart; the line is perfect agreement. τ: rank correlation at the "
    "middles of intervals, with its interval over families; N: games to which the measure applies."
)


def coefficients(atlas: Atlas, place: int, amount: int) -> str:
    """The certified ends of the catalogue, one of several parts."""
    which = f" ({place} of {amount})" if amount > 1 else ""
    return (
        f"Certified ends of the decoupling coefficient at K = {number(atlas.plan.episodes)} of "
        f"every hypothesis class, largest first{which}. Circles: the coefficient without K (middle "
        "of its ends); an arrow to the right: infinite; to the left: the lower end is 0 or off "
        "the axis."
    )


def law(atlas: Atlas, sweep: Sweep, beside: Sequence[str]) -> str:
    """A sweep: what is drawn, and what could not be; `beside`: measures on the right."""
    spec = sweep.spec
    fixed = ", ".join(f"{key} = {value}" for key, value in spec.fixed.items())
    text = f"{spec.family}, {sweep.axis}"
    text += f" ({fixed})" if fixed else ""
    if spec.parameter != "K":
        text += f", K = {number(spec.episodes)}"
    seeds = len({point.seed for point in sweep.points})
    text += ". Left: both certified ends" if beside else ". Both certified ends"
    if seeds > 1:
        text += f" (means over {number(seeds)} seeds; dots: single seeds)"
    if spec.bounds:
        text += "; structural bounds"
        text += " of the first seed’s instance" if seeds > 1 else ""
    text += ". Numbers beside lines are slopes; the interval holds all that the ends allow"
    if seeds >= FEW_SEEDS:
        text += " and the 95 % bootstrap over seeds"
    elif seeds > 1:
        text += f", over the range of the {number(seeds)} seeds"
    if beside:
        text += ". Right: every measure divided by its first value; bands where it is an interval"
    absent = [label(atlas, id) for id in spec.measures if id not in beside]
    if absent:
        text += f". Not drawn, being 0 or unknown at the first value: {listed(absent)}"
    return text + "."
