"""Classic matrix games, once or repeated, with the values that textbooks give.

Definition. One state, in which the stage game is played `repeated` = H times; every agent's return
is the sum of its payoffs. Own units are those of the table; all agents share one scale.

    prisoners_dilemma  (cooperate, defect): 5 5 | 0 10 / 10 0 | 1 1. To defect is strictly dominant.
    stag_hunt          (stag, hare): 2 2 | 0 1 / 1 0 | 1 1.
    chicken            (yield, dare): 6 6 | 2 7 / 7 2 | 0 0 (Aumann 1974, 1987).
    chicken_dare       (dare, yield): 0 0 | 4 1 / 1 4 | 3 3 (OpenSpiel, matrix_cd).
    battle_of_sexes    3 2 | 0 0 / 0 0 | 2 3 (OpenSpiel, matrix_bos).
    matching_pennies   1 -1 | -1 1 / -1 1 | 1 -1.
    biased_rps         agent 0 wins 0 -25 50 / 25 0 -5 / -50 5 0 from agent 1
                       (Bosansky and others 2016, figure 7).
    shapley            agent 0 earns 1 on (k, k), agent 1 on (k, k + 1 mod 3) (Shapley 1964).
    jordan             three agents, 0 and 1: agent 0 earns 1 if it matches agent 1, agent 1 if it
                       matches agent 2, agent 2 if it differs from agent 0 (Jordan 1993).

Known, played once:

  * `value`, what a zero-sum game is worth to agent 0. Matching pennies: 0, since exchanging the
    sides of both pennies changes nothing and of one the sign. Biased rock-paper-scissors: 0, the
    table is skew-symmetric; the unique equilibrium is (1, 10, 5) / 16.
  * `nash_value`, each agent's payoff in the only Nash equilibrium. Prisoner's dilemma 1. Shapley
    1/3, uniform. Jordan 1/2, uniform: if agent 1 leans to a side, agent 0 takes it, agent 2 the
    other, and then agent 1 wants to leave its side.
  * `mixed_value`, each agent's payoff in the completely mixed equilibrium, where each makes the
    other indifferent: stag hunt (1/2, 1/2), 1; chicken (2/3, 1/3), 14/3; chicken_dare (1/2, 1/2),
    2; battle of the sexes (3/5, 2/5) and (2/5, 3/5), 6/5.
  * `ce_welfare`, the greatest sum of payoffs of a correlated equilibrium. Chicken 21/2, with
    probabilities 1/2 on (yield, yield) and 1/4 on either (yield, dare); chicken_dare 16/3, uniform
    on all but (dare, dare). Prisoner's dilemma 2, stag hunt 4, battle of the sexes 5: pure.
    With two actions each a CCE is a CE, since a deviation to an action and one from the other are
    the same; so this is the greatest welfare of a CCE too.
  * `ce_welfare_least`, the least. Prisoner's dilemma 2, stag hunt 2: to defect, or to hunt hare,
    earns 1 whatever the other does, so each gets 1 in every CE; (1, 1) is an equilibrium of both.

Repeated H times each of these is multiplied by H. For Nash: payoffs depend only on each step's
distribution; the equilibria that play the same stage equilibrium at every step have H times its
value, and where the stage equilibrium is unique every step of every Markov perfect equilibrium has
it. For CE: each step's marginal of a CE is a CE of the stage game, as a swap of one step's actions
is a deviation; so the welfare is at most H times the greatest, and independent steps attain it.

Policies. Sequences of actions, all A_i^H if few. Hypotheses. With one state there is one model, the
truth (`models`, the default): regret is 0 for Nash and at most 0 for CCE, the instance is for the
oracle and its payoffs. What a model-free learner does not know is the table: `values` holds, for
each cyclic relabelling of each agent's actions, the relabelled payoffs of the present step plus
what any joint policy earns later. It contains every true action value (the identity), all lie in
[0, H - h] before step h = 0, 1, ..., and completion is tabular. The class is left out where there
are more than 4096 joint policies or hypotheses of an agent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._classics import population, shifts
from mamex_bench.catalogue._generators import VALUE_LIMIT, stream, value_class_of
from mamex_bench.equilibria.backward_induction import backward_induction
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.game import MarkovGame, Units
from mamex_bench.model.hypotheses import Hypotheses, ModelClass, ValueClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

PROVED = "proved in the docstring of matrix_game"
HYPOTHESIS_LIMIT = 4096


@dataclass(frozen=True)
class Classic:
    """A stage game: payoffs (n, A_0, ..., A_{n-1}) in own units, and what is known of it."""

    payoffs: Floats
    known: dict[str, float]
    source: str


def _symmetric(table: list[list[float]], known: dict[str, float], source: str) -> Classic:
    A = np.array(table, dtype=np.float64)
    return Classic(np.stack([A, A.T]), known, source)


def _zero_sum(table: list[list[float]], source: str) -> Classic:
    A = np.array(table, dtype=np.float64)
    return Classic(np.stack([A, -A]), {"value": 0.0}, source)


def _jordan() -> Floats:
    a, b, c = np.indices((2, 2, 2))
    return np.stack([a == b, b == c, c != a]).astype(np.float64)


CLASSICS = {
    "prisoners_dilemma": _symmetric(
        [[5, 0], [10, 1]],
        {"nash_value": 1.0, "ce_welfare": 2.0, "ce_welfare_least": 2.0},
        f"strict dominance, {PROVED}",
    ),
    "stag_hunt": _symmetric(
        [[2, 0], [1, 1]],
        {"mixed_value": 1.0, "ce_welfare": 4.0, "ce_welfare_least": 2.0},
        PROVED,
    ),
    "chicken": _symmetric(
        [[6, 2], [7, 0]],
        {"mixed_value": 14 / 3, "ce_welfare": 21 / 2},
        "Aumann 1974, 1987",
    ),
    "chicken_dare": _symmetric(
        [[0, 4], [1, 3]],
        {"mixed_value": 2.0, "ce_welfare": 16 / 3},
        f"game of OpenSpiel, matrix_cd; {PROVED}",
    ),
    "battle_of_sexes": Classic(
        np.array([[[3.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [0.0, 3.0]]]),
        {"mixed_value": 6 / 5, "ce_welfare": 5.0},
        f"game of OpenSpiel, matrix_bos; {PROVED}",
    ),
    "matching_pennies": _zero_sum([[1, -1], [-1, 1]], PROVED),
    "biased_rps": _zero_sum(
        [[0, -25, 50], [25, 0, -5], [-50, 5, 0]],
        f"Bosansky, Lisy, Lanctot, Cermak and Winands 2016, figure 7; {PROVED}",
    ),
    "shapley": Classic(
        np.stack([np.eye(3), np.roll(np.eye(3), 1, axis=1)]), {"nash_value": 1 / 3}, "Shapley 1964"
    ),
    "jordan": Classic(_jordan(), {"nash_value": 1 / 2}, "Jordan 1993"),
}


def make(
    *, seed: int = 0, game: str = "chicken", repeated: int = 1, policies: int | None = None
) -> Instance:
    """A matrix game from the list in the docstring of the file.

    Arguments:
        seed: draws the order of the value hypotheses, and policies where not all are taken.
        game: one of the names.
        repeated: H, how often it is played.
        policies: per agent, all if no more than this, else so many (see
            `_classics.population`); 64 for two agents, 16 for three.
    """
    if game not in CLASSICS:
        raise InputError(f"game is {game!r}: choose one of {', '.join(CLASSICS)}")
    classic, H = CLASSICS[game], positive_integer(repeated, "repeated")
    U = classic.payoffs
    n, counts = len(U), U.shape[1:]
    low, high = float(U.min()), float(U.max())
    stage = ((U - low) / (high - low)).reshape(n, 1, 1, -1)
    markov = MarkovGame(
        np.ones((H, 1, stage.shape[-1], 1)),
        np.repeat(stage, H, axis=1),
        counts,
        units=Units(np.full(n, high - low), np.full(n, H * low)),
    )
    limit = policies if policies is not None else (64 if n == 2 else 16)
    tables = population(markov, limit, seed, "matrix_game")
    hypotheses: dict[str, Hypotheses] = {"models": ModelClass(markov.transition[None], truth=0)}
    if tables.size <= VALUE_LIMIT:
        values = _value_class(markov, tables, seed)
        if max(each.shape[0] for each in values.per_agent) <= HYPOTHESIS_LIMIT:
            hypotheses["values"] = values
    return Instance(
        markov,
        tables,
        hypotheses,
        name=f"matrix_game({game}, repeated={H})",
        known={key: Known(H * value, classic.source) for key, value in classic.known.items()},
    )


def certify(instance: Instance) -> list[Check]:
    """Known values against backward induction; the mixed one against indifference."""
    game, known, checks = instance.dense, instance.known, []
    nash = backward_induction(game, "nash")
    if "value" in known or "nash_value" in known:
        key = "value" if "value" in known else "nash_value"
        each = np.atleast_1d(nash.value)[: 1 if key == "value" else game.agents]
        error = float(np.abs(each - known[key].value).max())
        checks += [
            Check("agent 0's value by backward induction", each[0], "==", known[key].value, 1e-8),
            Check("largest error of an agent's value", error, "==", 0.0, 1e-8),
            Check("gain of any policy against it", float(nash.gaps.max()), "<=", 0.0, 1e-8),
        ]
    if "ce_welfare" in known:
        ce = backward_induction(game, "ce")
        welfare = float(ce.value.sum())
        checks += [
            Check("greatest welfare of a CE", welfare, "==", known["ce_welfare"].value, 1e-8),
            Check("gain of any deviation from it", float(ce.gaps.max()), "<=", 0.0, 1e-8),
        ]
    if "ce_welfare_least" in known:
        stages = np.moveaxis(game.reward[:, :, 0].reshape(2, -1, *game.action_counts), 1, 0)
        secured = game.units.to_own(np.sum([_secured(stage) for stage in stages], axis=0))
        least = known["ce_welfare_least"].value
        checks += [
            Check("what the agents' actions secure", float(secured.sum()), "==", least),
            Check("least welfare of a pure equilibrium", _least_pure(game), "==", least),
        ]
    if "mixed_value" in known:
        mixed = game.units.to_own(indifference_values(game))
        checks += [
            Check(f"agent {i}'s value when the other keeps it indifferent", value, "==", claimed)
            for i, (value, claimed) in enumerate(zip(mixed, [known["mixed_value"].value] * 2))
        ]
    return checks


def _secured(stage: Floats) -> Floats:
    """(2,): the most that one action of each agent earns whatever the other does."""
    return np.array([stage[0].min(axis=1).max(), stage[1].min(axis=0).max()])


def _least_pure(game: MarkovGame) -> float:
    """Least sum of values, in own units, of pure stage equilibria played at every step."""
    total = np.zeros(2)
    for h in range(game.horizon):
        stage = game.reward[:, h, 0].reshape(2, *game.action_counts)
        stable = (stage[0] >= stage[0].max(axis=0) - 1e-12) & (
            stage[1] >= stage[1].max(axis=1, keepdims=True) - 1e-12
        )
        found = stage[:, stable]
        total += found[:, found.sum(axis=0).argmin()]
    return float(game.units.to_own(total).sum())


def indifference_values(game: MarkovGame) -> Floats:
    """(2,): value of each agent when the other's mixture leaves it indifferent, over all steps.

    Solves U y = v 1, sum y = 1 at each step; NaN unless every such y is positive.
    """
    values = np.zeros(2)
    for h in range(game.horizon):
        for i in range(2):
            U = np.moveaxis(game.reward[i, h, 0].reshape(game.action_counts), i, 0)
            m = len(U)
            system = np.block([[U, -np.ones((m, 1))], [np.ones((1, m)), np.zeros((1, 1))]])
            *y, value = np.linalg.solve(system, np.append(np.zeros(m), 1.0))
            values[i] += value if min(y) > 0.0 else np.nan
    return values


def _value_class(game: MarkovGame, policies: PurePolicies, seed: int) -> ValueClass:
    """Q - r + (relabelled r) for all action values Q of joint policies, without repetition."""
    rng = stream(seed, "matrix_game", "values")
    later = value_class_of(game, policies).per_agent
    classes = []
    for i, Q in enumerate(later):
        own = game.reward[i]
        tables = np.moveaxis(own[..., shifts(game.action_counts)], -2, 0)  # (A, H, 1, A)
        every = (tables[:, None] + (Q - own)[None]).reshape(-1, *own.shape)
        keys = np.round(every, 12).reshape(len(every), -1)
        first = np.unique(keys, axis=0, return_index=True)[1]
        classes.append(every[rng.permutation(np.sort(first))])
    return ValueClass(classes)
