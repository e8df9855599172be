"""Regret of every game, and its rank correlation with every measure."""

from __future__ import annotations

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.reporting.atlas.words.phrases import ends, known_ends, label, signed, signed_range
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import concept, count, learner, number


def correlations(atlas: Atlas) -> Table:
    """Rank correlation with regret, each measure beside the coefficient on the same games."""
    rows = []
    for id in (COEFFICIENT, *(spec.id for spec in atlas.plan.measures)):
        found = answers.correlation(atlas, id)
        if found is None:
            rows.append((label(atlas, id), "fewer than 4", *("–",) * 7))
            continue
        gap = found.difference
        rows.append(
            (
                label(atlas, id),
                number(found.instances),
                number(found.families),
                signed(found.spearman),
                signed_range(*found.tau.ends),
                signed_range(*found.tau.interval),
                "" if gap is None else signed_range(*found.of_coefficient.ends),
                "" if gap is None else signed_range(*gap.ends),
                "" if gap is None else signed_range(*gap.interval),
            )
        )
    wanted = atlas.plan.regret
    words = ""
    if wanted is not None:
        words = (
            f"{learner(wanted.learner)}, {concept(wanted.concept)}, "
            f"K = {number(wanted.episodes)}, {count(wanted.seeds, 'seed')}"
        )
    return Table(
        "correlations",
        f"Rank correlation of each measure with mean regret divided by n R_true ({words}). "
        "Measures, the coefficient among them, are not divided by anything, but for the explicit "
        "regret bound, which is divided by R_true. ρ: Spearman’s, at the middles of intervals. "
        "τ: of pairs of games whose regrets differ, the share that the measure orders as regret "
        "does minus the share that it orders the other way. Here: on these very games, whatever "
        "the values between certified ends. Families: for families that might have been others, "
        "which are resampled whole (percentile intervals, 95 %, corrected for the number of "
        "families). The difference is the coefficient’s τ on the same games minus the measure’s; "
        "over families, the intervals of all differences hold together at 95 %.",
        (
            "measure",
            "games",
            "families",
            "ρ",
            "τ here",
            "τ, families",
            "coefficient’s τ here",
            "difference here",
            "difference, families",
        ),
        "lrrrrrrrr",
        tuple(rows),
    )


def regrets(atlas: Atlas) -> Table:
    """Measured regret of every game."""
    rows = []
    for row in answers.regret_rows(atlas):
        values = [value if abs(value) > answers.ROUNDING else 0.0 for value in row.regret]
        rows.append(
            (
                row.label,
                number(len(values)),
                number(float(row.facts["return_range"])),
                number(sum(values) / len(values)),
                ends(min(values), max(values)),
                number(answers.normalised_regret(row)),
                known_ends(row, COEFFICIENT),
            )
        )
    return Table(
        "regrets",
        "Final regret, signed sum over agents: mean, least and greatest over seeds; divided by "
        "n R_true, the number of episodes’ worth of the largest possible gap; the coefficient.",
        ("game", "seeds", "R_true", "mean regret", "seeds span", "normalised", "coefficient"),
        "lrrrrrr",
        tuple(rows),
    )
