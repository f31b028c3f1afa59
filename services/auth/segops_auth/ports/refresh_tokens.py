"""Sessions and their refresh tokens. All refresh tokens of one session form a family."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from segops_auth.domain.values import RefreshToken


class SessionReads(Protocol):
    """Looks up sessions."""

    async def session_is_alive(self, user_id: int, session_id: int) -> bool:
        """Return whether this is a session of the user that has not ended."""
        ...


class RefreshTokenWrites(Protocol):
    """Adds, uses and ends refresh tokens."""

    async def add_refresh_token(self, user_id: int, token_hash: str, at: datetime, expires_at: datetime) -> int:
        """Store the first token of a new family, and return the family's id."""
        ...

    async def lock_refresh_token(self, token_hash: str) -> RefreshToken | None:
        """Return the token, and block its use by others until this unit ends."""
        ...

    async def use_refresh_token(
        self, token: RefreshToken, successor_hash: str, at: datetime, expires_at: datetime
    ) -> None:
        """Mark the token as used and add its successor to the family."""
        ...

    async def end_refresh_family(self, family_id: int, at: datetime) -> None:
        """Invalidate every token of the family."""
        ...

    async def end_all_refresh_families(self, user_id: int, at: datetime) -> None:
        """Invalidate every refresh token of the user."""
        ...

    async def delete_expired_refresh_tokens(self, now: datetime, limit: int) -> int:
        """Delete at most `limit` expired tokens, and families without tokens. Return the number of deleted tokens."""
        ...
