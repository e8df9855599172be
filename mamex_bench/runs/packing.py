"""Arrays as bytes and back: `.npy`, its bytes in planes, compressed."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np

LEVEL = 4
NPY = b"\x93NUMPY"


def pack(array: Any) -> bytes:
    """zlib of the `.npy` header and of the array's bytes in planes.

    First the first byte of every element, then the second of every element, and so on: the bytes
    of neighbours of one magnitude are alike in some planes, and noise in others.
    """
    plain = np.asarray(array, order="C")
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(plain))
    planes = plain.reshape(-1).view(np.uint8).reshape(plain.size, plain.itemsize).T
    return zlib.compress(file.getvalue() + planes.tobytes(), LEVEL)


def unpack(data: bytes) -> Any:
    """The array; ValueError when the bytes are something else. Plain `.npy` bytes will do."""
    if data.startswith(NPY):
        return np.load(io.BytesIO(data), allow_pickle=False)
    try:
        file = io.BytesIO(zlib.decompress(data))
    except zlib.error as error:
        raise ValueError(f"no packed array: {error}") from error
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    planes = np.frombuffer(file.read(), dtype=np.uint8)
    if dtype.hasobject or planes.size != int(np.prod(shape)) * dtype.itemsize:
        raise ValueError(f"no packed array: {planes.size} bytes for shape {shape} of {dtype}")
    elements = planes.reshape(dtype.itemsize, -1).T.copy()
    return elements.reshape(-1).view(dtype).reshape(shape)
