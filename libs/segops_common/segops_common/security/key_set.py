"""Auth's public keys: fetched on first use, and again when a token names an unknown one."""

from __future__ import annotations

import asyncio

import httpx
import orjson

from segops_common.contracts.http import JWKS_PATH
from segops_common.core.clock import Clock
from segops_common.core.problems import Unavailable
from segops_common.core.tasks import spawn
from segops_common.security.claims import Token
from segops_common.security.tokens import TokenVerifier, UnknownSigningKey

# Keys are published for minutes before they sign, so this finds a new key in time, and forgets a removed one.
REFRESH_S = 60.0
# At most one fetch in this time, however many unknown keys tokens name.
MIN_FETCH_INTERVAL_S = 10.0
AFTER_FAILURE_S = 1.0


class KeySet:
    """Verifies tokens with the keys that auth publishes."""

    def __init__(self, *, client: httpx.AsyncClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._verifier: TokenVerifier | None = None
        self._next_fetch_at = 0.0
        self._refresh_at = 0.0
        self._refresh: asyncio.Task[bool] | None = None
        self._lock = asyncio.Lock()

    async def read(self, token: str) -> Token:
        """Return the verified token. Raises Unauthenticated, or Unavailable until keys have been fetched once."""
        try:
            return await self._read(token)
        except UnknownSigningKey:
            if not await self._fetch():
                raise
            return await self._read(token)

    async def _read(self, token: str) -> Token:
        if self._verifier is None:
            # A malformed token is refused without fetching keys.
            self._refuse_malformed(token)
            await self._fetch()
        if self._verifier is None:
            raise Unavailable(
                "The access token cannot be checked now. Retry after `Retry-After` seconds.", slug="auth-unavailable"
            )
        self._refresh_in_background()
        return self._verifier.read(token)

    def _refresh_in_background(self) -> None:
        """Fetch the keys if they are old. No request waits for it: the old keys serve while auth is slow or down."""
        if self._clock.monotonic() >= self._refresh_at and (self._refresh is None or self._refresh.done()):
            self._refresh = spawn(self._fetch(), name="refresh of the key set")

    def _refuse_malformed(self, token: str) -> None:
        try:
            TokenVerifier(jwks=(), clock=self._clock).read(token)
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
            self._refresh_at = now + REFRESH_S
            return True
