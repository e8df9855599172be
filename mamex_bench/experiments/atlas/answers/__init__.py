"""What the numbers of an atlas answer: numbers in, numbers out.

Slopes, growth, separations and ratios of a coefficient known only to lie in [lower, upper] hold for
every value in between. Rank correlations do not: see `Correlation`.
"""

from mamex_bench.experiments.atlas.answers.correlations import (
    Correlation,
    correlation,
    is_regret_bound,
    kind_of,
    normalised_regret,
    plain_correlation,
    rank_points,
    regret_rows,
)
from mamex_bench.experiments.atlas.answers.curves import (
    FLAT,
    GROWS,
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
    "FEW_SEEDS",
    "FLAT",
    "GROWS",
    "OUTCOMES",
    "Correlation",
    "Curve",
    "Ratio",
    "Separation",
    "Slope",
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
    "plain_correlation",
    "rank_points",
    "ratios",
    "regret_rows",
    "relation_counts",
    "separations",
    "slope",
]
