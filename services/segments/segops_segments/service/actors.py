"""Names of callers, as they are stored."""

from __future__ import annotations

from segops_common.security.principal import Principal, UserPrincipal


def actor(caller: Principal) -> str:
    """Return the name of the caller that is stored with what the caller did."""
    return f"user:{caller.user_id}" if isinstance(caller, UserPrincipal) else f"key:{caller.key_id}"
