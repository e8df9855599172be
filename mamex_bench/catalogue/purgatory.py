"""Purgatory: a climb of n terraces, won as surely as one likes, given incredible patience.

Definition. Dante, agent 0, starts on terrace 1. On each day Lucifer, agent 1, hides a penny, tails
(0) or heads (1) up, and Dante guesses. A right guess takes him one terrace up, from terrace n to
Paradise: he earns 1 and the game is over. A wrong guess against tails sends him back to terrace 1,
against heads to Hell: nothing, and over. Lucifer pays. The game P(n, 2) of Hansen, Koucky and
Miltersen (2009), stopped after H days.

Value. Let v_t(i) be the value on terrace i with t days to go, v_t(n+1) = 1, v_0(i) = 0. With
u = v_{t-1}(i+1) and b = v_{t-1}(1) the stage game (rows guess tails, heads; columns tails, heads)

    u   0
    b   u

is nondecreasing in u and b, so by induction v_t(i) <= v_t(i+1); hence b <= u, and

    v_t(i) = u^2 / (2 u - b)        (0 if u = 0),

which `value` computes. For n = 1 this is v_t = 1 / (2 - v_{t-1}) = t / (t + 1), the game of
`everett`. For every n the value tends to 1 with the horizon, but a strategy that comes near it
needs probabilities that are doubly exponentially small in n (Hansen, Koucky and Miltersen 2009).

Policies. All up to equivalence if few. Hypotheses: which action is which, on each terrace: 4^n
models.
"""

from __future__ import annotations

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
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.instance import Instance, Known

SOURCE = (
    "recursion proved in the docstring of purgatory for the game of Hansen, Koucky and "
    "Miltersen 2009"
)


def make(
    *, seed: int = 0, terraces: int = 2, horizon: int = 4, policies: int = 64, models: int = 64
) -> Instance:
    """Purgatory with a limit on the days.

    Arguments:
        seed: draws the order of the models, and policies and models where not all are taken.
        terraces: n, at least 1.
        horizon: days; below n Paradise is out of reach.
        policies: per agent, all up to equivalence if no more than this, else so many (see
            `_classics.population`).
        models: all relabellings if no more than this, else so many.
    """
    n, H = at_least(terraces, 1, "terraces"), positive_integer(horizon, "horizon")
    game = opposed(H, n + 1, rules(n))
    return Instance(
        game,
        population(game, policies, seed, "purgatory"),
        relabelled(game, n, models, seed, "purgatory"),
        name=f"purgatory(terraces={n}, horizon={H})",
        known={
            "value": Known(value(n, H), SOURCE),
            "covering_radius": relabelled_known(game, n, models),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """The known value, certified."""
    return value_checks(instance)


def rules(terraces: int) -> Rules:
    """What Dante earns, and the next state; state i is terrace i + 1, the last is over."""

    def outcome(state: int, guess: int, hidden: int) -> tuple[float, int]:
        if state == terraces:
            return 0.0, terraces
        if guess == hidden:
            return float(state + 1 == terraces), state + 1
        return 0.0, terraces if hidden else 0

    return outcome


def value(terraces: int, horizon: int) -> float:
    """v_H(1) by the recursion of the docstring."""
    v = [0.0] * terraces + [1.0]
    for _ in range(horizon):
        b = v[0]
        v = [u * u / (2.0 * u - b) if u > 0.0 else 0.0 for u in v[1:]] + [1.0]
    return v[0]
