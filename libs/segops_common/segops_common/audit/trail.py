"""The port to the audit log of tenants, which auth keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from segops_common.contracts.http import ForeignAction
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal


class AuditUnavailable(Exception):
    """The audit log did not confirm the entry, which may be there."""


class AuditTrail(Protocol):
    """The tenant's audit log, which auth keeps."""

    async def record(
        self, tenant_id: int, *, actor_id: int | None, action: ForeignAction, target: str, details: Mapping[str, str]
    ) -> None:
        """Append an entry. `actor_id` is the user who acts, None for a key. Raises AuditUnavailable."""
        ...


async def record_act(
    trail: AuditTrail, tenant_id: int, caller: Principal, action: ForeignAction, target: str, details: Mapping[str, str]
) -> None:
    """Append what a caller does, with the caller's name. Raises AuditUnavailable: then it must not be done."""
    actor_id = caller.user_id if isinstance(caller, UserPrincipal) else None
    by = {**details, "by": caller_name(caller)}
    await trail.record(tenant_id, actor_id=actor_id, action=action, target=target, details=by)


def caller_name(caller: Principal) -> str:
    """Return who the log says it was: `user:<id>` or `api_key:<id>`."""
    match caller:
        case UserPrincipal(user_id=user_id):
            return f"user:{user_id}"
        case KeyPrincipal(key_id=key_id):
            return f"api_key:{key_id}"
