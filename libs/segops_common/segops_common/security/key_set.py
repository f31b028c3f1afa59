"""Auth's public keys: fetched on first use, and again when a token names an unknown one."""

from __future__ import annotations

import asyncio

import httpx
import orjson

from segops_common.contracts.http import JWKS_PATH
from segops_common.core.clock import Clock
from segops_common.core.problems import Unavailable
from segops_common.security.tokens import AccessToken, TokenVerifier, UnknownSigningKey

# At most one fetch in this time, however many unknown keys tokens name.
MIN_FETCH_INTERVAL_S = 10.0
AFTER_FAILURE_S = 1.0


class KeySet:
    """Verifies access tokens with the keys that auth publishes."""

    def __init__(self, *, client: httpx.AsyncClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._verifier: TokenVerifier | None = None
        self._next_fetch_at = 0.0
        self._lock = asyncio.Lock()

    async def verify(self, token: str) -> AccessToken:
        """Return the verified token. Raises Unauthenticated, or Unavailable until keys have been fetched once."""
        try:
            return await self._verify(token)
        except UnknownSigningKey:
            if not await self._fetch():
                raise
            return await self._verify(token)

    async def _verify(self, token: str) -> AccessToken:
        if self._verifier is None:
            # A malformed token is refused without fetching keys.
            self._refuse_malformed(token)
            await self._fetch()
        if self._verifier is None:
            raise Unavailable(
                "The access token cannot be checked now. Retry after `Retry-After` seconds.", slug="auth-unavailable"
            )
        return self._verifier.verify(token)

    def _refuse_malformed(self, token: str) -> None:
        try:
            TokenVerifier(jwks=(), clock=self._clock).verify(token)
        except UnknownSigningKey:
            return

    async def _fetch(self) -> bool:
        """Fetch the keys, unless that was attempted recently. Return whether they were fetched."""
        async with self._lock:
            now = self._clock.monotonic()
            if now < self._next_fetch_at:
                return False
            try:
                response = await self._client.get(JWKS_PATH)
                response.raise_for_status()
                self._verifier = TokenVerifier(jwks=orjson.loads(response.content)["keys"], clock=self._clock)
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                self._next_fetch_at = now + AFTER_FAILURE_S
                return False
            self._next_fetch_at = now + MIN_FETCH_INTERVAL_S
            return True
