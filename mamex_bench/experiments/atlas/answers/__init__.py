"""What the numbers of an atlas answer: numbers in, numbers out.

Slopes, growth, separations, ratios and rank correlations of a coefficient known only to lie in
[lower, upper] hold for every value in between.
"""

from mamex_bench.experiments.atlas.answers.correlations import (
    FEWEST,
    Correlation,
    Spread,
    correlation,
    is_regret_bound,
    kind_of,
    normalised_regret,
    others,
    plain_correlation,
    rank_points,
    regret_rows,
    repeatability,
)
from mamex_bench.experiments.atlas.answers.curves import (
    FLAT,
    GROWS,
    ROUNDING,
    Curve,
    curve,
)
from mamex_bench.experiments.atlas.answers.outcomes import (
    OUTCOMES,
    counterexamples,
    relation_counts,
)
from mamex_bench.experiments.atlas.answers.partings import (
    Separation,
    doubtful,
    separations,
)
from mamex_bench.experiments.atlas.answers.single import (
    Ratio,
    ratios,
)
from mamex_bench.experiments.atlas.answers.slopes import (
    FEW_SEEDS,
    Slope,
    bound_curve,
    bound_factors,
    law,
    slope,
)

__all__ = [
    "FEWEST",
    "FEW_SEEDS",
    "FLAT",
    "GROWS",
    "OUTCOMES",
    "ROUNDING",
    "Correlation",
    "Curve",
    "Ratio",
    "Separation",
    "Slope",
    "Spread",
    "bound_curve",
    "bound_factors",
    "correlation",
    "counterexamples",
    "curve",
    "doubtful",
    "is_regret_bound",
    "kind_of",
    "law",
    "normalised_regret",
    "others",
    "plain_correlation",
    "rank_points",
    "ratios",
    "regret_rows",
    "relation_counts",
    "repeatability",
    "separations",
    "slope",
]
