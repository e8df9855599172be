"""Which games part the coefficient from a measure, in words."""

from __future__ import annotations

from collections.abc import Sequence

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.answers import Curve, Separation
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.experiments.atlas.specs import REGRET_BOUND
from mamex_bench.reporting.atlas.words.phrases import article, label, span, swept
from mamex_bench.reporting.wording import count, number


def separation(atlas: Atlas, measure: str) -> str:
    """Which games part the coefficient from a measure, in either direction?"""
    found = answers.separations(atlas, measure)
    tried = sum(measure in sweep.spec.measures for sweep in atlas.sweeps)
    name = article(label(atlas, measure))
    if not tried:
        return f"No sweep measures {name}."
    parts = [_doubtful(atlas, measure, "zero"), _doubtful(atlas, measure, "end")]
    rest = " ".join(part for part in (*parts, _proved(atlas, measure)) if part)
    if not found:
        text = (
            f"None of {count(tried, 'sweep')} certainly parts the coefficient from {name}: along "
            f"none does one certainly grow by a factor of {number(answers.GROWS, 1)} while the "
            f"other certainly stays within {number(answers.FLAT)} or falls."
        )
        return f"{text} {rest}".strip()
    here = [each for each in found if each.growing.measure == COEFFICIENT]
    there = [each for each in found if each.growing.measure != COEFFICIENT]
    text = (
        f"Of {count(tried, 'sweep')}, {number(len(here))} {_let(len(here))} the coefficient grow "
        f"while {name} does not, and {number(len(there))} the other way round. "
    )
    text += " ".join(parted(atlas, _clearest(each)) for each in (here, there) if each)
    return f"{text} {rest}".strip()


def _proved(atlas: Atlas, measure: str) -> str:
    """What theory says of the other direction: theory/relations.md, section A."""
    spec = atlas.plan.measure(measure)
    if spec.name != "decision_estimation":
        return ""
    if spec.options.get("reference", "members") != "truth":
        return (
            "It is the largest over references: what is proved at each of them speaks of the "
            "coefficient with that reference for the truth."
        )
    return (
        "That it cannot grow alone is proved, up to what welfare is worth: at every γ, γ times it "
        "is at most (G + Σ √(2 L d_i))² / 4, d_i the coefficient of agent i without K, L and G "
        "as in the theory of relations."
    )


def _doubtful(atlas: Atlas, measure: str, doubt: str) -> str:
    """Sweeps that are no separations, as they rest on the measure's grid or scale."""
    found = answers.doubtful(atlas, measure, doubt)
    if not found:
        return ""
    name = article(label(atlas, measure))
    where = "; ".join(swept(each.sweep) for each in found)
    spec = atlas.plan.measure(measure)
    if doubt == "end":
        grid = f"γ = {min(spec.gammas):g} to {max(spec.gammas):g}"
        return (
            f"Not counted: {where}. There {name} is largest at an end of its grid ({grid}) for "
            "some value of the sweep; it may be larger beyond."
        )
    zero, finer = f"at scale {spec.options.get('scale', 0.1):g}", "scale"
    if spec.gammas:
        zero, finer = f"at every γ of the grid (least γ = {min(spec.gammas):g})", "γ"
    return (
        f"Not counted: {where}. There {name} is 0 {zero} for some value of the sweep; a smaller "
        f"{finer} may show otherwise."
    )


def _clearest(found: Sequence[Separation]) -> Separation:
    """The largest growth; sweeps of K last, as most measures do not depend on K."""
    return max(found, key=lambda each: (each.sweep.spec.parameter != "K", each.growing.growth[0]))


def parted(atlas: Atlas, each: Separation) -> str:
    falls = each.still.verdict == "falls"
    still = f"{'falls' if falls else 'stays'} {span(each.still)}"
    if not falls and "to" in still.split():
        still += f" (within a factor of {number(answers.FLAT)})"
    if each.sweep.spec.parameter == "K" and not _takes_k(atlas, each.still.measure):
        still += ", as K does not enter it"
    seeds = len(each.still.lower)
    means = f" (means over {number(seeds)} seeds)" if seeds > 1 else ""
    return (
        f"Along {swept(each.sweep)}{means}, {_subject(atlas, each.growing)} grows "
        f"{span(each.growing)} "
        f"while {_subject(atlas, each.still)} {still}."
    )


def _takes_k(atlas: Atlas, measure: str) -> bool:
    named = ("single_agent_decoupling", REGRET_BOUND)
    return measure == COEFFICIENT or atlas.plan.measure(measure).name in named


def _subject(atlas: Atlas, found: Curve) -> str:
    return article(label(atlas, found.measure)) + " without K" * found.free


def _let(amount: int) -> str:
    return "lets" if amount == 1 else "let"
