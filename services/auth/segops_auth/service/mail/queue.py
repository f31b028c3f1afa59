"""Orders mails in the transaction of what they are about."""

from __future__ import annotations

from segops_auth.domain.mail import LINK_LIFETIMES, LinkPurpose, MailKind, MailOrder
from segops_auth.domain.values import Invite
from segops_auth.ports.store import WriteUnit
from segops_common.core.clock import Clock
from segops_common.core.problems import Conflict


class MailQueue:
    """Orders mails, unless the installation sends none."""

    def __init__(self, *, is_configured: bool, clock: Clock) -> None:
        self.is_configured = is_configured
        self._clock = clock

    def check_configured(self) -> None:
        """Raise Conflict (mail-not-configured) if the installation sends no mail."""
        if not self.is_configured:
            raise Conflict("This installation sends no mail. Ask its operator.", slug="mail-not-configured")

    async def order_invite(self, unit: WriteUnit, invite: Invite) -> None:
        """Order the mail of an invite. Has no effect if the installation sends no mail."""
        if self.is_configured:
            order = MailOrder(
                id=0,
                kind=MailKind.INVITE,
                recipient=invite.email,
                tenant_id=invite.tenant_id,
                invite_id=invite.id,
                expires_at=invite.expires_at,
                attempts=0,
            )
            await unit.add_mail(order, self._clock.now())

    async def order_password_reset(self, unit: WriteUnit, email: str) -> None:
        """Order the mail for this address. Whether it has an account is looked up when the mail is sent."""
        await self._order(unit, MailKind.PASSWORD_RESET, LinkPurpose.PASSWORD_RESET, email)

    async def order_email_verification(self, unit: WriteUnit, email: str) -> None:
        """Order the mail for this address. Has no effect if the installation sends no mail."""
        if self.is_configured:
            await self._order(unit, MailKind.EMAIL_VERIFICATION, LinkPurpose.EMAIL_VERIFICATION, email)

    async def _order(self, unit: WriteUnit, kind: MailKind, purpose: LinkPurpose, email: str) -> None:
        now = self._clock.now()
        expires_at = now + LINK_LIFETIMES[purpose]
        order = MailOrder(
            id=0, kind=kind, recipient=email, tenant_id=None, invite_id=None, expires_at=expires_at, attempts=0
        )
        await unit.add_mail(order, now)
