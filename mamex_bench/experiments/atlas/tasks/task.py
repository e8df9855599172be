"""A piece of work: a line of text in, a line of text out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DONE, NOT_APPLICABLE, FAILED = "done", "not applicable", "failed"

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """`kind` names a function, see `performing.HOMES`; `text` is its arguments as JSON."""

    kind: str
    text: str

    @classmethod
    def of(cls, kind: str, family: str, parameters: Mapping[str, Any], **more: Any) -> Task:
        """A task about a member of a family."""
        asked = {"family": family, "parameters": dict(parameters), **more}
        return cls(kind, json.dumps(asked, sort_keys=True))

    @property
    def asked(self) -> dict[str, Any]:
        return dict(json.loads(self.text))
