"""Tables of the learners on one instance: rivals, bounds, exponents, episodes until equilibrium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mamex_bench.model._arrays import Floats
from mamex_bench.reporting import cost_tables
from mamex_bench.reporting.contests import final as final_regret
from mamex_bench.reporting.estimates import SEED, difference, mean_interval
from mamex_bench.reporting.figures import LEVELS
from mamex_bench.reporting.table import Table
from mamex_bench.reporting.wording import (
    FIXED,
    MARKOV_MARK,
    concept,
    count,
    has_data,
    interval,
    learner,
    learner_label,
    number,
    slug,
)
from mamex_bench.runs.results import Cell, Results
from mamex_bench.statistics import Exponent
from mamex_bench.statistics import exponents as fit_exponents


def _own(results: Results, instance: str) -> list[Cell]:
    """This instance's cells with data, concept by concept."""
    own = [cell for cell in results.cells if cell.instance == instance and has_data(cell)]
    concepts = list(dict.fromkeys(cell.concept for cell in own))
    return sorted(own, key=lambda cell: concepts.index(cell.concept))


def exponents(results: Results, instance: str) -> Table:
    """Growth exponents of the mean regret on three windows of checkpoints."""
    rows = []
    for cell in _own(results, instance):
        fits = fit_exponents(cell.checkpoints, np.asarray(cell.regret).sum(axis=2), SEED)
        rows.append((concept(cell.concept), learner_label(cell), *map(_fit, fits)))
    return Table(
        slug=f"exponents-{slug(instance)}",
        caption=f"{instance}: exponent of the mean cumulative regret (sum over agents) in K, least "
        "squares on logarithms over three windows of checkpoints, 95 % bootstrap interval over "
        f"seeds ({_seeds(_own(results, instance))}); a dash where the mean is not positive.",
        header=("concept", "learner", "all points", "upper half", "last four"),
        align="llrrr",
        rows=tuple(rows),
    )


def _fit(fit: Exponent) -> str:
    slope = fit.interval
    if np.isnan(slope.estimate):
        return "–"
    ends = [slope.estimate] + ([slope.low, slope.high] if np.isfinite(slope.low) else [])
    texts = [f"{round(end, 2) + 0.0:.2f}".replace("-", "−") for end in ends]
    return texts[0] if len(texts) == 1 else f"{texts[0]} [{texts[1]},{FIXED}{texts[2]}]"


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
        slug=f"episodes-{slug(instance)}",
        caption=f"{instance}: episodes until an ε-equilibrium, the first checkpoint with largest "
        "gap over agents at most ε: median over the seeds that get there, and in brackets how "
        "many of "
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
    hit: Any = reached.any(axis=1)
    if not hit.any():
        return f">{FIXED}{number(int(cell.checkpoints[-1]))}"
    first = np.asarray(cell.checkpoints)[reached[hit].argmax(axis=1)]
    text = number(int(np.median(first)))
    return text if hit.all() else f"{text}{FIXED}({hit.sum()}/{hit.size})"


def bounds(results: Results, instance: str) -> Table:
    """Measured regret in its three forms beside explicit, paper-shape and trivial numbers."""
    rows = []
    own = [cell for cell in _own(results, instance) if cell.bounds is not None]
    for cell in own:
        assert cell.bounds is not None
        final = np.asarray(cell.class_regret, dtype=float)[:, -1]
        positive = np.asarray(cell.positive_regret, dtype=float)[:, -1]
        rows.append(
            (
                concept(cell.concept),
                learner_label(cell),
                number(cell.eta),
                number(float(final.sum(axis=1).mean())),
                number(float(positive.sum(axis=1).mean())),
                number(float(final.mean(axis=0).max())),
                number(float(cell.bounds.explicit[-1])),
                number(float(cell.bounds.explicit_probability[-1])),
                number(float(cell.bounds.trivial[-1])),
                number(float(cell.bounds.paper_shape[-1])),
                _from(cell.bounds.nonvacuous_from),
            )
        )
    return Table(
        slug=f"bounds-{slug(instance)}",
        caption=f"{instance}: regret inside the policy class at the last episode, mean over seeds "
        f"({_seeds(own)}): signed sum over agents, sum of positive parts, largest agent. Beside it "
        "the explicit bounds on the sum over agents, on the mean and in probability, and the "
        "trivial bound; then the paper shape, which is not a bound at finite K. Last: the least K "
        "from which the explicit bound on the mean, tuned to that K, is below the trivial one.",
        header=(
            "concept",
            "learner",
            "η",
            "sum",
            "positive",
            "largest",
            "bound, mean",
            "bound, prob.",
            "trivial",
            "paper shape (not a bound)",
            "informative from",
        ),
        align="llrrrrrrrrr",
        rows=tuple(rows),
    )


def _from(episodes: float | None) -> str:
    return "beyond 10¹²" if episodes is None else f"K = {number(int(episodes))}"


def rivals(results: Results, instance: str) -> Table:
    """Final regret, difference to MAMEX, time and equilibrium solves; least regret first."""
    rows = []
    own = _own(results, instance)
    concepts = list(dict.fromkeys(cell.concept for cell in own))
    own.sort(key=lambda cell: (concepts.index(cell.concept), final_regret(cell, "class").mean()))
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
                *cost_tables.of_cells([cell]),
            )
        )
    markov = ""
    if any(cell.profile_kind == "markov" for cell in own):
        markov = (
            f" Learners marked {MARKOV_MARK} play Markov profiles: their regret counts deviations "
            "to every policy, and their regret inside the policy class stands beside it."
        )
    base_name = next((c.learner for c in own if c.learner_name == "mamex"), "mamex")
    return Table(
        slug=f"rivals-{slug(instance)}",
        caption=f"{instance}: cumulative regret at the last episode, signed sum over agents, mean "
        f"and 95 % bootstrap interval over seeds ({_seeds(own)}).{markov} Difference to "
        f"{learner(base_name)}: both inside the class, interval from resampling the seeds of both "
        "independently, as their runs share no random numbers. Time: learner and simulation, "
        "median over seeds. Solves: equilibria solved in a run, and their share of its time, "
        "medians over seeds. Least regret inside the class first.",
        header=(
            "concept",
            "learner",
            "regret",
            "regret inside the class",
            "difference",
            "time per episode",
            "solves",
            "in solves",
        ),
        align="llrrrrrr",
        rows=tuple(rows),
    )


def _mean(values: Floats) -> str:
    return f"{number(float(values.mean()))} {interval(*mean_interval(values))}"


def _difference(cell: Cell, base: Cell | None) -> str:
    if base is None or base is cell:
        return "–"
    values = final_regret(cell, "class"), final_regret(base, "class")
    middle, low, high = difference(*values)
    return f"{number(middle)} {interval(low, high)}"


def _seeds(cells: Sequence[Cell]) -> str:
    counts = sorted({len(cell.seeds) for cell in cells})
    if not counts:
        return "none"
    return count(counts[0], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
