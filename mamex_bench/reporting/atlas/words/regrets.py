"""Whether regret follows the coefficient, in words."""

from __future__ import annotations

import math

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.answers import Correlation
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.reporting.atlas.words.phrases import article, estimate, label, listed, signed
from mamex_bench.reporting.wording import count, number


def regret(atlas: Atlas) -> str:
    """Does regret follow the coefficient more closely than the other measures?"""
    own = answers.correlation(atlas, COEFFICIENT)
    if own is None:
        return "Not answered here: fewer than four games have regret and a coefficient."
    others = [
        found
        for spec in atlas.plan.measures
        if not answers.is_regret_bound(atlas, spec.id)
        if (found := answers.correlation(atlas, spec.id)) is not None
    ]
    text = (
        f"The rank correlation of normalised regret with the coefficient is {estimate(own.rho)} on "
        f"{count(own.instances, 'game')} of {count(own.families, 'family', 'families')}. "
    )
    closer = [each for each in others if each.difference.low > 0.0]
    looser = [each for each in others if each.difference.high < 0.0]
    undecided = [each for each in others if each not in closer and each not in looser]
    if not others:
        return text.strip()
    verdict = "No" if looser else "Not uniformly" if closer else "Not established"
    verdict = "Yes" if len(closer) == len(others) else verdict
    text = f"{verdict}. {text}{_terms(atlas)}"
    undefined = [each for each in undecided if math.isnan(each.difference.low)]
    undecided = [each for each in undecided if each not in undefined]
    for group, before, after in (
        (closer, "Regret follows the coefficient more closely than", ""),
        (looser, "Regret follows", " more closely than the coefficient"),
        (undecided, "Undecided, as the interval of the difference holds 0:", ""),
        (undefined, "Undecided, as some choice of ends ranks all games alike:", ""),
    ):
        if group:
            text += f"{before} {listed([_compared(atlas, each) for each in group])}{after}. "
    return text.strip()


def _terms(atlas: Atlas) -> str:
    """What was ranked against what."""
    rows = [row for row in answers.regret_rows(atlas) if row.coefficient.known]
    kinds = [answers.kind_of(row) for row in rows]
    mixed = listed([f"{number(kinds.count(kind))} of {kind}" for kind in dict.fromkeys(kinds)])
    wanted = atlas.plan.regret
    undivided = answers.plain_correlation(atlas, COEFFICIENT, divided=False)[0]
    text = (
        "Regret is divided by n R_true, the coefficient is not divided by anything (with regret "
        f"per agent not divided by R_true the correlation is {signed(undivided)}); it is signed, "
        f"and negative on {number(sum(answers.normalised_regret(row) < 0.0 for row in rows))}. "
        f"Each game has the one class that the learner takes, {mixed}, ranked together"
    )
    if len(set(kinds)) > 1:
        apart = [
            f"{signed(answers.plain_correlation(atlas, COEFFICIENT, kind)[0])} on {kind}"
            for kind in dict.fromkeys(kinds)
        ]
        text += f", though their errors are in different units: apart it is {listed(apart)}"
    text += ". "
    for spec in atlas.plan.measures:
        bound = answers.correlation(atlas, spec.id)
        if answers.is_regret_bound(atlas, spec.id) and bound is not None:
            plain = answers.plain_correlation(atlas, spec.id, divided=False)[0]
            text += (
                f"{article(label(atlas, spec.id)).capitalize()}, which is made from the "
                "coefficient and divided by R_true like regret, is not among the others: "
                f"{signed(bound.rho.estimate)}, and {signed(plain)} with neither divided. "
            )
    if wanted is not None and wanted.options.get("eta") == "tuned":
        text += (
            f"The η of {wanted.learner.upper()} is tuned with the coefficient’s certificate, so "
            "that its regret is not blind to the coefficient. "
        )
    return text


def _compared(atlas: Atlas, found: Correlation) -> str:
    name = article(label(atlas, found.measure))
    return f"{name} ({signed(found.rho.estimate)} on {number(found.instances)})"
