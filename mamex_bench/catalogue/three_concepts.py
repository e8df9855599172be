"""A game in which Nash, correlated and coarse correlated equilibria part: 28/3 < 21/2 < 11.

Definition. At the first step the agents choose yield (0), dare (1) or stall (2); the next state
says which pair of labels takes effect, the pair played with probability 1 - noise, else a uniformly
random one. At the second step it pays, in own units, where agent 0 chooses rows and the game is
symmetric,

    6 2 8
    7 0 8
    0 0 7.

In own units a pair is worth exactly its entry in expectation: the units take the noise out. To
yield and to dare alone are Aumann's game of chicken (1974, 1987).

Greatest welfare (sum of both agents' values).

  * Stalling is strictly dominated by yielding: 6 > 0, 2 > 0, 8 > 7. So no Nash or correlated
    equilibrium ever stalls, and these are chicken's.
  * Nash: (yield, dare) and (dare, yield), 9 each; and both yield with probability 2/3, where either
    action is worth 14/3: 28/3.
  * CE: 1/2 on (yield, yield), 1/4 on each (yield, dare): 21/2. No more: let v be what an agent
    loses by daring where it is told to yield, else 0. In a CE its mean is nonnegative, and welfare
    plus 3/4 of both agents' v is at most 21/2 in each pair without stalling: 12 - 3/2, 9 + 3/2, 0.
  * CCE: 1/4 on each of (yield, yield), (yield, dare), (dare, yield), (stall, stall). An agent gets
    11/2; always to yield gives 6/2 + 2/4 + 8/4 = 11/2, always to dare 7/2 + 8/4 = 11/2, always to
    stall 7/4. So welfare 11, with a dominated action (the concept is Moulin and Vial's, 1978). No
    more: let v and w be what an agent loses by yielding and by daring whatever it is told. In a CCE
    their means are nonnegative, and welfare plus v plus w/2, of both agents, is at most 11 in every
    pair: 11 in the four of the equilibrium, -4 if both dare, less than 8 in the others.

Regret. Models differ in which action is which (nine, the shifts of both agents' labels). A learner
of any concept has to find out the labels while it plays its own equilibrium of the labels that it
believes in, so the three play differently and pay differently. Nash and CE gaps are never negative;
the CCE gap of a relabelled equilibrium may be, and so is the signed regret of most runs.

The oracle's Nash equilibrium is the pure one of greatest welfare, 9 (`equilibria.solve`).
"""

from __future__ import annotations

import itertools

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._classics import population, relabelled, relabelled_known
from mamex_bench.catalogue._generators import within
from mamex_bench.equilibria.oracle import solve
from mamex_bench.model._arrays import Floats
from mamex_bench.model.game import MarkovGame, Units
from mamex_bench.model.instance import Instance, Known

SOURCE = "proved in the docstring of three_concepts"
YIELD, DARE, STALL = range(3)
TABLE = np.array([[6.0, 2.0, 8.0], [7.0, 0.0, 8.0], [0.0, 0.0, 7.0]])
HIGHEST = 8.0
CCE_MULTIPLIERS = {YIELD: 1.0, DARE: 0.5}
CE_MULTIPLIER = 0.75


def make(*, seed: int = 0, noise: float = 0.5, models: int = 9) -> Instance:
    """The game, its nine relabellings as hypotheses, three policies per agent.

    Arguments:
        seed: draws the order of the models, and which of them where not all are taken.
        noise: probability in [0, 1) that a random pair takes effect; more makes learning slower.
        models: size of the class, the truth among them; nine are all.
    """
    epsilon = within(noise, "noise", 0.0, 1.0 - 1e-3)
    A, outcomes = TABLE.size, 1 + np.arange(TABLE.size)
    transition = np.zeros((2, A + 1, A, A + 1))
    transition[0, 0, :, 1:] = (1.0 - epsilon) * np.eye(A) + epsilon / A
    transition[0, outcomes, :, outcomes] = 1.0
    transition[1] = np.eye(A + 1)[:, None]
    paid = np.stack([TABLE, TABLE.T]).reshape(2, A) / HIGHEST
    reward = np.zeros((2, 2, A + 1, A))
    reward[:, 1, 1:] = paid[:, :, None]
    # return = (1 - noise) u + noise (mean of u), u the entry over 8
    scale = HIGHEST / (1.0 - epsilon)
    units = Units(np.full(2, scale), -scale * epsilon * paid.mean(axis=1))
    game = MarkovGame(transition, reward, TABLE.shape, units=units)
    return Instance(
        game,
        population(game, 9, seed, "three_concepts"),
        relabelled(game, live=1, limit=models, seed=seed, family="three_concepts"),
        name=f"three_concepts(noise={epsilon:g})",
        known={
            "nash_welfare": Known(28.0 / 3.0, SOURCE),
            "pure_nash_welfare": Known(9.0, SOURCE),
            "ce_welfare": Known(21.0 / 2.0, SOURCE),
            "cce_welfare": Known(11.0, SOURCE),
            "covering_radius": relabelled_known(game, 1, models),
        },
    )


def certify(instance: Instance) -> list[Check]:
    """The three welfares by enumeration and by the oracle, and the bounds by multipliers."""
    U, known = instance.game.units.to_own(instance.payoffs), instance.known
    nash = max(float(x @ U.sum(axis=0) @ y) for x, y in nash_equilibria(U))
    found = {concept: float(solve(U, concept).value.sum()) for concept in ("nash", "ce", "cce")}
    welfare = {key: known[f"{key}_welfare"].value for key in ("nash", "ce", "cce")}
    dominated = -float(max(_loss(U, 0, YIELD)[STALL].max(), _loss(U, 1, YIELD)[:, STALL].max()))
    multiplied = U.sum(axis=0)
    for i, (action, weight) in itertools.product(range(2), CCE_MULTIPLIERS.items()):
        multiplied = multiplied + weight * _loss(U, i, action)
    chicken = U.sum(axis=0)
    for i in range(2):
        told = np.moveaxis(np.zeros(chicken.shape), i, 0)
        told[YIELD] = 1.0
        chicken = chicken + CE_MULTIPLIER * np.moveaxis(told, 0, i) * _loss(U, i, DARE)
    return [
        Check("greatest welfare of a Nash equilibrium", nash, "==", welfare["nash"]),
        Check("of a pure one", found["nash"], "==", known["pure_nash_welfare"].value),
        Check("of a CE", found["ce"], "==", welfare["ce"], 1e-7),
        Check("of a CCE", found["cce"], "==", welfare["cce"], 1e-7),
        Check("what stalling loses to yielding", dominated, ">=", 1.0),
        Check("bound of a CE by multipliers", float(chicken[:2, :2].max()), "<=", welfare["ce"]),
        Check("bound of a CCE by multipliers", float(multiplied.max()), "<=", welfare["cce"]),
    ]


def _loss(U: Floats, agent: int, action: int) -> Floats:
    """(3, 3): what an agent loses in each pair by taking `action` instead."""
    own = np.moveaxis(U[agent], agent, 0)
    loss: Floats = np.moveaxis(own - own[action], 0, agent)
    return loss


def nash_equilibria(U: Floats) -> list[tuple[Floats, Floats]]:
    """All Nash equilibria of a nondegenerate game (2, m_0, m_1), by enumeration of supports."""
    found = []
    for size in range(1, min(U.shape[1:]) + 1):
        for rows in itertools.combinations(range(U.shape[1]), size):
            for columns in itertools.combinations(range(U.shape[2]), size):
                y = _indifferent(U[0][np.ix_(rows, columns)], columns, U.shape[2])
                x = _indifferent(U[1][np.ix_(rows, columns)].T, rows, U.shape[1])
                if x is None or y is None:
                    continue
                gains = (U[0] @ y).max() - x @ U[0] @ y, (x @ U[1]).max() - x @ U[1] @ y
                if max(gains) <= 1e-9:
                    found.append((x, y))
    return found


def _indifferent(payoffs: Floats, support: tuple[int, ...], size: int) -> Floats | None:
    """The mixture on `support` that makes all rows of `payoffs` equally good, if there is one."""
    m = len(support)
    system = np.block([[payoffs, -np.ones((m, 1))], [np.ones((1, m)), np.zeros((1, 1))]])
    if np.linalg.matrix_rank(system) <= m:
        return None
    mixture = np.zeros(size)
    mixture[list(support)] = np.linalg.solve(system, np.append(np.zeros(m), 1.0))[:m]
    return mixture if mixture.min() >= 0.0 else None
