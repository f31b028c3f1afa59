"""Access tokens that are looked up instead of verified, for tests."""

from __future__ import annotations

from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.problems import Unauthenticated
from segops_common.security.claims import AccessToken, SessionToken, Token, of_user

_TOKEN_BYTES = 16


class MemoryAccessTokens:
    """Signs and verifies: remembers each token it made."""

    def __init__(self, *, clock: Clock, ids: Ids, lifetime_s: int) -> None:
        self._clock = clock
        self._ids = ids
        self.lifetime_s = lifetime_s
        self._tokens: dict[str, Token] = {}

    def sign(self, user_id: int, session_id: int) -> str:
        expires_at_s = int(self._clock.now().timestamp()) + self.lifetime_s
        return self._remember(AccessToken(user_id=user_id, session_id=session_id, expires_at_s=expires_at_s))

    def sign_session(self, session: SessionToken) -> str:
        return self._remember(session)

    def verify(self, token: str) -> AccessToken:
        """Return what the access token says. Raises Unauthenticated: invalid-token or token-expired."""
        return of_user(self.read(token))

    def read(self, token: str) -> Token:
        """Return what a token of either kind says. Raises as `verify`."""
        access = self._tokens.get(token)
        if access is None:
            raise Unauthenticated("The access token is not valid.", slug="invalid-token")
        if access.expires_at_s <= self._clock.now().timestamp():
            raise Unauthenticated("The access token has expired.", slug="token-expired")
        return access

    def _remember(self, claims: Token) -> str:
        token = self._ids.token(_TOKEN_BYTES)
        self._tokens[token] = claims
        return token
