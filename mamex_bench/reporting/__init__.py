"""Figures, tables and one document (HTML and PDF) from results; nothing is imported until used."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "write_report": "document",
    "write_report_from": "document",
    "figures": "",
    "tables": "",
}

__all__ = ["figures", "tables", "write_report", "write_report_from"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    if not home:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
