"""Whether regret follows the coefficient, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.answers import Correlation
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.reporting.atlas.words.phrases import (
    article,
    label,
    listed,
    signed,
    signed_range,
    spread,
)
from mamex_bench.reporting.wording import FIXED, count, number


def regret(atlas: Atlas) -> list[str]:
    """Does regret follow the coefficient more closely than the other measures? In paragraphs."""
    own = answers.correlation(atlas, COEFFICIENT)
    if own is None:
        return ["Not answered here: fewer than four games have regret and a coefficient."]
    share = 50.0 * (1.0 + own.tau.middle)
    found = (
        f"Of two games whose regrets differ the coefficient orders {share:.0f}{FIXED}% as regret "
        "does, games with equal coefficients counted as half: rank correlation "
        f"τ = {spread(own.tau)} on {count(own.instances, 'game')} of "
        f"{count(own.families, 'family', 'families')}."
    )
    others = answers.others(atlas)
    if not others:
        return [found, *_terms(atlas)]
    return [
        f"{_verdict(others)} {found}",
        _on_these(atlas, others),
        _beyond(atlas, others),
        *_terms(atlas),
    ]


def _verdict(others: Sequence[Correlation]) -> str:
    """In a word, beyond these very games."""
    closer, looser, _ = _parted([_interval(each) for each in others])
    if looser:
        return "No."
    if len(closer) == len(others):
        return "Yes."
    return "Not uniformly." if closer else "Not established beyond these games."


def _on_these(atlas: Atlas, others: Sequence[Correlation]) -> str:
    """What holds of the games measured, for every value between certified ends."""
    ends = [each.difference.ends for each in others if each.difference is not None]
    return "On these very games, whatever the values between certified ends, " + _groups(
        atlas, others, ends, "either may be followed more closely, as ends leave open:"
    )


def _beyond(atlas: Atlas, others: Sequence[Correlation]) -> str:
    """What holds of families that might have been others."""
    intervals = [_interval(each) for each in others]
    together = f", {count(len(others), 'comparison')} holding together at 95{FIXED}%, "
    return f"For families like these{together}" + _groups(
        atlas, others, intervals, "undecided, as the intervals of differences hold 0:"
    )


def _groups(
    atlas: Atlas,
    others: Sequence[Correlation],
    intervals: Sequence[tuple[float, float]],
    undecided: str,
) -> str:
    parts = []
    groups = _parted(intervals)
    for group, before, after in zip(
        groups,
        ("regret follows the coefficient more closely than", "regret follows", undecided),
        ("", " more closely than the coefficient", ""),
    ):
        if len(group) == len(others) > 2:
            parts.append(f"{before} all {number(len(others))}{after}".replace(": all", " on all"))
        elif group:
            names = listed([_named(atlas, others[place]) for place in group])
            parts.append(f"{before} {names}{after}")
    return "; ".join(parts) + "."


def _parted(intervals: Sequence[tuple[float, float]]) -> tuple[list[int], list[int], list[int]]:
    """Places where the difference is certainly positive, certainly negative, neither."""
    closer = [place for place, (low, _) in enumerate(intervals) if low > 0.0]
    looser = [place for place, (_, high) in enumerate(intervals) if high < 0.0]
    rest = [place for place in range(len(intervals)) if place not in (*closer, *looser)]
    return closer, looser, rest


def _interval(found: Correlation) -> tuple[float, float]:
    return (math.nan, math.nan) if found.difference is None else found.difference.interval


def _named(atlas: Atlas, found: Correlation) -> str:
    name = article(label(atlas, found.measure))
    return f"{name} (τ = {signed_range(*found.tau.ends)} on {number(found.instances)})"


# --- the terms of the comparison -------------------------------------------------------------


def _terms(atlas: Atlas) -> list[str]:
    """What was ranked against what, and what else it might have been."""
    return [f"{_units(atlas)} {_kinds(atlas)} {_repeats(atlas)}".strip(), _partial(atlas)]


def _units(atlas: Atlas) -> str:
    rows = [row for row in answers.regret_rows(atlas) if row.coefficient.known]
    undivided = answers.plain_correlation(atlas, COEFFICIENT, divided=False)
    return (
        "Regret is divided by n R_true, the coefficient is not divided by anything (with regret "
        f"per agent not divided by R_true τ is {signed(undivided.tau)}); it is signed, "
        f"and negative on {number(sum(answers.normalised_regret(row) < 0.0 for row in rows))}."
    )


def _kinds(atlas: Atlas) -> str:
    rows = [row for row in answers.regret_rows(atlas) if row.coefficient.known]
    kinds = [answers.kind_of(row) for row in rows]
    distinct = list(dict.fromkeys(kinds))
    mixed = listed([f"{number(kinds.count(kind))} of {kind}" for kind in distinct])
    text = f"Each game has the one class that the learner takes, {mixed}, ranked together"
    if len(distinct) > 1:
        apart = [
            f"{signed(answers.plain_correlation(atlas, COEFFICIENT, kind).tau)} on {kind}"
            for kind in distinct
        ]
        text += f", though their errors are in different units: apart τ is {listed(apart)}"
    return text + "."


def _repeats(atlas: Atlas) -> str:
    found = answers.repeatability(atlas)
    if math.isnan(found):
        return ""
    return f"Regrets of single seeds order the games alike: τ is {signed(found)} or more."


def _partial(atlas: Atlas) -> str:
    """What is made from the coefficient, and the learner that knows it."""
    text = ""
    for spec in atlas.plan.measures:
        bound = answers.correlation(atlas, spec.id)
        if answers.is_regret_bound(atlas, spec.id) and bound is not None:
            plain = answers.plain_correlation(atlas, spec.id, divided=False)
            text += (
                f"{article(label(atlas, spec.id)).capitalize()}, which is made from the "
                "coefficient and divided by R_true like regret, is not among the others: τ = "
                f"{spread(bound.tau)}, and {signed(plain.tau)} with neither divided. "
            )
    wanted = atlas.plan.regret
    if wanted is not None and wanted.options.get("eta") == "tuned":
        text += (
            f"The η of {wanted.learner.upper()} is tuned with the coefficient’s certificate, so "
            "that its regret is not blind to the coefficient."
        )
    return text.strip()
