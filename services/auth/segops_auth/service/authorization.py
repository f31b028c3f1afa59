"""Who may act in a tenant: the caller must be a member, and their role must have the scope.

`security/permissions.py` of the common library lists the scopes of each role; `domain/grants.py` limits which roles and
scopes a member may give to others or to a new key. Routes that manage members or keys admit users only, never API keys:
`api/dependencies.py`. A change locks the tenant first, so that the role cannot change before it is stored.
"""

from __future__ import annotations

from segops_auth.domain.audit_log import AuditEvent
from segops_auth.ports.store import ReadUnit, WriteUnit
from segops_common.core.problems import Conflict, NotFound
from segops_common.security.permissions import Role, Scope
from segops_common.security.principal import UserPrincipal

MAX_TENANTS_PER_USER = 100
"""Bounds the list of roles that the other services cache for each user."""


async def authorize(unit: ReadUnit, tenant_id: int, actor_id: int, scope: Scope | None = None) -> Role:
    """Return the actor's role in the tenant.

    Raises NotFound if the actor is not a member, as if the tenant did not exist, and Forbidden if the role lacks the
    scope.
    """
    role = await unit.role(tenant_id, actor_id)
    if role is None:
        raise tenant_not_found()
    if scope is not None:
        UserPrincipal(user_id=actor_id, roles={tenant_id: role}).require(tenant_id, scope)
    return role


async def lock_and_authorize(unit: WriteUnit, tenant_id: int, actor_id: int, scope: Scope | None = None) -> Role:
    """Lock the tenant, then return the actor's role. Raises as `authorize`."""
    if not await unit.lock_tenant(tenant_id):
        raise tenant_not_found()
    return await authorize(unit, tenant_id, actor_id, scope)


async def authorize_key_change(unit: WriteUnit, key_id: int, actor_id: int) -> int:
    """Lock the key's tenant, check that the actor may manage its keys, and return the tenant's id.

    Raises NotFound if the key does not exist or the actor is not a member of its tenant, and Forbidden if the role lacks
    `keys:manage`.
    """
    tenant_id = await unit.api_key_tenant(key_id)
    if tenant_id is None or await unit.role(tenant_id, actor_id) is None:
        raise key_not_found()
    await lock_and_authorize(unit, tenant_id, actor_id, Scope.KEYS_MANAGE)
    return tenant_id


async def check_tenant_limit(unit: ReadUnit, user_id: int) -> None:
    """Raise Conflict (tenant-limit) if the user must not join another tenant."""
    if len(await unit.joined_tenants(user_id)) >= MAX_TENANTS_PER_USER:
        raise Conflict(
            f"A user must not be a member of more than {MAX_TENANTS_PER_USER} tenants. Leave a tenant first.",
            slug="tenant-limit",
        )


async def record_in_every_tenant(unit: WriteUnit, user_id: int, event: AuditEvent) -> None:
    """Record an event that concerns a user in the audit log of each of their tenants."""
    for joined in await unit.joined_tenants(user_id):
        await unit.lock_tenant(joined.tenant.id)
        await unit.record(joined.tenant.id, event)


def tenant_not_found() -> NotFound:
    """Return the same refusal for an unknown tenant and for the tenant of others."""
    return NotFound("There is no such tenant.")


def key_not_found() -> NotFound:
    """Return the same refusal for an unknown key and for the key of another tenant."""
    return NotFound("There is no such API key.")
