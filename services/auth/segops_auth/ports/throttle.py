"""Rate limits."""

from __future__ import annotations

from typing import Protocol

from segops_auth.domain.rate_limit import Limit


class Throttle(Protocol):
    """Counts attempts per limit and subject, such as an e-mail address."""

    async def consume(self, limit: Limit, subject: str) -> None:
        """Count one attempt. Raises RateLimited, with the time to wait, if the limit is exceeded; then nothing is counted."""
        ...

    async def refund(self, limit: Limit, subject: str) -> None:
        """Take back one counted attempt. Has no effect if none is counted."""
        ...
