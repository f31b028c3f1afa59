"""Sends the mails that were ordered."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final, assert_never

from segops_auth.domain.mail import LINK_LIFETIMES, LinkPurpose, Mail, MailKind, MailOrder, retry_delay
from segops_auth.domain.values import Account
from segops_auth.ports.mail.transport import MailRefused, MailTransport
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.service.mail.messages import Messages
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.problems import Unavailable

BATCH: Final = 10
TAKEN_FOR: Final = timedelta(minutes=5)
"""How long a taken mail belongs to one process. After a crash another one sends it, so it may arrive twice."""
_log = logging.getLogger(__name__)


class MailSender:
    """Writes each mail when it is sent, so that a token exists nowhere but in the mail."""

    def __init__(
        self, *, store: Store, transport: MailTransport, messages: Messages, secrets: Secrets, clock: Clock
    ) -> None:
        self._store = store
        self._transport = transport
        self._messages = messages
        self._secrets = secrets
        self._clock = clock

    async def send_due(self) -> int:
        """Send the mails that are due, at most BATCH, and return their number. Raises Unavailable for the store only."""
        now = self._clock.now()
        async with self._store.write() as unit:
            orders = await unit.take_mails(now, now + TAKEN_FOR, BATCH)
            await unit.delete_expired_links(now)
        for order in orders:
            await self._send(order)
        return len(orders)

    async def _send(self, order: MailOrder) -> None:
        async with self._store.write() as unit:
            mail = await self._write(unit, order) if order.expires_at > self._clock.now() else None
        try:
            if mail is not None:
                await self._transport.send(mail)
        except MailRefused as error:
            _log.warning("mail %d (%s) was refused and is dropped: %s", order.id, order.kind.value, error)
        except Unavailable as error:
            due_at = self._clock.now() + retry_delay(order.attempts)
            _log.warning("mail %d (%s) could not be sent, will try again: %s", order.id, order.kind.value, error)
            async with self._store.write() as unit:
                await unit.postpone_mail(order.id, due_at)
            return
        async with self._store.write() as unit:
            await unit.remove_mail(order.id)

    async def _write(self, unit: WriteUnit, order: MailOrder) -> Mail | None:
        """Return the mail with a new token, or None if there is no longer a reason to send it."""
        if order.kind is MailKind.INVITE:
            return await self._invite(unit, order)
        account = await unit.account_by_email(order.recipient)
        if account is None:
            return None
        match order.kind:
            case MailKind.PASSWORD_RESET:
                token = await self._link(unit, account, LinkPurpose.PASSWORD_RESET)
                return self._messages.password_reset(recipient=account.email, token=token)
            case MailKind.EMAIL_VERIFICATION:
                if account.email_verified_at is not None:
                    return None
                token = await self._link(unit, account, LinkPurpose.EMAIL_VERIFICATION)
                return self._messages.email_verification(recipient=account.email, token=token)
            case _:
                assert_never(order.kind)

    async def _link(self, unit: WriteUnit, account: Account, purpose: LinkPurpose) -> str:
        token = self._secrets.new_token()
        expires_at = self._clock.now() + LINK_LIFETIMES[purpose]
        await unit.add_link(account.id, purpose, self._secrets.hash(token), expires_at)
        return token

    async def _invite(self, unit: WriteUnit, order: MailOrder) -> Mail | None:
        assert order.tenant_id is not None and order.invite_id is not None  # noqa: PT018
        invite = await unit.invite(order.tenant_id, order.invite_id)
        if invite is None or not invite.open or invite.expires_at <= self._clock.now():
            return None
        tenant, inviter = await unit.tenant(order.tenant_id), await unit.account(invite.invited_by)
        if tenant is None or inviter is None:
            return None
        token = self._secrets.new_token()
        await unit.set_mailed_token(order.tenant_id, invite.id, self._secrets.hash(token))
        return self._messages.invite(
            recipient=invite.email, tenant=tenant.name, inviter=inviter.email, role=invite.role.value, token=token
        )
