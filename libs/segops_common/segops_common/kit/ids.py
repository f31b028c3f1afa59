"""Identifiers: UUIDv7 (RFC 9562, section 5.7) for messages and requests, random tokens for secrets."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Protocol

from segops_common.kit.clock import Clock

_MESSAGE_NAMESPACE = uuid.UUID("6d0f2a6e-6a53-5d3c-9b0e-6f1f5d8a7c11")


class Ids(Protocol):
    """Where new identifiers come from."""

    def uuid7(self) -> str:
        """A UUIDv7 of the present millisecond, in lower-case text."""
        ...

    def token(self, nbytes: int) -> str:
        """That many random bytes from the system's secure source, URL-safe."""
        ...


class SystemIds:
    """Identifiers from the clock and the system's secure random source."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def uuid7(self) -> str:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
        return str(uuid.UUID(int=value))

    def token(self, nbytes: int) -> str:
        return secrets.token_urlsafe(nbytes)


def uuid7_time(text: str) -> datetime | None:
    """The instant inside a UUIDv7, to the millisecond; None for any other text."""
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
    """The message id of the index-th event of a request with an Idempotency-Key: the same for every retry."""
    return str(uuid.uuid5(_MESSAGE_NAMESPACE, f"{tenant_id}:{index}:{idempotency_key}"))
