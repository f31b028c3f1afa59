"""The network addresses from which an account has signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Protocol

REMEMBERED_FOR: Final = timedelta(days=30)
MAX_ADDRESSES: Final = 8
"""The number of addresses that are remembered for one account. The one with the oldest sign-in is forgotten first."""


class KnownAddresses(Protocol):
    """Remembers the addresses of each e-mail address for REMEMBERED_FOR. Never raises: at worst an address is unknown."""

    async def remember(self, email: str, address: str) -> None:
        """Remember a successful sign-in."""
        ...

    async def knows(self, email: str, address: str) -> bool:
        """Return whether the address is remembered for this e-mail address."""
        ...
