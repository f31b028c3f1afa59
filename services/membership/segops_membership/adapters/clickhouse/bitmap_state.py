"""Converts ClickHouse's state of `groupBitmap` over UInt32 to a roaring bitmap and back.

A state of at most 32 members may be a list (0, count, members). Any state may be the portable roaring form (1, length,
bytes).
"""

from __future__ import annotations

import re
import struct
from typing import Final

from pyroaring import BitMap

_LIST: Final = 0
_ROARING: Final = 1
_JSON_SPECIAL: Final = re.compile(rb'["\\\x00-\x1f]')


def decode_state(state: bytes) -> BitMap:
    """Return the bitmap. Raises ValueError when the bytes are not a state."""
    if not state:
        raise ValueError("an empty bitmap state")
    size, start = _read_varint(state, 1)
    body = state[start:]
    if state[0] == _LIST and len(body) == 4 * size:
        return BitMap(struct.unpack(f"<{size}I", body))
    if state[0] == _ROARING and len(body) == size:
        return BitMap.deserialize(body)
    raise ValueError("not a bitmap state")


def encode_state(bitmap: BitMap) -> bytes:
    """Return the state in its roaring form."""
    body = bitmap.serialize()
    return bytes((_ROARING,)) + _varint(len(body)) + body


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a cut bitmap state")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def state_as_json(bitmap: BitMap) -> bytes:
    """Return the state as a JSON string for JSONEachRow.

    ClickHouse accepts any bytes in a string, so only those that JSON itself reserves are escaped.
    """
    escaped = _JSON_SPECIAL.sub(lambda match: b"\\u%04x" % match[0][0], encode_state(bitmap))
    return b'"' + escaped + b'"'
