"""Transactions on everything that auth stores."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from segops_auth.ports.accounts import AccountReads, AccountWrites
from segops_auth.ports.api_keys import ApiKeyReads, ApiKeyWrites
from segops_auth.ports.audit_log import AuditLogReads, AuditLogReviews, AuditLogWrites
from segops_auth.ports.invites import InviteReads, InviteWrites
from segops_auth.ports.mail.links import LinkReads, LinkWrites
from segops_auth.ports.mail.queue import MailQueueWrites
from segops_auth.ports.refresh_tokens import RefreshTokenWrites, SessionReads
from segops_auth.ports.signing_keys import SigningKeyReads, SigningKeyWrites
from segops_auth.ports.tenants import TenantReads, TenantWrites


class ReadUnit(
    AccountReads,
    TenantReads,
    InviteReads,
    ApiKeyReads,
    SessionReads,
    SigningKeyReads,
    LinkReads,
    AuditLogReads,
    AuditLogReviews,
    Protocol,
):
    """A transaction that only reads."""


class WriteUnit(
    ReadUnit,
    AccountWrites,
    TenantWrites,
    InviteWrites,
    ApiKeyWrites,
    RefreshTokenWrites,
    SigningKeyWrites,
    MailQueueWrites,
    LinkWrites,
    AuditLogWrites,
    Protocol,
):
    """A transaction that reads and writes: all of its changes are stored, or none."""


class Store(Protocol):
    """Opens transactions."""

    def read(self) -> AbstractAsyncContextManager[ReadUnit]:
        """Open a transaction for reading. Raises Unavailable if the store does not answer."""
        ...

    def write(self) -> AbstractAsyncContextManager[WriteUnit]:
        """Open a transaction that commits at the end of the block and rolls back if the block raises.

        Ids of rows that were rolled back are not used again. Raises Unavailable if the store does not answer.
        """
        ...
