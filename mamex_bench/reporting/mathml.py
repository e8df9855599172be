"""Spaces that TeX sets around named operators and pandoc's MathML leaves out: max x, 2 log n."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_APPLY = "\u2061"  # the invisible sign that pandoc writes after an operator's name
_SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}


def space_operators(page: str) -> str:
    """The page with thin spaces between named operators and the letters beside them."""
    ElementTree.register_namespace("", _NAMESPACE)
    return re.sub(r"<math\b.*?</math>", lambda match: _spaced(match.group()), page, flags=re.DOTALL)


def _spaced(source: str) -> str:
    root = ElementTree.fromstring(source)
    for row in list(root.iter(f"{{{_NAMESPACE}}}mrow")):
        children = list(row)
        for place in range(len(children) - 1, -1, -1):
            if not _is_operator(children[place]):
                continue
            after = children[place + 1] if place + 1 < len(children) else None
            before = children[place - 1] if place else None
            if after is not None and not _is_sign(after) and not _is_operator(after):
                row.insert(place + 1, _thin())
            if before is not None and not _is_sign(before) and _name(before) != "mspace":
                row.insert(place, _thin())
    return ElementTree.tostring(root, encoding="unicode")


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _is_operator(element: ElementTree.Element) -> bool:
    """A name of several upright letters, alone or with limits."""
    if _name(element) in _SCRIPTS and len(element):
        return _is_operator(element[0])
    if _name(element) in ("mi", "mo"):
        text = element.text or ""
        upright = _name(element) == "mo" or element.get("mathvariant") == "normal"
        return upright and len(text) > 1 and text.isalpha()
    return _name(element) == "mrow" and len(element) == 2 and element[1].text == _APPLY


def _is_sign(element: ElementTree.Element) -> bool:
    """A bracket, relation or sign, or a group that begins with one: it brings its own space."""
    if _name(element) == "mo":
        return not _is_operator(element)
    return _name(element) == "mrow" and len(element) > 0 and _is_sign(element[0])


def _thin() -> ElementTree.Element:
    return ElementTree.Element(f"{{{_NAMESPACE}}}mspace", {"width": "0.167em"})
