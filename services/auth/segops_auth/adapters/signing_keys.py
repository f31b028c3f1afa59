"""The keys that sign access tokens: shared by all processes of auth through the store, and encrypted there.

Every process reads them again every RELOAD_S. Rotating needs no restart and no shared file: see `rotate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from segops_auth.domain.signing_keys import (
    ACCESS_LIFETIME,
    PUBLISH_AHEAD,
    SigningKey,
    published_at,
    retirement,
    signs_at,
)
from segops_auth.ports.store import Store, WriteUnit
from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.problems import Conflict, Unavailable
from segops_common.security.claims import AccessToken, SessionToken
from segops_common.security.sealing import Sealer
from segops_common.security.tokens import Jwk, TokenSigner, TokenVerifier, new_private_key


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The keys of one reading, and what was made of them."""

    keys: Sequence[SigningKey] = ()
    signers: dict[str, TokenSigner] = field(default_factory=dict)
    verifier: TokenVerifier | None = None


class SigningKeys:
    """Signs and verifies access tokens with the stored keys. `load` must succeed before anything else works."""

    def __init__(
        self,
        *,
        store: Store,
        sealer: Sealer,
        first_key: str,
        clock: Clock,
        ids: Ids,
        publish_ahead: timedelta = PUBLISH_AHEAD,
    ) -> None:
        """`first_key` is a private key in PEM, for a store without keys. Raises ValueError if it cannot be used."""
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._publish_ahead = publish_ahead
        self._first_key = first_key
        self._first_kid = self._signer(first_key).jwk["kid"]
        self._loaded = _Loaded()

    @property
    def lifetime_s(self) -> int:
        """Return how long a token is valid."""
        return int(ACCESS_LIFETIME.total_seconds())

    async def load(self) -> None:
        """Read the keys again. Takes over the first key if the store has never had it.

        Raises Unavailable, and ValueError for keys that were sealed with another pepper.
        """
        async with self._store.read() as unit:
            is_known = await unit.signing_key_existed(self._first_kid)
            keys = await unit.signing_keys()
        if not is_known:
            keys = await self._adopt_first_key()
        signers = {key.kid: self._loaded.signers.get(key.kid) or self._opened(key) for key in keys}
        published = published_at(keys, self._clock.now())
        verifier = TokenVerifier(jwks=[signers[key.kid].jwk for key in published], clock=self._clock)
        self._loaded = _Loaded(keys, signers, verifier)

    def sign(self, user_id: int, session_id: int) -> str:
        """Return a new token for the user's session. Raises Unavailable until the keys are loaded."""
        return self._signer_now().sign(user_id, session_id)

    def sign_session(self, session: SessionToken) -> str:
        """Return a session token with these claims. Raises Unavailable until the keys are loaded."""
        return self._signer_now().sign_session(session)

    def verify(self, token: str) -> AccessToken:
        """Return what the token says. Raises Unauthenticated, or Unavailable until the keys are loaded."""
        if self._loaded.verifier is None:
            raise _not_loaded()
        return self._loaded.verifier.verify(token)

    def public_keys(self) -> Sequence[Jwk]:
        """Return the published keys, in the order in which they sign. Raises Unavailable until they are loaded."""
        if self._loaded.verifier is None:
            raise _not_loaded()
        published = published_at(self._loaded.keys, self._clock.now())
        return [self._loaded.signers[key.kid].jwk for key in published]

    async def stored(self) -> Sequence[SigningKey]:
        """Return the keys in the store that have not been removed."""
        async with self._store.read() as unit:
            return await unit.signing_keys()

    async def rotate(self, *, revoke: bool = False) -> SigningKey:
        """Add a key that signs once every service knows it, and let the previous keys retire after their last token.

        With `revoke`, the new key signs at once and the previous keys are removed: every access token stops working
        within a minute, and clients refresh. Raises Conflict if a new key does not sign yet.
        """
        async with self._store.write() as unit:
            await unit.lock_signing_keys()
            now = self._clock.now()
            pending = [key for key in await unit.signing_keys() if key.active_at > now]
            if pending and not revoke:
                raise Conflict(
                    f"Key {pending[0].kid} must sign first, from {pending[0].active_at:%Y-%m-%d %H:%M:%S} UTC on."
                )
            if revoke:
                return await self._add(unit, new_private_key(), now, retires_at=now)
            active_at = now + self._publish_ahead
            return await self._add(unit, new_private_key(), active_at, retires_at=retirement(active_at))

    async def remove_retired(self) -> None:
        """Delete the private parts of keys that are no longer published."""
        async with self._store.write() as unit:
            await unit.remove_signing_keys(self._clock.now())

    async def _adopt_first_key(self) -> Sequence[SigningKey]:
        """Store the first key: it signs at once if it is the only one, else as after a rotation."""
        async with self._store.write() as unit:
            await unit.lock_signing_keys()
            keys = await unit.signing_keys()
            if not await unit.signing_key_existed(self._first_kid):
                active_at = self._clock.now() + (self._publish_ahead if keys else timedelta(0))
                await self._add(unit, self._first_key, active_at, retires_at=retirement(active_at))
            return await unit.signing_keys()

    async def _add(self, unit: WriteUnit, pem: str, active_at: datetime, *, retires_at: datetime) -> SigningKey:
        now = self._clock.now()
        previous = [
            key.kid for key in await unit.signing_keys() if key.retires_at is None or key.retires_at > retires_at
        ]
        await unit.retire_signing_keys(previous, retires_at)
        await unit.remove_signing_keys(now)
        kid = self._signer(pem).jwk["kid"]
        key = SigningKey(
            kid=kid, sealed=self._sealer.seal(pem, kid), created_at=now, active_at=active_at, retires_at=None
        )
        await unit.add_signing_key(key)
        return key

    def _opened(self, key: SigningKey) -> TokenSigner:
        try:
            return self._signer(self._sealer.open(key.sealed, key.kid))
        except ValueError as error:
            raise ValueError(
                "the stored signing keys cannot be opened: SEGOPS_API_KEY_PEPPER must be the one they were stored with"
            ) from error

    def _signer_now(self) -> TokenSigner:
        key = signs_at(self._loaded.keys, self._clock.now())
        if key is None:
            raise _not_loaded()
        return self._loaded.signers[key.kid]

    def _signer(self, pem: str) -> TokenSigner:
        return TokenSigner(private_key_pem=pem, clock=self._clock, ids=self._ids, lifetime_s=self.lifetime_s)


def _not_loaded() -> Unavailable:
    return Unavailable("The signing keys are not loaded yet. Retry after `Retry-After` seconds.")
