"""Sentences that open the report, computed from the results; what went wrong comes with them."""

from __future__ import annotations

from collections import Counter

from mamex_bench.reporting import style
from mamex_bench.reporting.wording import THIN, concept, count, learner, markdown, number
from mamex_bench.runs.results import NOT_APPLICABLE, InstanceRecord, Results


def sentences(results: Results) -> list[str]:
    """What was run and what came out, verdicts first; Markdown."""
    verdicts = [v for v in results.verdicts if v.status != "not applicable"]
    tally = Counter(v.status for v in verdicts)
    planted = [v for v in verdicts if v.expected == "violated"]
    caught = [v for v in planted if v.status == "violated"]
    honest = tally["violated"] - len(caught)
    text = []
    if verdicts:
        runs = {len(c.seeds) for c in results.cells if c.seeds}
        seeds = f"{min(runs)} to {max(runs)}" if len(runs) > 1 else f"{max(runs, default=0)}"
        text.append(
            f"Of {count(len(verdicts), 'applicable verdict')}, "
            f"**{number(tally['holds'])}** saw no violation ({seeds} runs in each cell), "
            f"{number(tally['vacuous'])} are vacuous, {number(tally['inconclusive'])} inconclusive."
        )
        if honest:
            where = ", ".join(
                f"{markdown(learner(v.learner))} on {markdown(v.instance)} ({concept(v.concept)})"
                for v in verdicts
                if v.status == "violated" and v.expected != "violated"
            )
            text.append(f"**{count(honest, 'violation')} not expected:** {where}.")
        else:
            text.append("No bound was violated by a learner without a planted fault.")
        if planted:
            cells = dict.fromkeys((v.instance, v.learner, v.concept) for v in planted)
            found = {(v.instance, v.learner, v.concept) for v in caught}
            text.append(
                f"{number(len(found))} of {count(len(cells), 'cell')} with a planted fault "
                f"{'was' if len(found) == 1 else 'were'} caught violating a bound"
                + (", as each should be." if len(found) == len(cells) else ".")
            )
            if missed := [cell for cell in cells if cell not in found]:
                where = ", ".join(
                    f"{markdown(learner(who))} on {markdown(place)} ({concept(name)})"
                    for place, who, name in missed
                )
                text.append(f"**Planted and not caught:** {where}.")
    done = sum(cell.status == "done" for cell in results.cells)
    absent = sum(cell.status == NOT_APPLICABLE for cell in results.cells)
    concepts = dict.fromkeys(concept(cell.concept) for cell in results.cells)
    names = dict.fromkeys(cell.learner for cell in results.cells)
    text.append(
        f"The suite holds {count(len(results.instances), 'instance')}, "
        f"{count(len(names), 'learner')} and the concepts {', '.join(concepts) or '(none)'}; "
        f"{number(done)} of the {count(len(results.cells) - absent, 'cell')} (instance, learner, "
        f"concept) that apply are complete{f'; {number(absent)} do not apply' if absent else ''}."
    )
    return text


def warnings(results: Results) -> list[str]:
    """What a reader must know before the numbers; Markdown."""
    found = []
    tally = Counter(cell.status for cell in results.cells)
    if tally["missing"]:
        found.append(
            f"This suite is not finished: {count(tally['missing'], 'cell')} of "
            f"{number(len(results.cells))} lack some or all of their seeds. "
            "What is shown covers the runs that are there."
        )
    if tally["failed"]:
        found.append(f"{count(tally['failed'], 'cell')} failed; the reasons are listed below.")
    if not results.verdicts:
        found.append("No claims have been judged on these results.")
    return found


def tally(results: Results, claim: str) -> str:
    """How many of a claim's verdicts came out how; Markdown."""
    found = Counter(
        style.status(v.status, v.expected)
        for v in results.verdicts
        if v.claim == claim and v.status != "not applicable"
    )
    said = [f"{number(amount)} {look.words}" for look, amount in found.most_common()]
    return "; ".join(said) + "." if said else "applies to nothing in this suite."


def all_hold(results: Results, claim: str) -> str:
    """One sentence when every applicable verdict of the claim holds, else nothing."""
    own = [v for v in results.verdicts if v.claim == claim and v.status != "not applicable"]
    if not own or any(v.status != "holds" for v in own):
        return ""
    return f"No violation seen in any of {count(len(own), 'verdict')}."


def statements(results: Results, claim: str, calm: bool) -> list[str]:
    """A claim's applicable verdicts, those that hold or are vacuous or all others; Markdown.

    Status, where, and the verdict's own sentence.
    """
    lines = []
    for v in results.verdicts:
        if (
            v.claim != claim
            or v.status == "not applicable"
            or calm != (v.status in ("holds", "vacuous"))
        ):
            continue
        look = style.status(v.status, v.expected)
        place = [markdown(v.instance), concept(v.concept), markdown(learner(v.learner))]
        where = ", ".join(part for part in place if part)
        lines.append(
            f"[{look.symbol} {look.word}]{{.status .{look.css}}} **{where}**: "
            f"{markdown(v.statement)}"
        )
    return lines


def version(results: Results) -> str:
    """One line that identifies software, machine and day."""
    found = results.provenance
    parts = []
    if "mamex-bench" in found:
        parts.append(f"mamex-bench {found['mamex-bench']}")
    if "commit" in found:
        commit, *changes = found["commit"].split(" ", 1)
        parts.append(" ".join(["commit", commit[:10], *changes]))
    if "processor" in found:
        parts.append(found["processor"])
    if "started" in found:
        parts.append(found["started"][:10])
    return " · ".join(parts)


def facts(record: InstanceRecord) -> str:
    """Sizes, hypotheses and structure of an instance as sentences; Markdown."""
    actions = " × ".join(map(str, record.action_counts))
    policies = " × ".join(number(n) for n in record.policy_counts)
    episodes = number(record.episodes).replace(THIN, r"\,")
    text = (
        f"Family `{record.family}`, $n = {record.agents}$ {_noun(record.agents, 'agent')}, "
        f"$S = {record.states}$ {_noun(record.states, 'state')}, "
        f"horizon $H = {record.horizon}$, {actions} actions, {policies} pure policies, "
        f"$K = {episodes}$ episodes, "
        f"true returns range over {number(float(record.return_range))}."
    )
    if record.hypotheses:
        items = [f"{markdown(k)} ({markdown(v)})" for k, v in record.hypotheses.items()]
        text += f" Hypotheses: {'; '.join(items)}."
    if record.structure and not record.known:
        text += f" Structure: {markdown(record.structure)}."
    if record.parameters:
        items = [f"{markdown(k)} = {markdown(v)}" for k, v in record.parameters.items()]
        text += f" Parameters: {', '.join(items)}."
    return text


def _noun(amount: int, noun: str) -> str:
    return noun if amount == 1 else noun + "s"


def known(record: InstanceRecord) -> str:
    """Constants known in advance, with their sources; Markdown."""
    by_source: dict[str, list[str]] = {}
    for name, (value, source) in record.known.items():
        words = f"{markdown(name.replace('_', ' '))} = {number(float(value), 4)}"
        by_source.setdefault(source, []).append(words)
    return "; ".join(f"{', '.join(w)} ({markdown(s)})" for s, w in by_source.items()) + "."
