"""The coefficient of every class of every game, the measures beside it, and what does not apply."""

from __future__ import annotations

import math

from mamex_bench.experiments.atlas.data import COEFFICIENT, Atlas, GameRow
from mamex_bench.reporting.atlas.words.phrases import ends, known_ends, label
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import duration, number

# Measures side by side in one table.
ACROSS = 6


def coefficients(atlas: Atlas) -> Table:
    """The bracket of every class of every game."""
    rows = []
    for row in atlas.games:
        found, facts = row.coefficient, row.facts
        size = facts["classes"][row.hypotheses]["size"] if facts else None
        sizes = (
            number(facts.get("agents")),
            number(facts.get("horizon")),
            number(facts.get("policies")),
            "∞" if facts and size is None else number(size),
        )
        if not found.known:
            rows.append((row.label, *sizes, "–", "–", "–", "–", "not applicable", "–", "–"))
            continue
        factor = found.upper / found.lower if found.lower > 0.0 else math.inf
        if found.upper == 0.0:
            factor = 1.0
        rows.append(
            (
                row.label,
                *sizes,
                number(float(found.lower)),
                number(float(found.upper)),
                number(float(factor)),
                ends(*found.free),
                found.method.partition(",")[0],
                number(found.witness),
                duration(found.seconds),
            )
        )
    return Table(
        "coefficients",
        f"Certified ends of the decoupling coefficient d(K), K = {number(atlas.plan.episodes)}, "
        "largest over agents, of every hypothesis class of every game: agents n, horizon H, joint "
        "policies |Π|, hypotheses |F| (of the agent with most); upper end divided by lower end; "
        "the coefficient without K, its supremum over K; the certificate that gave the upper end; "
        "the number of pairs of the sequence behind the lower end; time.",
        (
            "game",
            "n",
            "H",
            "|Π|",
            "|F|",
            "lower",
            "upper",
            "ratio",
            "without K",
            "upper end by",
            "witness",
            "time",
        ),
        "lrrrrrrrrlrr",
        tuple(rows),
    )


def neighbours(atlas: Atlas) -> list[Table]:
    """The other measures beside the coefficient, some at a time."""
    ids = [spec.id for spec in atlas.plan.measures]
    parts = max(1, math.ceil(len(ids) / ACROSS))
    width = math.ceil(len(ids) / parts) if ids else 1
    tables = []
    for part in range(parts):
        chosen = ids[part * width : (part + 1) * width]
        if not chosen:
            continue
        rows = tuple(
            (row.label, known_ends(row, COEFFICIENT), *(known_ends(row, id) for id in chosen))
            for row in atlas.games
            if row.readings
        )
        which = "; ".join(_what(atlas, id) for id in chosen)
        tables.append(
            Table(
                f"neighbours-{part + 1}",
                f"Other measures beside the coefficient ({part + 1} of {parts}): {which}. "
                "An interval where the ends differ by more than 0.2 %; a dash where it does "
                "not apply, for the reasons in the table of reasons.",
                ("game", "coefficient", *(label(atlas, id) for id in chosen)),
                "l" + "r" * (1 + len(chosen)),
                rows,
            )
        )
    return tables


def _what(atlas: Atlas, id: str) -> str:
    """A measure's options in words."""
    spec = atlas.plan.measure(id)
    options = ", ".join(f"{k} = {v}" for k, v in spec.options.items() if k != "limit")
    text = spec.label + (f" ({options})" if options else "")
    if spec.gammas:
        grid = ", ".join(f"{gamma:g}" for gamma in spec.gammas)
        text += f", the largest γ × coefficient over γ = {grid}"
    return text


def reasons(atlas: Atlas) -> Table:
    """Why a measure does not apply: one row per reason, which names the games it is true of."""
    grouped: dict[str, tuple[dict[str, None], dict[str, None]]] = {}

    def add(row: GameRow, what: str, why: str) -> None:
        name = str(row.facts.get("name", row.id))
        words = why.replace(repr(name), "it").replace("hypotheses of it", "its hypotheses")
        measures, games = grouped.setdefault(words, ({}, {}))
        measures[what] = games[row.label] = None

    for row in atlas.games:
        if not row.coefficient.known:
            add(row, "coefficient", row.coefficient.reason)
        for id, found in row.readings.items():
            if not found.known:
                add(row, label(atlas, id), found.reason)
        if row.first and not row.regret and row.regret_reason and atlas.plan.regret is not None:
            add(row, "regret", row.regret_reason)
    rows = tuple(
        (", ".join(measures), why, ", ".join(games)) for why, (measures, games) in grouped.items()
    )
    return Table(
        "reasons",
        "What does not apply, why, and to which classes.",
        ("measures", "reason", "games"),
        "lll",
        rows,
    )
