"""Hide or run, a recursive game: the value is approached but never reached.

Definition. Agent 0 hides (0) or runs (1), agent 1 holds its only snowball (0) or throws it (1).
If it hides from the throw, or runs while the ball is held, it gets home: agent 0 earns 1 and the
game is over. If it runs into the throw it is hit: nothing, and over. Hide and hold: the same again.
Agent 1 pays.

Value, with t steps to go v_t = t / (t + 1). The stage game (rows hide, run; columns hold, throw)

    v_{t-1}   1
    1         0

has no saddle point, since v_{t-1} < 1, so v_t = 1 / (2 - v_{t-1}) with v_0 = 0. In equilibrium
agent 0 runs with probability 1 / (t + 1): the more time, the more patience. As the horizon grows
the value tends to 1, which no strategy attains. The game is a recursive game (Everett 1957; Kumar
and Shiau 1981), told so by de Alfaro, Henzinger and Kupferman (1998).

Policies. Up to equivalence H + 1 per agent, the step at which it first runs or throws: whatever the
other does then, the game ends. To run, and to throw, with probability 1 / (t + 1) spreads either
agent evenly over its policies: to play uniformly at random is an equilibrium of the class.
Hypotheses: which action is which, four models.
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
SOURCE = (
    "Everett 1957; Kumar and Shiau 1981; de Alfaro, Henzinger and Kupferman 1998; "
    "proved in the docstring of everett"
)


def make(*, seed: int = 0, horizon: int = 5, policies: int = 64) -> Instance:
    """Hide or run over a given number of steps.

    Arguments:
        seed: draws the order of the models, and policies where not all are taken.
        horizon: steps.
        policies: per agent, all up to equivalence if no more than this, else so many (see
            `_classics.population`).
    """
    game = opposed(horizon, 2, rules)
    return Instance(
        game,
        population(game, policies, seed, "everett"),
        relabelled(game, live=1, limit=4, seed=seed, family="everett"),
        name=f"everett(horizon={horizon})",
        known={
            "value": Known(horizon / (horizon + 1.0), SOURCE),
            "covering_radius": relabelled_known(game, 1, 4),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """The known value, certified."""
    return value_checks(instance)


def rules(state: int, run: int, throw: int) -> tuple[float, int]:
    """What agent 0 earns, and the next state."""
    if state == OVER or (run and throw):
        return 0.0, OVER
    return (1.0, OVER) if run or throw else (0.0, PLAYING)
