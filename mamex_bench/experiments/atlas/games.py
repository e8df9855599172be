"""The games of an atlas: which tasks each comes to, and their outcomes as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mamex_bench.experiments.atlas.asking import Member, classes, coefficient, reading
from mamex_bench.experiments.atlas.data import COEFFICIENT, Coefficient, GameRow, RelationRow
from mamex_bench.experiments.atlas.specs import REGRET_BOUND, GameSpec, Plan
from mamex_bench.experiments.atlas.tasks.task import DONE, Outcome, Task

# Instances with one agent are verified anew when all pairs (f, pi) of all agents are no more.
CHECK_LIMIT = 20_000


def member(plan: Plan, spec: GameSpec) -> Member:
    return Member(spec.family, spec.parameters, plan.episodes)


def jobs(plan: Plan, spec: GameSpec, facts: Outcome) -> Iterable[tuple[Task, ...]]:
    """All that is asked about a game whose facts are known; what shares a bracket goes together."""
    own = member(plan, spec)
    for name in classes(facts):
        each = replace(own, hypotheses=name)
        measures = () if spec.bracket_only else plan.measures
        sharing = [each.measure(m) for m in measures if m.name == REGRET_BOUND]
        if not spec.bracket_only and _is_checked(facts):
            sharing.append(each.check())
        yield each.bracket(), *sharing
        yield from ((each.measure(m),) for m in measures if m.name != REGRET_BOUND)
        if not spec.bracket_only and plan.relations is not None:
            yield (each.relations(plan.relations),)
    if _is_played(plan, spec, facts):
        assert plan.regret is not None
        yield (own.regret(plan.regret),)


def rows(
    plan: Plan, spec: GameSpec, facts: Outcome, found: Mapping[Task, Outcome]
) -> Iterable[GameRow]:
    """A row per hypothesis class; one without any where the game could not be built."""
    common: dict[str, Any] = {
        "id": spec.id,
        "family": spec.family,
        "parameters": dict(spec.parameters),
    }
    if facts["status"] != DONE:
        absent = Coefficient.missing(COEFFICIENT, facts["reason"], facts["seconds"])
        yield GameRow(**common, coefficient=absent, regret_reason=facts["reason"])
        return
    common["facts"] = {k: v for k, v in facts.items() if k not in ("status", "reason", "seconds")}
    regret, learnt, reason = _regret(plan, spec, facts, found)
    for name in classes(facts):
        each = replace(member(plan, spec), hypotheses=name)
        mine = name == learnt or learnt is None
        row = GameRow(
            **common,
            hypotheses=name,
            coefficient=coefficient(found[each.bracket()]),
            regret=regret if mine else (),
            regret_reason=reason if mine else f"the learner takes {learnt}",
        )
        yield row if spec.bracket_only else _with_neighbours(plan, each, row, found)


def _with_neighbours(
    plan: Plan, own: Member, row: GameRow, found: Mapping[Task, Outcome]
) -> GameRow:
    """The row with its other measures, its relations, and what verifying it came to."""
    relations: list[dict[str, str]] = []
    if plan.relations is not None:
        relations = found[own.relations(plan.relations)].get("relations", [])
    return replace(
        row,
        readings={spec.id: reading(spec.id, found[own.measure(spec)]) for spec in plan.measures},
        relations=tuple(RelationRow(**each) for each in relations),
        verified=found[own.check()]["status"] == DONE if _is_checked(row.facts) else None,
    )


def _regret(
    plan: Plan, spec: GameSpec, facts: Outcome, found: Mapping[Task, Outcome]
) -> tuple[tuple[float, ...], str | None, str]:
    """Final regrets, the class that the learner took (None: no regret), the reason if there is one.

    A learner without hypotheses counts as taking the first class.
    """
    if not _is_played(plan, spec, facts):
        return (), None, "not asked for"
    assert plan.regret is not None
    played = found[member(plan, spec).regret(plan.regret)]
    if played["status"] != DONE:
        return (), None, played["reason"]
    learnt = played["hypotheses"] or next(iter(classes(facts)))
    return tuple(played["regret"]), learnt, played["reason"]


def _is_played(plan: Plan, spec: GameSpec, facts: Outcome) -> bool:
    return plan.regret is not None and not spec.bracket_only and facts["status"] == DONE


def _is_checked(facts: Mapping[str, Any]) -> bool:
    """Members with one agent are verified from the definition, unless they are large."""
    if facts["agents"] > 1:
        return False
    pairs = [facts["policies"] * (each["size"] or 10**9) for each in facts["classes"].values()]
    return max(pairs) <= CHECK_LIMIT
