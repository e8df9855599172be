"""The report on a suite: which tables and figures it has, and in what order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mamex_bench.reporting import (
    captions,
    comparison,
    figures,
    multiples,
    render,
    stated_bounds,
    style,
    summary,
    tables,
)
from mamex_bench.reporting.estimates import families_of_groups, worst_of_groups
from mamex_bench.reporting.page import FORMATS, Page, check_formats, code_block
from mamex_bench.reporting.wording import has_data, slug
from mamex_bench.runs.results import Cell, InstanceRecord, Results

# Learners beyond which the map of the comparison stands for the overview, and the PDF leaves the
# instances one by one to the HTML.
_MANY = 12


def write_report(
    results_path: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Read a results file, judge its claims and write the report; see `write_report_from`."""
    from mamex_bench import claims
    from mamex_bench.runs.results import load_results

    results = load_results(Path(results_path))
    if not results.verdicts:
        results = replace(results, verdicts=claims.judge_all(results))
    return write_report_from(results, output_dir, formats)


def write_report_from(
    results: Results, output_dir: str | os.PathLike[str], formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write report.html, report.pdf, tables/*.{md,tex} and figures/*.{pdf,tex}.

    Each figure's own file is a vector drawing 7 inches wide, the two columns of a paper, with
    letters of 7 points or more; the functions of `reporting.figures` draw one column as well, with
    `width=style.ONE_COLUMN`.

    Args:
        results: with verdicts, if claims were judged; incomplete results are shown as such.
        output_dir: made when missing; files of the same names are replaced one by one, each only
            when its successor is complete.
        formats: any of "html" and "pdf".

    Returns:
        The paths written: documents first.

    Raises:
        InputError: an unknown format, or the extra `report` is not installed.
    """
    check_formats(formats)
    return Document(results).write("report", output_dir, formats)


class Document(Page):
    """Everything one report shows: its tables, its figures, and the Markdown that orders them."""

    def __init__(self, results: Results) -> None:
        super().__init__()
        self.results = results
        self.styles = style.learner_styles([(c.learner, c.learner_name) for c in results.cells])
        self._claims = self._add_verdicts()
        self._across()
        self._comparison = comparison.section(results, self.styles, self._table, self._figure)
        self._groups = self._add_groups()
        self._instances = [self._add_instance(record) for record in results.instances]
        self._table(tables.statements(results))
        self._table(
            tables.key_values("provenance", "Where these numbers come from.", results.provenance)
        )

    # ----- parts ---------------------------------------------------------------------------------

    def _add_verdicts(self) -> list[dict[str, Any]]:
        results = self.results
        self._table(tables.verdict_counts(results))
        self._table(tables.gaps_in_data(results))
        claims = []
        for claim in tables.ordered_claims(results):
            slugs = [self._table(grid) for grid in tables.verdict_grids(results, claim)]
            title = claim.replace("_", " ").capitalize()
            claims.append(
                {
                    "title": title,
                    "slugs": slugs,
                    "tally": summary.tally(results, claim),
                    "plain": summary.all_hold(results, claim),
                    "others": summary.statements(results, claim, calm=False),
                    "calm": summary.statements(results, claim, calm=True),
                }
            )
        return claims

    def _across(self) -> None:
        results, styles = self.results, self.styles
        self._table(tables.instances(results))
        learners = {cell.learner for cell in results.cells if has_data(cell)}
        if 0 < len(learners) <= _MANY:
            scales = {r.id: r.agents * float(r.return_range) for r in results.instances}
            self._figure(
                "overview",
                captions.overview(results.cells),
                lambda: figures.overview(results.cells, scales, styles),
            )
        if self._table(tables.brackets(results)):
            self._figure(
                "brackets", captions.brackets(), lambda: figures.brackets(results.instances)
            )

    def _add_groups(self) -> list[dict[str, Any]]:
        groups = []
        for name in dict.fromkeys(record.group for record in self.results.instances):
            members = [r.id for r in self.results.instances if r.group == name]
            if len(members) < 2:
                continue
            slugs = []
            for concept, cells in _by_concept(self.results.cells, members):
                title = f"envelope-{slug(name)}-{concept}"
                caption = captions.envelope(name, concept, cells)
                slugs.append(
                    self._figure(title, caption, partial(figures.envelope, cells, self.styles))
                )
            if slugs:
                groups.append({"id": name, "slugs": slugs})
        return groups + self._add_families()

    def _add_families(self) -> list[dict[str, Any]]:
        """Where a family has several groups: the envelope over them, the worst one at each K."""
        families = []
        for name, groups in families_of_groups(self.results.instances).items():
            slugs = []
            members = [r.id for r in self.results.instances if r.group in groups]
            for concept, cells in _by_concept(self.results.cells, members):
                worst = worst_of_groups(cells, self.results.instances, groups)
                if len({cell.episodes for cell in worst}) < 2:
                    continue
                title = f"envelope-of-{slug(name)}-{concept}"
                caption = captions.family_envelope(name, concept, groups, worst)
                slugs.append(
                    self._figure(title, caption, partial(figures.envelope, worst, self.styles))
                )
            if slugs:
                families.append({"id": f"the worst of {', '.join(groups)}", "slugs": slugs})
        return families

    def _add_instance(self, record: InstanceRecord) -> dict[str, Any]:
        results = self.results
        largest = max(
            (r for r in results.instances if r.group == record.group), key=lambda r: r.episodes
        )
        drawn, further = self._curves(record) if largest is record else ([], [])
        own = [cell for cell in results.cells if cell.instance == record.id]
        reasons = {cell.reason for cell in own if cell.reason}
        notes = {cell.bounds.note for cell in own if cell.bounds is not None and cell.bounds.note}
        return {
            "notes": sorted(notes),
            "id": record.id,
            "slug": slug(record.id),
            "description": record.description,
            "facts": summary.facts(record),
            "known": summary.known(record),
            "figures": drawn,
            "further": further,
            "elsewhere": "" if largest is record else largest.id,
            "opening": self._tables(record, tables.rivals),
            "tables": self._tables(record, tables.bounds, stated_bounds.table),
            "closing": self._tables(record, tables.exponents, tables.episodes_until),
            "reason": "; ".join(sorted(reasons)) or "nothing was run.",
        }

    def _tables(
        self, record: InstanceRecord, *makers: Callable[[Results, str], tables.Table]
    ) -> list[str]:
        """Slugs of those that have rows."""
        kept = (self._table(make(self.results, record.id)) for make in makers)
        return [name for name in kept if name]

    def _curves(self, record: InstanceRecord) -> tuple[list[str], list[str]]:
        """Figures of regret, and of gaps; where there are many learners, by kind as well."""
        found: dict[str, list[str]] = {"regret": [], "gaps": []}
        for concept, every in _by_concept(self.results.cells, [record.id]):
            many = multiples.needed(every)
            few = multiples.alone(every) if many else every
            for name, cells, text, draw in (
                ("regret", few, captions.regret, figures.regret),
                ("regret-by-kind", every, captions.by_kind, multiples.regret),
                ("gaps", few, captions.gaps, figures.gaps),
                ("gaps-by-kind", every, captions.gaps_by_kind, multiples.gaps),
            ):
                if many or not name.endswith("by-kind"):
                    title = f"{name}-{slug(record.id)}-{concept}"
                    caption = text(record, concept, cells)
                    drawn = self._figure(title, caption, partial(draw, cells, self.styles))
                    found[name.split("-")[0]].append(drawn)
        return found["regret"], found["gaps"]

    # ----- rendering -----------------------------------------------------------------------------

    def markdown(self) -> str:
        """The one source of both formats, in pandoc's Markdown."""
        results, theory = self.results, render.theory_pages()
        judged = tables.ordered_claims(results) or list(theory)
        return self.fill(
            "report.md",
            title=results.title or results.suite,
            suite=results.suite,
            description=results.description,
            version=summary.version(results),
            summary=summary.sentences(results),
            warnings=summary.warnings(results),
            claims=self._claims,
            missing="missing" in self.tables,
            comparison=self._comparison,
            brief=len({cell.learner for cell in results.cells}) > _MANY,
            groups=self._groups,
            instances=self._instances,
            theory=[page for name, page in theory.items() if name in judged],
            further_theory=[page for name, page in theory.items() if name not in judged],
            suite_code=code_block(results.suite_text, "toml"),
        )


def _by_concept(cells: Sequence[Cell], instances: Sequence[str]) -> list[tuple[str, list[Cell]]]:
    """Cells with data of these instances, by concept, in the suite's order."""
    own = [cell for cell in cells if cell.instance in instances and has_data(cell)]
    concepts = dict.fromkeys(cell.concept for cell in own)
    return [(name, [cell for cell in own if cell.concept == name]) for name in concepts]
