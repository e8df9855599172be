"""The atlas as a document: one Markdown source, HTML and PDF, figures and tables by themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import Atlas, Sweep
from mamex_bench.reporting.atlas import figures, tables, words
from mamex_bench.reporting.atlas.words import captions
from mamex_bench.reporting.page import FORMATS, Page, check_formats, code_block
from mamex_bench.reporting.tables import key_values
from mamex_bench.reporting.wording import duration, slug

# Measures that readers ask to see parted from the coefficient, as far as the plan has them.
PARTED = ("decision_estimation", "bellman_eluder_dimension")


def write_atlas(
    atlas: Atlas, output_dir: str | os.PathLike[str], formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write atlas.html, atlas.pdf, tables/*.{md,tex} and figures/*.pdf; the paths, documents first.

    Raises InputError for an unknown format, or when the extra `report` is not installed.
    """
    check_formats(formats)
    return AtlasDocument(atlas).write("atlas", output_dir, formats)


class AtlasDocument(Page):
    """All that an atlas shows: its tables, its figures, and the Markdown that orders them."""

    def __init__(self, atlas: Atlas) -> None:
        super().__init__()
        self.atlas = atlas
        for table in tables.everything(atlas):
            self._table(table)
        self._neighbours = [name for name in self.tables if name.startswith("neighbours-")]
        self._growth = [name for name in self.tables if name.startswith("growth-")]
        self._parts = self._add_separations()
        self._laws = self._add_laws()
        self._catalogue: list[str] = []
        self._add_figures()
        facts = dict(atlas.provenance)
        facts["measured in"] = f"{duration(atlas.seconds)}, what was kept from before included"
        self._table(key_values("provenance", "Where these numbers come from.", facts))

    def _add_separations(self) -> list[dict[str, str]]:
        swept = {id for sweep in self.atlas.sweeps for id in sweep.spec.measures}
        parts = []
        for id in (id for name in PARTED for id in self.atlas.plan.named(name) if id in swept):
            own = f"separation-{slug(id)}"
            self._table(tables.questions.separations(self.atlas, id, own))
            name, sentence = words.label(self.atlas, id), words.separation(self.atlas, id)
            parts.append({"name": name, "slug": own, "sentence": sentence})
        return parts

    def _add_laws(self) -> list[dict[str, str]]:
        laws = []
        for sweep in self.atlas.sweeps:
            if not sweep.points:
                continue
            name = f"law-{slug(sweep.spec.id)}"
            caption = captions.law(self.atlas, sweep, figures.drawn_beside(sweep))
            self._figure(name, caption, partial(figures.law, self.atlas, sweep))
            laws.append(
                {
                    "title": self._law_title(sweep),
                    "slug": slug(sweep.spec.id),
                    "sentence": words.law(self.atlas, sweep),
                    "figure": name,
                }
            )
        return laws

    def _law_title(self, sweep: Sweep) -> str:
        """Family and axis; K too where another sweep has the same ones."""
        alike = [
            other
            for other in self.atlas.sweeps
            if (other.spec.family, other.axis) == (sweep.spec.family, sweep.axis)
        ]
        title = f"{sweep.spec.family.replace('_', ' ')}: {sweep.axis}"
        return title + (words.length(sweep, ", ") if len(alike) > 1 else "")

    def _add_figures(self) -> None:
        atlas = self.atlas
        if answers.ratios(atlas):
            self._figure("single-figure", captions.SINGLE, lambda: figures.single(atlas))
        if answers.correlation(atlas, "decoupling") is not None:
            self._figure("regret-figure", captions.REGRET, lambda: figures.regret(atlas))
        parts = figures.parts(atlas)
        for place, part in enumerate(parts, start=1):
            caption = captions.coefficients(atlas, place, len(parts))
            draw = partial(figures.coefficients, part)
            self._catalogue.append(self._figure(f"coefficients-{place}", caption, draw))

    def markdown(self) -> str:
        """The one source of both formats, in pandoc's Markdown."""
        atlas, plan = self.atlas, self.atlas.plan
        return self.fill(
            "atlas.md",
            title=plan.title,
            suite=plan.name,
            description=plan.description,
            version=f"version {atlas.provenance.get('mamex-bench', 'unknown')}",
            summary=words.summary(atlas),
            relations=words.relations(atlas),
            catalogue=self._catalogue,
            neighbours=self._neighbours,
            growth=self._growth,
            laws=self._laws,
            separations=self._parts,
            alone=words.alone(atlas),
            several=words.several(atlas),
            unbounded=words.unbounded(atlas),
            regret=words.regret(atlas),
            code=code_block(plan.text, "toml"),
        )
