"""Message ids made from the content of a request, for clients that send none and repeat identical requests.

An id is a UUIDv8 (RFC 9562, section 5.8): the digest of the request, then the index of the event. So a repeated request
has the same ids, and within a request they ascend.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import orjson

_DIGEST_BYTES: Final = 13
_INDEX_BITS: Final = 16
_VERSION: Final = 0x8 << 76
_VARIANT: Final = 0b10 << 62
_TIMES: Final = ("timestamp", "occurred_at")


def content_digest(tenant_id: int, calls: Sequence[Any]) -> int | None:
    """Return the digest from which the ids of these calls are made, or None if their content does not identify them.

    It does if no call has a message id and each has a time. One call is an exception if its time has whole seconds: two
    equal clicks within a second are two events.
    """
    if not all(type(call) is dict and "message_id" not in call and _time_of(call) for call in calls):
        return None
    if len(calls) == 1 and "." not in _time_of(calls[0]):
        return None
    digest = blake2b(b"%d\n" % tenant_id, digest_size=_DIGEST_BYTES)
    for call in calls:
        digest.update(_text(call) + b"\n")
    return int.from_bytes(digest.digest(), "big")


def content_message_id(digest: int, index: int) -> str:
    """Return the message id of the call with this index."""
    custom = (digest << _INDEX_BITS) | index
    # The parts of 48, 12 and 62 bits around version and variant.
    high, middle, low = custom >> 74, custom >> 62 & 0xFFF, custom & (1 << 62) - 1
    text = f"{high << 80 | _VERSION | middle << 64 | _VARIANT | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _time_of(call: dict[str, Any]) -> str:
    """Return the first time of the call that is text, '' without one."""
    return next((call[name] for name in _TIMES if type(call.get(name)) is str), "")


def _text(call: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(call)
    except orjson.JSONEncodeError:
        # The call is nested too deeply to be serialised, so it will be refused: its id is never used.
        return b""
