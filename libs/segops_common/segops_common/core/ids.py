"""Identifiers: UUIDv7 (RFC 9562, section 5.7) for messages and requests, random tokens for secrets."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Final, Protocol

from segops_common.core.clock import Clock

_MESSAGE_NAMESPACE = uuid.UUID("6d0f2a6e-6a53-5d3c-9b0e-6f1f5d8a7c11")

_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_COUNTER_BITS: Final = 74
_LOW_BITS: Final = 62
_LOW_MASK: Final = (1 << _LOW_BITS) - 1
_LARGEST_STEP: Final = 1 << 32


class Ids(Protocol):
    """Makes new identifiers."""

    def uuid7(self) -> str:
        """Return a UUIDv7 of the current millisecond, in lower case. It is greater than all that were made before."""
        ...

    def token(self, nbytes: int) -> str:
        """Return that many random bytes of the system's secure source as URL-safe text."""
        ...


class SystemIds:
    """Identifiers from the clock and the system's secure random source.

    Within a millisecond, and while the clock is set back, a random number is increased by random steps (RFC 9562, section
    6.2, method 2), so that the ids of a process rise strictly.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._milliseconds = 0
        self._counter = 0

    def uuid7(self) -> str:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        if milliseconds > self._milliseconds:
            self._milliseconds = milliseconds
            # The highest bit stays free, so that the counter has room to rise.
            self._counter = secrets.randbits(_COUNTER_BITS - 1)
        else:
            self._rise()
        high, low = self._counter >> _LOW_BITS, self._counter & _LOW_MASK
        value = (self._milliseconds << 80) | _VERSION | (high << 64) | _VARIANT | low
        # Formatted directly: every request needs an id, and uuid.UUID takes three times as long.
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _rise(self) -> None:
        self._counter += 1 + secrets.randbelow(_LARGEST_STEP)
        if self._counter >> _COUNTER_BITS:
            self._milliseconds += 1
            self._counter = secrets.randbits(_COUNTER_BITS - 1)

    def token(self, nbytes: int) -> str:
        return secrets.token_urlsafe(nbytes)


def uuid7_time(text: str) -> datetime | None:
    """Return the instant inside a UUIDv7, to the millisecond; None for any other text."""
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    if value.version != 7 or len(text) != 36:
        return None
    try:
        return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def message_id_from(tenant_id: int, idempotency_key: str, index: int) -> str:
    """Return the message id of an event of a request with an Idempotency-Key: the same for every retry."""
    return str(uuid.uuid5(_MESSAGE_NAMESPACE, f"{tenant_id}:{index}:{idempotency_key}"))
