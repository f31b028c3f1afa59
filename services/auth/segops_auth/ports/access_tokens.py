"""Access tokens."""

from __future__ import annotations

from typing import Protocol


class AccessTokens(Protocol):
    """Signs short-lived tokens that every service can verify."""

    @property
    def lifetime_s(self) -> int:
        """Return how long a token is valid."""
        ...

    def sign(self, user_id: int, session_id: int) -> str:
        """Return a new token for the user's session."""
        ...
