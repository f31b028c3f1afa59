"""Acting in a tenant: the role that counts is read under the tenant's lock, in the transaction of the act."""

from __future__ import annotations

from segops_auth.domain.audit_log import AuditEvent
from segops_auth.ports.store import ReadUnit, WriteUnit
from segops_common.core.problems import Conflict, NotFound
from segops_common.security.permissions import Role, Scope
from segops_common.security.principal import UserPrincipal

MAX_TENANTS_PER_USER = 100


async def authorize(unit: ReadUnit, tenant_id: int, actor_id: int, scope: Scope | None = None) -> Role:
    """The person's role in the tenant, which holds the scope.

    Raises NotFound when they are not in it, as if it did not exist, and Forbidden when the role is too low.
    """
    role = await unit.role(tenant_id, actor_id)
    if role is None:
        raise tenant_not_found()
    if scope is not None:
        UserPrincipal(user_id=actor_id, roles={tenant_id: role}).require(tenant_id, scope)
    return role


async def lock_and_authorize(unit: WriteUnit, tenant_id: int, actor_id: int, scope: Scope | None = None) -> Role:
    """Lock the tenant, then as `authorize`."""
    if not await unit.lock_tenant(tenant_id):
        raise tenant_not_found()
    return await authorize(unit, tenant_id, actor_id, scope)


async def check_tenant_limit(unit: ReadUnit, user_id: int) -> None:
    """Raises Conflict (tenant-limit) when the person is in as many tenants as a credential can carry."""
    if len(await unit.joined_tenants(user_id)) >= MAX_TENANTS_PER_USER:
        raise Conflict(f"A person is in at most {MAX_TENANTS_PER_USER} tenants.", slug="tenant-limit")


async def record_in_every_tenant(unit: WriteUnit, user_id: int, act: AuditEvent) -> None:
    """Record an act that concerns a person in every tenant of theirs."""
    for tenant_id in sorted(item.tenant.id for item in await unit.joined_tenants(user_id)):
        await unit.lock_tenant(tenant_id)
        await unit.record(tenant_id, act)


def tenant_not_found() -> NotFound:
    """One answer for a tenant of others and for none."""
    return NotFound("There is no such tenant.")
