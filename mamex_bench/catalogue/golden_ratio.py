"""A game of whole numbers whose value tends to an irrational one, the golden ratio less 1.

Definition. Both agents choose 0 or 1. If they differ agent 0 earns nothing and the game is over;
both 0 earns 1 and the game is over; both 1 earns 1 and the game goes on. Agent 1 pays.

Value. With t steps to go the stage game

    1   0
    0   1 + v_{t-1}

has no saddle point, so v_t = (1 + v_{t-1}) / (2 + v_{t-1}) with v_0 = 0. Let F_0 = 0, F_1 = 1,
F_2 = 1, ... be Fibonacci's numbers. If v_{t-1} = F_{2t-2} / F_{2t-1}, then 1 + v_{t-1} =
F_{2t} / F_{2t-1} and 2 + v_{t-1} = F_{2t+1} / F_{2t-1}, so

    v_t = F_{2t} / F_{2t+1},

which tends to (sqrt(5) - 1) / 2 = 0.618..., the root of v^2 + v = 1. Both agents choose 1 with
probability 1 / (2 + v_{t-1}). The derivation is our own; that stochastic games with rational data
may have irrational values (they lack the ordered-field property) is classical: Shapley 1953, Filar
and Vrieze 1997, chapter 2.

Policies. Up to equivalence H + 1 per agent, the step at which it first chooses 0: the game then
ends. Hypotheses: which action is which, four models.
"""

from __future__ import annotations

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._classics import (
    opposed,
    population,
    relabelled,
    relabelled_known,
    value_checks,
)
from mamex_bench.model.instance import Instance, Known

PLAYING, OVER = range(2)
SOURCE = "own derivation, proved in the docstring of golden_ratio"


def make(*, seed: int = 0, horizon: int = 5, policies: int = 64) -> Instance:
    """The golden-ratio game over a given number of steps.

    Arguments:
        seed: draws the order of the models, and policies where not all are taken.
        horizon: steps.
        policies: per agent, all up to equivalence if no more than this, else so many (see
            `_classics.population`).
    """
    game = opposed(horizon, 2, rules)
    even, odd = 0, 1  # F_{2t}, F_{2t+1}
    for _ in range(horizon):
        even, odd = even + odd, even + 2 * odd
    return Instance(
        game,
        population(game, policies, seed, "golden_ratio"),
        relabelled(game, live=1, limit=4, seed=seed, family="golden_ratio"),
        name=f"golden_ratio(horizon={horizon})",
        known={
            "value": Known(even / odd, SOURCE),
            "covering_radius": relabelled_known(game, 1, 4),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """The known value, certified."""
    return value_checks(instance)


def rules(state: int, a: int, b: int) -> tuple[float, int]:
    """What agent 0 earns, and the next state."""
    if state == OVER:
        return 0.0, OVER
    return float(a == b), PLAYING if a and b else OVER
