"""People's accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from segops_auth.domain.values import Account


class EmailTaken(Exception):
    """Another account has this e-mail address."""


class AccountReads(Protocol):
    """Looks up accounts."""

    async def account_by_email(self, email: str) -> Account | None:
        """Return the account with this normalised e-mail address."""
        ...

    async def account(self, user_id: int) -> Account | None:
        """Return the account with this id."""
        ...


class AccountWrites(Protocol):
    """Adds accounts and changes passwords."""

    async def add_account(self, email: str, password_hash: str, at: datetime) -> Account:
        """Add an account. Raises EmailTaken."""
        ...

    async def verify_email(self, user_id: int, at: datetime) -> bool:
        """Store that the account's owner reads its mails. Return False if that is known already."""
        ...

    async def replace_password(self, account: Account, password_hash: str) -> bool:
        """Store another hash, unless the stored hash is no longer the one in `account`: then return False."""
        ...
