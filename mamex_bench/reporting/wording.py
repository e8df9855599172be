"""How the report writes names and numbers, and how text is made safe for Markdown and LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mamex_bench.runs.results import Cell

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = {raised: plain for plain, raised in zip("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")}
CONCEPTS = {"nash": "Nash", "cce": "CCE", "ce": "CE"}
MARKOV_MARK = "†"
THIN = "\u202f"  # narrow space between thousands, at which no line breaks
FIXED = "\u00a0"  # space at which no line breaks


def concept(name: str) -> str:
    """A concept's name as it is written in text."""
    return CONCEPTS.get(name, name)


def learner(identity: str) -> str:
    """A learner's id as words."""
    return identity.replace("_", " ")


def learner_label(cell: Cell) -> str:
    """A learner's name in figures and tables; planted faults and Markov profiles are marked."""
    mark = FIXED + MARKOV_MARK if cell.profile_kind == "markov" else ""
    planted = cell.expected == "violated" or cell.learner_name.startswith("planted")
    name = learner(cell.learner)
    if planted and "planted" not in name:
        name += " (planted)"
    return name + mark


def unbroken(text: str) -> str:
    """The text on one line."""
    return text.replace(" ", FIXED)


def has_data(cell: Cell) -> bool:
    """Whether some seeds have been run, all of them or not."""
    return len(cell.seeds) > 0 and cell.regret.size > 0


def power(value: float) -> str:
    """Two significant digits times a power of ten, as 3.1 × 10⁷."""
    exponent = math.floor(math.log10(abs(value)))
    mantissa = value / 10**exponent
    if abs(round(mantissa, 1)) >= 10:
        mantissa, exponent = mantissa / 10, exponent + 1
    return f"{mantissa:.1f}{FIXED}×{FIXED}10{str(exponent).translate(_RAISED)}".replace("-", "−", 1)


def decade(value: float) -> str:
    """A tick of a logarithmic axis: 0.01, 0.1, 1, 10, 100, 10³, ..."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if -3 < exponent < 3:
        return f"{10.0**exponent:g}"
    return f"10{str(exponent).translate(_RAISED)}"


def number(value: float | int | None, digits: int = 3) -> str:
    """A number to `digits` significant digits; thin spaces between thousands, powers of ten."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if isinstance(value, int):
        return f"{value:,}".replace(",", THIN).replace("-", "−")
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        return power(value)
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{places}f}".replace(",", THIN).replace("-", "−")


def interval(low: float, high: float, digits: int = 3) -> str:
    """[low, high]"""
    return f"[{number(low, digits)},{FIXED}{number(high, digits)}]"


def duration(seconds: float) -> str:
    """A time span in the unit that suits it."""
    if not math.isfinite(seconds):
        return "–"
    for limit, scale, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s")):
        if abs(seconds) < limit:
            return f"{number(float(seconds * scale))}{FIXED}{unit}"
    return f"{number(float(seconds / 60))}{FIXED}min"


def share(value: float) -> str:
    """A share of a whole: 0 %, <1 %, 37 %."""
    if not math.isfinite(value):
        return "–"
    if 0.0 < value < 0.01:
        return f"<1{FIXED}%"
    return f"{100 * value:.0f}{FIXED}%"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """1 seed, 20 seeds."""
    return f"{number(amount)} {noun if amount == 1 else plural or noun + 's'}"


def places(found: Mapping[str, Sequence[str]]) -> str:
    """Names with what goes with each in brackets, said once where all have the same."""
    said = {", ".join(each) for each in found.values()}
    if len(said) == 1:
        return f"{', '.join(found)} ({said.pop()})"
    return "; ".join(f"{name} ({', '.join(each)})" for name, each in found.items())


def slug(text: str) -> str:
    """A name for files and anchors: lower case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def markdown(text: object) -> str:
    """Text from data, safe in pandoc's Markdown, also inside a table cell."""
    flat = re.sub(r"\s*[\r\n]+\s*", " ", str(text))
    return re.sub(r"([\\`*_{}\[\]<>$^~@#|\"'])", r"\\\1", flat)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    THIN: r"\,",
    FIXED: "~",
    "−": "$-$",
    "×": r"$\times$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "∞": r"$\infty$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "ε": r"$\varepsilon$",
    "η": r"$\eta$",
    "τ": r"$\tau$",
    "·": r"$\cdot$",
    "†": r"$\dagger$",
    "–": "--",
    "✓": r"$\checkmark$",
    "▴": r"$\blacktriangle$",
    "○": r"$\circ$",
    "◐": r"$\circledcirc$",
    "→": r"$\to$",
    "’": "'",
    "“": "``",
    "”": "''",
}


def latex(text: object) -> str:
    """Text from data, safe in LaTeX (signs need amssymb)."""
    flat = re.sub(r"\s*[\r\n]+\s*", " ", str(text))
    raised = re.compile(f"[{''.join(_LOWERED)}]+")
    parts: list[str] = []
    position = 0
    for match in raised.finditer(flat):
        parts.append("".join(_LATEX.get(sign, sign) for sign in flat[position : match.start()]))
        parts.append("$^{" + "".join(_LOWERED[sign] for sign in match.group()) + "}$")
        position = match.end()
    parts.append("".join(_LATEX.get(sign, sign) for sign in flat[position:]))
    return "".join(parts)
