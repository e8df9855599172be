"""Draw the picture of the README: `python .ci/picture.py RESULTS FILE [INSTANCE] [CONCEPT]`."""

from __future__ import annotations

import sys
from pathlib import Path

from mamex_bench import experiments
from mamex_bench.model.storage import replacing
from mamex_bench.reporting import figures, style


def main(results: str, target: str, instance: str = "needle", concept: str = "cce") -> None:
    """Regret of every learner on one instance, with the bounds."""
    loaded = experiments.results(results)
    cells = [c for c in loaded.cells if (c.instance, c.concept) == (instance, concept)]
    styles = style.learner_styles([(c.learner, c.learner_name) for c in loaded.cells])
    with style.paper_style(), replacing(Path(target)) as temporary:
        figure = figures.regret(cells, styles)
        figure.savefig(temporary, dpi=160, facecolor="white", metadata={"Software": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
