"""Sessions and their refresh tokens. All refresh tokens of one session form a family."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from segops_auth.domain.values import NOWHERE, Place, RefreshToken, Session


class SessionReads(Protocol):
    """Looks up sessions."""

    async def session_is_alive(self, user_id: int, session_id: int) -> bool:
        """Return whether this is a session of the user that has not ended."""
        ...

    async def sessions(
        self, user_id: int, now: datetime, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[Session]:
        """Return at most `limit` sessions with an id below `before` that can be refreshed at `now`, newest first.

        `offset` skips so many of them.
        """
        ...

    async def session_count(self, user_id: int, now: datetime) -> int:
        """Return the number of the user's sessions that can be refreshed at `now`."""
        ...


class RefreshTokenWrites(Protocol):
    """Adds, uses and ends refresh tokens."""

    async def add_refresh_token(
        self, user_id: int, token_hash: str, at: datetime, expires_at: datetime, place: Place = NOWHERE
    ) -> int:
        """Store the first token of a new family, and return the family's id."""
        ...

    async def lock_refresh_token(self, token_hash: str) -> RefreshToken | None:
        """Return the token, and block its use by others until this unit ends."""
        ...

    async def use_refresh_token(
        self, token: RefreshToken, successor_hash: str, at: datetime, expires_at: datetime, place: Place = NOWHERE
    ) -> None:
        """Mark the token as used, add its successor to the family, and store when and where the session was used."""
        ...

    async def end_refresh_family(self, family_id: int, at: datetime) -> None:
        """Invalidate every token of the family."""
        ...

    async def end_session(self, user_id: int, session_id: int, at: datetime) -> bool:
        """Invalidate every token of the session. Return False if the user has no such session that has not ended."""
        ...

    async def end_other_sessions(self, user_id: int, session_id: int | None, at: datetime) -> None:
        """Invalidate every refresh token of the user outside of this session."""
        ...

    async def end_all_refresh_families(self, user_id: int, at: datetime) -> None:
        """Invalidate every refresh token of the user."""
        ...

    async def delete_expired_refresh_tokens(self, now: datetime, limit: int) -> int:
        """Delete at most `limit` expired tokens, and families without tokens. Return the number of deleted tokens."""
        ...
