"""What the use cases need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from segops_auth.domain.audit_log import Act
from segops_auth.domain.rate_limit import Limit
from segops_auth.domain.values import (
    Account,
    ApiKey,
    AuditEntry,
    Belonging,
    Invite,
    Member,
    NewApiKey,
    RefreshToken,
    Tenant,
)
from segops_common.security.permissions import Role


class EmailTaken(Exception):
    """Another account has that address."""


class SlugTaken(Exception):
    """Another tenant has that slug."""


class AlreadyMember(Exception):
    """The person is already in the tenant."""


class ReadUnit(Protocol):
    """One consistent look at the store. A list begins after the id `after`, or before `before`, and has `limit` items."""

    async def account_by_email(self, email: str) -> Account | None:
        """The account of an address in normal form."""
        ...

    async def account(self, user_id: int) -> Account | None:
        """The account of that id."""
        ...

    async def belongings(self, user_id: int) -> Sequence[Belonging]:
        """The person's tenants, by id."""
        ...

    async def tenant(self, tenant_id: int) -> Tenant | None:
        """The tenant of that id."""
        ...

    async def role(self, tenant_id: int, user_id: int) -> Role | None:
        """The person's role, None when they are not in the tenant."""
        ...

    async def members(self, tenant_id: int, after: int, limit: int) -> Sequence[Member]:
        """Members by user id."""
        ...

    async def open_invites(self, tenant_id: int, now: datetime, after: int, limit: int) -> Sequence[Invite]:
        """Invites by id that can still be accepted."""
        ...

    async def invite_by_token(self, token_hash: str) -> Invite | None:
        """The invite, whatever became of it."""
        ...

    async def api_keys(self, tenant_id: int, after: int, limit: int) -> Sequence[ApiKey]:
        """Keys by id that are not revoked."""
        ...

    async def api_key(self, tenant_id: int, key_id: int) -> ApiKey | None:
        """The key when it is the tenant's and not revoked."""
        ...

    async def api_key_tenant(self, key_id: int) -> int | None:
        """The tenant of a key that is not revoked."""
        ...

    async def api_key_by_hash(self, key_hash: str, now: datetime) -> ApiKey | None:
        """The key with that secret, or with that secret before a rotation whose overlap has not passed."""
        ...

    async def audit_log(self, tenant_id: int, before: int, limit: int) -> Sequence[AuditEntry]:
        """Entries from the newest on."""
        ...


class WriteUnit(ReadUnit, Protocol):
    """One transaction: what it did is there after the block, all of it, or nothing when the block raises."""

    async def lock_tenant(self, tenant_id: int) -> bool:
        """Let nobody else change the tenant until the end; False when there is none. Lock in order of ids."""
        ...

    async def add_account(self, email: str, password_hash: str, at: datetime) -> Account:
        """Raises EmailTaken."""
        ...

    async def replace_password(self, account: Account, password_hash: str) -> bool:
        """False when the account's hash is no longer the given one."""
        ...

    async def add_tenant(self, slug: str, name: str, at: datetime, *, is_test: bool = False) -> Tenant:
        """A tenant without members, locked; raises SlugTaken."""
        ...

    async def change_tenant(self, tenant_id: int, slug: str, name: str) -> Tenant:
        """Raises SlugTaken."""
        ...

    async def add_member(self, tenant_id: int, user_id: int, role: Role, at: datetime) -> None:
        """Raises AlreadyMember."""
        ...

    async def set_role(self, tenant_id: int, user_id: int, role: Role) -> None:
        """Change a member's role."""
        ...

    async def remove_member(self, tenant_id: int, user_id: int) -> None:
        """Take a member out of the tenant."""
        ...

    async def member(self, tenant_id: int, user_id: int) -> Member | None:
        """One member."""
        ...

    async def owners(self, tenant_id: int) -> int:
        """How many owners the tenant has."""
        ...

    async def add_invite(self, tenant_id: int, invite: Invite, token_hash: str) -> Invite:
        """Store the invite; the answer has its id."""
        ...

    async def withdraw_invite(self, tenant_id: int, invite_id: int, at: datetime) -> Invite | None:
        """None when there is no such open invite."""
        ...

    async def use_invite(self, token_hash: str, at: datetime) -> Invite | None:
        """Close the invite for good; None when it is not open or has expired. Of many at once, one succeeds."""
        ...

    async def add_api_key(self, tenant_id: int, key: NewApiKey) -> ApiKey:
        """Store the key; the answer has its id."""
        ...

    async def set_api_key_origins(self, tenant_id: int, key_id: int, origins: Sequence[str]) -> ApiKey | None:
        """None when there is no such key that is not revoked."""
        ...

    async def revoke_api_key(self, tenant_id: int, key_id: int, at: datetime) -> ApiKey | None:
        """None when there is no such key that is not revoked."""
        ...

    async def rotate_api_key(
        self, tenant_id: int, key_id: int, key_hash: str, last_four: str, previous_until: datetime
    ) -> ApiKey | None:
        """Give the key another secret; the present one works until `previous_until`. None when there is no such key."""
        ...

    async def note_api_key_use(self, used_at: Mapping[int, datetime]) -> None:
        """When each key was last used, in one statement; an earlier time than the one known changes nothing."""
        ...

    async def add_refresh_token(self, user_id: int, token_hash: str, at: datetime, expires_at: datetime) -> None:
        """The first token of a new family."""
        ...

    async def lock_refresh_token(self, token_hash: str) -> RefreshToken | None:
        """The token, which nobody else can use until the end."""
        ...

    async def use_refresh_token(
        self, token: RefreshToken, successor_hash: str, at: datetime, expires_at: datetime
    ) -> None:
        """Mark the token used and add its successor to the family."""
        ...

    async def end_refresh_family(self, family_id: int, at: datetime) -> None:
        """No token of the family works any more."""
        ...

    async def end_all_refresh_families(self, user_id: int, at: datetime) -> None:
        """No refresh token of the person works any more."""
        ...

    async def drop_expired_refresh_tokens(self, now: datetime, limit: int) -> int:
        """Delete at most `limit` tokens that have expired, and the families that are then empty; how many tokens."""
        ...

    async def record(self, tenant_id: int, act: Act) -> None:
        """Append the act to the tenant's audit log; the tenant must be locked."""
        ...


class Store(Protocol):
    """Where units come from; leaving the block of `write` without an error commits."""

    def read(self) -> AbstractAsyncContextManager[ReadUnit]:
        """Raises Unavailable when the store does not answer."""
        ...

    def write(self) -> AbstractAsyncContextManager[WriteUnit]:
        """Raises Unavailable when the store does not answer."""
        ...


class Passwords(Protocol):
    """Slow, salted hashes; a bounded number at a time."""

    async def hash(self, password: str) -> str:
        """Raises Unavailable when too many wait."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """False for None, in the time that a real hash takes. Raises Unavailable when too many wait."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        ...


class AccessTokens(Protocol):
    """Short-lived tokens that every service can verify."""

    @property
    def lifetime_s(self) -> int:
        """How long one is good."""
        ...

    def sign(self, user_id: int) -> str:
        """A token for that person."""
        ...


class Throttle(Protocol):
    """Counts acts against limits."""

    async def spend(self, limit: Limit, who: str) -> None:
        """Count one act; raises RateLimited, with the time to wait, when it is over the limit."""
        ...

    async def give_back(self, limit: Limit, who: str) -> None:
        """Take one act back that was counted."""
        ...


class Purges(Protocol):
    """Tells every service that what it remembers has changed; if nobody hears it, memories end after 30 s."""

    async def key_changed(self, key_id: int) -> None:
        """A key was revoked or has another secret."""
        ...

    async def user_changed(self, user_id: int) -> None:
        """A person's roles have changed."""
        ...
