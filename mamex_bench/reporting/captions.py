"""Captions: what is measured, over how many seeds, which interval, and what a line is not."""

from __future__ import annotations

from collections.abc import Sequence

from mamex_bench.reporting import champions
from mamex_bench.reporting.contests import Contest, counted
from mamex_bench.reporting.wording import MARKOV_MARK, concept, count
from mamex_bench.runs.results import Cell, InstanceRecord


def seeds(cells: Sequence[Cell]) -> str:
    """N = 20 seeds, or the range when learners differ."""
    counts = sorted({len(cell.seeds) for cell in cells if cell.seeds})
    if not counts:
        return "no seeds"
    if len(counts) == 1:
        return count(counts[0], "seed")
    return f"{counts[0]} to {counts[-1]} seeds"


def _markov(cells: Sequence[Cell]) -> str:
    if not any(cell.profile_kind == "markov" for cell in cells):
        return ""
    return (
        f" Learners marked {MARKOV_MARK} play Markov profiles: their gaps count deviations to "
        "every policy, those of the others deviations inside the policy class."
    )


def regret(record: InstanceRecord, name: str, cells: Sequence[Cell]) -> str:
    """Caption of `figures.regret`."""
    bounded = [cell for cell in cells if cell.bounds is not None]
    text = (
        f"{record.id}, {concept(name)}: cumulative regret, signed sum over agents of exact gaps, "
        f"{seeds(cells)}; line: median, band: 10 % to 90 % quantile over seeds. "
        "Values at or below zero are drawn on the lowest line."
    )
    if bounded:
        delta = bounded[0].bounds.failure_probability if bounded[0].bounds else 0.0
        text += (
            " The explicit bounds have every constant proved: on the mean over seeds, and on each "
            f"seed with probability at least {1 - delta:g}. The paper shape is the published "
            "leading order with constant 1 and is not a bound at finite K. Lower panel: mean over "
            "seeds divided by the learner’s own explicit bound on the mean; dashed where that "
            "bound is not below the trivial one."
        )
    if any(cell.stated for cell in cells):
        text += (
            " Lines named after a learner are bounds of its own theorem: proved for what runs here "
            "(dash-dotted), or a paper’s in its own setting, which is no claim here (dotted)."
        )
    return text + _markov(cells)


def gaps(record: InstanceRecord, name: str, cells: Sequence[Cell]) -> str:
    """Caption of `figures.gaps`."""
    return (
        f"{record.id}, {concept(name)}: largest gap over agents against episodes, {seeds(cells)}; "
        "line: median, band: 10 % to 90 % quantile over seeds. Left: the profile played in that "
        "episode. Right: the output after so many episodes, which is the uniform mixture of all "
        "profiles (CCE, CE) or the profile of a uniformly drawn episode (Nash, Markov profiles; "
        "mean gap). Horizontal lines: gaps 0.1, 0.03 and "
        "0.01. Gaps at or below 0.0001 are drawn on the lowest line." + _markov(cells)
    )


def envelope(group: str, name: str, cells: Sequence[Cell]) -> str:
    """Caption of `figures.envelope`."""
    return (
        f"{group}, {concept(name)}: mean regret (signed sum over agents) at K, on the instance "
        f"made for K; {seeds(cells)} each, bars: 95 % bootstrap interval of the mean. Slopes: "
        "least squares on logarithms over all K, 95 % bootstrap interval. The paper shape is not "
        "a bound at "
        "finite K." + _markov(cells)
    )


def family_envelope(family: str, name: str, groups: Sequence[str], cells: Sequence[Cell]) -> str:
    """Caption of `figures.envelope` over several groups of one family."""
    return (
        f"{family}, {concept(name)}: the envelope over {', '.join(groups)}. At each K and for each "
        "learner the instance on which its mean regret (signed sum over agents) is largest, with "
        f"the bounds of that instance; {seeds(cells)} each, bars: 95 % bootstrap interval of the "
        "mean. The square-root rate is a statement about this worst case. Slopes: least squares on "
        "logarithms over all K, 95 % bootstrap interval with the chosen instances kept."
        + _markov(cells)
    )


def brackets() -> str:
    """Caption of `figures.brackets`."""
    return (
        "Certified interval around the decoupling coefficient d(K) of every instance, logarithmic; "
        "right: upper end divided by lower end. An arrow marks an end at zero or infinity."
    )


def overview(cells: Sequence[Cell]) -> str:
    """Caption of `figures.overview`."""
    return (
        f"Mean regret at the last episode (signed sum over agents, {seeds(cells)}) as a share of "
        "the trivial bound, for every instance and learner. Triangles: planted faults. Open "
        f"marks: Markov profiles ({MARKOV_MARK}), whose gaps count deviations to every policy. "
        "Shares at or below 0.0001, zero and negative ones too, are drawn on the left edge."
    )


def by_kind(record: InstanceRecord, name: str, cells: Sequence[Cell]) -> str:
    """Caption of `multiples.regret`."""
    return (
        f"{record.id}, {concept(name)}: cumulative regret of the rivals by kind, signed sum over "
        f"agents of exact gaps, {seeds(cells)}; line: median, band: 10 % to 90 % quantile over "
        "seeds. MAMEX stands in every panel, bold is the least final regret of each kind, and the "
        "grey line is the trivial bound. Values at or "
        "below zero are drawn on the lowest line." + _markov(cells)
    )


def gaps_by_kind(record: InstanceRecord, name: str, cells: Sequence[Cell]) -> str:
    """Caption of `multiples.gaps`."""
    return (
        f"{record.id}, {concept(name)}: largest gap over agents of the rivals by kind, MAMEX in "
        f"every panel, {seeds(cells)}; line: median, band: 10 % to 90 % quantile over seeds. Left: "
        "the profile played in that episode. Right: the output after so many episodes. Horizontal "
        "lines: gaps 0.1, 0.03 and 0.01. Gaps at or below 0.0001 are drawn on the lowest line."
        + _markov(cells)
    )


def standing(found: Sequence[Contest]) -> str:
    """Caption of `standing_figures.standing`."""
    return (
        f"Regret at the last episode {counted(found)}: signed sum over agents, mean over "
        f"{seeds(_cells(found))} and 95 % bootstrap interval: {_mamex(found)[0]}the best learner "
        "of each kind (open), once among all and once among those that are not tuned. In episodes "
        "as bad as possible: each is worth u = n R_true, so that the greatest K is the right edge "
        "and less than one bad episode lies left of the line at 1; at or below 0.1 is drawn at "
        "the left edge. Named: the least of all, and how many others are level with it, that is "
        "by less than one bad episode or with zero in the 95 % interval of the difference."
        f"{_oracle(found)}"
    )


def growth(found: Sequence[Contest]) -> str:
    """Caption of `standing_figures.growth`."""
    names = ", ".join(dict.fromkeys(concept(each.concept) for each in found))
    return (
        f"{names}: cumulative regret {counted(found)}: signed sum over agents in episodes as bad "
        f"as possible, of {_mamex(found)[1]}the learner of each kind whose mean is least at the "
        f"last episode. Line: median over {seeds(_cells(found))}, band: 10 % to 90 % quantile; "
        "grey: the trivial bound. At or below 0.1 is drawn on the lowest line."
    )


def factors(found: Sequence[Contest]) -> str:
    """Caption of `comparison_figures.factors`."""
    return (
        f"Regret {counted(found)}: factor to the least one on the same instance, "
        "(max(R, 0) + u)/(max(R_least, 0) + u), where u is the regret of one episode as bad as "
        "possible; darker is worse, bold is least. Slanted names: tuned forms. A dot: the "
        "learner was not run there. Below: the concept."
    )


def profiles(found: Sequence[Contest]) -> str:
    """Caption of `comparison_figures.profiles`."""
    where = counted(found).split(",")[0]
    return (
        f"{concept(found[0].concept)}: performance profiles over {count(len(found), 'instance')}: "
        f"the share of them on which a learner’s regret {where} is within a factor τ of the least "
        "one, both shifted by the regret of one episode as bad as possible. At τ = 1: how often it "
        "is first. A learner that does not apply to an instance never gets within any factor of "
        f"it.{_mamex(found)[2]}"
    )


def _oracle(found: Sequence[Contest]) -> str:
    if not any(each.against == "all" and each.confined is not None for each in found):
        return ""
    return (
        " Upright line: the oracle, which solves the true game inside the class: the regret that "
        "the class leaves out."
    )


def _mamex(found: Sequence[Contest]) -> tuple[str, str, str]:
    """Words about MAMEX for three captions, empty where it takes no part."""
    if not any(champions.mamex(contest) for contest in found):
        return "", "", ""
    return "every MAMEX (filled) and ", "every MAMEX and of ", " MAMEX stands in every panel."


def _cells(found: Sequence[Contest]) -> list[Cell]:
    return [cell for contest in found for cell in contest.cells]
