"""The atlas as a document: one Markdown source, HTML and PDF, figures and tables by themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import Atlas, Sweep
from mamex_bench.reporting.atlas import figures, tables, words
from mamex_bench.reporting.page import FORMATS, Page, check_formats, code_block
from mamex_bench.reporting.tables import key_values
from mamex_bench.reporting.wording import duration, number, slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        self._parts = self._add_separations()
        self._laws = self._add_laws()
        self._catalogue: list[str] = []
        self._add_figures()
        facts = dict(atlas.provenance)
        facts["measured in"] = f"{duration(atlas.seconds)}, what was kept from before included"
        self._table(key_values("provenance", "Where these numbers come from.", facts))

    def _add_separations(self) -> list[dict[str, str]]:
        parts = []
        for name in PARTED:
            for id in self.atlas.plan.named(name):
                own = f"separation-{slug(id)}"
                self._table(tables.questions.separations(self.atlas, id, own))
                parts.append(
                    {
                        "name": words.label(self.atlas, id),
                        "slug": own,
                        "sentence": words.separation(self.atlas, id),
                    }
                )
        return [part for part in parts if self._swept(part)]

    def _swept(self, part: dict[str, str]) -> bool:
        return not part["sentence"].startswith("No sweep measures")

    def _add_laws(self) -> list[dict[str, str]]:
        laws = []
        for sweep in self.atlas.sweeps:
            if not sweep.points:
                continue
            name = f"law-{slug(sweep.spec.id)}"
            self._figure(name, _law_caption(self.atlas, sweep), partial(self._draw_law, sweep))
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

    def _draw_law(self, sweep: Sweep) -> Figure:
        return figures.law(self.atlas, sweep)

    def _add_figures(self) -> None:
        atlas = self.atlas
        wanted: list[tuple[bool, str, str, Callable[[], Figure]]] = [
            (
                bool(answers.ratios(atlas)),
                "single-figure",
                "The multi-agent coefficient against the single-agent one, every class of games "
                "with several agents: both intervals. Classes on which one of them is 0 have no "
                "place here. The largest ratios are named.",
                lambda: figures.single(atlas),
            ),
            (
                answers.correlation(atlas, "decoupling") is not None,
                "regret-figure",
                "Rank of normalised regret against rank of each measure; a point is a game, two "
                "tones tell neighbouring families apart; the line is perfect agreement. τ: rank "
                "correlation at the middles of intervals, with its interval over families; "
                "N: games to which the measure applies.",
                lambda: figures.regret(atlas),
            ),
        ]
        for there, name, caption, draw in wanted:
            if there:
                self._figure(name, caption, draw)
        parts = figures.parts(atlas)
        for place, part in enumerate(parts, start=1):
            which = f" ({place} of {len(parts)})" if len(parts) > 1 else ""
            caption = (
                "Certified ends of the decoupling coefficient at "
                f"K = {number(atlas.plan.episodes)} of every hypothesis class, largest first"
                f"{which}. Circles: the coefficient without K (middle of its ends); an arrow to "
                "the right: infinite; to the left: the lower end is 0 or off the axis."
            )
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
            laws=self._laws,
            separations=self._parts,
            alone=words.alone(atlas),
            several=words.several(atlas),
            unbounded=words.unbounded(atlas),
            regret=words.regret(atlas),
            code=code_block(plan.text, "toml"),
        )


def _law_caption(atlas: Atlas, sweep: Sweep) -> str:
    spec = sweep.spec
    fixed = ", ".join(f"{key} = {value}" for key, value in spec.fixed.items())
    text = f"{spec.family}, {sweep.axis}"
    text += f" ({fixed})" if fixed else ""
    if spec.parameter != "K":
        text += f", K = {number(spec.episodes)}"
    seeds = len({point.seed for point in sweep.points})
    text += ". Left: both certified ends"
    if seeds > 1:
        text += f" (means over {number(seeds)} seeds; dots: single seeds)"
    if spec.bounds:
        text += "; structural bounds"
        text += " of the first seed’s instance" if seeds > 1 else ""
    text += ". Numbers beside lines are slopes; the interval holds all that the ends allow"
    if seeds >= answers.FEW_SEEDS:
        text += " and the 95 % bootstrap over seeds"
    elif seeds > 1:
        text += f", over the range of the {number(seeds)} seeds"
    if spec.measures:
        text += ". Right: every measure divided by its first value; bands where it is an interval"
    return text + "."
