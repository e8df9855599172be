"""Relations of the decision-estimation coefficient, its bound by the decoupling coefficient first.

With Mbar the reference, d_i the K-free decoupling coefficient of agent i with Mbar as truth, and

    L = max D(pi; f) / D^2(f, Mbar)(pi),    G = max [sum_i (U_i - U_i^f)(pi)]_+ / D(f, Mbar)(pi)

over models f and joint policies pi (D(pi; f) the discrepancy, D(f, Mbar) the Hellinger distance of
trajectories, U the values under Mbar), for every gamma, and for CCE and CE alike

    gamma dec_gamma(Mbar) <= (G + sum_i sqrt(2 L d_i))^2 / 4.

Before V of the coefficient is bounded by d, and sharper where gamma is small: for all K, and
gamma = L sum_i eta_i + gamma',

    dec_gamma(Mbar) <= sum_i V_i((K - 1) / (2 eta_i)) / K + min(G^2 / (4 gamma'), sqrt(2) G).

Statement and proof: theory/relations.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from mamex_bench.complexity._bracket import AgentBracket
from mamex_bench.complexity._discrepancy import discrepancies
from mamex_bench.complexity._relation import Ends, Relation, Subject, exactly
from mamex_bench.complexity._residuals import finite_models
from mamex_bench.complexity.decision_estimation import hellinger
from mamex_bench.errors import NotApplicableError
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance

# Where gamma dec_gamma is looked for: it vanishes at both ends.
GAMMAS = (0.25, 4.0, 16.0)
DECOUPLED = (
    "(G + sum_i sqrt(2 L d_i))^2 / (4 gamma), d_i the decoupling coefficient of agent i for every "
    "K; L <= H' - 1/2 and G <= the range of the summed return: discrepancy over squared distance, "
    "lost welfare over distance"
)
# Shares of gamma that the eta_i take together, and lengths K.
SHARES = (0.3, 0.5, 0.7, 0.85, 0.95, 1.0)
LENGTHS = (100, 10_000, 1_000_000)
PAGE = "theory/relations.md, section A"


def informative_steps(instance: Instance, models: ModelClass) -> int:
    """H', the number of steps at which a model differs from the game (both dense)."""
    other = models.transitions != instance.dense.transition
    return int(other.any(axis=(0, 2, 3, 4)).sum())


def welfare_range(instance: Instance, models: ModelClass) -> float:
    """Most minus least of sum_h sum_i r_i(s_h, a_h) along what the game or a model can reach."""
    game = instance.dense
    possible = (models.transitions > 0.0).any(axis=0) | (game.transition > 0.0)
    welfare = game.reward.sum(axis=0)
    most = least = np.zeros(game.states)
    for h in range(game.horizon - 1, -1, -1):
        # up_h(s) = max_a { r(s, a) + max over next states of up_{h+1} }, down_h likewise
        after = np.where(possible[h], most, -np.inf).max(axis=2)
        before = np.where(possible[h], least, np.inf).min(axis=2)
        most = (welfare[h] + after).max(axis=1)
        least = (welfare[h] + before).min(axis=1)
    start = game.initial > 0.0
    return float(most[start].max() - least[start].min())


def constants(instance: Instance, hypotheses: str | None = None) -> tuple[float, float]:
    """(L, G) at the truth; rounding is kept below H' - 1/2 and the range of welfare."""
    models = finite_models(instance, hypotheses, "this bound")
    squares = hellinger(instance, hypotheses, instance.dense.transition)
    told = squares > 0.0
    if not told.any():
        return 0.0, 0.0
    losses = discrepancies(instance, hypotheses)[0].own.T
    truth = instance.payoffs.sum(axis=0).reshape(-1)
    lost = truth - instance.model_payoffs(hypotheses).sum(axis=1)
    L = float((losses[told] / squares[told]).max())
    G = max(0.0, float((lost[told] / np.sqrt(squares[told])).max()))
    steps = informative_steps(instance, models)
    return min(L, steps - 0.5), min(G, welfare_range(instance, models))


def decoupled_estimation(coefficients: Iterable[float], L: float, G: float) -> float:
    """(G + sum_i sqrt(2 L d_i))^2 / 4, which gamma dec_gamma does not exceed."""
    roots = np.sqrt(2.0 * L * np.array(list(coefficients)))
    return float((G + roots.sum()) ** 2 / 4.0)


def drawn_estimation(agents: Sequence[AgentBracket], L: float, G: float, gamma: float) -> float:
    """The least of the second bound over a few ways to share gamma, each of them valid."""
    if L == 0.0:
        # Nothing is seen, or all steps that tell are left out: any eta will do.
        told = min(G**2 / (4.0 * gamma), np.sqrt(2.0) * G)
        return float(sum(agent.largest_error for agent in agents) + told)
    roots = np.sqrt([agent.free[1] for agent in agents])
    if not np.isfinite(roots).all() or not roots.any():
        roots = np.ones(len(agents))
    etas = gamma * roots / (L * roots.sum())
    return min(
        sum(_drawn(agent, share * eta) for agent, eta in zip(agents, etas))
        + min(G**2 / (4.0 * (1.0 - share) * gamma) if share < 1.0 else np.inf, np.sqrt(2.0) * G)
        for share in SHARES
    )


def _drawn(agent: AgentBracket, eta: float) -> float:
    """V((K - 1) / (2 eta)) / K, the least over some K; E serves too."""
    if agent.largest_error <= 0.0 or eta <= 0.0:
        return agent.largest_error
    drawn = (agent.upper_value((K - 1) / (2.0 * eta), K) / K for K in LENGTHS)
    return min(agent.largest_error, *drawn)


def estimation(subject: Subject, form: str = "offset", concept: str = "cce") -> Ends:
    """The coefficient at the truth, gamma = 1 or eps = 1/2, which are the measure's defaults."""
    return subject.ends("decision_estimation", form=form, concept=concept, reference="truth")


def _constrained(subject: Subject) -> tuple[Ends, Ends]:
    # gamma eps^2 = 1/4. Where no model is near, the constrained form is a supremum over none,
    # which counts as 0.
    low, high = (max(0.0, end + 0.25) for end in estimation(subject))
    return estimation(subject, "constrained"), (low, high)


def _constants(subject: Subject) -> tuple[float, float]:
    finite_models(subject.instance, subject.hypotheses, "this bound")
    return constants(subject.instance, subject.hypotheses)


def _decoupled(subject: Subject) -> Ends:
    """Ends of the bound of gamma dec_gamma."""
    L, G = _constants(subject)
    free = [agent.free for agent in subject.bracket.agents]
    if not np.isfinite([high for _, high in free]).all():
        raise NotApplicableError(
            f"the decoupling coefficient of {subject.instance.name!r} is infinite: it bounds "
            "nothing"
        )
    low, high = (decoupled_estimation(ends, L, G) for ends in zip(*free))
    return low, high


def _tightest(subject: Subject, bound: Callable[[float], Ends]) -> tuple[Ends, Ends]:
    """dec_gamma and its bound at the gamma where they are closest, relatively."""
    found = [(estimation(subject), bound(1.0))]
    for gamma in GAMMAS:
        options = {"form": "offset", "concept": "cce", "reference": "truth", "gamma": gamma}
        found.append((subject.ends("decision_estimation", **options), bound(gamma)))
    # Rounding decides nothing.
    return max(found, key=lambda each: round(each[0][1] / max(each[1][0], 1e-12), 9))


def _free(subject: Subject) -> tuple[Ends, Ends]:
    low, high = _decoupled(subject)
    return _tightest(subject, lambda gamma: (low / gamma, high / gamma))


def _draws(subject: Subject) -> tuple[Ends, Ends]:
    L, G = _constants(subject)
    agents = subject.bracket.agents
    return _tightest(subject, lambda gamma: exactly(drawn_estimation(agents, L, G, gamma)))


DECISIONS: tuple[Relation, ...] = (
    Relation(
        "estimation_below_coefficients",
        "decision_estimation(offset, cce)",
        f"{DECOUPLED}; at the gamma where it is tightest",
        PAGE,
        "proved",
        _free,
    ),
    Relation(
        "estimation_below_draws",
        "decision_estimation(offset, cce)",
        "sum_i V_i((K - 1) / (2 eta_i)) / K + min(G^2 / (4 gamma'), sqrt(2) G), gamma = "
        "L sum_i eta_i + gamma', V_i certified, K up to 1e6; at the gamma where it is tightest",
        PAGE,
        "proved",
        _draws,
    ),
    Relation(
        "estimation_ce_below_coefficients",
        "decision_estimation(offset, ce)",
        f"{DECOUPLED}; at gamma = 1",
        PAGE,
        "proved",
        lambda s: (estimation(s, concept="ce"), _decoupled(s)),
    ),
    Relation(
        "constrained_below_offset",
        "decision_estimation(constrained, eps)",
        "max(0, decision_estimation(offset, gamma) + gamma eps^2)",
        "take q = p: Foster et al. 2023 (arXiv 2305.00684), section 2",
        "proved",
        _constrained,
    ),
    Relation(
        "estimation_cce_below_ce",
        "decision_estimation(offset, cce)",
        "decision_estimation(offset, ce)",
        "a swap may ignore what was drawn",
        "proved",
        lambda s: (estimation(s), estimation(s, concept="ce")),
    ),
    Relation(
        "estimation_ce_below_nash",
        "decision_estimation(offset, ce)",
        "decision_estimation(offset, nash)",
        "a pure deviation may know the whole draw",
        "proved",
        lambda s: (estimation(s, concept="ce"), estimation(s, concept="nash")),
    ),
)
