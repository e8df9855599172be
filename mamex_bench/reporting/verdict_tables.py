"""Tables of verdicts: counts, one grid per claim, and every statement in words."""

from __future__ import annotations

import numpy as np

from mamex_bench.reporting import style
from mamex_bench.reporting.table import Entry, Mark, Table
from mamex_bench.reporting.wording import (
    concept,
    has_data,
    interval,
    learner,
    learner_label,
    number,
)
from mamex_bench.runs.results import Results, Verdict

SIDE_BY_SIDE = 4  # learners whose verdicts fit into a line as sign, words and number
A_LINE = 7  # as sign and number

_DETAILS = {
    "regret_in_expectation": "Numbers: mean over seeds of the regret (positive parts; for Nash "
    "and CE these are the signed gaps) divided by the explicit bound on the mean, for the sum "
    "over agents or "
    "for the worst agent, whichever is larger.",
    "regret_in_probability": "Numbers: seeds beyond the explicit bound, of all seeds.",
    "online_to_batch": "Numbers: largest gap of the output over seeds.",
    "decoupling_bracket": "Numbers: lower and upper end.",
}


def ordered_claims(results: Results) -> list[str]:
    """The claims judged: those on regret first, then the others as they come."""
    found = dict.fromkeys(verdict.claim for verdict in results.verdicts)
    return [c for c in _DETAILS if c in found] + [c for c in found if c not in _DETAILS]


def _detail(verdict: Verdict, agents: int) -> str:
    """The one number, or pair, that goes into a grid beside the status."""
    numbers = verdict.numbers
    if verdict.claim == "regret_in_probability" and "beyond" in numbers:
        return f"{number(int(numbers['beyond']))}/{number(int(numbers['seeds']))}"
    if verdict.claim == "decoupling_bracket" and "lower" in numbers:
        return interval(numbers["lower"], numbers["upper"])
    if "worst_agent" in numbers and numbers.get("bound", 0.0) > 0.0:
        worst = agents * numbers["worst_agent"] / numbers["bound"]
        return number(float(max(numbers.get("ratio", worst), worst)), 2)
    for name in ("ratio", "gap"):
        if name in numbers and not np.isnan(numbers[name]):
            return number(float(numbers[name]), 2)
    return ""


def verdict_grids(results: Results, claim: str) -> list[Table]:
    """One claim: instances and concepts down, learners across; sign, words and ratio in each cell.

    Rows and columns in which the claim never applies are left out. More learners than fit into a
    line are spread evenly over several tables.
    """
    own = [v for v in results.verdicts if v.claim == claim]
    useful = [v for v in own if v.status != "not applicable"]
    columns = list(dict.fromkeys(v.learner for v in useful))
    parts = -(-len(columns) // A_LINE)
    return (
        [
            _verdict_grid(results, claim, list(part), f"-{place + 1}" if parts > 1 else "")
            for place, part in enumerate(np.array_split(np.array(columns, dtype=object), parts))
        ]
        if parts
        else []
    )


def _verdict_grid(results: Results, claim: str, learners: list[str], ending: str) -> Table:
    """The columns of these learners."""
    own = [v for v in results.verdicts if v.claim == claim]
    useful = [v for v in own if v.status != "not applicable" and v.learner in learners]
    places = {name: rank for rank, name in enumerate(r.id for r in results.instances)}
    concepts = list(dict.fromkeys(v.concept for v in useful))
    lines = sorted(
        dict.fromkeys((v.instance, v.concept) for v in useful),
        key=lambda line: (places.get(line[0], -1), concepts.index(line[1])),
    )
    agents = {record.id: record.agents for record in results.instances}
    found = {(v.instance, v.concept, v.learner): v for v in own}
    kinds = {cell.learner: learner_label(cell) for cell in results.cells if has_data(cell)}
    # Many learners fit side by side only if the sign stands for the word.
    short = len(learners) > SIDE_BY_SIDE
    rows = []
    for instance, name in lines:
        entries: list[Entry] = [instance, concept(name) if name else "–"]
        for identity in learners:
            verdict = found.get((instance, name, identity))
            entries.append(_verdict_entry(verdict, agents[instance], short))
        rows.append(tuple(entries))
    return Table(
        slug=f"verdicts-{claim.replace('_', '-')}{ending}",
        caption=f"Verdicts on the claim “{claim.replace('_', ' ')}”. "
        + _DETAILS.get(claim, "")
        + (" Signs as in the table of counts." if short else ""),
        header=("instance", "concept", *(kinds.get(i, learner(i) or "verdict") for i in learners)),
        align="ll" + "l" * len(learners),
        rows=tuple(rows),
    )


def _verdict_entry(verdict: Verdict | None, agents: int, short: bool) -> Entry:
    if verdict is None:
        return ""
    look = style.status(verdict.status, verdict.expected)
    if verdict.status == "not applicable":
        return Mark(look, "")
    detail = _detail(verdict, agents)
    if short and detail:
        return Mark(look, detail)
    return Mark(look, f"{look.word}, {detail}" if detail else look.word)


def verdict_counts(results: Results) -> Table:
    """How often each status was reached, by claim; planted violations counted apart."""
    columns = ("holds", "violated", "planted", "vacuous", "inconclusive", "not applicable")
    rows = []
    for claim in ordered_claims(results):
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
