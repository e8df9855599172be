"""Sweeps along which the coefficient and another measure part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mamex_bench.experiments.atlas.answers.curves import Curve, curve
from mamex_bench.experiments.atlas.data import Atlas, Sweep
from mamex_bench.experiments.atlas.specs import LENGTH, ZERO, MeasureSpec

# Measures that are read at a scale: their zeros speak of the scale.
AT_A_SCALE = ("bellman_eluder_dimension", "eluder_dimension")


@dataclass(frozen=True)
class Separation:
    """A sweep along which one measure is flat or falls while another grows.

    The coefficient is taken without K, unless K is swept.
    """

    sweep: Sweep
    still: Curve
    growing: Curve


def separations(atlas: Atlas, measure: str) -> list[Separation]:
    """All sweeps that part the coefficient from a measure, in either direction.

    Left out: sweeps of K over games tied to K; those that rest on a measure's grid or scale, see
    `doubtful`; a coefficient that stays at K where it has no finite value without K, as its crude
    bound at K does not move whatever the game.
    """
    return [each for each in _partings(atlas, measure) if not _doubt(atlas, measure, each)]


def doubtful(atlas: Atlas, measure: str, doubt: str) -> list[Separation]:
    """What is no separation because the measure is "zero" on its grid or at its scale somewhere.

    Unless it is 0 at every gamma of all, all along. Or, `doubt` being "end", because it is largest
    at an end of its grid: larger values may lie beyond it.
    """
    return [each for each in _partings(atlas, measure) if _doubt(atlas, measure, each) == doubt]


def _doubt(atlas: Atlas, measure: str, found: Separation) -> str:
    spec = atlas.plan.measure(measure)
    own = found.still if found.still.measure == measure else found.growing
    methods = {point.readings[measure].method for point in found.sweep.points}
    at_a_scale = bool(spec.gammas) or spec.name in AT_A_SCALE
    if at_a_scale and own.touches_zero and methods != {ZERO}:
        return "zero"
    return "end" if spec.gammas and methods & _grid_ends(spec) else ""


def _grid_ends(spec: MeasureSpec) -> set[str]:
    """What measuring says where the least or the greatest gamma gives the largest value."""
    return {f"largest at gamma = {gamma:g}" for gamma in (min(spec.gammas), max(spec.gammas))}


def _partings(atlas: Atlas, measure: str) -> list[Separation]:
    found = []
    for sweep in atlas.sweeps:
        if measure not in sweep.spec.measures or not sweep.points or sweep.tied:
            continue
        mine, certain = compared(sweep)
        pair = mine, curve(sweep, measure)
        verdicts = [mine.verdict, _between(atlas.plan.measure(measure), pair[1], sweep).verdict]
        for still, growing in ((0, 1), (1, 0)):
            stays = verdicts[still] in ("flat", "falls") and (still == 1 or certain)
            if stays and verdicts[growing] == "grows":
                found.append(Separation(sweep, pair[still], pair[growing]))
    return found


def _between(spec: MeasureSpec, found: Curve, sweep: Sweep) -> Curve:
    """The measure between the least and the greatest gamma, not on the grid alone.

    A decision-estimation coefficient falls with gamma, so for gamma in [a, b]
    gamma DEC(gamma) <= (b / a) a DEC(a): the largest is at most the grid's widest step times what
    the grid has. Along K the game and the measure are the same, on the grid and off it.
    """
    if not spec.gammas or sweep.spec.parameter == LENGTH:
        return found
    grid = np.sort(np.array(spec.gammas))
    step = float((grid[1:] / grid[:-1]).max(initial=1.0))
    return replace(found, upper=np.where(found.upper > 0.0, step * found.upper, found.upper))


def compared(sweep: Sweep) -> tuple[Curve, bool]:
    """The coefficient as separations take it, and whether it may be said to stay.

    Without K where that is finite all along. Else at K, where it may sit at the bound
    K R / (6 H) or so that any game with its range of errors meets: then only growth counts.
    """
    if sweep.spec.parameter == LENGTH:
        endless = any(point.coefficient.unbounded for point in sweep.points)
        return curve(sweep), not endless
    free = curve(sweep, free=True)
    return (free, True) if np.isfinite(free.upper).all() else (curve(sweep), False)
