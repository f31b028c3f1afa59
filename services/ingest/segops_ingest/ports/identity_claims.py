"""Who claimed an anonymous id, as far as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class ClaimsUnavailable(Exception):
    """The warehouse does not respond."""


@dataclass(frozen=True, slots=True)
class StoredClaim:
    """What is stored about an id: its first claim, and since when it is the id of a user. Times are in milliseconds."""

    user_id: str | None
    """The user of the first claim, None without one."""
    at_ms: int
    known_ms: int | None
    """The time of the first event with the id as `user_id`, None without one."""


class IdentityClaims(Protocol):
    """Reads claims. An accepted event is stored some moments later."""

    async def of(self, tenant_id: int, anonymous_id: str) -> StoredClaim:
        """Return what is stored about an anonymous id. Raises ClaimsUnavailable."""
        ...
