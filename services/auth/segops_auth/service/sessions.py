"""Sessions: signing in, and the chain of refresh tokens that keeps somebody signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.password import normal_password
from segops_auth.domain.rate_limit import Limit
from segops_auth.domain.values import Account, RefreshToken
from segops_auth.ports.access_tokens import AccessTokens
from segops_auth.ports.passwords import Passwords
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.ports.throttle import Throttle
from segops_auth.service.authorization import record_in_every_tenant
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.problems import Unauthenticated

REFRESH_LIFETIME: Final = timedelta(days=30)
GRACE: Final = timedelta(seconds=10)
"""How long a used refresh token still gives its successor: an answer may be lost, two tabs may ask at once."""

DROP_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTokens:
    """What a client holds while signed in."""

    access_token: str
    refresh_token: str
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLimits:
    """How often a password may be tried."""

    per_email: Limit
    per_address: Limit


class Sessions:
    """Signing in and staying so."""

    def __init__(
        self,
        *,
        store: Store,
        passwords: Passwords,
        throttle: Throttle,
        limits: LoginLimits,
        access_tokens: AccessTokens,
        secrets: Secrets,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._limits = limits
        self._access_tokens = access_tokens
        self._secrets = secrets
        self._clock = clock

    async def sign_in(self, *, email: str, password: str, address: str | None) -> SessionTokens:
        """SessionTokens of a new session; raises as `check_password` does."""
        account = await self.check_password(email, password, address=address)
        async with self._store.write() as unit:
            return await self.begin(unit, account.id)

    async def check_password(self, email: str, password: str, *, address: str | None) -> Account:
        """The account whose password this is; `address` is the network address that asks, if it counts.

        Raises Unauthenticated (invalid-credentials), the same and after the same time for an unknown address and a
        wrong password, and RateLimited after too many wrong ones.
        """
        await self._consume(email, address)
        async with self._store.read() as unit:
            account = await unit.account_by_email(email)
        try:
            normal = normal_password(password)
        except ValueError as error:
            raise invalid_credentials() from error
        is_right = await self._passwords.verify(account.password_hash if account else None, normal)
        if account is None or not is_right:
            raise invalid_credentials()
        await self._refund(email, address)
        if self._passwords.is_outdated(account.password_hash):
            await self._rehash(account, normal)
        return account

    async def begin(self, unit: WriteUnit, user_id: int) -> SessionTokens:
        """SessionTokens of a new session, stored with the unit."""
        refresh_token = self._secrets.new_token()
        now = self._clock.now()
        await unit.add_refresh_token(user_id, self._secrets.hash(refresh_token), now, now + REFRESH_LIFETIME)
        return self._tokens(user_id, refresh_token)

    async def refresh(self, refresh_token: str) -> SessionTokens:
        """The next tokens of the session.

        Raises Unauthenticated: invalid-refresh-token, or token-reuse-detected for a token that was used before the
        grace; then somebody else may have it, and the whole session ends.
        """
        successor = self._secrets.successor(refresh_token)
        async with self._store.write() as unit:
            token = await unit.lock_refresh_token(self._secrets.hash(refresh_token))
            now = self._clock.now()
            if token is None or not token.family_is_alive or token.expires_at <= now:
                raise Unauthenticated("The refresh token is not valid.", slug="invalid-refresh-token")
            is_reused = token.used_at is not None and now - token.used_at > GRACE
            if is_reused:
                await self._end_stolen(unit, token)
            elif token.used_at is None:
                await unit.use_refresh_token(token, self._secrets.hash(successor), now, now + REFRESH_LIFETIME)
        # After the block, or the end of the family would be undone with it.
        if is_reused:
            raise Unauthenticated(
                "The refresh token was used before; the session has ended.", slug="token-reuse-detected"
            )
        return self._tokens(token.user_id, successor)

    async def end(self, refresh_token: str) -> None:
        """Sign out: no token of the session works any more; nothing happens for an unknown token."""
        async with self._store.write() as unit:
            token = await unit.lock_refresh_token(self._secrets.hash(refresh_token))
            if token is not None:
                await unit.end_refresh_family(token.family_id, self._clock.now())

    async def delete_expired(self) -> None:
        """Delete what has expired; it works no more, so nothing changes for anybody."""
        dropped = DROP_AT_ONCE
        while dropped == DROP_AT_ONCE:
            async with self._store.write() as unit:
                dropped = await unit.delete_expired_refresh_tokens(self._clock.now(), DROP_AT_ONCE)

    async def _end_stolen(self, unit: WriteUnit, token: RefreshToken) -> None:
        now = self._clock.now()
        act = AuditEvent(at=now, actor_id=None, action=Action.REFRESH_TOKEN_REUSED, target=f"user:{token.user_id}")
        await record_in_every_tenant(unit, token.user_id, act)
        await unit.end_refresh_family(token.family_id, now)

    async def _consume(self, email: str, address: str | None) -> None:
        if address is not None:
            await self._throttle.consume(self._limits.per_address, address)
        await self._throttle.consume(self._limits.per_email, email)

    async def _refund(self, email: str, address: str | None) -> None:
        # Only wrong passwords count in the end; counting first keeps many at once from slipping through.
        if address is not None:
            await self._throttle.refund(self._limits.per_address, address)
        await self._throttle.refund(self._limits.per_email, email)

    async def _rehash(self, account: Account, password: str) -> None:
        password_hash = await self._passwords.hash(password)
        async with self._store.write() as unit:
            await unit.replace_password(account, password_hash)

    def _tokens(self, user_id: int, refresh_token: str) -> SessionTokens:
        return SessionTokens(
            access_token=self._access_tokens.sign(user_id),
            refresh_token=refresh_token,
            expires_in_s=self._access_tokens.lifetime_s,
        )


def invalid_credentials() -> Unauthenticated:
    """One answer for an unknown address and for a wrong password."""
    return Unauthenticated("E-mail address and password do not match.", slug="invalid-credentials")
