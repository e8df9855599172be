"""The tables of a report: data first (`Table`), then Markdown for the document and for itself, LaTeX.

from mamex_bench.reporting import tables
print(tables.rivals(results, "lock").to_latex())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mamex_bench.reporting import style
from mamex_bench.reporting.estimates import Fit, exponent_windows, mean_interval
from mamex_bench.reporting.figures import LEVELS
from mamex_bench.reporting.wording import (
    concept,
    count,
    duration,
    has_data,
    interval,
    latex,
    learner,
    learner_label,
    markdown,
    number,
)
from mamex_bench.runs.results import Cell, Results


@dataclass(frozen=True)
class Mark:
    """A table entry with a status: the sign, then words, in the status's colour."""

    status: style.Status
    text: str


Entry = str | Mark


@dataclass(frozen=True)
class Table:
    """Rows of text with a caption; `align` holds one of "l", "r", "c" per column."""

    slug: str
    caption: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[Entry, ...], ...]

    def to_markdown(self, anchored: bool = False) -> str:
        """A pipe table with its caption; `anchored` adds the anchor and status classes."""
        marks = {"l": ":---", "r": "---:", "c": ":---:"}
        lines = [
            "| " + " | ".join(markdown(cell) for cell in self.header) + " |",
            "| " + " | ".join(marks[a] for a in self.align) + " |",
        ]
        for row in self.rows:
            cells = [_markdown_entry(entry, anchored) for entry in row]
            lines.append("| " + " | ".join(cells) + " |")
        body = "\n".join([*lines, "", f": {markdown(self.caption)}"])
        if not anchored:
            return body + "\n"
        width = " .wide" if len(self.header) > 7 else ""
        return f"::: {{#tbl:{self.slug} .table{width}}}\n{body}\n:::\n"

    def to_latex(self) -> str:
        """A booktabs table (packages booktabs and amssymb)."""
        head = " & ".join(latex(cell) for cell in self.header)
        rows = [" & ".join(_latex_entry(entry) for entry in row) + r" \\" for row in self.rows]
        return "\n".join(
            [
                r"\begin{table}",
                r"  \centering\small",
                rf"  \caption{{{latex(self.caption)}}}",
                rf"  \label{{tab:{self.slug}}}",
                rf"  \begin{{tabular}}{{{self.align}}}",
                r"    \toprule",
                rf"    {head} \\",
                r"    \midrule",
                *(f"    {row}" for row in rows),
                r"    \bottomrule",
                r"  \end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def _markdown_entry(entry: Entry, anchored: bool) -> str:
    if isinstance(entry, str):
        return markdown(entry)
    text = f"{entry.status.symbol} {markdown(entry.text)}".strip()
    return f"[{text}]{{.status .{entry.status.css}}}" if anchored else text


def _latex_entry(entry: Entry) -> str:
    if isinstance(entry, str):
        return latex(entry)
    return latex(f"{entry.status.symbol} {entry.text}".strip())


# ----- verdicts ----------------------------------------------------------------------------------


def ratio_of(verdict: Any) -> float:
    """Measured over bound, as the claim gives it; NaN where it gives none."""
    return float(verdict.numbers.get("ratio", np.nan))


def verdict_grid(results: Results, claim: str) -> Table:
    """One claim: instances and concepts down, learners across; sign, words and ratio in each cell.

    Rows and columns in which the claim never applies are left out.
    """
    own = [v for v in results.verdicts if v.claim == claim]
    useful = [v for v in own if v.status != "not applicable"]
    learners = list(dict.fromkeys(v.learner for v in useful))
    lines = list(dict.fromkeys((v.instance, v.concept) for v in useful))
    found = {(v.instance, v.concept, v.learner): v for v in own}
    kinds = {cell.learner: learner_label(cell) for cell in results.cells if has_data(cell)}
    rows = []
    for instance, name in lines:
        entries: list[Entry] = [instance, concept(name) if name else "–"]
        for identity in learners:
            verdict = found.get((instance, name, identity))
            entries.append(_verdict_entry(verdict))
        rows.append(tuple(entries))
    return Table(
        slug=f"verdicts-{claim.replace('_', '-')}",
        caption=f"Verdicts on the claim “{claim.replace('_', ' ')}”. "
        "Numbers: measured divided by bound.",
        header=("instance", "concept", *(kinds.get(i, learner(i)) for i in learners)),
        align="ll" + "l" * len(learners),
        rows=tuple(rows),
    )


def _verdict_entry(verdict: Any | None) -> Entry:
    if verdict is None:
        return ""
    look = style.status(verdict.status, verdict.expected)
    if verdict.status == "not applicable":
        return Mark(look, "")
    ratio = ratio_of(verdict)
    return Mark(look, look.word if np.isnan(ratio) else f"{look.word}, {number(ratio, 2)}")


def verdict_counts(results: Results) -> Table:
    """How often each status was reached, by claim; planted violations counted apart."""
    columns = ("holds", "violated", "planted", "vacuous", "inconclusive", "not applicable")
    rows = []
    for claim in dict.fromkeys(v.claim for v in results.verdicts):
        own = [v for v in results.verdicts if v.claim == claim]
        tally = dict.fromkeys(columns, 0)
        for verdict in own:
            planted = verdict.status == "violated" and verdict.expected == "violated"
            tally["planted" if planted else verdict.status] += 1
        rows.append((claim.replace("_", " "), *(str(tally[name]) for name in columns)))
    signs = [style.PLANTED if c == "planted" else style.STATUSES[c] for c in columns]
    return Table(
        slug="verdict-counts",
        caption="Number of verdicts by claim and status, over instances, learners and concepts.",
        header=("claim", *(f"{sign.symbol} {sign.word}" for sign in signs)),
        align="l" + "r" * len(columns),
        rows=tuple(rows),
    )


def statements(results: Results) -> Table:
    """Every verdict that says something, in words."""
    rows = tuple(
        (
            v.claim.replace("_", " "),
            v.instance,
            learner(v.learner) if v.learner else "–",
            concept(v.concept) if v.concept else "–",
            Mark(style.status(v.status, v.expected), style.status(v.status, v.expected).word),
            str(v.statement),
        )
        for v in results.verdicts
        if v.status != "not applicable"
    )
    return Table(
        slug="statements",
        caption="All verdicts in words; those not applicable are left out.",
        header=("claim", "instance", "learner", "concept", "verdict", "statement"),
        align="llllll",
        rows=rows,
    )


# ----- instances ---------------------------------------------------------------------------------


def instances(results: Results) -> Table:
    """Sizes and ranges of every instance."""
    rows = tuple(
        (
            r.id,
            r.family,
            number(r.agents),
            number(r.states),
            number(r.horizon),
            " × ".join(map(str, r.action_counts)),
            " × ".join(map(str, r.policy_counts)),
            number(r.episodes),
            number(float(r.return_range)),
            number(r.value_bound if r.value_bound is None else float(r.value_bound)),
        )
        for r in results.instances
    )
    return Table(
        slug="instances",
        caption="Instances: agents n, states S, horizon H, actions and pure policies per agent, "
        "episodes K, true return range R_true, value bound R.",
        header=("instance", "family", "n", "S", "H", "actions", "policies", "K", "R_true", "R"),
        align="llrrrrrrrr",
        rows=rows,
    )


def brackets(results: Results) -> Table:
    """Both certified ends of the decoupling coefficient, and how they were found."""
    rows = tuple(
        (
            r.id,
            number(r.bracket.get("episodes", r.episodes)),
            number(float(r.bracket["lower"])),
            number(float(r.bracket["upper"])),
            str(r.bracket.get("method", "–")),
            number(r.bracket.get("witness_length")),
            number(_float(r.bracket.get("c"))),
            number(_float(r.bracket.get("U"))),
            duration(float(r.bracket.get("seconds", np.nan))),
        )
        for r in results.instances
        if r.bracket
    )
    return Table(
        slug="brackets",
        caption="Certified interval around the decoupling coefficient d(K) (maximum over agents): "
        "the lower end is a witness sequence of the stated length, the upper end the stated method; "
        "c and U are the constants of the concentration step.",
        header=("instance", "K", "lower", "upper", "upper end by", "witness", "c", "U", "time"),
        align="lrrrlrrrr",
        rows=rows,
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


# ----- learners on one instance ------------------------------------------------------------------


def _own(results: Results, instance: str) -> list[Cell]:
    return [cell for cell in results.cells if cell.instance == instance and has_data(cell)]


def exponents(results: Results, instance: str) -> Table:
    """Growth exponents of the mean regret on three windows of checkpoints."""
    rows = []
    for cell in _own(results, instance):
        fits = exponent_windows(cell.checkpoints, np.asarray(cell.regret).sum(axis=2))
        rows.append((concept(cell.concept), learner_label(cell), *map(_fit, fits)))
    return Table(
        slug=f"exponents-{_slug(instance)}",
        caption=f"{instance}: exponent of the mean cumulative regret (sum over agents) in K, least "
        "squares on logarithms over three windows of checkpoints, 95 % bootstrap interval over "
        f"seeds ({_seeds(_own(results, instance))}); a dash where the mean is not positive.",
        header=("concept", "learner", "all points", "upper half", "last four"),
        align="llrrr",
        rows=tuple(rows),
    )


def _fit(fit: Fit | None) -> str:
    if fit is None:
        return "–"
    return f"{fit.slope:.2f} [{fit.low:.2f}, {fit.high:.2f}]".replace("-", "−")


def episodes_until(results: Results, instance: str) -> Table:
    """First checkpoint at which the output's gap is at most each level."""
    rows = []
    for cell in _own(results, instance):
        entries = [
            _first(cell, field, level) for field in ("output_gap", "gap") for level in LEVELS
        ]
        rows.append((concept(cell.concept), learner_label(cell), *entries))
    levels = [f"≤ {level:g}" for level in LEVELS]
    return Table(
        slug=f"episodes-{_slug(instance)}",
        caption=f"{instance}: episodes until an ε-equilibrium, the first checkpoint with largest gap "
        "over agents at most ε: median over the seeds that get there, and in brackets how many of "
        "them do when not all. First three columns: the output; last three: the profile played.",
        header=(
            "concept",
            "learner",
            *(f"output {e}" for e in levels),
            *(f"played {e}" for e in levels),
        ),
        align="ll" + "r" * 6,
        rows=tuple(rows),
    )


def _first(cell: Cell, field: str, level: float) -> str:
    values = np.asarray(getattr(cell, field), dtype=float)
    if not np.isfinite(values).any():
        return "–"
    reached = values <= level
    hit = reached.any(axis=1)
    if not hit.any():
        return f"> {number(int(cell.checkpoints[-1]))}"
    first = np.asarray(cell.checkpoints)[reached[hit].argmax(axis=1)]
    text = number(int(np.median(first)))
    return text if hit.all() else f"{text} ({hit.sum()}/{len(hit)})"


def rivals(results: Results, instance: str) -> Table:
    """Final regret, paired difference to MAMEX, time and equilibrium solves."""
    rows = []
    own = _own(results, instance)
    for cell in own:
        final = np.asarray(cell.regret, dtype=float)[:, -1].sum(axis=1)
        inside = np.asarray(cell.class_regret, dtype=float)[:, -1].sum(axis=1)
        base = next(
            (c for c in own if c.concept == cell.concept and c.learner_name == "mamex"), None
        )
        rows.append(
            (
                concept(cell.concept),
                learner_label(cell),
                _mean(final),
                _mean(inside) if cell.profile_kind == "markov" else "the same",
                _difference(cell, base),
                duration(float(np.median(cell.seconds)) / cell.episodes),
                _diagnostic(cell, "resolves"),
            )
        )
    base_name = next((c.learner for c in own if c.learner_name == "mamex"), "mamex")
    return Table(
        slug=f"rivals-{_slug(instance)}",
        caption=f"{instance}: cumulative regret at the last episode, signed sum over agents, mean and "
        f"95 % bootstrap interval over seeds ({_seeds(own)}). Learners marked † play Markov profiles: "
        "their regret counts deviations to every policy, and their regret inside the policy class "
        f"stands beside it. Difference to {learner(base_name)}: paired by seed, both inside the class.",
        header=(
            "concept",
            "learner",
            "regret",
            "regret inside the class",
            "difference",
            "time per episode",
            "equilibria solved",
        ),
        align="llrrrrr",
        rows=tuple(rows),
    )


def _mean(values: np.ndarray) -> str:
    return f"{number(float(values.mean()))} {interval(*mean_interval(values))}"


def _difference(cell: Cell, base: Cell | None) -> str:
    if base is None or base is cell:
        return "–"
    mine = dict(zip(cell.seeds, np.asarray(cell.class_regret, dtype=float)[:, -1].sum(axis=1)))
    other = dict(zip(base.seeds, np.asarray(base.class_regret, dtype=float)[:, -1].sum(axis=1)))
    shared = [seed for seed in mine if seed in other]
    return _mean(np.array([mine[s] - other[s] for s in shared])) if shared else "–"


def _diagnostic(cell: Cell, name: str) -> str:
    values = cell.diagnostics.get(name)
    return "–" if values is None else number(float(np.median(values)))


def _seeds(cells: Sequence[Cell]) -> str:
    counts = sorted({len(cell.seeds) for cell in cells})
    if not counts:
        return "none"
    return count(counts[0], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _slug(instance: str) -> str:
    from mamex_bench.reporting.wording import slug

    return slug(instance)


# ----- what is not there, and where it came from -------------------------------------------------


def gaps_in_data(results: Results) -> Table:
    """Cells without complete data, and why."""
    rows = tuple(
        (
            cell.instance,
            learner(cell.learner),
            concept(cell.concept),
            cell.status,
            number(len(cell.seeds)),
            cell.reason or "–",
        )
        for cell in results.cells
        if cell.status != "done"
    )
    return Table(
        slug="missing",
        caption="Cells without complete data, and the reason; “seeds” counts those that are there.",
        header=("instance", "learner", "concept", "status", "seeds", "reason"),
        align="llllrl",
        rows=rows,
    )


def key_values(slug: str, caption: str, pairs: Mapping[str, str]) -> Table:
    """Two columns: what, and its value."""
    rows = tuple((str(key), str(value)) for key, value in pairs.items())
    return Table(slug, caption, ("what", "value"), "ll", rows)
