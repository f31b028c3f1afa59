"""What may be done (scopes), by whom in a tenant (roles), and what an API key may hold."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Scope(StrEnum):
    """One kind of act on one kind of thing."""

    EVENTS_WRITE = "events:write"
    EVENTS_READ = "events:read"
    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    MEMBERSHIP_READ = "membership:read"
    KEYS_MANAGE = "keys:manage"
    MEMBERS_MANAGE = "members:manage"
    TENANT_MANAGE = "tenant:manage"
    AUDIT_READ = "audit:read"


class Role(StrEnum):
    """A person's place in a tenant, the most powerful first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    def covers(self, other: Role) -> bool:
        """Whether this role may do all that the other may."""
        return ROLE_SCOPES[self] >= ROLE_SCOPES[other]


class KeyKind(StrEnum):
    """`secret` is for servers, `publishable` may be seen in a browser."""

    SECRET = "secret"
    PUBLISHABLE = "publishable"


_VIEWER = frozenset({Scope.SEGMENTS_READ, Scope.MEMBERSHIP_READ, Scope.EVENTS_READ})
_MEMBER = _VIEWER | {Scope.SEGMENTS_WRITE, Scope.EVENTS_WRITE}
_ADMIN = _MEMBER | {Scope.KEYS_MANAGE, Scope.MEMBERS_MANAGE, Scope.AUDIT_READ}

ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {Role.VIEWER: _VIEWER, Role.MEMBER: _MEMBER, Role.ADMIN: _ADMIN, Role.OWNER: _ADMIN | {Scope.TENANT_MANAGE}}
)

KEY_SCOPES: Mapping[KeyKind, frozenset[Scope]] = MappingProxyType(
    {
        KeyKind.SECRET: _MEMBER,
        KeyKind.PUBLISHABLE: frozenset({Scope.EVENTS_WRITE}),
    }
)
"""What a key of that kind may hold at most."""

DEFAULT_KEY_SCOPES: Mapping[KeyKind, frozenset[Scope]] = MappingProxyType(
    {
        KeyKind.SECRET: frozenset({Scope.EVENTS_WRITE, Scope.MEMBERSHIP_READ}),
        KeyKind.PUBLISHABLE: frozenset({Scope.EVENTS_WRITE}),
    }
)
"""What a key of that kind holds when nothing was asked for."""
