"""Tenants and their members."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Protocol

from segops_auth.domain.values import JoinedTenant, Member, Tenant
from segops_common.security.permissions import Role


class SlugTaken(Exception):
    """Another tenant has this slug."""


class AlreadyMember(Exception):
    """The user is already a member of the tenant."""


class TenantReads(Protocol):
    """Looks up tenants and members."""

    async def tenant(self, tenant_id: int) -> Tenant | None:
        """Return the tenant with this id."""
        ...

    async def taken_slugs(self, slugs: Sequence[str]) -> Set[str]:
        """Return the slugs that a tenant has."""
        ...

    async def joined_tenants(self, user_id: int) -> Sequence[JoinedTenant]:
        """Return the tenants that the user is a member of, by ascending tenant id."""
        ...

    async def role(self, tenant_id: int, user_id: int) -> Role | None:
        """Return the user's role in the tenant, or None if they are not a member."""
        ...

    async def member(self, tenant_id: int, user_id: int) -> Member | None:
        """Return one member."""
        ...

    async def members(self, tenant_id: int, after: int, limit: int, *, offset: int = 0) -> Sequence[Member]:
        """Return at most `limit` members with a user id greater than `after`, by ascending user id.

        `offset` skips so many of them.
        """
        ...

    async def member_count(self, tenant_id: int) -> int:
        """Return the number of members of the tenant."""
        ...

    async def owner_count(self, tenant_id: int) -> int:
        """Return the number of owners of the tenant."""
        ...


class TenantWrites(Protocol):
    """Changes tenants and their members."""

    async def lock_tenant(self, tenant_id: int) -> bool:
        """Block every other change of the tenant until this unit ends. Return False if there is no such tenant.

        To prevent deadlocks, lock several tenants by ascending id.
        """
        ...

    async def add_tenant(self, slug: str, name: str, at: datetime, *, is_test: bool = False) -> Tenant:
        """Add a tenant without members and lock it. Raises SlugTaken."""
        ...

    async def set_test_tenant(self, tenant_id: int, test_tenant_id: int) -> None:
        """Store the test tenant of a tenant."""
        ...

    async def change_tenant(self, tenant_id: int, slug: str, name: str, *, joins_unsigned_ids: bool = True) -> Tenant:
        """Replace slug, name and whether unsigned ids join. Raises SlugTaken."""
        ...

    async def add_member(self, tenant_id: int, user_id: int, role: Role, at: datetime) -> None:
        """Add a member. Raises AlreadyMember."""
        ...

    async def set_role(self, tenant_id: int, user_id: int, role: Role) -> None:
        """Change a member's role. Has no effect on non-members."""
        ...

    async def remove_member(self, tenant_id: int, user_id: int) -> None:
        """Remove a member. Has no effect on non-members."""
        ...
