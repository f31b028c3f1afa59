"""Who may do what: scopes, the scopes of each role in a tenant, and the scopes that an API key may have."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Scope(StrEnum):
    """A permission for one kind of action on one kind of resource."""

    EVENTS_WRITE = "events:write"
    """Send events and traits."""
    EVENTS_READ = "events:read"
    """See events without their payloads, event types and properties, and event schemas."""
    SEGMENTS_READ = "segments:read"
    """See segments, their runs and previews."""
    SEGMENTS_WRITE = "segments:write"
    """Create, change, delete and run segments; create, change and delete event schemas."""
    MEMBERSHIP_READ = "membership:read"
    """Look up the segments of a user and the members of a segment."""
    PROFILES_READ = "profiles:read"
    """See users' traits, events and explanations."""
    IDENTITY_MERGE = "identity:merge"
    """Merge two users into one person, and undo it."""
    PROFILES_ERASE = "profiles:erase"
    """Erase users, and accept their events again. No key has it unless it is asked for."""
    KEYS_MANAGE = "keys:manage"
    """List, create, change, rotate and revoke API keys."""
    MEMBERS_MANAGE = "members:manage"
    """Invite and remove members, and change their roles."""
    TENANT_MANAGE = "tenant:manage"
    """Rename the tenant."""
    AUDIT_READ = "audit:read"
    """Read the audit log."""


class Role(StrEnum):
    """A user's role in a tenant, the most powerful first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    def covers(self, other: Role) -> bool:
        """Return whether this role has all scopes of the other."""
        return ROLE_SCOPES[self] >= ROLE_SCOPES[other]


class KeyKind(StrEnum):
    """`secret` keys are for servers only; `publishable` keys may be visible in a browser."""

    SECRET = "secret"
    PUBLISHABLE = "publishable"


_VIEWER = frozenset({Scope.SEGMENTS_READ, Scope.MEMBERSHIP_READ, Scope.EVENTS_READ, Scope.PROFILES_READ})
_MEMBER = _VIEWER | {Scope.SEGMENTS_WRITE, Scope.EVENTS_WRITE}
_ADMIN = _MEMBER | {
    Scope.IDENTITY_MERGE,
    Scope.PROFILES_ERASE,
    Scope.KEYS_MANAGE,
    Scope.MEMBERS_MANAGE,
    Scope.AUDIT_READ,
}

ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {Role.VIEWER: _VIEWER, Role.MEMBER: _MEMBER, Role.ADMIN: _ADMIN, Role.OWNER: _ADMIN | {Scope.TENANT_MANAGE}}
)
"""What each role may do in its tenant."""

KEY_SCOPES: Mapping[KeyKind, frozenset[Scope]] = MappingProxyType(
    {
        KeyKind.SECRET: _MEMBER | {Scope.IDENTITY_MERGE, Scope.PROFILES_ERASE},
        KeyKind.PUBLISHABLE: frozenset({Scope.EVENTS_WRITE}),
    }
)
"""The scopes that a key of each kind may have at most."""

DEFAULT_KEY_SCOPES: Mapping[KeyKind, frozenset[Scope]] = MappingProxyType(
    {
        KeyKind.SECRET: frozenset(
            {
                Scope.EVENTS_WRITE,
                Scope.EVENTS_READ,
                Scope.SEGMENTS_READ,
                Scope.SEGMENTS_WRITE,
                Scope.MEMBERSHIP_READ,
                Scope.PROFILES_READ,
            }
        ),
        KeyKind.PUBLISHABLE: frozenset({Scope.EVENTS_WRITE}),
    }
)
"""The scopes of a new key when none are requested. A stored key keeps its scopes when this changes."""
