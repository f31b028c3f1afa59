"""Access tokens and session tokens."""

from __future__ import annotations

from typing import Protocol

from segops_common.security.claims import SessionToken


class AccessTokens(Protocol):
    """Signs short-lived tokens that every service can verify."""

    @property
    def lifetime_s(self) -> int:
        """Return how long an access token is valid."""
        ...

    def sign(self, user_id: int, session_id: int) -> str:
        """Return a new token for the user's session."""
        ...

    def sign_session(self, session: SessionToken) -> str:
        """Return a session token with these claims, which only ingestion accepts."""
        ...
