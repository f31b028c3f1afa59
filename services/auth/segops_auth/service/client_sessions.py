"""Client sessions: a page or an app with a publishable key gets a token that sends events for one user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from segops_auth.domain.signed_user_id import Claim, check_signature, visitor_id
from segops_auth.domain.signing_keys import ACCESS_LIFETIME
from segops_auth.domain.values import KeySecret
from segops_auth.ports.access_tokens import AccessTokens
from segops_auth.service.api_keys import ApiKeys
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.problems import Fault, ValidationFailed
from segops_common.core.rate_limit import Limit, Throttle
from segops_common.security.claims import SessionToken
from segops_common.security.credentials import invalid_credential

LIFETIME: Final = ACCESS_LIFETIME
"""A signing key is published at least as long as this after its last token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSession:
    """A session that has begun."""

    token: str
    uid: str
    is_anonymous: bool
    expires_at: datetime
    """In whole seconds."""


class ClientSessions:
    """Begins sessions. They are not stored: a session ends after LIFETIME, or with its key."""

    def __init__(
        self,
        *,
        api_keys: ApiKeys,
        access_tokens: AccessTokens,
        secrets: Secrets,
        throttle: Throttle,
        limit_per_address: Limit,
        clock: Clock,
    ) -> None:
        self._api_keys = api_keys
        self._access_tokens = access_tokens
        self._secrets = secrets
        self._throttle = throttle
        self._limit_per_address = limit_per_address
        self._clock = clock

    async def begin(self, key: str, claim: Claim, *, address: str | None) -> ClientSession:
        """Begin a session with a publishable key. `address` is the network address to rate-limit, None for no limit.

        Raises RateLimited, Unauthenticated for a key that does not work, ValidationFailed without an id, and Forbidden
        unless the user id is signed, if the key requires it.
        """
        if address is not None:
            await self._throttle.consume(self._limit_per_address, address)
        introspected = await self._api_keys.introspect(key)
        if introspected is None:
            raise invalid_credential("apikey")
        secret = introspected.secret
        uid = self._checked_uid(secret, claim)
        expires_at = self._end_of(secret)
        session = SessionToken(
            uid=uid,
            is_anonymous=claim.user_id is None,
            was_checked=secret.key.requires_signed_user_id,
            key_hash=self._secrets.hash(key),
            expires_at_s=int(expires_at.timestamp()),
        )
        token = self._access_tokens.sign_session(session)
        return ClientSession(token=token, uid=uid, is_anonymous=session.is_anonymous, expires_at=expires_at)

    def _checked_uid(self, secret: KeySecret, claim: Claim) -> str:
        since = secret.key.signed_user_ids_since
        if claim.user_id is not None:
            if since is not None:
                secrets = [self._secrets.user_id_secret(key_hash, since) for key_hash in secret.hashes]
                check_signature(claim.user_id, claim, secrets, self._clock.now())
            return claim.user_id
        if claim.anonymous_id is None:
            fault = Fault("user_id", "missing", "`user_id` or `anonymous_id` must be present")
            raise ValidationFailed("A session must be for a user or a visitor: see `errors`.", errors=[fault])
        return claim.anonymous_id if since is None else visitor_id(claim.anonymous_id)

    def _end_of(self, secret: KeySecret) -> datetime:
        """Return the end of a session that begins now, in whole seconds: a previous secret's end, if that is earlier."""
        end = self._clock.now() + LIFETIME
        if secret.works_until is not None:
            end = min(end, secret.works_until)
        return end.astimezone(UTC).replace(microsecond=0)
