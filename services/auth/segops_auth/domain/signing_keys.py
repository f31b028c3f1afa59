"""When a signing key is published, when it signs, and when it goes.

A new key is published before it signs, so that every service knows it in time. The previous key stays published until
the last token that it signed has expired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

ACCESS_LIFETIME: Final = timedelta(minutes=15)
PUBLISH_AHEAD: Final = timedelta(minutes=10)
"""Longer than any cache of the key set: 5 minutes in HTTP caches, 60 s in services, 10 s in processes of auth."""
RELOAD_S: Final = 10.0
"""How often each process of auth reads the keys again."""
MARGIN: Final = timedelta(minutes=1)
"""Covers clocks that differ, and a process that signs with the previous key a little longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key, with its private part encrypted."""

    kid: str
    sealed: bytes
    created_at: datetime
    active_at: datetime
    """From when it signs, until the next key does."""
    retires_at: datetime | None
    """When it is no longer published. None for the newest key."""


def signs_at(keys: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    """Return the key that signs: the newest active one, or the oldest if a late clock finds none active."""
    oldest = min(keys, key=lambda key: key.active_at, default=None)
    return max((key for key in keys if key.active_at <= now), key=lambda key: key.active_at, default=oldest)


def published_at(keys: Sequence[SigningKey], now: datetime) -> Sequence[SigningKey]:
    """Return the keys that verify tokens: those that will sign, sign, or have signed tokens that may be in use."""
    return [key for key in keys if key.retires_at is None or key.retires_at > now]


def retirement(next_active_at: datetime) -> datetime:
    """Return when the keys before the next one are no longer needed."""
    return next_active_at + ACCESS_LIFETIME + MARGIN
