"""Password hashes."""

from __future__ import annotations

from typing import Final, Protocol

from segops_common.core.problems import Unavailable

# At about 25 ms a hash and two at a time, the last caller in the queue waits less than 4 s.
MAX_WAITING: Final = 256
"""The number of calls that may run or wait at the same time."""


class Passwords(Protocol):
    """Hashes passwords with a salt."""

    async def hash(self, password: str) -> str:
        """Return a new hash. Raises Unavailable (overloaded) if MAX_WAITING calls run or wait."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether the hash belongs to the password. Raises Unavailable (overloaded) as `hash` does.

        False for a malformed hash, and for None after the time that a real hash takes.
        """
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters than the current ones."""
        ...


def overloaded() -> Unavailable:
    """Return the refusal of a call beyond MAX_WAITING."""
    return Unavailable("Too many passwords are being checked. Try again later.", slug="overloaded")
