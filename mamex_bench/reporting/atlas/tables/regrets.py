"""Regret of every game, and its rank correlation with every measure."""

from __future__ import annotations

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas
from mamex_bench.reporting.atlas.words.phrases import ends, estimate, known_ends, label
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import concept, count, learner, number


def correlations(atlas: Atlas) -> Table:
    """Rank correlation with regret, each measure beside the coefficient on the same games."""
    rows = []
    for id in (COEFFICIENT, *(spec.id for spec in atlas.plan.measures)):
        found = answers.correlation(atlas, id)
        if found is None:
            rows.append((label(atlas, id), "fewer than 4", "–", "–", "–", "–"))
            continue
        rows.append(
            (
                label(atlas, id),
                number(found.instances),
                number(found.families),
                estimate(found.rho),
                "" if id == COEFFICIENT else estimate(found.of_coefficient),
                "" if id == COEFFICIENT else estimate(found.difference),
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
        f"Spearman’s rank correlation of each measure with mean regret divided by n R_true "
        f"({words}); measures, the coefficient among them, are not divided by anything, but for "
        "the explicit regret bound, which is divided by R_true. ρ is at the middles of "
        "intervals. Its interval runs from the least "
        "2.5 % to the greatest 97.5 % quantile over three choices (all lower ends, all middles, "
        "all upper ends), games of one family being resampled together; other values between the "
        "ends may rank games otherwise and are not covered. Beside it the coefficient on the same "
        "games, and the difference, the coefficient’s minus the measure’s, from the same resamples "
        "and over the nine pairs of choices. Intervals are not adjusted for the number of "
        "measures.",
        ("measure", "games", "families", "ρ", "ρ of the coefficient", "difference"),
        "lrrrrr",
        tuple(rows),
    )


def regrets(atlas: Atlas) -> Table:
    """Measured regret of every game."""
    rows = []
    for row in answers.regret_rows(atlas):
        values = row.regret
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
