"""Mails that wait to be sent. They survive a crash, because they are stored with what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from segops_auth.domain.mail import MailOrder


class MailQueueWrites(Protocol):
    """Adds, takes and removes mails."""

    async def add_mail(self, order: MailOrder, at: datetime) -> None:
        """Store a mail that can be sent at once."""
        ...

    async def take_mails(self, now: datetime, until: datetime, limit: int) -> Sequence[MailOrder]:
        """Return at most `limit` mails that are due at `now`, the oldest first. Nobody else gets them before `until`.

        Each counts one more attempt.
        """
        ...

    async def postpone_mail(self, mail_id: int, due_at: datetime) -> None:
        """Store when to try again. Has no effect if the mail is gone."""
        ...

    async def remove_mail(self, mail_id: int) -> None:
        """Delete the mail. Has no effect if it is gone."""
        ...
