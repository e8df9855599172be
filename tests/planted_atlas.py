"""Invented atlases: numbers whose answers are known; nothing was measured for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mamex_bench.experiments.atlas.data import (
    Atlas,
    Coefficient,
    GameRow,
    Reading,
    RelationRow,
    Sweep,
    SweepPoint,
)
from mamex_bench.experiments.atlas.specs import MeasureSpec, Plan, RegretSpec, SweepSpec

NAN = float("nan")
OTHER = MeasureSpec("other", "single_agent_decoupling", "other one", {})
Ends = tuple[float, float]


def reading(id: str, ends: Ends | None) -> Reading:
    if ends is None:
        return Reading(id, NAN, NAN, "", "it does not apply", 0.1)
    return Reading(id, *ends, "planted", "", 0.1)


def coefficient(ends: Ends, free: Ends | None = None) -> Coefficient:
    without = ends if free is None else free
    unbounded = without[0] == float("inf")
    return Coefficient("decoupling", *ends, "clusters, planted", "", 0.1, without, unbounded, 7)


def game(
    id: str,
    ends: Ends,
    *,
    regret: float | None = None,
    other: Ends | None = None,
    agents: int = 2,
    free: Ends | None = None,
    violated: bool | None = None,
) -> GameRow:
    """A class of models of a game that is a family of its own."""
    facts = {
        "agents": agents,
        "horizon": 2,
        "states": 3,
        "policies": 12,
        "return_range": 0.5,
        "classes": {"models": {"kind": "models", "size": 5}},
    }
    relations = ()
    if violated is not None:
        outcome = "violated" if violated else "holds"
        relations = (RelationRow("error_below_coefficient", outcome, f"{outcome}: 2 <= 1"),)
    return GameRow(
        id,
        family=id,
        parameters={},
        coefficient=coefficient(ends, free),
        hypotheses="models",
        facts=facts,
        readings={"other": reading("other", other)},
        relations=relations,
        verified=True if agents == 1 else None,
        regret=() if regret is None else (agents * 0.5 * regret,) * 3,
        regret_reason="" if regret is not None else "not asked for",
    )


def sweep(
    id: str,
    at: Sequence[float],
    ends: Sequence[Ends],
    other: Sequence[Ends] | None = None,
    *,
    free: Sequence[Ends] | None = None,
    parameter: str = "size",
) -> Sweep:
    measures = () if other is None else ("other",)
    spec = SweepSpec(
        id, "planted", parameter, tuple(at), {}, 1, 100, None, None, ("bilinear",), measures
    )
    points = tuple(
        SweepPoint(
            x,
            0,
            float(x),
            coefficient(pair, None if free is None else free[place]),
            {} if other is None else {"other": reading("other", other[place])},
            {"bilinear": 40.0 * pair[1]},
        )
        for place, (x, pair) in enumerate(zip(at, ends))
    )
    return Sweep(spec, "size", points, ())


def seeds(*each: Sweep) -> Sweep:
    """One sweep of several instances per value, from one sweep per seed; bounds of seed 0 alone."""
    points = [
        replace(point, seed=seed, bounds=point.bounds if seed == 0 else {})
        for seed, own in enumerate(each)
        for point in own.points
    ]
    return replace(each[0], points=tuple(points))


def planted(
    games: Sequence[GameRow], sweeps: Sequence[Sweep] = (), measure: MeasureSpec = OTHER
) -> Atlas:
    plan = Plan(
        "planted",
        "planted.toml",
        'title = "Planted <tags> | bars"\n',
        "Planted",
        "Nothing was measured.",
        100,
        (measure,),
        (),
        tuple(each.spec for each in sweeps),
        None,
        RegretSpec(100, 3, "mamex", "cce", {"eta": "tuned"}),
    )
    return Atlas(plan, tuple(games), tuple(sweeps), {"mamex-bench": "0.0", "commit": "abc"}, 1.0)
