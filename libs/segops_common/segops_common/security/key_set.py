"""The public keys of auth: fetched when first needed, and again when a token names another one."""

from __future__ import annotations

import asyncio

import httpx
import orjson

from segops_common.contracts.http import JWKS_PATH
from segops_common.core.clock import Clock
from segops_common.core.problems import Unavailable
from segops_common.security.tokens import AccessToken, TokenVerifier, UnknownSigningKey

# However many unknown keys are named: at most one fetch in this time.
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
        """What the token says; raises Unauthenticated, or Unavailable while no key was ever fetched."""
        try:
            return await self._verify(token)
        except UnknownSigningKey:
            if not await self._fetch():
                raise
            return await self._verify(token)

    async def _verify(self, token: str) -> AccessToken:
        if self._verifier is None:
            # A token that no key could make good is refused without asking for keys.
            self._refuse_malformed(token)
            await self._fetch()
        if self._verifier is None:
            raise Unavailable("Access tokens cannot be checked at the moment.", slug="auth-unavailable")
        return self._verifier.verify(token)

    def _refuse_malformed(self, token: str) -> None:
        try:
            TokenVerifier(jwks=(), clock=self._clock).verify(token)
        except UnknownSigningKey:
            return

    async def _fetch(self) -> bool:
        """Whether the keys were fetched just now."""
        async with self._lock:
            now = self._clock.monotonic()
            if now < self._next_fetch_at:
                return False
            try:
                answer = await self._client.get(JWKS_PATH)
                answer.raise_for_status()
                self._verifier = TokenVerifier(jwks=orjson.loads(answer.content)["keys"], clock=self._clock)
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                self._next_fetch_at = now + AFTER_FAILURE_S
                return False
            self._next_fetch_at = now + MIN_FETCH_INTERVAL_S
            return True
