"""One agent and several: the coefficient beside the single-agent one, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.answers import Ratio
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.reporting.atlas.words.partings import parted
from mamex_bench.reporting.atlas.words.phrases import ends, listed
from mamex_bench.reporting.wording import count, number


def alone(atlas: Atlas) -> str:
    """Does the coefficient reduce to the decoupling coefficient at n = 1?"""
    found = answers.ratios(atlas, 1)
    if not found:
        return "Not answered here: no game has one agent and both coefficients."
    larger = [each for each in found if each.larger]
    rows = [each.row for each in found if each.row.verified is not None]
    verified = sum(row.verified is True for row in rows)
    if larger:
        text = (
            f"Not to that of greedy policies: with one agent the multi-agent coefficient, which "
            f"counts every pair of a hypothesis and a policy, is certainly larger than the "
            f"single-agent one, which counts greedy policies alone, on {number(len(larger))} of "
            f"{count(len(found), 'class', 'classes')}, {_by(larger)}"
        )
        same = sum(each.equal for each in found)
        text += f"; on {number(same)} they may be equal." if same else "; on none are they equal."
    else:
        text = (
            f"Yes, as far as was measured: on all {count(len(found), 'class', 'classes')} with one "
            "agent the two intervals meet."
        )
    if rows:
        text += (
            f" Slow independent code finds both ends again from the definition on "
            f"{number(verified)} of {number(len(rows))}."
        )
    return text


def several(atlas: Atlas) -> str:
    """Is a finite single-agent coefficient enough for a finite multi-agent one?"""
    found = [each for each in answers.ratios(atlas) if each.row.coefficient.upper > 0.0]
    if not found:
        return "Not answered here: no game has several agents and both coefficients."
    nothing = [each for each in found if each.single.upper == 0.0 and each.larger]
    endless = [each for each in nothing if each.row.coefficient.unbounded]
    apart = answers.separations(atlas, _single(atlas)) if _single(atlas) else []
    apart = [each for each in apart if each.growing.measure == COEFFICIENT]
    larger = [each for each in found if each.larger]
    text = ""
    if endless or apart:
        text = "No. "
        if endless:
            names = listed([each.row.label for each in endless[:3]])
            text += (
                f"On {names} the single-agent coefficient is 0, at every K, and the multi-agent "
                f"one, without K, is infinite. "
            )
        if apart:
            text += " ".join(parted(atlas, each) for each in apart)
            if all(each.growing.free for each in apart):
                text += " Both are finite on every member there, but no bound of one by the other"
                text += " shows along the sweep."
            text += " "
    else:
        text = (
            "Nothing measured here shows otherwise: along no sweep does the multi-agent "
            "coefficient grow while the single-agent one stays, and no game where the latter is 0 "
            "has an infinite one without K. "
        )
    if larger:
        text += (
            f"With several agents the multi-agent coefficient is certainly larger on "
            f"{number(len(larger))} of {count(len(found), 'class', 'classes')}, {_by(larger)}."
        )
    return text.strip()


def _by(larger: Sequence[Ratio]) -> str:
    """By which factors: finite ones, and apart from them those over a single-agent 0."""
    finite = [each for each in larger if math.isfinite(each.low)]
    zeros = len(larger) - len(finite)
    parts = []
    if finite:
        most = max(finite, key=lambda each: each.low)
        which = f"on {number(len(finite))} of these " if zeros else ""
        parts.append(f"{which}by up to a factor of {ends(most.low, most.high)} ({most.row.label})")
    if zeros:
        parts.append(f"on {number(zeros)} the single-agent one is 0, and there is no factor")
    return "; ".join(parts)


def _single(atlas: Atlas) -> str:
    ids = atlas.plan.named("single_agent_decoupling")
    return ids[0] if ids else ""
