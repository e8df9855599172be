"""What an object of this floor holds, as bytes: equal for equal content, whatever its identity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def fingerprint(*items: Any) -> str:
    """SHA-256 of every number and name in the items, in hexadecimal digits."""
    digest = hashlib.sha256()
    for item in items:
        feed(digest, item)
    return digest.hexdigest()


def feed(digest: Any, item: Any) -> None:
    """Every number and name of an item, with types and shapes, into a hash of `hashlib`."""
    if isinstance(item, np.ndarray):
        digest.update(f"{item.dtype.str}{item.shape}".encode())
        digest.update(np.ascontiguousarray(item).tobytes())
    elif isinstance(item, Mapping):
        for key, value in item.items():
            digest.update(f"{key!r}:".encode())
            feed(digest, value)
    elif isinstance(item, tuple | list):
        digest.update(f"{len(item)}[".encode())
        for value in item:
            feed(digest, value)
    elif is_dataclass(item):
        digest.update(type(item).__name__.encode())
        for each in fields(item):
            digest.update(f"{each.name}=".encode())
            feed(digest, getattr(item, each.name))
    else:
        digest.update(f"{item!r};".encode())
