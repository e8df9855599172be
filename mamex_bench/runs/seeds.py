"""Every stream of random numbers has a name; nothing else decides what is drawn.

A stream is named by its coordinates (suite, instance, learner, concept, seed, purpose). It does not
depend on the number of workers, on the order of runs or on the clock.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np


def entropy(*coordinates: str | int) -> list[int]:
    """Eight 32-bit words: sha256 of the coordinates, written as a JSON list."""
    text = json.dumps(coordinates, ensure_ascii=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return [int(word) for word in np.frombuffer(digest, dtype=">u4")]


def stream(*coordinates: str | int) -> np.random.Generator:
    """The generator with that name: PCG64 seeded through SeedSequence."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy(*coordinates))))
