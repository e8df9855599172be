"""Value classes that hold every truth and functions that are the value of no policy."""

from __future__ import annotations

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats
from mamex_bench.model.hypotheses import ValueClass


def with_functions(
    truths: ValueClass, count: int, rng: np.random.Generator, features: Floats | None = None
) -> ValueClass:
    """The truths and, per agent, `count` random functions that they are not; tabular completion.

    f_h(s, a) = (H - h) U with independent uniform U, or (H - h) <features_h(s, a), theta_h> with
    uniform theta in [0, 1]^d; features (H, S, A, d) are nonnegative and sum to at most 1. Either
    way values lie in [0, H - h].
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InputError(f"distractors is {count!r}: expected a whole number of at least 0")
    classes = []
    for members in truths.per_agent:
        _, H, S, A = members.shape
        left = (H - np.arange(H))[None, :, None, None]
        if features is None:
            extra = rng.random((count, H, S, A))
        else:
            theta = rng.random((count, H, features.shape[3]))
            extra = np.einsum("hsad,fhd->fhsa", features, theta)
        classes.append(np.concatenate([members, left * extra]))
    return ValueClass(classes)
