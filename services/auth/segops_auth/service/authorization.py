"""Acting in a tenant: the role that counts is read under the tenant's lock, in the transaction of the act."""

from __future__ import annotations

from segops_auth.domain.audit_log import Act
from segops_auth.ports import ReadUnit, WriteUnit
from segops_common.core.problems import Conflict, NotFound
from segops_common.security.permissions import Role, Scope
from segops_common.security.principal import UserPrincipal

MAX_TENANTS_PER_USER = 100


async def look_in(unit: ReadUnit, tenant_id: int, actor_id: int, scope: Scope | None = None) -> Role:
    """The person's role in the tenant, which holds the scope.

    Raises NotFound when they are not in it, as if it did not exist, and Forbidden when the role is too low.
    """
    role = await unit.role(tenant_id, actor_id)
    if role is None:
        raise absent_tenant()
    if scope is not None:
        UserPrincipal(user_id=actor_id, roles={tenant_id: role}).require(tenant_id, scope)
    return role


async def act_in(unit: WriteUnit, tenant_id: int, actor_id: int, scope: Scope | None = None) -> Role:
    """Lock the tenant, then as `look_in`."""
    if not await unit.lock_tenant(tenant_id):
        raise absent_tenant()
    return await look_in(unit, tenant_id, actor_id, scope)


async def check_room_for_tenant(unit: ReadUnit, user_id: int) -> None:
    """Raises Conflict (tenant-limit) when the person is in as many tenants as a credential can carry."""
    if len(await unit.belongings(user_id)) >= MAX_TENANTS_PER_USER:
        raise Conflict(f"A person is in at most {MAX_TENANTS_PER_USER} tenants.", slug="tenant-limit")


async def record_for_all(unit: WriteUnit, user_id: int, act: Act) -> None:
    """Record an act that concerns a person in every tenant of theirs."""
    for tenant_id in sorted(item.tenant.id for item in await unit.belongings(user_id)):
        await unit.lock_tenant(tenant_id)
        await unit.record(tenant_id, act)


def absent_tenant() -> NotFound:
    """One answer for a tenant of others and for none."""
    return NotFound("There is no such tenant.")
