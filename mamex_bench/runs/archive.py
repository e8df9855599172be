"""The profiles of a run, one per segment: exact, small and pickle-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import ClassProfile, MarkovProfile, Profile, outer
from mamex_bench.runs import factors

MARKOV_LIMIT = 128
BLOCK_NUMBERS = 1 << 20  # in the arrays that are spread out at once, 8 MB


@dataclass(frozen=True, eq=False)
class Archive:
    """Profiles of the segments `kept`, as sparse rows: their entries that are not zero.

    Class profiles are all kept. Of Markov profiles every `stride`-th segment is, the stride being
    the least power of two that leaves fewer than 128, and the last one.

    Attributes:
        kind: "class" or "markov".
        concept: "nash", "ce" or "cce".
        shape: of the full array: (m_0, ..., m_{n-1}), or (H, S, A), (N, A) for a layered game.
        kept: (J,) segment numbers, increasing.
        starts: (J+1,) where each row starts in the next two.
        cells: flat indices of the entries that are not zero.
        weights: those entries.
        products: whether rows hold agents' distributions, one after the other, in place of their
            outer product; so if every profile was made by `ClassProfile.product`.
    """

    kind: str
    concept: str
    shape: tuple[int, ...]
    kept: Ints
    starts: Ints
    cells: Ints
    weights: Floats
    products: bool = False

    def __len__(self) -> int:
        return self.kept.size

    @property
    def width(self) -> int:
        """Entries of a row, zeros included."""
        return sum(self.shape) if self.products else int(np.prod(self.shape))

    def row(self, row: int) -> Floats:
        """(width,): what the archive holds of a row."""
        part = slice(self.starts[row], self.starts[row + 1])
        array = np.zeros(self.width)
        array[self.cells[part]] = self.weights[part]
        return array

    def dense(self, row: int) -> Floats:
        """The array that row stands for, with shape `shape`."""
        array = self.row(row)
        if self.products:
            return outer(factors.split(array, self.shape))
        return array.reshape(self.shape)

    def blocks(self) -> Iterator[Floats]:
        """The arrays of all rows in order, some at a time: (B, *shape)."""
        size = max(1, BLOCK_NUMBERS // int(np.prod(self.shape)))
        for begin in range(0, len(self), size):
            starts = self.starts[begin : begin + size + 1]
            part, B = slice(starts[0], starts[-1]), starts.size - 1
            rows = np.zeros((B, self.width))
            rows[np.repeat(np.arange(B), np.diff(starts)), self.cells[part]] = self.weights[part]
            full = outer(factors.split(rows, self.shape)) if self.products else rows
            yield full.reshape(B, *self.shape)

    def profile(self, row: int, policies: PurePolicies) -> Profile:
        if self.products:
            own = factors.split(self.row(row), self.shape)
            return ClassProfile.product(policies, own, self.concept)
        if self.kind == "class":
            return ClassProfile(policies, self.dense(row), self.concept)
        return MarkovProfile(self.dense(row), self.concept)

    def arrays(self) -> dict[str, Any]:
        """Plain arrays for storage; `from_arrays` undoes it."""
        common = {"shape": np.array(self.shape, dtype=np.int64), "kept": self.kept}
        if self.products:
            rows = np.stack([self.row(row) for row in range(len(self))])
            return common | factors.encode(rows, self.shape)
        return common | {
            "starts": self.starts,
            "cells": self.cells.astype(np.int32),
            "weights": self.weights,
        }

    @classmethod
    def from_arrays(cls, kind: str, concept: str, arrays: Mapping[str, Any]) -> Archive:
        shape = tuple(int(m) for m in arrays["shape"])
        kept = arrays["kept"].astype(np.int64)
        products = "starts" not in arrays
        if products:
            rows = list(map(_sparse, factors.decode(arrays, shape)))
            return cls(kind, concept, shape, kept, *_joined(rows), products)
        starts, cells = (arrays[name].astype(np.int64) for name in ("starts", "cells"))
        return cls(kind, concept, shape, kept, starts, cells, arrays["weights"])


class Archivist:
    """Collects an archive profile by profile, thinning Markov profiles as they come."""

    def __init__(self) -> None:
        self._rows: dict[int, tuple[Ints, Floats]] = {}
        self._last: Profile | None = None
        self._count = 0
        self._stride = 1
        self._products = True

    def add(self, profile: Profile) -> None:
        """File the profile of the next segment."""
        number = self._count
        self._count += 1
        self._last = profile
        if self._products and _factors(profile) is None:
            self._products = False
            self._rows = {k: self._spread(row, profile) for k, row in self._rows.items()}
        if number % self._stride == 0:
            self._rows[number] = _sparse(self._array(profile))
        if isinstance(profile, MarkovProfile) and len(self._rows) >= MARKOV_LIMIT:
            self._stride *= 2
            self._rows = {k: row for k, row in self._rows.items() if k % self._stride == 0}

    def close(self) -> Archive:
        """The archive of what was filed."""
        last = self._last
        if last is None:
            raise InputError("a run without a profile: expected at least one episode")
        rows = self._rows | {self._count - 1: _sparse(self._array(last))}
        return Archive(
            "class" if isinstance(last, ClassProfile) else "markov",
            last.concept,
            array_of(last).shape,
            np.array(list(rows), dtype=np.int64),
            *_joined(list(rows.values())),
            self._products,
        )

    def _array(self, profile: Profile) -> Floats:
        own = _factors(profile) if self._products else None
        return array_of(profile) if own is None else np.concatenate(own)

    @staticmethod
    def _spread(row: tuple[Ints, Floats], like: Profile) -> tuple[Ints, Floats]:
        """A row of factors as one of their product."""
        shape = array_of(like).shape
        own = np.zeros(sum(shape))
        own[row[0]] = row[1]
        return _sparse(outer(factors.split(own, shape)))


def array_of(profile: Profile) -> Floats:
    """The profile's distribution, or its joint action distributions."""
    return profile.distribution if isinstance(profile, ClassProfile) else profile.joint


def _factors(profile: Profile) -> tuple[Floats, ...] | None:
    return profile.factors if isinstance(profile, ClassProfile) else None


def _sparse(array: Floats) -> tuple[Ints, Floats]:
    flat = array.reshape(-1)
    cells = np.flatnonzero(flat)
    return cells.astype(np.int64), flat[cells]


def _joined(rows: list[tuple[Ints, Floats]]) -> tuple[Ints, Ints, Floats]:
    """starts, cells and weights of the rows."""
    sizes = [cells.size for cells, _ in rows]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    cells, weights = (np.concatenate(parts) for parts in zip(*rows))
    return starts, cells, weights
