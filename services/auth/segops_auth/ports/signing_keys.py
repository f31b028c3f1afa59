"""The keys that sign access tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from segops_auth.domain.signing_keys import SigningKey


class SigningKeyReads(Protocol):
    """Looks up keys."""

    async def signing_keys(self) -> Sequence[SigningKey]:
        """Return the keys that have not been removed, by ascending `active_at`."""
        ...

    async def signing_key_existed(self, kid: str) -> bool:
        """Return whether this key was ever added, also if it has been removed."""
        ...


class SigningKeyWrites(Protocol):
    """Adds and removes keys."""

    async def lock_signing_keys(self) -> None:
        """Block every other change of the keys until this unit ends."""
        ...

    async def add_signing_key(self, key: SigningKey) -> None:
        """Store a new key."""
        ...

    async def retire_signing_keys(self, kids: Sequence[str], retires_at: datetime) -> None:
        """Set when these keys are no longer published."""
        ...

    async def remove_signing_keys(self, retired_by: datetime) -> None:
        """Delete what signs of every key that retires at this time or earlier. That it existed stays known."""
        ...
