"""The Big Match: each day agent 0 guesses what agent 1 shows, until it dares the last guess.

Definition. Agent 1 shows 0 or 1; agent 0 continues (action 0) or stops (action 1). Continuing earns
agent 0 a point if 0 was shown, and the game goes on. Stopping ends the contest for good: if 1 was
shown agent 0 earns a point now and at every later step, else nothing ever again. Agent 1 pays what
agent 0 earns. Three states: playing, won, lost.

Value, with t steps to go v_t = t / 2. Induction on the stage game (rows continue, stop; columns 0,
1 shown)

    1 + v_{t-1}   v_{t-1}           (t + 1) / 2   (t - 1) / 2
    0             t           =     0             t

Agent 1's mixture (1/2, 1/2) makes both rows worth t/2. Agent 0, stopping with probability
1 / (t + 1), makes both columns worth t/2. So the horizon-H game is worth H/2, one half per step
(Gillette 1957; Blackwell and Ferguson 1968), but agent 0 must count: the probability of stopping
depends on the time left, and with no end in sight no Markov strategy secures more than 0.

Policies. Up to equivalence agent 0 has H + 1 (the step at which it stops) and agent 1 has 2^H. Its
payoffs are linear in the probabilities of showing 1 step by step, so the two constant policies
suffice for its equilibrium. Stopping with probability 1 / (t + 1) spreads agent 0 evenly over its
H + 1 policies: to play uniformly at random is an equilibrium of the class, a learner that does so
has no regret. Hypotheses: which action is which, four models.
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

PLAYING, WON, LOST = range(3)
SOURCE = "Gillette 1957; Blackwell and Ferguson 1968; proved in the docstring of big_match"


def make(*, seed: int = 0, horizon: int = 5, policies: int = 64) -> Instance:
    """The Big Match over a given number of steps.

    Arguments:
        seed: draws the order of the models, and policies where not all are taken.
        horizon: steps.
        policies: per agent, all up to equivalence if no more than this, else so many (see
            `_classics.population`).
    """
    game = opposed(horizon, 3, rules)
    return Instance(
        game,
        population(game, policies, seed, "big_match"),
        relabelled(game, live=1, limit=4, seed=seed, family="big_match"),
        name=f"big_match(horizon={horizon})",
        known={
            "value": Known(horizon / 2.0, SOURCE),
            "covering_radius": relabelled_known(game, 1, 4),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """The known value, certified."""
    return value_checks(instance)


def rules(state: int, stop: int, shown: int) -> tuple[float, int]:
    """What agent 0 earns, and the next state."""
    if state == PLAYING and not stop:
        return 1 - shown, PLAYING
    if state == PLAYING:
        return shown, WON if shown else LOST
    return float(state == WON), state
