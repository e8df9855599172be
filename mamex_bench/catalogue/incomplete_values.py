"""Action values that hold the truth, with a completion that misses a Bellman target.

Definition. Two agents with actions 0 and 1, two steps. Write sigma(a) = 1 if the two actions are
equal, else -1. From the start, (a_0, a_1) leads to the state "even" with probability
1/2 + sigma(a)/4, else to "odd". Rewards at the first step are x_i(a_0) + y_i(a_1), random, with
values in [1/4, 3/4]; at the second step random in [1/4, 3/4], the same in both states. Policies are
all four open-loop sequences of each agent.

Truth. What happens at the second step does not depend on the state, so under every joint policy
Q_0 = x_i(a_0) + y_i(a_1) + constant and Q_1 is the second reward.

Class. All Q of joint policies, and a mirage of each: the same at the first step; at the second more
by 2 `miss` in even and less by 2 `miss` in odd. The completion is linear: at the first step in
functions x(a_0) + y(a_1), at the second in indicators of (state, a). Every member is linear in
these features, the truth is held (realizable), and its targets are members. But a mirage's target
at the first step is

    T f_1 = truth + 2 miss (P(even | a) - P(odd | a)) = truth + miss sigma(a).

Amount. sigma is orthogonal to all x(a_0) + y(a_1) in the sum over the four pairs. So for every g in
the span sum_a sigma (T f_1 - g) = 4 miss, and |T f_1 - g| >= miss for some pair; the truth attains
it, and is the least-squares answer too. The completion misses the target by exactly `miss`, in the
largest norm and in root mean square under uniform play.

What the bounds say: nothing. Their proof subtracts the loss of the target's completion; here that
takes miss^2 per uniform visit of the first step too much off the loss of a mirage, for ever.
`bounds.concentration` refuses the class (NotApplicableError). With tabular completion ("values")
the same values are complete, and the bounds apply.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._generators import stream, value_class_of, within
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ValueClass
from mamex_bench.model.instance import Instance, Known, realizable
from mamex_bench.model.policies import PurePolicies

START, EVEN, ODD = range(3)
PAIRS = np.array(list(np.ndindex(2, 2)))
SIGMA = np.where(PAIRS[:, 0] == PAIRS[:, 1], 1.0, -1.0)
SOURCE = "proved in the docstring of incomplete_values"


def make(*, seed: int = 0, miss: float = 0.1) -> Instance:
    """Sixteen joint policies, their values and as many mirages per agent, at most.

    Arguments:
        seed: draws the rewards.
        miss: how far the completion is from a target, in (0, 1/8].
    """
    gap = within(miss, "miss", 1e-6, 0.125)
    rng = stream(seed, "incomplete_values", "rewards")
    transition = np.zeros((2, 3, 4, 3))
    transition[:] = np.eye(3)[:, None]
    transition[0, START, :, START] = 0.0
    transition[0, START, :, EVEN] = 0.5 + SIGMA / 4.0
    transition[0, START, :, ODD] = 0.5 - SIGMA / 4.0
    reward = np.zeros((2, 2, 3, 4))
    first = 0.125 + 0.25 * rng.random((2, 2, 2))
    for i in range(2):
        reward[i, 0, START] = first[i, 0, PAIRS[:, 0]] + first[i, 1, PAIRS[:, 1]]
        reward[i, 1, [EVEN, ODD]] = 0.25 + 0.5 * rng.random(4)
    game = MarkovGame(transition, reward, (2, 2))
    tables = np.broadcast_to(PAIRS[:, :, None], (4, 2, 3))
    policies = PurePolicies([tables, tables])
    truths = value_class_of(game, policies).per_agent
    classes = [np.concatenate([Q, Q + _mirage(2.0 * gap)]) for Q in truths]
    return Instance(
        game,
        policies,
        {
            "values_linear": ValueClass(classes, completion=_features()),
            "values": ValueClass(classes),
        },
        name=f"incomplete_values(miss={gap:g})",
        known={"completion_gap": Known(gap, SOURCE)},
    )


def _mirage(size: float) -> Floats:
    """(2, 3, 4): what a mirage adds to the truth."""
    added = np.zeros((2, 3, 4))
    added[1, EVEN], added[1, ODD] = size, -size
    return added


def _features() -> Floats:
    """(2, 3, 4, 12): [a_0 = 0], [a_0 = 1], [a_1 = 1] in each state; then [s, a]."""
    features = np.zeros((2, 3, 4, 12))
    additive = np.stack([PAIRS[:, 0] == 0, PAIRS[:, 0] == 1, PAIRS[:, 1] == 1], axis=1)
    for s in range(3):
        features[0, s, :, 3 * s : 3 * s + 3] = additive
    features[1] = np.eye(12).reshape(3, 4, 12)
    return features


def targets(instance: Instance, agent: int) -> Floats:
    """(F, pi_1, 4): Bellman targets of the class at the start, for each play at the second step."""
    game, classes = instance.dense, instance.hypothesis("values_linear")
    if not isinstance(classes, ValueClass):
        raise InputError(f"'values_linear' of {instance.name!r} is not a class of values")
    later = classes.per_agent[agent][:, 1]
    expected = np.einsum("at,ftb->fba", game.transition[0, START], later)
    out: Floats = game.reward[agent, 0, START] + expected
    return out


def certify(instance: Instance) -> list[Check]:
    """Realizability, and how far targets are from the features' span, from both sides."""
    classes = instance.hypothesis("values_linear")
    assert isinstance(classes, ValueClass)
    assert classes.features is not None
    claimed = instance.known["completion_gap"].value
    basis = classes.features[0, START]
    every = np.concatenate([targets(instance, i).reshape(-1, 4) for i in range(2)])
    residual = every - every @ np.linalg.pinv(basis).T @ basis.T
    # For every g in the span, max |target - g| >= |<sigma, target - g>| / 4.
    below = float(np.abs(every @ SIGMA).max()) / 4.0
    mean_square = float(np.square(residual).mean(axis=1).max())
    values = np.concatenate([each[:, 0, START] for each in classes.per_agent])
    outside = values - values @ np.linalg.pinv(basis).T @ basis.T
    return [
        Check("class holds Q of every joint policy", float(realizable(instance)), "==", 1.0),
        Check("sigma against the features", float(np.abs(SIGMA @ basis).max()), "==", 0.0),
        Check("members' distance from the features' span", float(np.abs(outside).max()), "==", 0.0),
        Check("targets' distance from it, at most", float(np.abs(residual).max()), "==", claimed),
        Check("and at least", below, "==", claimed),
        Check("in mean square under uniform play", mean_square, "==", claimed**2),
    ]
