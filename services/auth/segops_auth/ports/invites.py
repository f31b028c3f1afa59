"""Invites to tenants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from segops_auth.domain.values import Invite


class InviteReads(Protocol):
    """Looks up invites."""

    async def open_invites(
        self, tenant_id: int, now: datetime, after: int, limit: int, *, offset: int = 0
    ) -> Sequence[Invite]:
        """Return at most `limit` invites that can be accepted at `now`, with an id greater than `after`, ascending.

        `offset` skips so many of them.
        """
        ...

    async def open_invite_count(self, tenant_id: int, now: datetime) -> int:
        """Return the number of invites that can be accepted at `now`."""
        ...

    async def invite(self, tenant_id: int, invite_id: int) -> Invite | None:
        """Return the invite, also if it was accepted, withdrawn or has expired."""
        ...

    async def is_mailed_token(self, token_hash: str) -> bool:
        """Return whether this is the token of an invite that only a mail contained."""
        ...

    async def invite_by_token(self, token_hash: str) -> Invite | None:
        """Return the invite, also if it was accepted, withdrawn or has expired."""
        ...


class InviteWrites(Protocol):
    """Adds and closes invites."""

    async def add_invite(self, tenant_id: int, invite: Invite, token_hash: str) -> Invite:
        """Store the invite and return it with its id."""
        ...

    async def set_mailed_token(self, tenant_id: int, invite_id: int, token_hash: str) -> None:
        """Store the token that only the newest mail of an invite contains. The first token of the invite keeps working."""
        ...

    async def extend_invite(self, tenant_id: int, invite_id: int, expires_at: datetime) -> Invite | None:
        """Change when an open invite expires, and return it. Return None if the tenant has no such open invite."""
        ...

    async def withdraw_invite(self, tenant_id: int, invite_id: int, at: datetime) -> Invite | None:
        """Close an open invite. Return None if the tenant has no such open invite."""
        ...

    async def close_invites_of(self, tenant_id: int, email: str, at: datetime) -> Sequence[Invite]:
        """Close every open invite of this email address in the tenant. Return them, by ascending id."""
        ...

    async def close_invites_by(self, tenant_id: int, user_id: int, at: datetime) -> Sequence[Invite]:
        """Close every open invite that this user made in the tenant. Return them, by ascending id."""
        ...

    async def use_invite(self, token_hash: str, at: datetime) -> Invite | None:
        """Close an open invite that has not expired at `at`. Return None if no such invite is open.

        Of several concurrent calls, exactly one gets the invite.
        """
        ...
