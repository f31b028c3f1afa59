"""Sessions: signing in, and the refresh tokens that keep a user signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.password import normal_password
from segops_auth.domain.values import NOWHERE, Account, Place, RefreshToken, Session
from segops_auth.ports.access_tokens import AccessTokens
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.passwords import Passwords
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.service.attempts import Attempts, Client
from segops_auth.service.authorization import record_in_every_tenant
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.pagination import LARGEST_ID, Page, PageQuery, id_position, page_of
from segops_common.core.problems import NotFound, Unauthenticated

REFRESH_LIFETIME: Final = timedelta(days=30)
GRACE: Final = timedelta(seconds=10)
"""How long a used refresh token still returns its successor: a response may be lost, or two tabs may refresh together."""

DELETE_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTokens:
    """The newest tokens of a session."""

    access_token: str
    refresh_token: str
    expires_in_s: int


class Sessions:
    """Begins, refreshes and ends sessions."""

    def __init__(
        self,
        *,
        store: Store,
        passwords: Passwords,
        attempts: Attempts,
        access_tokens: AccessTokens,
        cache_invalidation: CacheInvalidation,
        secrets: Secrets,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._attempts = attempts
        self._access_tokens = access_tokens
        self._cache_invalidation = cache_invalidation
        self._secrets = secrets
        self._clock = clock

    async def sign_in(self, *, email: str, password: str, client: Client) -> SessionTokens:
        """Begin a session. Raises as `check_password`."""
        account = await self.check_password(email, password, client)
        async with self._store.write() as unit:
            return await self.begin(unit, account.id, client.place)

    async def check_password(self, email: str, password: str, client: Client) -> Account:
        """Return the account that has this email address and password.

        Raises RateLimited after too many wrong passwords, and Unauthenticated (invalid-credentials). An unknown email
        address and a wrong password get the same refusal after the same time, so that neither reveals which addresses
        have an account.
        """
        counted = await self._attempts.count(email, client)
        async with self._store.read() as unit:
            account = await unit.account_by_email(email)
        try:
            normal = normal_password(password)
        except ValueError as error:
            raise invalid_credentials() from error
        matches = await self._passwords.verify(account.password_hash if account else None, normal)
        if account is None or not matches:
            raise invalid_credentials()
        await self._attempts.succeed(email, client, counted)
        if self._passwords.is_outdated(account.password_hash):
            await self._rehash(account, normal)
        return account

    async def begin(self, unit: WriteUnit, user_id: int, place: Place) -> SessionTokens:
        """Begin a session within the given transaction."""
        refresh_token = self._secrets.new_token()
        now = self._clock.now()
        session_id = await unit.add_refresh_token(
            user_id, self._secrets.hash(refresh_token), now, now + REFRESH_LIFETIME, place
        )
        return self._tokens(user_id, session_id, refresh_token)

    async def refresh(self, refresh_token: str, place: Place = NOWHERE) -> SessionTokens:
        """Return the next tokens of the session.

        Raises Unauthenticated: invalid-refresh-token, or token-reuse-detected for a token that was used before the grace
        period. In the second case somebody else may have the token, so the session ends.
        """
        successor = self._secrets.successor(refresh_token)
        async with self._store.write() as unit:
            token = await unit.lock_refresh_token(self._secrets.hash(refresh_token))
            now = self._clock.now()
            if token is None or not token.family_is_alive or token.expires_at <= now:
                raise Unauthenticated("The refresh token is not valid. Sign in again.", slug="invalid-refresh-token")
            is_reused = token.used_at is not None and now - token.used_at > GRACE
            if is_reused:
                await self._end_stolen(unit, token)
            elif token.used_at is None:
                await unit.use_refresh_token(token, self._secrets.hash(successor), now, now + REFRESH_LIFETIME, place)
        # Raised after the block: within it, the end of the session would be rolled back.
        if is_reused:
            await self._cache_invalidation.user_changed(token.user_id)
            raise Unauthenticated(
                "The refresh token was used before, so the session has ended. Sign in again.",
                slug="token-reuse-detected",
            )
        return self._tokens(token.user_id, token.family_id, successor)

    async def end(self, refresh_token: str) -> None:
        """End the session of the token, and its access tokens with it. Has no effect for an unknown token."""
        async with self._store.write() as unit:
            token = await unit.lock_refresh_token(self._secrets.hash(refresh_token))
            if token is not None:
                await unit.end_refresh_family(token.family_id, self._clock.now())
        if token is not None:
            await self._cache_invalidation.user_changed(token.user_id)

    async def end_all(self, user_id: int) -> None:
        """End every session of the user, and all of their access tokens."""
        event = self._event(Action.SESSIONS_ENDED, user_id, {})
        async with self._store.write() as unit:
            await unit.end_all_refresh_families(user_id, event.at)
            await record_in_every_tenant(unit, user_id, event)
        await self._cache_invalidation.user_changed(user_id)

    async def list_open(self, user_id: int, query: PageQuery) -> Page[Session]:
        """Return the user's sessions that have not ended or expired, newest first."""
        before, now = id_position(query, start=LARGEST_ID), self._clock.now()
        async with self._store.read() as unit:
            count = await unit.session_count(user_id, now)
            sessions = await unit.sessions(user_id, now, before, query.limit + 1, offset=query.offset)
        return page_of(sessions, query, lambda session: session.id, count=count)

    async def end_one(self, user_id: int, session_id: int) -> None:
        """End one session of the user. Raises NotFound if they have no such session."""
        event = self._event(Action.SESSION_ENDED, user_id, {"session": str(session_id)})
        async with self._store.write() as unit:
            if not await unit.end_session(user_id, session_id, event.at):
                raise NotFound("You have no such session.")
            await record_in_every_tenant(unit, user_id, event)
        await self._cache_invalidation.user_changed(user_id)

    async def end_others(self, user_id: int, session_id: int | None) -> None:
        """End every session of the user but this one."""
        event = self._event(Action.OTHER_SESSIONS_ENDED, user_id, {})
        async with self._store.write() as unit:
            await unit.end_other_sessions(user_id, session_id, event.at)
            await record_in_every_tenant(unit, user_id, event)
        await self._cache_invalidation.user_changed(user_id)

    async def delete_expired(self) -> None:
        """Delete all expired refresh tokens, a batch per transaction."""
        deleted = DELETE_BATCH
        while deleted == DELETE_BATCH:
            async with self._store.write() as unit:
                deleted = await unit.delete_expired_refresh_tokens(self._clock.now(), DELETE_BATCH)

    async def _end_stolen(self, unit: WriteUnit, token: RefreshToken) -> None:
        now = self._clock.now()
        event = AuditEvent(at=now, actor_id=None, action=Action.REFRESH_TOKEN_REUSED, target=f"user:{token.user_id}")
        await record_in_every_tenant(unit, token.user_id, event)
        await unit.end_refresh_family(token.family_id, now)

    async def _rehash(self, account: Account, password: str) -> None:
        password_hash = await self._passwords.hash(password)
        async with self._store.write() as unit:
            await unit.replace_password(account, password_hash)

    def _event(self, action: Action, user_id: int, details: Mapping[str, str]) -> AuditEvent:
        return AuditEvent(
            at=self._clock.now(), actor_id=user_id, action=action, target=f"user:{user_id}", details=details
        )

    def _tokens(self, user_id: int, session_id: int, refresh_token: str) -> SessionTokens:
        return SessionTokens(
            access_token=self._access_tokens.sign(user_id, session_id),
            refresh_token=refresh_token,
            expires_in_s=self._access_tokens.lifetime_s,
        )


def invalid_credentials() -> Unauthenticated:
    """Return the same refusal for an unknown email address and for a wrong password."""
    return Unauthenticated("The email address and the password do not match.", slug="invalid-credentials")
