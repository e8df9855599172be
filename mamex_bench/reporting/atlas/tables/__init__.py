"""The tables of an atlas, one function each: `Atlas` in, `Table` out."""

from __future__ import annotations

from collections.abc import Iterator

from mamex_bench.experiments.atlas.data import Atlas
from mamex_bench.reporting.atlas.tables import (
    agents,
    catalogue,
    laws,
    questions,
    regrets,
    relations,
)
from mamex_bench.reporting.table import Table


def everything(atlas: Atlas) -> Iterator[Table]:
    """All tables but those of separations, which need a measure."""
    yield catalogue.coefficients(atlas)
    yield from catalogue.neighbours(atlas)
    yield from laws.growth(atlas)
    for make in (
        catalogue.reasons,
        relations.relations,
        laws.laws,
        agents.alone,
        agents.several,
        questions.unbounded,
        regrets.correlations,
        regrets.regrets,
        laws.missing,
    ):
        yield make(atlas)
