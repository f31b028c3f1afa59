"""Links to accounts that work once, by the hash of their token."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from segops_auth.domain.mail import LinkPurpose
from segops_auth.domain.values import Account


class LinkReads(Protocol):
    """Looks up links."""

    async def link_owner(self, purpose: LinkPurpose, token_hash: str, now: datetime) -> Account | None:
        """Return the account of a link that works at `now`."""
        ...


class LinkWrites(Protocol):
    """Adds and uses links."""

    async def add_link(self, user_id: int, purpose: LinkPurpose, token_hash: str, expires_at: datetime) -> None:
        """Store a link. Earlier ones of the user keep working."""
        ...

    async def use_link(self, purpose: LinkPurpose, token_hash: str, now: datetime) -> int | None:
        """Delete all links of the user with this purpose and return the user's id. Return None if the link does not work.

        Of several concurrent calls, exactly one gets the user.
        """
        ...

    async def delete_links(self, user_id: int, purpose: LinkPurpose) -> None:
        """Delete all links of the user with this purpose."""
        ...

    async def delete_expired_links(self, now: datetime) -> None:
        """Delete links that have expired at `now`."""
        ...
