"""A needle among M arms: the family whose decoupling coefficient grows with the policies.

Definition. Agent 0 picks one of M arms at the first step, agent 1 is a dummy whose action changes
nothing. Under hypothesis f_m arm m leads to the paying state with probability `success` = s and to
the empty state otherwise, every other arm leads to the empty state; under f_0 no arm pays. In the
paying state the second step is worth 1 to agent 0, all else is worth 0. So H = 2, the outcome is
observed, and rewards are known functions of the state.

Decoupling coefficient when no arm pays (truth f_0). The pair (f_m, arm m) has prediction error
e = s, all others 0. Its discrepancy under arm m is D = 1 - sqrt(1 - s), under any other arm 0. So
arms decouple: the best sequence uses each arm on its own, its c-th use earns s - (c - 1) D / mu,

    V(mu) = M sum_{c >= 1} [ s - (c - 1) D / mu ]_+     (K large enough to use all arms so often),

and mu I <= V(mu) <= M s + mu I with I = M s^2 / (2 D). Since D <= s, M s <= 6 H I, so that the
supremum of V(mu) / (mu + 6 H) is I, approached as mu and K / (M mu) grow. For s = 1: D = 1,
V(mu) = M (mu + 1) / 2 at integer mu and the coefficient is M / 2: linear in the number of policies.

When arm m pays (truth f_m) the other models err as before about their own arms and by 0 or less
about all else; their discrepancies under arms other than m are as before, and to use arm m earns
nothing. So all this holds with M - 1 for M. The model f_0 promises nothing, and is refuted only by
arm m.

Regret with truth f_m and s = 1. MAMEX plays an arm whose model is live; if it does not pay, its
model alone is refuted. So regret is at most M - 1, and exactly M - 1 if the paying arm comes last:
with ties to the lowest policy and truth "last". It grows with M like the coefficient.

Infinite coefficient. A discrepancy that ignores the data of the first step is 0 for all pairs,
while e = s > 0 for an empty arm and its model. Using that pair K times shows that the coefficient
is then at least K s / (6 H) for every K: infinite. A learner with that loss chases the arm for
ever.

Ranges. With truth f_0 every true return is 0, so R_true = 0 and there is no regret to have, while
R = 1, the value of the paying state. With truth f_m the arms differ, R_true = s, and every learner
has to find the needle. The last arm ("last") catches learners without optimism whose ties go to
the lowest profile.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._generators import at_least, within
from mamex_bench.catalogue._losses import discrepancies, models_of, prediction_errors
from mamex_bench.catalogue._nets import finite_known
from mamex_bench.errors import InputError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

START, PAYING, EMPTY = range(3)
SOURCE = "proved in the docstring of needle"


def make(
    *,
    seed: int = 0,
    arms: int = 8,
    truth: int | str = "last",
    success: float = 1.0,
    dummy_actions: int = 2,
) -> Instance:
    """M + 1 models (index 0: no arm pays; index m: arm m pays, m = 1, ..., M).

    Arguments:
        seed: unused, nothing here is random.
        arms: M, at least 1.
        truth: "none", "last", or the paying arm's number 1, ..., M (0 for none).
        success: probability that the paying arm pays, in (0, 1].
        dummy_actions: actions, and policies, of the dummy agent.
    """
    M, dummies = at_least(arms, 1, "arms"), at_least(dummy_actions, 1, "dummy_actions")
    s = within(success, "success", 1e-9, 1.0)
    index = {"none": 0, "last": M}.get(truth, -1) if isinstance(truth, str) else int(truth)
    if not 0 <= index <= M:
        raise InputError(f"truth is {truth!r}: expected 'none', 'last' or a number up to {M}")

    transitions = np.zeros((M + 1, 2, 3, M, dummies, 3))
    transitions[:, 0, START, ..., EMPTY] = 1.0
    for m in range(M):
        transitions[m + 1, 0, START, m, :, PAYING] = s
        transitions[m + 1, 0, START, m, :, EMPTY] = 1.0 - s
    transitions[:, 0, PAYING, ..., PAYING] = transitions[:, 0, EMPTY, ..., EMPTY] = 1.0
    for state in (START, PAYING, EMPTY):
        transitions[:, 1, state, ..., state] = 1.0
    transitions = transitions.reshape(M + 1, 2, 3, M * dummies, 3)
    reward = np.zeros((2, 2, 3, M * dummies))
    reward[0, 1, PAYING] = 1.0

    game = MarkovGame(transitions[index], reward, (M, dummies))
    known = {
        "value": Known(s if index else 0.0, SOURCE),
        "covering_radius": finite_known(True, "one model for every arm, and one for none"),
    }
    D = 1.0 - np.sqrt(1.0 - s)
    known["decoupling"] = Known(float((M - (index > 0)) * s * s / (2.0 * D)), SOURCE)
    return Instance(
        game,
        PurePolicies([_constant(M), _constant(dummies)]),
        ModelClass(transitions, index),
        name=f"needle(arms={M}, truth={truth})",
        known=known,
    )


def _constant(actions: int) -> np.ndarray:
    """(actions, 2, 3): the policies that always take the same action."""
    return np.broadcast_to(np.arange(actions)[:, None, None], (actions, 2, 3))


def certify(instance: Instance) -> list[Check]:
    """What pays, who errs about what, and what a use of each arm reveals."""
    known, (M, dummies) = instance.known, instance.game.action_counts
    truth = models_of(instance).truth
    U = instance.payoffs
    e = prediction_errors(instance)[:, 0].reshape(M + 1, M, dummies)
    D = discrepancies(instance).reshape(M + 1, M, dummies)
    wrong = np.array([m for m in range(1, M + 1) if m != truth], dtype=np.int64)
    own = e[wrong, wrong - 1], D[wrong, wrong - 1]
    share = np.divide(own[0] ** 2, 2.0 * own[1], out=np.zeros_like(own[0]), where=own[1] > 0.0)
    elsewhere, revealed = e.copy(), D[wrong].copy()
    elsewhere[wrong, wrong - 1] = 0.0
    revealed[np.arange(wrong.size), wrong - 1] = 0.0
    if truth:
        revealed[:, truth - 1] = 0.0
    coefficient = float(share.mean(axis=1).sum())
    blind = float(discrepancies(instance, ignored_step=0).max())
    return [
        Check("value of the best arm", float(U[0].max()), "==", known["value"].value),
        Check("arms that pay", float((U[0].max(axis=1) > 0.0).sum()), "==", float(truth != 0)),
        Check("what the dummy earns", float(np.abs(U[1]).max()), "==", 0.0),
        Check("error of a model about arms not its own", float(elsewhere.max()), "<=", 0.0),
        Check(
            "discrepancy under empty arms not its own", float(revealed.max(initial=0.0)), "==", 0.0
        ),
        Check("sum of e^2 / (2 D) over models", coefficient, "==", known["decoupling"].value),
        Check("discrepancy that ignores the first step", blind, "==", 0.0),
    ]
