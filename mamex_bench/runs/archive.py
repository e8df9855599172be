"""The profiles of a run, one per segment, as sparse rows: exact, small and pickle-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import ClassProfile, MarkovProfile, Profile

MARKOV_LIMIT = 500


@dataclass(frozen=True, eq=False)
class Archive:
    """Profiles of the segments `kept`, each a distribution with its zeros left out.

    Class profiles are all kept. Of Markov profiles every `stride`-th segment is, the stride being
    the least power of two that leaves fewer than 500, and the last one.

    Attributes:
        kind: "class" or "markov".
        concept: "nash", "ce" or "cce".
        shape: of the full array: (m_0, ..., m_{n-1}), or (H, S, A), (N, A) for a layered game.
        kept: (J,) segment numbers, increasing.
        starts: (J+1,) where each row starts in the next two.
        cells: flat indices of the entries that are not zero.
        weights: those entries.
    """

    kind: str
    concept: str
    shape: tuple[int, ...]
    kept: Ints
    starts: Ints
    cells: Ints
    weights: Floats

    def __len__(self) -> int:
        return self.kept.size

    def dense(self, row: int) -> Floats:
        """The array that row stands for, with shape `shape`."""
        part = slice(self.starts[row], self.starts[row + 1])
        array = np.zeros(int(np.prod(self.shape)))
        array[self.cells[part]] = self.weights[part]
        return array.reshape(self.shape)

    def profile(self, row: int, policies: PurePolicies) -> Profile:
        if self.kind == "class":
            return ClassProfile(policies, self.dense(row), self.concept)
        return MarkovProfile(self.dense(row), self.concept)

    def arrays(self) -> dict[str, Any]:
        """Plain arrays for storage; `from_arrays` undoes it."""
        return {
            "shape": np.array(self.shape, dtype=np.int64),
            "kept": self.kept,
            "starts": self.starts,
            "cells": self.cells.astype(np.int32),
            "weights": self.weights,
        }

    @classmethod
    def from_arrays(cls, kind: str, concept: str, arrays: Mapping[str, Any]) -> Archive:
        shape = tuple(int(m) for m in arrays["shape"])
        kept, starts, cells = (arrays[k].astype(np.int64) for k in ("kept", "starts", "cells"))
        return cls(kind, concept, shape, kept, starts, cells, arrays["weights"])


class Archivist:
    """Collects an archive profile by profile, thinning Markov profiles as they come."""

    def __init__(self) -> None:
        self._rows: dict[int, tuple[Ints, Floats]] = {}
        self._last: Profile | None = None
        self._count = 0
        self._stride = 1

    def add(self, profile: Profile) -> None:
        """File the profile of the next segment."""
        number = self._count
        self._count += 1
        self._last = profile
        if number % self._stride == 0:
            self._rows[number] = _sparse(profile)
        if isinstance(profile, MarkovProfile) and len(self._rows) >= MARKOV_LIMIT:
            self._stride *= 2
            self._rows = {k: row for k, row in self._rows.items() if k % self._stride == 0}

    def close(self) -> Archive:
        """The archive of what was filed."""
        last = self._last
        if last is None:
            raise InputError("a run without a profile: expected at least one episode")
        rows = self._rows | {self._count - 1: _sparse(last)}
        sizes = [cells.size for cells, _ in rows.values()]
        return Archive(
            "class" if isinstance(last, ClassProfile) else "markov",
            last.concept,
            _array(last).shape,
            np.array(list(rows), dtype=np.int64),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            np.concatenate([cells for cells, _ in rows.values()]),
            np.concatenate([weights for _, weights in rows.values()]),
        )


def _array(profile: Profile) -> Floats:
    return profile.distribution if isinstance(profile, ClassProfile) else profile.joint


def _sparse(profile: Profile) -> tuple[Ints, Floats]:
    flat = _array(profile).reshape(-1)
    cells = np.flatnonzero(flat)
    return cells.astype(np.int64), flat[cells]
