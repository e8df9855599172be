"""A discrepancy that ignores the step that matters: the coefficient is infinite.

The needle's game and models (see `needle`): agent 0 picks one of M arms, and model f_m says that
arm m alone pays, with probability s. But loss and discrepancy leave out the step at which the arm
is picked, the only one at which models differ. Then for every model f and joint policies q and pi

    D(q; f, pi) = 0,

while a model about its own arm errs by e = s, unless that arm is the one that pays. A pair with
e > 0 and D(pi; f, pi) = 0 may be used in every episode, and earns e each time at no cost:

    V(mu) >= K s for all mu,    hence    d(K) >= sup_mu K s / (mu + 6 H) = K s / (6 H)    for all K.

No error exceeds s, so both are equalities, and no constant bounds d(K) for all K: the K-free
coefficient is infinite, and any such pair is a witness.

MAMEX learns nothing: L = 0 for ever, and it plays an equilibrium of the game in which every arm
pays what its model promises. All arms tie, so that regret is a matter of how ties are broken: with
ties to the lowest policy it is 0 if the first arm pays and s in every episode if the last does.
The bounds still hold: the steps that are left tell nothing apart, U = 0. But V_up = K s is all that
errors can sum to, and regret cannot exceed it either: the bound is vacuous for ever.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.catalogue import needle
from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._generators import at_least
from mamex_bench.catalogue._losses import discrepancies, models_of, prediction_errors
from mamex_bench.errors import InputError
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known

SOURCE = "proved in the docstring of blind_step"


def make(
    *,
    seed: int = 0,
    arms: int = 6,
    truth: int | str = "last",
    success: float = 1.0,
    dummy_actions: int = 2,
) -> Instance:
    """The needle with M + 1 models, whose losses ignore step 0.

    Arguments:
        seed: unused, nothing here is random.
        arms: M, at least 2.
        truth: "first", "last", or the paying arm's number 1, ..., M.
        success: s, probability that the paying arm pays, in (0, 1].
        dummy_actions: actions, and policies, of the dummy agent.
    """
    M = at_least(arms, 2, "arms")
    index = {"first": 1, "last": M}.get(truth, 0) if isinstance(truth, str) else int(truth)
    if not 1 <= index <= M:
        raise InputError(f"truth is {truth!r}: expected 'first', 'last' or a number from 1 to {M}")
    seeing = needle.make(
        seed=seed, arms=M, truth=index, success=success, dummy_actions=dummy_actions
    )
    models, s = models_of(seeing), float(success)
    return Instance(
        seeing.game,
        seeing.policies,
        ModelClass(models.transitions, models.truth, ignored_steps=(0,)),
        name=f"blind_step(arms={M}, truth={truth})",
        known={
            "value": Known(s, SOURCE),
            "decoupling": Known(float("inf"), SOURCE),
            "decoupling_per_episode": Known(s / (6.0 * seeing.game.horizon), SOURCE),
            "covering_radius": seeing.known["covering_radius"],
        },
    )


def certify(instance: Instance) -> list[Check]:
    """Losses see nothing, errors are there, and the whole discrepancy would show them."""
    known, models = instance.known, models_of(instance)
    whole = ModelClass(models.transitions, models.truth)
    seeing = Instance(instance.game, instance.policies, whole)
    M, dummies = instance.game.action_counts
    wrong = np.array([m for m in range(1, M + 1) if m != models.truth], dtype=np.int64)
    own = discrepancies(seeing).reshape(models.size, M, dummies)[wrong, wrong - 1]
    error = float(prediction_errors(instance)[:, 0].max())
    per_episode, s = error / (6.0 * instance.game.horizon), known["value"].value
    return [
        Check("value of the best arm", float(instance.payoffs[0].max()), "==", s),
        Check("largest discrepancy", float(discrepancies(instance).max()), "==", 0.0, 0.0),
        Check("error / 6H", per_episode, "==", known["decoupling_per_episode"].value),
        # 1 - sqrt(1 - s) >= s / 2
        Check("least discrepancy of wrong arms, no step ignored", float(own.min()), ">=", s / 2.0),
    ]
