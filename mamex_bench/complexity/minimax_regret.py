"""Minimax regret: what the best learner suffers on the worst model of a class, as an interval.

    inf over algorithms  max_{M in F}  E_M sum_{k <= K} h^M(x_k),

x_k the law of the joint policy of episode k, h^M the sum over agents of what each gains by its best
deviation under M, never negative ("cce", "ce"; for product mixtures "cce" is the gain of a Nash
profile too). With B the largest h^M of any decision, for any reference model Mbar, gamma and k <= K

    k (1 - B k / gamma) dec_gamma(Mbar)  <=  minimax regret  <=  K inf_p max_M h^M(p):

no algorithm escapes the first, and to play the best p of the last in every episode attains the
second. dec_gamma is the offset form of `decision_estimation`. Proof: theory/relations.md, section
B; the idea is that of Foster, Kakade, Qian and Rakhlin (2021), arXiv 2112.13487.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._offset import OffsetGame
from mamex_bench.complexity._residuals import finite_models
from mamex_bench.complexity._result import Measurement, timed
from mamex_bench.complexity.decision_estimation import ENTRY_LIMIT, TOLERANCE, hellinger
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.instance import Instance

DEFINITION = "minimax regret over the class, sum over agents of positive gains, concept {}"


@timed
def measure(
    instance: Instance,
    episodes: int = 1,
    concept: Literal["cce", "ce"] = "cce",
    hypotheses: str | None = None,
    reference: int | Literal["truth"] = "truth",
) -> Measurement:
    """The interval for K = `episodes`.

    reference: Mbar of the lower end, "truth" or the index of a member. The certificate has the
    `gamma` of the lower end, the `estimation` coefficient there, B (`largest_gain`), and the
    `decision` behind the upper end.

    Raises InputError for other concepts and references, NotApplicableError for a class that is not
    one of models of known rewards, and for programs of more than 3e6 numbers.
    """
    K = positive_integer(episodes, "episodes")
    if concept not in ("cce", "ce"):
        raise InputError(f"concept is {concept!r}: expected 'cce' or 'ce'")
    plain = dense_instance(instance)
    models = finite_models(plain, hypotheses, "minimax regret")
    payoffs = instance.model_payoffs(hypotheses)
    if payoffs.size > ENTRY_LIMIT:
        raise NotApplicableError(
            f"the program of {instance.name!r} has {payoffs.size:,} numbers: minimax regret is "
            f"computed up to {ENTRY_LIMIT:,}, so give fewer policies or models"
        )
    distances = hellinger(plain, hypotheses, _reference(plain, models.transitions, reference))
    counts = instance.policies.counts
    # Gains are convex in the decision: B is that of a joint pure policy.
    B = float(OffsetGame(payoffs, counts, "nash").pure.max())
    game = OffsetGame(payoffs, counts, concept)
    blind = game.solve(np.zeros(distances.shape), TOLERANCE)
    floor, gamma, estimation, found = 0.0, 0.0, 0.0, None
    for power in range(1, int(8 * K).bit_length()) if B > 0.0 else ():
        # gamma = B 2^j, the same for every K; k (1 - B k / gamma) is largest at 2^(j - 1).
        k = min(K, 2 ** (power - 1))
        penalty = B * 2.0**power * distances
        found = game.solve(penalty, TOLERANCE * max(1.0, float(penalty.max())), found)
        value = k * (1.0 - k / 2.0**power) * found.lower
        if value > floor:
            floor, gamma, estimation = value, B * 2.0**power, found.lower
        if found.upper <= 0.0:
            break
    return Measurement(
        "minimax_regret",
        instance.name,
        floor,
        K * blind.upper,
        "decision estimation; one decision for ever" if floor > 0.0 else "one decision for ever",
        DEFINITION.format(concept),
        {"episodes": K, "concept": concept, "hypotheses": hypotheses, "reference": reference},
        {
            "gamma": gamma,
            "estimation": estimation,
            "largest_gain": B,
            "decision": blind.distribution,
        },
    )


def _reference(instance: Instance, transitions: np.ndarray, reference: int | str) -> np.ndarray:
    """The kernel of Mbar."""
    if reference == "truth":
        return instance.dense.transition
    whole = isinstance(reference, int) and not isinstance(reference, bool)
    if not whole or not 0 <= int(reference) < len(transitions):
        raise InputError(
            f"reference is {reference!r}: expected 'truth' or an index below {len(transitions)}"
        )
    return transitions[int(reference)]
