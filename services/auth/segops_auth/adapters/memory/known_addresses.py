"""Known network addresses of one process."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from segops_auth.ports.known_addresses import MAX_ADDRESSES, REMEMBERED_FOR
from segops_common.core.clock import Clock

MAX_EMAILS: Final = 10_000


class MemoryKnownAddresses:
    """Keeps addresses in a dictionary. Beyond MAX_EMAILS, the account with the oldest sign-in is forgotten."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._emails: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._emails)

    async def remember(self, email: str, address: str) -> None:
        addresses = self._emails.setdefault(email, OrderedDict())
        self._emails.move_to_end(email)
        addresses[address] = self._clock.monotonic()
        addresses.move_to_end(address)
        if len(addresses) > MAX_ADDRESSES:
            addresses.popitem(last=False)
        if len(self._emails) > MAX_EMAILS:
            self._emails.popitem(last=False)

    async def knows(self, email: str, address: str) -> bool:
        addresses = self._emails.get(email)
        since = None if addresses is None else addresses.get(address)
        return since is not None and self._clock.monotonic() - since < REMEMBERED_FOR.total_seconds()
