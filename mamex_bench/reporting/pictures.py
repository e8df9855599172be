"""Pictures of games: the state graph, and payoffs as heat maps.

    from mamex_bench.reporting import pictures
    picture = pictures.draw(mb.catalogue.make("combination_lock"))
    pictures.save(picture, "lock.svg")

A game of one step is drawn by its payoffs alone, longer ones by their state graph with the payoffs
of the policy classes below it. What is too large for a graph is drawn without, and says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from mamex_bench.equilibria import solve
from mamex_bench.errors import ConvergenceError, InputError
from mamex_bench.model._arrays import Floats
from mamex_bench.model.game import Game
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.storage import replacing
from mamex_bench.reporting import state_graph, style
from mamex_bench.words import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
JOINT_LIMIT = 4096  # joint policies whose equilibrium is marked
ENTRY_LIMIT = 500_000  # states times joint actions that backward induction is asked for
_TITLE = 58  # letters that leave room for the key
_CELLS = 12  # rows and columns up to which cells carry numbers
_LEFT, _RIGHT, _TOP, _BOTTOM, _BETWEEN = 0.5, 0.66, 0.3, 0.42, 0.76  # inches
_HEAT = 1.9  # inches, the height of a heat map


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure and, in words, what it shows and what it leaves out."""

    figure: Figure
    caption: str


def check_format(path: str | os.PathLike[str]) -> None:
    """Raises InputError unless a picture can be written under this name."""
    from importlib.util import find_spec

    if Path(path).suffix.lower() not in FORMATS:
        raise InputError(f"picture {str(path)!r}: expected a name that ends in .png, .svg or .pdf")
    if find_spec("seaborn") is None:
        raise InputError(
            "a picture needs seaborn: install it with pip install 'mamex-bench[report]'"
        )


def save(picture: Picture, path: str | os.PathLike[str]) -> Path:
    """Write a picture as .png, .svg or .pdf; never half a file under the real name."""
    check_format(path)
    with style.paper_style(), replacing(Path(path)) as temporary:
        metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        picture.figure.savefig(
            temporary,
            dpi=200,
            facecolor=style.PAPER,
            metadata=metadata.get(Path(path).suffix.lower()),
        )
    return Path(path)


def draw(item: Instance | Game, width: float = style.TWO_COLUMNS) -> Picture:
    """The picture of an instance, or of a game alone, `width` inches wide."""
    game = item.game if isinstance(item, Instance) else item
    instance = item if isinstance(item, Instance) else _one_shot(game)
    bands: list[Band] = []
    notes: list[str] = []
    if game.horizon > 1 or instance is None:
        reason = _too_large(game)
        if reason is None:
            bands.append(_graph_band(game, width))
        else:
            notes.append(f"The state graph is left out: {reason}.")
            bands.append(_sizes_band(game))
    if instance is not None:
        bands.append(_payoff_band(instance))
    title = ", ".join(
        count(amount, noun)
        for amount, noun in (
            (game.agents, "agent"),
            (game.states, "state"),
            (game.horizon, "step"),
        )
    )
    if isinstance(item, Instance):
        title = shorten(item.name, _TITLE, placeholder=" ...")
    figure = _stacked(bands, title, width)
    return Picture(figure, " ".join([*(band.caption for band in bands), *notes]))


def _one_shot(game: Game) -> Instance | None:
    """A game of one step with every action as a policy; None for others, which have too many."""
    if game.horizon > 1 or np.count_nonzero(game.initial) > 1:
        return None
    shape = game.reward.shape[1:-1]
    tables = [np.arange(k).reshape(-1, *(1 for _ in shape)) for k in game.action_counts]
    return Instance(game, PurePolicies([np.broadcast_to(t, (len(t), *shape)) for t in tables]))


@dataclass(frozen=True)
class Band:
    """A horizontal part of a picture: its height in inches, how to draw it, what it shows."""

    height: float
    draw: Callable[[Figure, float, float], None]  # (figure, bottom in inches, width in inches)
    caption: str


def _stacked(bands: list[Band], title: str, width: float) -> Figure:
    from matplotlib.figure import Figure as NewFigure

    height = sum(band.height for band in bands) + 0.18
    with style.paper_style():
        figure = NewFigure(figsize=(width, height))
        bottom = height - 0.18
        for band in bands:
            bottom -= band.height
            band.draw(figure, bottom, width)
        figure.text(0.06 / width, 1 - 0.06 / height, title, weight=700, va="top", fontsize=8.5)
    return figure


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes placed in inches."""
    W, H = figure.get_size_inches()
    return figure.add_axes((left / W, bottom / H, width / W, height / H))


# --- states ----------------------------------------------------------------------------------


def _too_large(game: Game) -> str | None:
    """Why a state graph would not be readable, or None."""
    if game.horizon > state_graph.STEPS:
        return f"{game.horizon} steps, at most {state_graph.STEPS} are drawn"
    tallest = int(state_graph.reached(game).max())
    if tallest > state_graph.ROWS:
        return f"{tallest:,} states in one step, at most {state_graph.ROWS} are drawn"
    entries = game.rewards.shape[1] * game.actions
    if entries > ENTRY_LIMIT:
        return f"{entries:,} states times joint actions, at most {ENTRY_LIMIT:,} are solved"
    return None


def _graph_band(game: Game, width: float) -> Band:
    graph = state_graph.state_graph(game)
    height, between = state_graph.size(graph, width)

    def draw_graph(figure: Figure, bottom: float, width: float) -> None:
        left = _LEFT if graph.names else 0.1
        axes = _axes(figure, left, bottom + _BOTTOM, width - left - _RIGHT, height)
        dots = state_graph.draw(axes, graph, between)
        tall = min(height, 1.8)
        _key(figure, width)
        side = _axes(
            figure, width - _RIGHT + 0.04, bottom + _BOTTOM + (height - tall) / 2, 0.09, tall
        )
        figure.colorbar(dots, cax=side)
        side.set_ylabel(graph.meaning, fontsize=style.SMALL, labelpad=2)
        side.spines[:].set_visible(False)

    caption = (
        "State graph: a dot is a state that can be reached at its step, its colour what the "
        f"equilibrium play (backward induction, {state_graph.CONCEPT.upper()} of greatest stage "
        "welfare) earns from there on, in rewards between 0 and 1 per step. Grey lines: possible, "
        "width the probability under uniform play. Coloured lines: played, width the probability "
        "that an episode passes there."
    )
    return Band(height + _TOP + _BOTTOM, draw_graph, caption)


def _key(figure: Figure, width: float) -> None:
    """Names of the two kinds of lines, right of the title."""
    from matplotlib.lines import Line2D

    names = (("possible, by uniform play", style.GREY), ("played in equilibrium", style.VERMILLION))
    handles = [Line2D([], [], color=color, linewidth=2.0, label=name) for name, color in names]
    height = figure.get_figheight()
    figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(1 - 0.06 / width, 1 - 0.04 / height),
        ncols=2,
        frameon=False,
        fontsize=style.SMALL,
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0.0,
    )


def _sizes_band(game: Game) -> Band:
    counts = state_graph.reached(game)

    def draw_sizes(figure: Figure, bottom: float, width: float) -> None:
        left = _LEFT + 0.15
        axes = _axes(figure, left, bottom + _BOTTOM, width - left - 0.1, 1.5)
        from matplotlib.ticker import MaxNLocator

        bars = axes.bar(range(game.horizon), counts, color=style.BLUE, width=0.8)
        if game.horizon <= state_graph.STEPS:
            axes.bar_label(bars, [f"{count:,}" for count in counts], fontsize=style.SMALL)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("step")
        axes.set_ylabel("states that can be reached")
        axes.grid(visible=False, axis="x")

    return Band(1.5 + _TOP + _BOTTOM, draw_sizes, "Bars: states that can be reached at each step.")


# --- payoffs ---------------------------------------------------------------------------------


def _payoff_band(instance: Instance) -> Band:
    game = instance.game
    own = game.units.to_own(instance.payoffs)
    marked, concept = _equilibrium(instance)
    one_step = game.horizon == 1 and np.count_nonzero(game.initial) == 1

    def draw_payoffs(figure: Figure, bottom: float, width: float) -> None:
        n = game.agents
        inner = (width - _LEFT - _RIGHT - _BETWEEN * (n - 1)) / n
        for i in range(n):
            left = _LEFT + i * (inner + _BETWEEN)
            axes = _axes(figure, left, bottom + _BOTTOM, inner, _HEAT)
            image = _heat(axes, own[i], marked)
            fixed = np.ptp(own[i]) <= 1e-12
            _label(axes, instance, one_step, bare=i > 0)
            always = f": always {own[i].flat[0]:.4g}" if fixed else ""
            axes.set_title(f"return of agent {i}{always}", weight=400, fontsize=8)
            if not fixed:
                beside = left + inner + 0.06
                side = _axes(figure, beside, bottom + _BOTTOM, 0.07, _HEAT)
                figure.colorbar(image, cax=side)
                side.spines[:].set_visible(False)

    words = "Payoffs of every pair of policies" if game.agents == 2 else "Payoffs of joint policies"
    caption = f"{words}, in the game's own units."
    if marked is not None:
        caption += f" Frames: {concept} of the classes, stronger where more probable."
    return Band(_HEAT + _TOP + _BOTTOM, draw_payoffs, caption)


def _equilibrium(instance: Instance) -> tuple[Floats | None, str]:
    """What the frames mark: an equilibrium over the classes, and its name."""
    if instance.policies.size > JOINT_LIMIT:
        return None, ""
    try:
        return solve(instance.payoffs, "nash").distribution, "a Nash equilibrium"
    except ConvergenceError:
        return solve(instance.payoffs, "cce").distribution, "a CCE"


def _table(values: Floats) -> Floats:
    """Agent 0's policies as rows, the joint policies of the others as columns."""
    return values.reshape(values.shape[0], -1) if values.ndim > 1 else values[None]


def _heat(axes: Axes, values: Floats, marked: Floats | None) -> Any:
    from matplotlib.patches import Rectangle

    cells = _table(values)
    low, high = cells.min(), cells.max()
    fixed = high - low <= 1e-12
    limits = (low - 1, low + 1) if fixed else (low, high)
    image = axes.imshow(
        cells,
        cmap="cividis",
        aspect="auto",
        interpolation="nearest",
        vmin=limits[0],
        vmax=limits[1],
    )
    middle = low + 0.55 * (high - low)
    if max(cells.shape) <= _CELLS and not fixed:
        for (row, column), value in np.ndenumerate(cells):
            ink = style.PAPER if value < middle else style.INK
            # Rounding that units leave where a value is 0 is no value.
            shown = 0.0 if abs(value) <= 1e-12 * (high - low) else value
            axes.text(
                column,
                row,
                f"{shown:.3g}",
                color=ink,
                ha="center",
                va="center",
                fontsize=style.SMALL,
            )
    if marked is not None:
        weights = _table(marked)
        for row, column in np.argwhere(weights > 1e-6):
            axes.add_patch(
                Rectangle(
                    (column - 0.46, row - 0.46),
                    0.92,
                    0.92,
                    fill=False,
                    edgecolor=style.VERMILLION,
                    linewidth=0.6 + 1.6 * float(weights[row, column]) ** 0.5,
                    clip_on=False,
                    zorder=3,
                )
            )
    axes.grid(visible=False)
    axes.tick_params(length=2)
    return image


def _label(axes: Axes, instance: Instance, one_step: bool, bare: bool) -> None:
    """Axes named by policies, or by actions where a policy is one."""
    policies, n = instance.policies, instance.game.agents
    word = "action" if one_step else "policy"
    if n == 1:
        axes.set_xlabel(f"{word} of agent 0")
        axes.set_yticks([])
        return
    start = int(np.argmax(instance.game.initial))
    names = [
        [str(a) for a in table.reshape(len(table), -1)[:, start]]
        if one_step
        else [str(k) for k in range(len(table))]
        for table in policies.tables
    ]
    columns = names[1]
    for more in names[2:]:
        columns = [f"{a},{b}" for a in columns for b in more]
    if len(names[0]) <= _CELLS:
        axes.set_yticks(range(len(names[0])), names[0])
    if len(columns) <= _CELLS:
        axes.set_xticks(range(len(columns)), columns)
    others = "agent 1" if n == 2 else f"agents 1 to {n - 1}"
    plural = "actions" if one_step else "policies"
    axes.set_xlabel(f"{word if n == 2 else plural} of {others}")
    if not bare:
        axes.set_ylabel(f"{word} of agent 0")
