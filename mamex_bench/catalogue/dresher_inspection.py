"""Dresher's inspection game: few inspections, many days, one violation.

Definition. Agent 0, the inspector, may inspect on at most m of n days. Agent 1 may violate the
agreement once, on a day of its choice, or never; it sees how many inspections are left. A violation
on a day of inspection is caught: +1 to the inspector; else it succeeds: -1; either way the game is
over. A legal day is worth 0. Agent 1 gets the negative. An inspection without any left is none.
State: inspections used, or over.

Value to the inspector, n days and m inspections left:

    v(n, m) = - C(n-1, m) / s(n, m),    s(n, m) = sum_{i <= m} C(n, i)

(Dresher 1962; Avenhaus, von Stengel and Zamir 2002). Proof. m = 0: violate, v = -1. m >= n: inspect
every day and the best is never to violate, v = 0. Else the stage game (rows inspect, do not;
columns legal, violate), with v1 = v(n-1, m-1) and v2 = v(n-1, m),

    v1    1
    v2   -1

has v1 <= v2 (fewer inspections are no better) and -1 < v2, v1 < 1, hence the value
(v1 + v2) / (2 + v2 - v1). Put c1 = C(n-2, m-1), c2 = C(n-2, m), s1 = s(n-1, m-1), s2 = s(n-1, m);
then v1 = -c1/s1 and v2 = -c2/s2 by induction, s2 - s1 = C(n-1, m) = c1 + c2 and s(n, m) = s1 + s2
by Pascal's rule. The claim is (c1 s2 + c2 s1) (s1 + s2) = (c1 + c2) (2 s1 s2 + c1 s2 - c2 s1), and
the difference of the two sides is (c1 s2 - c2 s1) (s2 - s1 - c1 - c2) = 0.

Policies. All up to equivalence if few: after a violation, or without inspections left, nothing an
agent does counts. Hypotheses: which action is which, in each state that is not over: up to 4^(m+1)
models, less those that coincide.
"""

from __future__ import annotations

from math import comb

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._classics import (
    Rules,
    opposed,
    population,
    relabelled,
    relabelled_known,
    value_checks,
)
from mamex_bench.catalogue._generators import at_least
from mamex_bench.model.instance import Instance, Known

SOURCE = (
    "Dresher 1962 (RAND RM-2972); Avenhaus, von Stengel and Zamir 2002; "
    "proved in the docstring of dresher_inspection"
)


def make(
    *, seed: int = 0, stages: int = 4, inspections: int = 2, policies: int = 64, models: int = 64
) -> Instance:
    """An inspection game.

    Arguments:
        seed: draws the order of the models, and policies and models where not all are taken.
        stages: n, days; the horizon.
        inspections: m, at least 0.
        policies: per agent, all up to equivalence if no more than this, else so many (see
            `_classics.population`).
        models: all relabellings if no more than this, else so many.
    """
    n, m = at_least(stages, 1, "stages"), at_least(inspections, 0, "inspections")
    game = opposed(n, m + 2, rules(m), low=-1.0)
    value = -comb(n - 1, m) / sum(comb(n, i) for i in range(m + 1))
    return Instance(
        game,
        population(game, policies, seed, "dresher_inspection"),
        relabelled(game, m + 1, models, seed, "dresher_inspection"),
        name=f"dresher_inspection(stages={n}, inspections={m})",
        known={
            "value": Known(value, SOURCE),
            "covering_radius": relabelled_known(game, m + 1, models),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """The known value, certified."""
    return value_checks(instance)


def rules(inspections: int) -> Rules:
    """What the inspector earns, and the next state, by state and actions."""
    over = inspections + 1

    def outcome(used: int, inspect: int, violate: int) -> tuple[float, int]:
        if used == over:
            return 0.0, over
        inspected = bool(inspect) and used < inspections
        if violate:
            return 1.0 if inspected else -1.0, over
        return 0.0, used + inspected

    return outcome
