"""What the links in mails do: choose a new password, and confirm an email address."""

from __future__ import annotations

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.mail import LinkPurpose
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.passwords import Passwords
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.service.accounts import password_changed, validate_new_password
from segops_auth.service.authorization import record_in_every_tenant
from segops_auth.service.mail.queue import MailQueue
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.problems import Gone
from segops_common.core.rate_limit import Limit, Throttle


class Recovery:
    """Resets passwords and confirms addresses."""

    def __init__(
        self,
        *,
        store: Store,
        passwords: Passwords,
        throttle: Throttle,
        limit_per_address: Limit,
        limit_per_email: Limit,
        queue: MailQueue,
        secrets: Secrets,
        cache_invalidation: CacheInvalidation,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._limit_per_address = limit_per_address
        self._limit_per_email = limit_per_email
        self._queue = queue
        self._secrets = secrets
        self._cache_invalidation = cache_invalidation
        self._clock = clock

    async def request_password_reset(self, email: str, address: str | None) -> None:
        """Order the mail. Raises RateLimited, and Conflict (mail-not-configured).

        The same work is done for an address without an account, so neither answer nor time shows whether it has one.
        """
        self._queue.check_configured()
        await self._count(address)
        await self._throttle.consume(self._limit_per_email, email)
        async with self._store.write() as unit:
            await self._queue.order_password_reset(unit, email)

    async def reset_password(self, token: str, password: str, address: str | None) -> None:
        """Replace the password and end every session of the account. The address counts as confirmed.

        Raises Gone (link-expired), ValidationFailed for a weak password, Conflict (password-changed) and RateLimited.
        """
        await self._count(address)
        purpose, token_hash = LinkPurpose.PASSWORD_RESET, self._secrets.hash(token)
        async with self._store.read() as unit:
            account = await unit.link_owner(purpose, token_hash, self._clock.now())
        if account is None:
            raise _link_expired()
        password_hash = await self._passwords.hash(validate_new_password(password, account.email, path="new_password"))
        event = self._event(Action.PASSWORD_RESET, account.id)
        async with self._store.write() as unit:
            if await unit.use_link(purpose, token_hash, event.at) is None:
                raise _link_expired()
            if not await unit.replace_password(account, password_hash):
                raise password_changed()
            await unit.end_all_refresh_families(account.id, event.at)
            await record_in_every_tenant(unit, account.id, event)
            await self._confirm(unit, account.id)
        await self._cache_invalidation.user_changed(account.id)

    async def send_verification(self, user_id: int) -> None:
        """Order another mail. Has no effect if the address is confirmed. Raises RateLimited, Conflict."""
        self._queue.check_configured()
        async with self._store.read() as unit:
            account = await unit.account(user_id)
        if account is None or account.email_verified_at is not None:
            return
        await self._throttle.consume(self._limit_per_email, account.email)
        async with self._store.write() as unit:
            await self._queue.order_email_verification(unit, account.email)

    async def verify_email(self, token: str, address: str | None) -> None:
        """Store that the owner of the link reads the mails of the account. Raises Gone (link-expired), RateLimited."""
        await self._count(address)
        async with self._store.write() as unit:
            user_id = await unit.use_link(LinkPurpose.EMAIL_VERIFICATION, self._secrets.hash(token), self._clock.now())
            if user_id is None:
                raise _link_expired()
            await self._confirm(unit, user_id)

    async def _confirm(self, unit: WriteUnit, user_id: int) -> None:
        """Store and record that the account's owner reads its mails, unless that is known."""
        event = self._event(Action.EMAIL_VERIFIED, user_id)
        if await unit.verify_email(user_id, event.at):
            await record_in_every_tenant(unit, user_id, event)

    async def _count(self, address: str | None) -> None:
        if address is not None:
            await self._throttle.consume(self._limit_per_address, address)

    def _event(self, action: Action, user_id: int) -> AuditEvent:
        return AuditEvent(at=self._clock.now(), actor_id=user_id, action=action, target=f"user:{user_id}")


def _link_expired() -> Gone:
    return Gone("The link was used, was replaced, or has expired. Ask for a new one.", slug="link-expired")
