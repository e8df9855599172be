"""The figures of an atlas. Sizes are inches at final print width."""

from mamex_bench.reporting.atlas.figures.agents import single
from mamex_bench.reporting.atlas.figures.catalogue import coefficients, parts
from mamex_bench.reporting.atlas.figures.laws import drawn_beside, law
from mamex_bench.reporting.atlas.figures.regrets import regret

__all__ = ["coefficients", "drawn_beside", "law", "parts", "regret", "single"]
