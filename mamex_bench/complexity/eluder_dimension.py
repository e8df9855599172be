"""Eluder dimension of the hypothesis class: the longest sequence of surprising points.

Russo and Van Roy (2013), "Eluder dimension and the sample complexity of optimistic exploration",
for action values: functions f_h on the pairs (s, a). Osband and Van Roy (2014), "Model-based
reinforcement learning and the eluder dimension", arXiv 1406.1853, for models: the vectors
P_{f,h}(. | s, a) with the Euclidean norm in place of absolute values. A point x is eps-independent
of x_1, ..., x_k when two members f, f' have

    sum_{j <= k} |f(x_j) - f'(x_j)|^2 <= eps^2    and    |f(x) - f'(x)| > eps;

the dimension at eps is the length of the longest sequence of which every point is eps'-independent
of those before it, for some eps' >= eps. Largest over agents and steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mamex_bench.complexity import _eluder
from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._residuals import finite_class
from mamex_bench.complexity._result import Measurement, positive, timed
from mamex_bench.errors import NotApplicableError
from mamex_bench.model._arrays import Floats
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance

VALUES = "eluder dimension of f_h on (s, a), Russo and Van Roy 2013"
MODELS = "eluder dimension of P_f(. | s, a), Osband and Van Roy 2014 (arXiv 1406.1853)"
# Differences of pairs of members, at all points, that are listed: 0.4 GB.
TABLE_LIMIT = 50_000_000


@timed
def measure(
    instance: Instance,
    scale: float = 0.1,
    hypotheses: str | None = None,
    limit: int = _eluder.LIMIT,
) -> Measurement:
    """The eluder dimension at `scale`: exact within `limit` comparisons a step, else an interval.

    The certificate has `steps`, per agent and step (lower, upper), and the sequence of the largest
    lower end: `points` (cells s A + a), at `eluder_scale`, of `agent` at `step`.

    Raises InputError for a scale that is not positive, NotApplicableError for a linear class and
    for more than 5e7 differences.
    """
    epsilon = positive(scale, "scale")
    plain = dense_instance(instance)
    classes = finite_class(plain, hypotheses, "the eluder dimension")
    steps: list[list[_eluder.Ends]] = []
    agents = 1 if isinstance(classes, ModelClass) else plain.game.agents
    for i in range(agents):
        steps.append([])
        for h in range(plain.game.horizon):
            if isinstance(classes, ModelClass):
                rows = classes.transitions[:, h]
                table = rows.reshape(len(rows), -1, rows.shape[-1])
                linear = None
            else:
                table = classes.per_agent[i][:, h].reshape(classes.sizes[i], -1, 1)
                linear = linear_span(table[:, :, 0])
            means = differences(table, instance.name)
            steps[-1].append(_eluder.dimension(means, epsilon, limit, linear))
    definition = MODELS if isinstance(classes, ModelClass) else VALUES
    return largest(
        "eluder_dimension",
        instance,
        steps,
        definition,
        {"scale": epsilon, "hypotheses": hypotheses},
    )


def differences(table: Floats, name: str) -> Floats:
    """(G, points): |f(x) - f'(x)| of all pairs of distinct members, table (F, points, d)."""
    kept = np.unique(np.round(table.reshape(len(table), -1), 14), axis=0, return_index=True)[1]
    table = table[np.sort(kept)]
    F, points, _ = table.shape
    if F * (F - 1) // 2 * points > TABLE_LIMIT:
        raise NotApplicableError(
            f"the differences of {F:,} hypotheses of {name!r} at {points:,} points are more than "
            f"{TABLE_LIMIT:,} numbers: the eluder dimension needs a smaller class"
        )
    doubted = np.flatnonzero(np.ptp(table, axis=0).max(axis=1, initial=0.0) > 0.0)
    out = np.zeros((F * (F - 1) // 2, points))
    begin = 0
    for f in range(F - 1):
        gaps = table[f + 1 :, doubted] - table[f, doubted]
        out[begin : begin + len(gaps), doubted] = np.sqrt(np.square(gaps).sum(axis=2))
        begin += len(gaps)
    return out


def largest(
    name: str,
    instance: Instance,
    steps: list[list[_eluder.Ends]],
    definition: str,
    options: Mapping[str, object],
) -> Measurement:
    """The measurement of largest ends over agents and steps."""
    cells = [(i, h) for i, own in enumerate(steps) for h in range(len(own))]
    low = max(cells, key=lambda cell: steps[cell[0]][cell[1]].lower)
    high = max(cells, key=lambda cell: steps[cell[0]][cell[1]].upper)
    found, top = steps[low[0]][low[1]], steps[high[0]][high[1]]
    return Measurement(
        name,
        instance.name,
        found.lower,
        top.upper,
        top.method,
        definition,
        options,
        {
            "steps": np.array([[(each.lower, each.upper) for each in own] for own in steps]),
            "points": found.sequence.points,
            "eluder_scale": found.sequence.scale,
            "agent": low[0],
            "step": low[1],
        },
    )


def linear_span(values: Floats) -> tuple[int, float]:
    """(d, reach) of the differences f - f' as inner products in the class's affine span."""
    left, sizes, right = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    kept = sizes > 1e-9 * max(float(sizes[0]), 1e-300)
    x, w = np.sqrt(sizes[kept])[:, None] * right[kept], left[:, kept] * np.sqrt(sizes[kept])
    norms = (np.sqrt(np.square(w).sum(axis=1)).max(), np.sqrt(np.square(x).sum(axis=0)).max())
    # |w_f - w_g| <= 2 max |w_f|
    return int(kept.sum()), float(2.0 * norms[0] * norms[1])
