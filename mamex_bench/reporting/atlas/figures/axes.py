"""Logarithmic axes of sweeps: few values, all of them written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mamex_bench.reporting.panels import logarithmic
from mamex_bench.reporting.wording import decade

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_of(axes: Axes, values: Sequence[float]) -> None:
    """Logarithmic axes with the sweep's own values as ticks, thinned where they would touch."""
    logarithmic(axes)
    at = sorted(set(values))
    kept: list[float] = []
    span = np.log(at[-1] / at[0]) or 1.0
    for value in at:
        if not kept or np.log(value / kept[-1]) / span > 0.085:
            kept.append(value)
    axes.set_xticks(kept, [_tick(value) for value in kept])
    axes.set_xticks([], minor=True)


def _tick(value: float) -> str:
    exponent = round(float(np.log10(value)))
    if value >= 1000 and np.isclose(value, 10.0**exponent):
        return decade(value)
    return f"{value:g}"


def room(axes: Axes, values: Sequence[float]) -> None:
    """Room around the values; at least two ticks where they span less than a decade and a half."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    positive = [value for value in values if value > 0.0 and np.isfinite(value)]
    low, high = min(positive), max(positive)
    if high / low < 1.5:
        low, high = low / 1.6, high * 1.6
    margin = (high / low) ** 0.06
    axes.set_ylim(low / margin, high * margin)
    if high / low < 30.0:
        inside = _ticks(low / margin, high * margin)
        axes.yaxis.set_major_locator(FixedLocator(inside))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten, or finer steps where these are fewer than two."""
    halves = [k / 2 for k in range(2, 20)]
    choices: list[Sequence[float]] = [(1, 2, 5), (1, 1.5, 2, 3, 5, 7), halves]
    decades = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 1)
    inside: list[float] = []
    for steps in choices:
        inside = [m * 10.0**e for e in decades for m in steps if low <= m * 10.0**e <= high]
        if len(inside) > 1:
            break
    return inside
