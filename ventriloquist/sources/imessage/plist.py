"""Reading property lists safely: time and memory are bounded by their size."""

from __future__ import annotations

import plistlib
import struct
from typing import Any

_MAGIC = b"bplist00"
_TRAILER = struct.Struct(">6xBBQQQ")  # bytes of an offset, of a reference; objects; top one; table of offsets
_BYTES_AN_ITEM = {0x4: 1, 0x5: 1, 0x6: 2, 0xA: 1, 0xC: 1, 0xD: 2}  # data, ASCII, UTF-16, array, set, dictionary
_INTEGER = 0x1
_MAX_WIDTH = 4  # of an integer, as a power of two: Apple writes at most 16 bytes


def load_plist(data: bytes) -> Any:
    """Read a property list, binary or XML. Return None if it is damaged or a trap. Never raise."""
    try:
        if data.startswith(_MAGIC) and not _is_honest(data):
            return None
        return plistlib.loads(data)
    except Exception:  # on damaged bytes plistlib raises many errors, also RecursionError
        return None


def _is_honest(data: bytes) -> bool:
    """Tell whether the objects of a binary list fit into it. Overlapping ones would take quadratic time and memory.

    Raises:
        Exception: the list is damaged.
    """
    offset_size, _, objects, _, table = _TRAILER.unpack(data[-_TRAILER.size :])
    left = len(data)
    if objects * offset_size > left:
        return False
    for number in range(objects):
        at = int.from_bytes(data[table + number * offset_size : table + (number + 1) * offset_size], "big")
        kind, size = data[at] >> 4, data[at] & 0xF
        if kind == _INTEGER and size > _MAX_WIDTH:
            return False
        if kind in _BYTES_AN_ITEM:
            if size == 0xF:  # the size is an integer of its own, of at most 8 bytes
                width = 1 << (data[at + 1] & 0x3)
                size = int.from_bytes(data[at + 2 : at + 2 + width], "big")
            left -= size * _BYTES_AN_ITEM[kind]
            if left < 0:
                return False
    return True
