"""Identifiers: UUIDv7 (RFC 9562, section 5.7) for messages and requests, random tokens for secrets."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Protocol

from segops_common.core.clock import Clock

_MESSAGE_NAMESPACE = uuid.UUID("6d0f2a6e-6a53-5d3c-9b0e-6f1f5d8a7c11")

_VERSION_AND_VARIANT = (0x7 << 76) | (0b10 << 62)
_RANDOM_BITS = (1 << 80) - 1 - ((0xF << 76) | (0b11 << 62))


class Ids(Protocol):
    """Makes new identifiers."""

    def uuid7(self) -> str:
        """Return a UUIDv7 of the current millisecond, in lower case."""
        ...

    def token(self, nbytes: int) -> str:
        """Return that many random bytes of the system's secure source as URL-safe text."""
        ...


class SystemIds:
    """Identifiers from the clock and the system's secure random source."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def uuid7(self) -> str:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        chance = int.from_bytes(secrets.token_bytes(10), "big")
        value = (milliseconds << 80) | (chance & _RANDOM_BITS) | _VERSION_AND_VARIANT
        # Formatted directly: every request needs an id, and uuid.UUID takes three times as long.
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

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
