"""Sentences of the atlas, made from its numbers: another number, another sentence."""

from mamex_bench.reporting.atlas.words.agents import alone, several
from mamex_bench.reporting.atlas.words.laws import bound_label, law
from mamex_bench.reporting.atlas.words.limits import unbounded
from mamex_bench.reporting.atlas.words.overview import relations, summary
from mamex_bench.reporting.atlas.words.partings import separation
from mamex_bench.reporting.atlas.words.phrases import label, length
from mamex_bench.reporting.atlas.words.regrets import regret

__all__ = [
    "alone",
    "bound_label",
    "label",
    "law",
    "length",
    "regret",
    "relations",
    "separation",
    "several",
    "summary",
    "unbounded",
]
