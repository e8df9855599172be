"""Direct labels at the ends of lines, moved apart just enough that none overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def place(wanted: Sequence[float], height: float, low: float, high: float) -> list[float]:
    """Centres of labels of equal height, none overlapping, as near to `wanted` as can be.

    Least squares subject to z_(i+1) - z_(i) >= height in the order of `wanted`: with
    y_i = z_(i) - i * height this is isotonic regression, solved by pooling adjacent violators;
    clipping y keeps both order and distances. All lie in [low + height/2, high - height/2] when
    they fit; when they do not, the column stays free of overlaps and sticks out evenly.
    """
    count = len(wanted)
    if count == 0:
        return []
    order = sorted(range(count), key=lambda i: (wanted[i], i))
    bottom, top = low + height / 2, high - height / 2 - (count - 1) * height
    if top < bottom:
        bottom = top = (bottom + top) / 2
    blocks: list[tuple[float, int]] = []  # (sum, size)
    for rank, index in enumerate(order):
        total, size = min(max(wanted[index], low), high) - rank * height, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / size:
            previous, width = blocks.pop()
            total, size = total + previous, size + width
        blocks.append((total, size))
    level = [min(max(total / size, bottom), top) for total, size in blocks for _ in range(size)]
    centres = [0.0] * count
    for rank, index in enumerate(order):
        centres[index] = level[rank] + rank * height
    return centres


@dataclass(frozen=True)
class EndLabel:
    """A text for the end (x, y) of a line, in data coordinates."""

    x: float
    y: float
    text: str
    color: str
    italic: bool = False
    bold: bool = False
    dashes: str | tuple[int, tuple[float, ...]] = "-"
    bare: bool = False  # a number that needs no name in a key


def draw(axes: Axes, labels: Sequence[EndLabel], size: float, gap: float = 0.18) -> None:
    """Write labels in a column right of the axes, each tied to its line's end by a thin leader.

    Call after limits and positions are final. `size` is in points, `gap` in inches.
    """
    figure = axes.figure
    scale = figure.dpi
    box = axes.get_window_extent()
    inverse = axes.transAxes.inverted()
    ends = []
    for label in labels:
        x, y = axes.transData.transform((label.x, label.y))
        ends.append((min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)))
    height = 1.22 * size / 72 * scale
    centres = place([y for _, y in ends], height, box.y0 - height / 2, box.y1 + height / 2)
    column = box.x1 + gap * scale
    for label, (x, y), centre in zip(labels, ends, centres, strict=True):
        points = np.array([[x, y], [box.x1 + 2, y], [column - 5, centre], [column - 1, centre]])
        line = inverse.transform(points)
        axes.plot(
            line[:, 0],
            line[:, 1],
            transform=axes.transAxes,
            color=label.color,
            linewidth=0.5,
            alpha=0.7,
            clip_on=False,
            label="_leader",
        )
        left, middle = inverse.transform((column + 1, centre))
        axes.text(
            left,
            middle,
            label.text,
            transform=axes.transAxes,
            color=label.color,
            fontsize=size,
            fontstyle="italic" if label.italic else "normal",
            fontweight=700 if label.bold else 400,
            verticalalignment="center_baseline",
            label="_end",
        )
