"""The state graph of a game: steps from left to right, one dot per state that can be reached.

Grey lines are what uniform play makes possible, as wide as probable; coloured lines are where the
equilibrium goes, as wide as often; a dot's colour is what the equilibrium earns from there on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria import backward_induction
from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.reporting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROWS, STEPS = 36, 20  # beyond these, dots would touch
CONCEPT = "cce"
_SWEEPS = 8  # of the ordering by neighbours
_NUMBERS = 0.115  # inches, the radius of a dot from which a value fits inside


@dataclass(frozen=True, eq=False)
class Transitions:
    """What may follow what; states x = 0..N-1 numbered across layers, K entries.

    Attributes:
        first: (H+2,), layer h holds the states first[h] .. first[h+1]-1, layer H the ends.
        source, action, target, probability: (K,), P(target | source, joint action), positive.
        named: whether a state keeps its name, x - first[h], from step to step.
    """

    first: Ints
    source: Ints
    action: Ints
    target: Ints
    probability: Floats
    named: bool

    @property
    def decided(self) -> int:
        """N: states in which something is decided."""
        return int(self.first[-2])

    def pushed(self, start: Floats, play: Floats) -> tuple[Floats, Floats]:
        """Occupancy of every state, and P(target | source) of every entry, under `play` (N, A)."""
        weight = play[self.source, self.action] * self.probability
        mass = np.zeros(int(self.first[-1]))
        mass[: start.size] = start
        for h in range(self.first.size - 2):
            at = slice(*np.searchsorted(self.source, self.first[h : h + 2]))
            np.add.at(mass, self.target[at], mass[self.source[at]] * weight[at])
        return mass[: self.decided], weight

    def values(self, rewards: Floats, play: Floats) -> Floats:
        """(n, N): V(x) = E [ r(x, a) + V(x') ] under `play`, nothing at the ends."""
        V = np.zeros((rewards.shape[0], int(self.first[-1])))
        V[:, : self.decided] = np.einsum("xa,nxa->nx", play, rewards)
        weight = play[self.source, self.action] * self.probability
        for h in range(self.first.size - 3, -1, -1):
            at = slice(*np.searchsorted(self.source, self.first[h : h + 2]))
            np.add.at(V.T, self.source[at], (weight[at] * V[:, self.target[at]]).T)
        return V[:, : self.decided]


def transitions(game: Game) -> Transitions:
    """The positive entries of a game."""
    layers, A = game.layers, game.actions
    rows = np.repeat(np.arange(layers.rows.size - 1), np.diff(layers.rows))
    positive = game.probability > 0.0
    return Transitions(
        first=layers.first,
        source=rows[positive] // A,
        action=rows[positive] % A,
        target=layers.following[positive].astype(np.int64),
        probability=game.probability[positive],
        named=isinstance(game, MarkovGame),
    )


def reached(game: Game) -> Ints:
    """(H,): how many states can be reached at every step."""
    graph = transitions(game)
    mass, _ = graph.pushed(game.initial, _uniform(graph, game))
    return np.array([(part > 0.0).sum() for part in np.split(mass, graph.first[1:-2])])


def _uniform(graph: Transitions, game: Game) -> Floats:
    return np.full((graph.decided, game.actions), 1.0 / game.actions)


@dataclass(frozen=True, eq=False)
class StateGraph:
    """What is drawn: L dots and the lines between them.

    Attributes:
        step, row: (L,), the column and the height of every dot, rows counted from the top.
        names: of the rows, or None where rows mean nothing.
        start, value: (L,), initial probability and the coloured number.
        meaning: of that number, for the colour bar.
        lines: (K, 2) dots joined; possible, played: (K,), probability under uniform play, and how
            often an equilibrium episode passes there.
    """

    step: Ints
    row: Floats
    names: list[str] | None
    start: Floats
    value: Floats
    meaning: str
    lines: Ints
    possible: Floats
    played: Floats

    @property
    def rows(self) -> int:
        return len(self.names) if self.names else int(self.row.max()) + 1


def state_graph(game: Game) -> StateGraph:
    """The graph of all states that can be reached, under backward induction's equilibrium."""
    graph = transitions(game)
    N, H = graph.decided, game.horizon
    uniform = _uniform(graph, game)
    play = backward_induction(game, CONCEPT).policy.joint.reshape(N, game.actions)
    mass, possible = graph.pushed(game.initial, uniform)
    visits, often = graph.pushed(game.initial, play)
    kept = np.flatnonzero(mass > 0.0)
    dot = np.full(int(graph.first[-1]), -1)
    dot[kept] = np.arange(kept.size)

    # One line per pair of states, whatever the actions that lead along it.
    inside = (dot[graph.source] >= 0) & (dot[graph.target] >= 0)
    ends = np.stack([dot[graph.source], dot[graph.target]], axis=1)[inside]
    lines, line = np.unique(ends, axis=0, return_inverse=True)
    line = line.reshape(-1)
    flow = often * visits[graph.source]
    step = np.searchsorted(graph.first, kept, side="right") - 1
    names = None
    if graph.named:
        states, row = np.unique(kept - graph.first[step], return_inverse=True)
        names = [str(s) for s in states]
        row = row.astype(np.float64)
    else:
        row = _ordered(step, lines, H)
    V = graph.values(game.rewards, play)[:, kept]
    total = np.einsum("n,nxa->xa", game.units.scale, game.rewards)[kept]
    opposed = game.agents == 2 and np.ptp(total) <= 1e-9 * max(1.0, np.abs(total).max())
    start = np.zeros(N)
    start[: game.initial.size] = game.initial
    return StateGraph(
        step=step,
        row=row,
        names=names,
        start=start[kept],
        value=V[0] if opposed else V.sum(axis=0),
        meaning="value of agent 0,\nfrom here on" if opposed else "sum of values,\nfrom here on",
        lines=lines,
        possible=_summed(line, possible[inside], len(lines)),
        played=_summed(line, flow[inside], len(lines)),
    )


def _summed(places: Ints, weights: Floats, count: int) -> Floats:
    return np.bincount(places, weights, minlength=count).astype(np.float64)


def _ordered(step: Ints, lines: Ints, horizon: int) -> Floats:
    """Rows of nameless states: each near the mean of its neighbours, so that few lines cross."""
    row = np.zeros(step.size)
    layers = [np.flatnonzero(step == h) for h in range(horizon)]
    tallest = max(map(len, layers))
    for layer in layers:
        row[layer] = np.arange(layer.size) + (tallest - layer.size) / 2
    for sweep in range(_SWEEPS):
        here, there = (1, 0) if sweep % 2 == 0 else (0, 1)
        sums = _summed(lines[:, here], row[lines[:, there]], step.size)
        degree = _summed(lines[:, here], np.ones(len(lines)), step.size)
        wish = np.where(degree > 0, sums / np.maximum(degree, 1), row)
        for layer in layers:
            order = np.argsort(wish[layer], kind="stable")
            row[layer[order]] = np.arange(layer.size) + (tallest - layer.size) / 2
    return row


def size(graph: StateGraph, width: float) -> tuple[float, float]:
    """Height in inches of the drawing, and the distance of neighbouring rows."""
    between = float(np.clip(3.2 / graph.rows, 0.14, 0.4))
    return between * (graph.rows - 1) + 0.36, between


def draw(axes: Axes, graph: StateGraph, between: float) -> Any:
    """Draw into axes whose rows are `between` inches apart; returns what a colour bar needs."""
    steps = int(graph.step.max()) + 1
    axes.set_xlim(-0.55, steps - 0.5)
    axes.set_ylim(graph.rows - 1 + 0.18 / between, -0.18 / between)
    apart = axes.bbox.width / axes.figure.dpi / (steps + 0.05)
    radius = min(0.36 * between, 0.3 * apart, 0.14)
    _lines(axes, graph, graph.possible, style.GREY, 0.35, (0.4, 0.55))
    _lines(axes, graph, graph.played, style.VERMILLION, 0.1, (0.25, 1.0))
    _starts(axes, graph, radius)
    dots = _dots(axes, graph, radius)
    _frame(axes, graph, steps)
    return dots


def _lines(
    axes: Axes,
    graph: StateGraph,
    weight: Floats,
    color: str,
    width: float,
    alpha: tuple[float, float],
) -> None:
    """Curves from state to state where `weight` is positive, thicker and darker with it."""
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    chosen = weight > 1e-9
    if not chosen.any():
        return
    x, y = graph.step.astype(np.float64), graph.row
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    curves = [
        Path([(x[i], y[i]), (x[i] + 0.5, y[i]), (x[j] - 0.5, y[j]), (x[j], y[j])], codes)
        for i, j in graph.lines[chosen]
    ]
    axes.add_collection(
        PathCollection(
            curves,
            facecolors="none",
            edgecolors=color,
            linewidths=width + 2.4 * weight[chosen],
            alpha=list(alpha[0] + (alpha[1] - alpha[0]) * np.sqrt(weight[chosen])),
            transform=axes.transData,
            capstyle="butt",
        ),
        autolim=False,
    )


def _starts(axes: Axes, graph: StateGraph, radius: float) -> None:
    """An arrow into every first state, with its probability unless it is certain."""
    for i in map(int, np.flatnonzero(graph.start > 0.0)):
        place = (float(graph.step[i]), graph.row[i])
        tail: Any = {"xytext": (-radius * 72 - 13, 0), "textcoords": "offset points"}
        if graph.start[i] < 1.0:
            look: Any = {"ha": "right", "va": "center_baseline", "fontsize": style.SMALL}
            axes.annotate(f"{graph.start[i]:.2g} ", place, **tail, **look)
        arrow = {
            "arrowstyle": "-|>",
            "color": style.INK,
            "linewidth": 0.9,
            "shrinkA": 0,
            "shrinkB": radius * 72,
            "mutation_scale": 6,
        }
        axes.annotate("", place, **tail, arrowprops=arrow)


def _dots(axes: Axes, graph: StateGraph, radius: float) -> Any:
    """States, coloured by value, which is written in where there is room."""
    x, y = graph.step.astype(np.float64), graph.row
    low, high = float(graph.value.min()), float(graph.value.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    dots = axes.scatter(
        x,
        y,
        s=(2 * radius * 72) ** 2,
        c=graph.value,
        cmap="cividis",
        vmin=low,
        vmax=high,
        edgecolors=style.INK,
        linewidths=0.6,
        zorder=3,
        clip_on=False,
    )
    if radius >= _NUMBERS:
        for i, value in enumerate(graph.value):
            look: Any = {"ha": "center", "va": "center_baseline", "fontsize": style.SMALL}
            ink = style.PAPER if (value - low) / (high - low) < 0.55 else style.INK
            axes.text(x[i], y[i], f"{value:.2g}", color=ink, zorder=4, **look)
    return dots


def _frame(axes: Axes, graph: StateGraph, steps: int) -> None:
    axes.set_xticks(range(steps))
    axes.set_xlabel("step")
    if graph.names:
        axes.set_yticks(range(graph.rows), graph.names)
        axes.set_ylabel("state")
    else:
        axes.set_yticks([])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
