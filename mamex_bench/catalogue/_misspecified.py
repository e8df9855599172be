"""Misspecified versions of instances: the truth leaves the class, at a stated distance.

Distance of a model from the truth: d(P, P*) = max_{h,s,a} D_H(P_h(. | s, a), P*_h(. | s, a)), the
largest Hellinger distance over rows (`_nets`). `misspecify(instance, zeta)` changes the first class
of models of an instance:

  * the truth gives way to a neighbour that is at distance exactly zeta from it in every row that
    the class doubts (in which its models are not all equal; every row if the class has one model),
    and equal to it in the others;
  * other members that are not farther from the truth than zeta leave.

So the nearest member is at distance exactly zeta, and the class holds no truth.

Neighbour. In a doubted row p let k be a state with sqrt(p_k) <= 1 - zeta^2, drawn uniformly among
all such. Square roots of rows are unit vectors; the neighbour lies on the arc from sqrt(p) towards
the k-th axis, at angle arccos(1 - zeta^2). The axis is at angle arccos(sqrt(p_k)), no nearer. Such
a k exists in every row if zeta^2 <= 1 - 1/sqrt(S), since the least p_k is at most 1/S.

Support. On that arc the entries of all states but k shrink by one common factor, which is positive
before its end. So the neighbour gives positive probability to whatever can happen, unless zeta is
the whole arc, and no learner runs out of hypotheses.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.catalogue._generators import stream, towards
from mamex_bench.catalogue._losses import squared_hellinger
from mamex_bench.catalogue._nets import model_distance
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known

SOURCE = "proved in catalogue/_misspecified"


def misspecify(instance: Instance, zeta: float, seed: int = 0) -> Instance:
    """The instance with a class of models whose nearest member is at distance zeta > 0.

    Other classes of hypotheses stay behind, and so do known constants, save values, equilibria,
    welfares, interests and sizes of the game itself: a rank or a coefficient is that of the class.

    Raises InputError when there is no class of models that holds the truth, or zeta is outside
    (0, sqrt(1 - 1/sqrt(S))).
    """
    found = [(k, c) for k, c in instance.hypotheses.items() if isinstance(c, ModelClass)]
    if not found or found[0][1].truth is None:
        raise InputError(f"instance {instance.name!r} has no class of models that holds the truth")
    name, classes = found[0]
    greatest = float(np.sqrt(1.0 - 1.0 / np.sqrt(instance.game.states)))
    if not 0.0 < zeta < greatest:
        raise InputError(
            f"zeta is {zeta!r}: expected a number in (0, {greatest:.4g}), "
            f"the distances that every row on {instance.game.states} states has"
        )
    truth = instance.dense.transition
    doubted = np.ptp(classes.transitions, axis=0).max(axis=-1) > 0.0
    if not doubted.any():
        doubted[:] = True
    neighbour = truth.copy()
    neighbour[doubted] = _neighbours(truth[doubted], zeta, seed)
    others = np.delete(classes.transitions, classes.truth or 0, axis=0)
    far = others[model_distance(others, truth) > zeta + 1e-9] if len(others) else others
    place = int(stream(seed, "misspecified", "place").integers(len(far) + 1))
    transitions = np.insert(far, place, neighbour, axis=0)
    known = {key: value for key, value in instance.known.items() if _of_the_game(key)}
    return Instance(
        instance.game,
        instance.policies,
        {name: ModelClass(transitions, truth=None)},
        name=f"{instance.name} at distance {zeta:g}",
        known={**known, "misspecification": Known(float(zeta), SOURCE)},
    )


def _of_the_game(constant: str) -> bool:
    return (
        constant in {"value", "equilibrium", "branching", "layered_states"}
        or "welfare" in constant
        or constant.endswith(("_value", "_defect"))
    )


def _neighbours(rows: Floats, zeta: float, seed: int) -> Floats:
    """(N, S): rows at distance zeta, each towards a random axis that is no nearer."""
    rng = stream(seed, "misspecified", "rows")
    allowed = np.sqrt(rows) <= 1.0 - zeta**2
    axis = np.where(allowed, rng.random(rows.shape), -1.0).argmax(axis=1)
    return towards(rows, np.eye(rows.shape[1])[axis], zeta)


def unlikely_support(instance: Instance, models: ModelClass) -> float:
    """Least probability that the nearest member gives to what can happen."""
    truth = instance.dense.transition
    nearest = models.transitions[int(model_distance(models.transitions, truth).argmin())]
    return float(nearest[truth > 0.0].min())


def row_deviation(instance: Instance, models: ModelClass, zeta: float) -> float:
    """How far the nearest member's doubted rows are from distance zeta, at most."""
    truth = instance.dense.transition
    nearest = int(model_distance(models.transitions, truth).argmin())
    rows = np.sqrt(squared_hellinger(models.transitions[nearest], truth))
    return float(np.minimum(np.abs(rows - zeta), rows).max())
