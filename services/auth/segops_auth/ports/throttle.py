"""Rate limits, and the network addresses from which an account has signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Protocol

from segops_auth.domain.rate_limit import Limit

REMEMBERED_FOR: Final = timedelta(days=30)
MAX_ADDRESSES: Final = 8
"""The number of addresses that are remembered for one account. The one with the oldest sign-in is forgotten first."""


class Throttle(Protocol):
    """Counts attempts per limit and subject, such as an e-mail address."""

    async def consume(self, limit: Limit, subject: str) -> None:
        """Count one attempt. Raises RateLimited, with the time to wait, if the limit is exceeded; then nothing is counted."""
        ...

    async def refund(self, limit: Limit, subject: str) -> None:
        """Take back one counted attempt. Has no effect if none is counted."""
        ...


class KnownAddresses(Protocol):
    """Remembers the addresses of each e-mail address for REMEMBERED_FOR. Never raises: at worst an address is unknown."""

    async def remember(self, email: str, address: str) -> None:
        """Remember a successful sign-in."""
        ...

    async def knows(self, email: str, address: str) -> bool:
        """Return whether the address is remembered for this e-mail address."""
        ...
