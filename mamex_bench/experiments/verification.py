"""What a verification counts and finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

TOLERANCE = 1e-9


@dataclass
class Verification:
    """What was recomputed and what did not agree.

    Attributes:
        counts: number of comparisons by kind.
        findings: one sentence per disagreement.
        notes: what could not be recomputed, and why.
    """

    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(self, kind: str, where: str, stored: Any, exact: Any) -> None:
        """Count a comparison; file a finding beyond 1e-9, relative where numbers exceed 1."""
        a, b = np.asarray(stored, dtype=np.float64), np.asarray(exact, dtype=np.float64)
        self.counts[kind] = self.counts.get(kind, 0) + max(a.shape[0] if a.ndim else 1, 1)
        if a.shape != b.shape:
            self.findings.append(f"{where}: {kind} has shape {a.shape}, expected {b.shape}")
            return
        unlike = ~np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if unlike.any():
            at = tuple(int(k) for k in np.argwhere(unlike)[0]) if a.ndim else ()
            self.findings.append(
                f"{where}: {kind}{list(at) if at else ''} is stored as {a[at]:.12g}, recomputed "
                f"{b[at]:.12g}"
            )

    def expect(self, kind: str, where: str, fine: bool, otherwise: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if not fine:
            self.findings.append(f"{where}: {otherwise}")

    def __str__(self) -> str:
        lines = [f"{number:>9,} {kind} recomputed" for kind, number in self.counts.items()]
        lines += [f"note: {note}" for note in self.notes]
        lines += self.findings or ["everything agrees to 1e-9"]
        return "\n".join(lines)
