"""Refresh what is committed of a report: `python .ci/gallery.py RESULTS REPORT GALLERY`.

The PDF, the picture of the README, and the verdicts one per line, by which `.ci/check_report.py`
says when the gallery is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from check_report import verdict_lines

from mamex_bench import experiments
from mamex_bench.model.storage import replacing
from mamex_bench.reporting import figures, style
from mamex_bench.runs.results import Results


def picture(results: Results, target: Path, instance: str = "needle", concept: str = "cce") -> None:
    """Regret of every learner on one instance, with the bounds."""
    cells = [c for c in results.cells if (c.instance, c.concept) == (instance, concept)]
    styles = style.learner_styles([(c.learner, c.learner_name) for c in results.cells])
    with style.paper_style(), replacing(target) as temporary:
        figure = figures.regret(cells, styles)
        figure.savefig(temporary, dpi=160, facecolor="white", metadata={"Software": None})


def main(results: str, report: str, gallery: str) -> None:
    """Write the three files."""
    loaded, target = experiments.results(results), Path(gallery)
    target.mkdir(parents=True, exist_ok=True)
    picture(loaded, target / "regret.png")
    (target / "report.pdf").write_bytes((Path(report) / "report.pdf").read_bytes())
    (target / "verdicts.txt").write_text("\n".join(verdict_lines(loaded)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
