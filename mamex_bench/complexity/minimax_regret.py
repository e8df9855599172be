"""Minimax regret: what the best learner suffers on the worst model of a class, as an interval.

    inf over algorithms  max_{M in F}  E_M sum_{k <= K} h^M(x_k),

x_k the law of the joint policy of episode k, h^M the sum over agents of what each gains by its best
deviation under M, never negative ("cce", "ce"; for product mixtures "cce" is the gain of a Nash
profile too, and the lower end holds for learners that play them). With B the largest h^M of any
decision, for any reference model Mbar, gamma and k <= K

    k (1 - B k / gamma) dec_gamma(Mbar)  <=  minimax regret  <=  K inf_p max_M h^M(p):

no algorithm escapes the first, and to play the best p of the last in every episode attains the
second. At K = 1 that is the value, which is a lower end for every K as regret only grows. dec_gamma
is the offset form of `decision_estimation`. Proof: theory/relations.md, section B; the idea is that
of Foster, Kakade, Qian and Rakhlin (2021), arXiv 2112.13487.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._offset import OffsetGame
from mamex_bench.complexity._residuals import finite_models
from mamex_bench.complexity._result import Measurement, timed
from mamex_bench.complexity.decision_estimation import (
    ENTRY_LIMIT,
    REFERENCES,
    TOLERANCE,
    WORK_LIMIT,
    hellinger,
    references,
)
from mamex_bench.errors import ConvergenceError, InputError, NotApplicableError
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.instance import Instance

DEFINITION = "minimax regret over the class, sum over agents of positive gains, concept {}"


@timed
def measure(
    instance: Instance,
    episodes: int = 1,
    concept: Literal["cce", "ce"] = "cce",
    hypotheses: str | None = None,
    reference: int | Literal["truth", "members"] = "members",
    limit: int = REFERENCES,
) -> Measurement:
    """The interval for K = `episodes`.

    reference: Mbar of the lower end: "truth", the index of a member, or "members", the best of
    them all, of more than `limit` of so many, evenly spread. The certificate has the `gamma` and
    the `reference` of the lower end (None for the truth, and where gamma = 0: the first episode
    alone), the `estimation` coefficient there, B (`largest_gain`), and the `decision` behind the
    upper end.

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
    counts = instance.policies.counts
    # Gains are convex in the decision: B is that of a joint pure policy.
    B = float(OffsetGame(payoffs, counts, "nash").pure.max())
    game = OffsetGame(payoffs, counts, concept)
    blind = game.solve(np.zeros(payoffs.shape[::2]), TOLERANCE)
    members = references(reference, models.size)
    most = min(positive_integer(limit, "limit"), max(1, WORK_LIMIT // payoffs.size))
    if len(members) > most:
        members = [members[k] for k in np.linspace(0, len(members) - 1, most).astype(int)]
    # Regret grows with the episodes, and in the first nothing is known.
    best = Floor(max(blind.lower, 0.0), 0.0, blind.lower, None)
    for member in members if blind.upper > TOLERANCE else ():
        kernel = plain.dense.transition if member is None else models.transitions[member]
        found = _floor(game, hellinger(plain, hypotheses, kernel), B, K)
        best = max(best, found._replace(reference=member), key=lambda each: each.value)
    return Measurement(
        "minimax_regret",
        instance.name,
        best.value,
        K * blind.upper,
        f"{'decision estimation' if best.gamma else 'the first episode'}; one decision for ever",
        DEFINITION.format(concept),
        {"episodes": K, "concept": concept, "hypotheses": hypotheses, "reference": reference},
        {
            "gamma": best.gamma,
            "estimation": best.estimation,
            "reference": best.reference,
            "largest_gain": B,
            "decision": blind.distribution,
        },
    )


class Floor(NamedTuple):
    """k (1 - B k / gamma) dec_gamma(reference), k and gamma chosen well."""

    value: float
    gamma: float
    estimation: float
    reference: int | None


def _floor(game: OffsetGame, distances: Floats, B: float, K: int) -> Floor:
    best, found = Floor(0.0, 0.0, 0.0, None), None
    for power in range(1, int(8 * K).bit_length()):
        # gamma = B 2^j, the same for every K; k (1 - B k / gamma) is largest at 2^(j - 1).
        k, gamma = min(K, 2 ** (power - 1)), B * 2.0**power
        penalty = gamma * distances
        try:
            found = game.solve(penalty, TOLERANCE * max(1.0, float(penalty.max())), found)
        except ConvergenceError:  # Numbers too far apart: larger gamma are left out.
            break
        value = k * (1.0 - B * k / gamma) * found.lower
        if value > best.value:
            best = Floor(value, gamma, found.lower, None)
        if found.upper <= 0.0:
            break
    return best
