"""Password hashes."""

from __future__ import annotations

from typing import Protocol


class Passwords(Protocol):
    """Hashes passwords with a salt. The number of calls that run or wait at the same time is bounded."""

    async def hash(self, password: str) -> str:
        """Return a new hash. Raises Unavailable (overloaded) if too many calls wait."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether the hash belongs to the password. Raises Unavailable (overloaded) if too many calls wait.

        For None and for a malformed hash it is False; for None it takes as long as for a real hash.
        """
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters than the current ones."""
        ...
