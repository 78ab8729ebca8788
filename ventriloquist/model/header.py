"""Reading and checking the header of a safetensors file, without reading a tensor."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

LONGEST_HEADER = 16 * 2**20  # bytes; a model of 8 billion weights has about 50,000
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}  # of the types of a model that is not quantised


class Tensor(NamedTuple):
    """Type and shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name: `{n, a 64-bit integer}{n bytes of JSON}{data}`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is cut off, not a safetensors file, or has weights that are not floating point numbers.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ValueError(f"{path.name} is cut off or empty")
        if length > LONGEST_HEADER:
            raise ValueError(f"{path.name} has a header of {length:,} bytes")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            header = None
    if not isinstance(header, dict):
        raise ValueError(f"{path.name} is not a safetensors file")  # noqa: TRY004  # the file is wrong, not the caller
    header.pop("__metadata__", None)
    return {name: _tensor(path.name, name, entry, size - 8 - length) for name, entry in header.items()}


def _tensor(file: str, name: str, entry: object, size: int) -> Tensor:
    """Check one entry of a header against the bytes that follow it."""
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if all(
            type(length) is int and length >= 0 for length in shape
        ):
            if dtype not in BYTES:
                raise ValueError(f"{file} has weights of the type {dtype}: it is quantised, or not a model")
            if not 0 <= begin <= end <= size:
                raise ValueError(f"{file} is cut off: {name} lies beyond its end")
            if math.prod(shape) * BYTES[dtype] != end - begin:
                raise ValueError(f"{file} is damaged: {name} does not have the length of its shape")
            return Tensor(dtype, tuple(shape))
    raise ValueError(f"{file} is damaged: it does not describe {name}")
