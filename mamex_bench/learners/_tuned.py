"""The confidence of planners that are tuned: Bernstein's form, scaled.

With t visits, iota = log(N A K / p) and V' the value of the next state,

    width_i = scale sqrt( Var(r_i + V'_i) iota / t ) + scale^2 R_ih iota / t,

the variance that of what was seen: of next states, and of rewards where they are random (the two
are independent). What is averaged is thus given its own standard errors, scale sqrt(iota) of them,
and the second term stands in for a variance that few visits cannot show. R_ih is what is left to be
gained after step h by the known rewards alone, sum_{g > h} (max r_ig - min r_ig): zero at the last
step, small where rewards are sparse. Q is clipped to [r + sum_{g > h} min r_ig,
r + sum_{g > h} max r_ig], which is also the value of a pair never visited. Rewards that are random
count as part of what is left, between 0 and 1 per step.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.learners._optimistic_planning import Confidence, reward_bounds
from mamex_bench.model.game import Game


def tuned_confidence(
    game: Game,
    scale: float,
    iota: float,
    *,
    players: int | None = None,
    relative: float = 0.0,
    lean: float = 0.5,
) -> Confidence:
    """The docstring's bounds and widths of the first `players` agents, or of all.

    relative, lean: see Confidence. Raises InputError unless `scale` is positive and finite.
    """
    if not scale > 0.0 or not np.isfinite(scale):
        raise InputError(f"scale is {scale!r}: expected a positive number")
    ceiling, floor, left = (each[:players] for each in reward_bounds(game))
    return Confidence(
        ceiling,
        floor,
        bonus=np.zeros_like(left),
        linear=scale**2 * iota * left,
        deviation=scale * float(np.sqrt(iota)),
        relative=relative,
        lean=lean,
    )
