"""What tuning changes: every tuned form beside the theorem's constants of the same algorithm."""

from __future__ import annotations

from collections.abc import Sequence

from mamex_bench.reporting import kinds, outcomes
from mamex_bench.reporting.contests import Contest
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import MARKOV_MARK, learner, unbroken


def table(found: Sequence[Contest]) -> Table:
    """One row per tuned form: how often less regret, level, more, and by what factor."""
    pairs: dict[tuple[str, str], list[tuple[Contest, int, int]]] = {}
    for contest in found:
        for one, cell in enumerate(contest.cells):
            root, ending = kinds.base(cell.learner_name)
            other = _of_name(contest, root)
            its = "all" if cell.profile_kind == "markov" else "class"
            if ending and other is not None and contest.against == its:
                pairs.setdefault((cell.learner, root), []).append((contest, one, other))
    rows = []
    for (identity, root), own in pairs.items():
        ratios = [float(c.factors[one] / c.factors[other]) for c, one, other in own]
        signs = [contest.sign(one, other) for contest, one, other in own]
        rows.append(
            (
                unbroken(learner(identity)),
                unbroken(learner(root)),
                *outcomes.columns(signs, ratios),
            )
        )
    return Table(
        slug="comparison-tuning",
        caption="Tuned forms against the theorem’s constants of the same algorithm, wherever both "
        "ran: how often the tuned form has less regret, is level, has more; then how many times "
        "the regret with the theorem’s constants its own is, both shifted by one bad episode: "
        "least, median and greatest. Regret inside the class, for learners marked "
        f"{MARKOV_MARK} elsewhere against every policy.",
        header=("tuned form", "constants of", *outcomes.HEADER),
        align="llrrrrrrr",
        rows=tuple(rows),
    )


def _of_name(contest: Contest, name: str) -> int | None:
    return next((i for i, c in enumerate(contest.cells) if c.learner_name == name), None)
