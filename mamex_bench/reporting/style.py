"""One look for all figures: Okabe-Ito colours, type sizes for print, statuses, learner styles.

Sizes are final sizes: a figure 7 in wide is meant to be printed 7 in wide, and no letter in it is
smaller than 7 pt. `THEME` lists the colours that the HTML report exchanges in dark mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from mamex_bench import content

ONE_COLUMN = 3.4  # inches
TWO_COLUMNS = 7.0  # inches
SMALL = 7.0  # points, the smallest type in a figure

INK = "#1b1b1f"
MUTED = "#6b6f76"
GRID = "#dfe1e5"
PAPER = "#ffffff"

BLUE, VERMILLION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#c98a00"
SKY, PURPLE, GREY = "#3c9fdc", "#b3609a", "#808080"

THEME = {  # light -> dark
    INK: "#e9e9ec",
    MUTED: "#a2a7b0",
    GRID: "#3a3e46",
    PAPER: "#1c1f24",
    BLUE: "#5ab4ee",
    VERMILLION: "#ff8a4a",
    GREEN: "#3fcf9f",
    ORANGE: "#f0bb45",
    SKY: "#8fd0ff",
    PURPLE: "#e2a0cd",
    GREY: "#a8a8a8",
}


@dataclass(frozen=True)
class LineStyle:
    """How one learner is drawn."""

    color: str
    dashes: str | tuple[int, tuple[float, ...]] = "-"
    width: float = 1.3
    marker: str = "o"


_KNOWN = {
    "mamex": LineStyle(BLUE, "-", 1.9),
    "certainty_equivalence": LineStyle(ORANGE),
    "uniform": LineStyle(GREY),
    "optimistic_vi": LineStyle(GREEN),
    "optimistic_vi_tuned": LineStyle(PURPLE),
    "optimistic_vi_tuned_lazy": LineStyle(SKY),
    "planted_no_optimism": LineStyle(VERMILLION, (0, (4, 1.5)), marker="^"),
    "planted_wrong_sign": LineStyle(VERMILLION, (0, (1.2, 1.2)), marker="v"),
    "planted_ignored_step": LineStyle(VERMILLION, (0, (5, 1.5, 1.2, 1.5)), marker=">"),
}
_SPARE = (SKY, PURPLE, GREEN, ORANGE, BLUE, GREY)
_SPARE_DASHES = ((0, (3, 1)), (0, (5, 1, 1, 1)), (0, (1, 1)))


def learner_styles(learners: Sequence[tuple[str, str]]) -> dict[str, LineStyle]:
    """Style of every learner id; `learners` holds (id, registered name), in the suite's order.

    The first id of a registered name takes the name's own style; later ones (the same algorithm
    with other options) keep its colour in another dash; foreign learners take spare colours.
    """
    styles: dict[str, LineStyle] = {}
    uses: dict[str, int] = {}
    for identity, name in learners:
        if identity in styles:
            continue
        used = uses.get(name, 0)
        uses[name] = used + 1
        base = _KNOWN.get(name)
        if base is None:
            spare = len([1 for other in uses if other not in _KNOWN]) - 1
            base = LineStyle(_SPARE[spare % len(_SPARE)], _SPARE_DASHES[spare % 3])
        if used:
            base = LineStyle(base.color, _SPARE_DASHES[(used - 1) % 3], 1.2, "sDP"[(used - 1) % 3])
        styles[identity] = base
    return styles


@dataclass(frozen=True)
class Status:
    """A verdict's sign, short word and full words; the sign alone must tell the statuses apart."""

    symbol: str
    word: str
    words: str
    css: str


STATUSES = {
    "holds": Status("✓", "no violation", "no violation seen", "holds"),
    "violated": Status("▴", "violated", "violated", "violated"),
    "vacuous": Status("○", "vacuous", "vacuous: the bound is not below the trivial one", "vacuous"),
    "inconclusive": Status("◐", "inconclusive", "inconclusive", "inconclusive"),
    "not applicable": Status("–", "not applicable", "not applicable", "na"),
}
PLANTED = Status("▴", "violated (planted)", "violated, as planted and expected", "planted")


def status(name: str, expected: str | None = None) -> Status:
    """The sign and words of a verdict; an expected violation has words of its own."""
    if name == "violated" and expected == "violated":
        return PLANTED
    return STATUSES.get(name, Status("?", name, name, "na"))


@cache
def _register_fonts() -> None:
    from matplotlib import font_manager

    for path in sorted((content.find("reports") / "fonts").glob("*.ttf")):
        font_manager.fontManager.addfont(str(path))


@contextmanager
def paper_style() -> Iterator[None]:
    """Matplotlib's settings for the figures of a report; restored on exit."""
    import matplotlib as mpl
    import seaborn as sns

    _register_fonts()
    settings: Any = {
        **sns.axes_style("ticks"),
        "font.family": ["Fira Sans", "DejaVu Sans"],
        "font.size": 8.0,
        "axes.titlesize": 8.5,
        "axes.titleweight": 700,
        "axes.titlelocation": "left",
        "axes.labelsize": 8.0,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.minor.width": 0.4,
        "ytick.minor.width": 0.4,
        "xtick.major.size": 3.0,
        "ytick.major.size": 3.0,
        "xtick.minor.size": 1.6,
        "ytick.minor.size": 1.6,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.5,
        "grid.linestyle": "-",
        "lines.solid_capstyle": "round",
        "figure.dpi": 150.0,
        "svg.fonttype": "none",
        "svg.hashsalt": "mamex-bench",
        "pdf.fonttype": 42,
    }
    with mpl.rc_context(settings):
        yield
