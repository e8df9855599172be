"""The three equilibrium concepts and their codes inside kernels."""

from __future__ import annotations

from mamex_bench.errors import InputError

CONCEPTS = ("nash", "ce", "cce")


def concept_code(concept: str) -> int:
    """0 Nash, 1 correlated, 2 coarse correlated; raises InputError for any other name."""
    if concept not in CONCEPTS:
        raise InputError(f"unknown concept {concept!r}: choose one of {', '.join(CONCEPTS)}")
    return CONCEPTS.index(concept)
