"""Single-agent decoupling coefficient: greedy policies only, the other agents fixed.

The decoupling coefficient of one agent (Dann, Mohri, Zhang and Zimmert 2021, "A provably efficient
model-free posterior sampling method", arXiv 2208.10904; Zhong et al. 2022, "GEC", arXiv 2211.01962)
looks at pairs (f, pi_f) alone, pi_f greedy for f; the multi-agent coefficient at every pair
(f, pi). Here the others' joint policy nu is fixed, so that agent i has a decision process of its
own, pi_f is the best policy of its class under f against nu, and the inequality is that of the
multi-agent coefficient, burn-in term included:

    sum_k e(f_k, pi_k) <= (1/mu) sum_k sum_{s<k} D(pi_s; f_k, pi_k) + mu d + 6 d H

with pi_k greedy for f_k.

The value is the largest d over agents i and the nu of the others' classes (for one agent there is
one, empty). Dann et al. state it at one mu without burn-in: their coefficient is 4 V(1/mu) mu in
the notation of `complexity.decoupling`; each certificate's bracket bounds it through `upper_value`.
Of several greedy policies the first is taken. It never exceeds the multi-agent coefficient.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mamex_bench.complexity._bracket import AgentBracket, bracket_agent
from mamex_bench.complexity._discrepancy import (
    Discrepancy,
    ModelDiscrepancy,
    ValueDiscrepancy,
    discrepancies,
)
from mamex_bench.complexity._result import Measurement, positive, timed
from mamex_bench.model._arrays import Ints, positive_integer
from mamex_bench.model.instance import Instance

DEFINITION = (
    "decoupling coefficient of greedy policies, Dann et al. 2021 (arXiv 2208.10904), with burn-in, "
    "others fixed"
)
# Brackets that are computed; beyond, some nu give the lower end and all together the upper.
PROBLEMS = 64


@timed
def measure(
    instance: Instance,
    episodes: int = 1000,
    hypotheses: str | None = None,
    burn_in: float = 6.0,
    limit: int = PROBLEMS,
) -> Measurement:
    """The coefficient for sequences of at most `episodes` pairs.

    Up to `limit` single-agent problems are bracketed one by one. When there are more, the lower end
    comes from so many of them, evenly spread, and the upper end from sequences that may change nu.
    The certificate has the problem of the largest lower end: `agent`, `others` (index of a joint
    policy with nu), its `bracket`, and the numbers of `problems`.

    Raises InputError for episodes < 1, NotApplicableError for a misspecified class of models and an
    unbounded linear class.
    """
    length = positive_integer(episodes, "episodes")
    burn = positive(burn_in, "burn_in")
    most = positive_integer(limit, "limit")
    H, policies = instance.game.horizon, instance.policies
    ends: list[tuple[float, float, int, int, AgentBracket]] = []
    ceiling, total = 0.0, policies.size // np.array(policies.counts)
    for i, each in enumerate(discrepancies(instance, hypotheses)):
        groups = _groups(policies.counts, i)
        share = max(1, most // len(policies.counts))
        if len(groups) > share:
            masked = _masked(each, instance, i, groups)
            ceiling = max(ceiling, bracket_agent(masked, length, H, burn).upper)
            groups = groups[np.linspace(0, len(groups) - 1, share).astype(np.int64)]
        for rows in groups:
            found = bracket_agent(_problem(each, instance, i, rows), length, H, burn)
            ends.append((found.lower, found.upper, i, int(rows[0]), found))
    best = max(ends, key=lambda end: end[0])
    upper = max(ceiling, *(end[1] for end in ends))
    exhaustive = len(ends) == int(total.sum())
    return Measurement(
        "single_agent_decoupling",
        instance.name,
        best[0],
        upper,
        best[4].method if exhaustive else f"{len(ends)} of {total.sum()} problems; all as one",
        DEFINITION,
        {"episodes": length, "hypotheses": hypotheses},
        {"agent": best[2], "others": best[3], "bracket": best[4], "problems": total},
    )


def _groups(counts: tuple[int, ...], agent: int) -> Ints:
    """(problems, m_i): joint policies that differ in agent i's alone."""
    numbered = np.arange(int(np.prod(counts))).reshape(counts)
    return np.moveaxis(numbered, agent, -1).reshape(-1, counts[agent])


def _greedy(
    discrepancy: Discrepancy, instance: Instance, agent: int, rows: Ints
) -> tuple[Ints, Ints]:
    """(F,) the greedy row of each f, and (F,) its joint policy."""
    # V_f(pi) = e(f, pi) + V(pi); ties are judged to twelve digits, the first policy wins.
    values = discrepancy.errors[rows] + instance.payoffs[agent].reshape(-1)[rows][:, None]
    best = np.argmax(values >= values.max(axis=0) - 1e-12, axis=0)
    return best, rows[best]


def _problem(discrepancy: Discrepancy, instance: Instance, agent: int, rows: Ints) -> Discrepancy:
    """The pairs (f, pi_f) of one nu; rows that are greedy for no f drop out."""
    best, _ = _greedy(discrepancy, instance, agent, rows)
    used, row = np.unique(best, return_inverse=True)
    members = rows[used]
    greedy = np.zeros((used.size, best.size), dtype=bool)
    greedy[row, np.arange(best.size)] = True
    # A pair with a negative error is of no use to any sequence.
    errors = np.where(greedy, discrepancy.errors[members], -1.0)
    own = np.ascontiguousarray(discrepancy.own[members])
    if isinstance(discrepancy, ModelDiscrepancy):
        return replace(discrepancy, errors=errors, own=own)
    assert isinstance(discrepancy, ValueDiscrepancy)
    residuals = discrepancy.residuals
    fewer = replace(
        residuals,
        visits=np.ascontiguousarray(residuals.visits[members]),
        cells=np.ascontiguousarray(residuals.cells[members]),
    )
    return replace(discrepancy, errors=errors, own=own, residuals=fewer)


def _masked(discrepancy: Discrepancy, instance: Instance, agent: int, groups: Ints) -> Discrepancy:
    """All pairs (f, pi_f) of all nu at once."""
    greedy = np.zeros(discrepancy.errors.shape, dtype=bool)
    for rows in groups:
        _, members = _greedy(discrepancy, instance, agent, rows)
        greedy[members, np.arange(members.size)] = True
    return replace(discrepancy, errors=np.where(greedy, discrepancy.errors, -1.0))
