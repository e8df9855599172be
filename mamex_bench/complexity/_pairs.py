"""What pairs (f, pi) of positive error cost one another, whichever is played first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.complexity._discrepancy import Discrepancy
from mamex_bench.kernels import decoupling_potential as kernel
from mamex_bench.model._arrays import Floats, Ints


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of error above the levy.

    Attributes:
        policies, hypotheses: (R,).
        error: (R,), less the levy.
    """

    policies: Ints
    hypotheses: Ints
    error: Floats


def against(discrepancy: Discrepancy, pairs: Pairs, chosen: Ints) -> Floats:
    """(R, G): min(D(pi_r; g), D(pi_g; r)) / (e_r e_g) of all pairs r and chosen pairs g."""
    pi, f = pairs.policies[chosen], pairs.hypotheses[chosen]
    every = np.arange(discrepancy.policies)
    out = np.empty((pairs.error.size, chosen.size))
    if discrepancy.shared:
        table = discrepancy.own
        np.minimum(table[:, f][pairs.policies], table[pi].T[pairs.hypotheses], out=out)
    else:
        used, place = np.unique(pi, return_inverse=True)
        for policy in used:
            mine = np.flatnonzero(pi == policy)
            losses = discrepancy.losses(every, int(policy), f[mine])
            out[:, mine] = losses[pairs.policies]
        for policy in np.unique(pairs.policies):
            mine = np.flatnonzero(pairs.policies == policy)
            losses = discrepancy.losses(used, int(policy), pairs.hypotheses[mine])
            out[mine] = np.minimum(out[mine], losses[place].T)
    return out / (pairs.error[:, None] * pairs.error[chosen])


def allowed(discrepancy: Discrepancy, pairs: Pairs, groups: Ints, G: int) -> Floats:
    """(G, G): min over pairs r of g and r' of g' of D(pi_r; r') / (e_r e_r'), both orders."""
    M, F = discrepancy.errors.shape
    out = np.full((G, G), np.inf)
    begin, source, source_error = _largest(pairs.policies, groups, pairs.error, M, G)
    if discrepancy.shared:
        first, target, error = _largest(pairs.hypotheses, groups, pairs.error, F, G)
        hypothesis = np.repeat(np.arange(F), np.diff(first))
        kernel.tighten(discrepancy.own, begin, source, source_error, hypothesis, target, error, out)
    else:
        every = np.arange(M)
        for policy in np.unique(pairs.policies):
            mine = np.flatnonzero(pairs.policies == policy)
            table = discrepancy.losses(every, int(policy), pairs.hypotheses[mine])
            kernel.tighten(
                table,
                begin,
                source,
                source_error,
                np.arange(mine.size),
                groups[mine],
                pairs.error[mine],
                out,
            )
    return np.minimum(out, out.T)


def _largest(
    owner: Ints, groups: Ints, error: Floats, owners: int, G: int
) -> tuple[Ints, Ints, Floats]:
    """Per owner the groups that it has pairs in, and the largest error in each."""
    code = owner * G + groups
    order = np.lexsort((error, code))
    kept = order[np.flatnonzero(np.append(np.diff(code[order]) != 0, True))]
    begin = np.searchsorted(owner[kept], np.arange(owners + 1)).astype(np.int64)
    return begin, groups[kept], error[kept]
