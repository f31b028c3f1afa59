"""Limits how often a password may be tried, without locking out its owner.

Wrong passwords from unknown clients share the account's budget, so an attacker slows down. A client that has signed in
before has a budget of its own, which others cannot spend: it is known by its device cookie (OWASP, "Slow Down Online
Guessing Attacks with Device Cookies"), by its network address, or because it is signed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from segops_auth.domain.values import NOWHERE, Place
from segops_auth.ports.known_addresses import KnownAddresses
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.rate_limit import Limit, Throttle

DEVICE_LIFETIME: Final = timedelta(days=180)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLimits:
    """How often a password may be tried."""

    per_email: Limit
    """By all unknown clients together."""
    per_known: Limit
    """By each known device, address or signed-in user of an account."""
    per_address: Limit
    """From one network address, over all accounts. A known device is exempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Where a password comes from."""

    address: str | None = None
    """The network address to rate-limit, or None for no limit by address."""
    device: str | None = None
    """The value of the device cookie for this account, as sent."""
    signed_in: bool = False
    """Whether an access token of the account came with the password."""
    place: Place = NOWHERE
    """What the account's owner will see of it."""


class Attempts:
    """Counts wrong passwords, and knows clients that sent right ones."""

    def __init__(
        self,
        *,
        throttle: Throttle,
        limits: LoginLimits,
        known_addresses: KnownAddresses,
        secrets: Secrets,
        clock: Clock,
    ) -> None:
        self._throttle = throttle
        self._limits = limits
        self._known_addresses = known_addresses
        self._secrets = secrets
        self._clock = clock

    async def count(self, email: str, client: Client) -> Sequence[tuple[Limit, str]]:
        """Count one attempt and return what was counted. Raises RateLimited.

        Counting before the password is checked stops concurrent guesses from exceeding a limit.
        """
        counted = await self._budgets(email, client)
        for limit, subject in counted:
            await self._throttle.consume(limit, subject)
        return counted

    async def succeed(self, email: str, client: Client, counted: Sequence[tuple[Limit, str]]) -> None:
        """Take back what was counted, because only wrong passwords count, and remember the address."""
        for limit, subject in counted:
            await self._throttle.refund(limit, subject)
        await self.remember(email, client)

    async def remember(self, email: str, client: Client) -> None:
        """Remember that the owner of the account uses this address."""
        if client.address is not None:
            await self._known_addresses.remember(email, client.address)

    def device_cookie(self, email: str) -> str:
        """Return a new device cookie, for a client that has just proved that it knows the password."""
        return self._secrets.device_cookie(email, self._clock.now())

    async def _budgets(self, email: str, client: Client) -> Sequence[tuple[Limit, str]]:
        limits = self._limits
        device = None if client.device is None else self._device(email, client.device)
        if client.signed_in or device is not None:
            return [(limits.per_known, f"{email}\n{device or 'signed in'}")]
        if client.address is None:
            return [(limits.per_email, email)]
        is_known = await self._known_addresses.knows(email, client.address)
        own = (limits.per_known, f"{email}\n{client.address}") if is_known else (limits.per_email, email)
        return [(limits.per_address, client.address), own]

    def _device(self, email: str, cookie: str) -> str | None:
        """Return the id of the device, or None for a cookie that is forged, too old or of another account."""
        return self._secrets.device_of(email, cookie, self._clock.now() - DEVICE_LIFETIME)
