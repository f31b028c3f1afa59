"""Names of the HTTP contract that more than one process relies on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_MEDIA_TYPE = "application/problem+json"
REQUEST_ID_HEADER = "X-Request-Id"
IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"

AUTH_PREFIX = "/api/auth"
INGESTION_PREFIX = "/api/ingestion"
SEGMENTS_PREFIX = "/api/segments"
MEMBERSHIP_PREFIX = "/api/segments/membership"

JWKS_PATH = "/api/auth/.well-known/jwks.json"
INTROSPECT_PATH = "/internal/introspect/"
OBSERVED_PATH = "/internal/observed/"
"""Where membership answers what a tenant's events look like."""
AUTH_PURGE_CHANNEL = "segops:auth:purge"
"""Redis channel on which auth says which credential (`key:<key id>`) or user (`user:<id>`) has changed."""


def memberships_path(user_id: int) -> str:
    """Where auth answers which tenants a user belongs to, and in which role."""
    return f"/internal/users/{user_id}/memberships/"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TenantMembership(_Message):
    """A user's role in one tenant."""

    tenant_id: int
    role: str


class Memberships(_Message):
    """All tenants of a user."""

    memberships: tuple[TenantMembership, ...]


class IntrospectRequest(_Message):
    """An API key in the clear, over the internal network only."""

    key: str


class KeyIntrospection(_Message):
    """What auth knows of an API key; only `active` is there when it is unknown or revoked."""

    active: bool
    key_id: int | None = None
    tenant_id: int | None = None
    kind: str | None = None
    scopes: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    """As browsers send them, or `*` alone."""


PropertyKind = Literal["string", "number", "boolean", "array", "object"]


class ObservedRequest(_Message):
    """Asks for the properties of events of these types; of `$identify`, they are traits."""

    tenant_id: int
    event_types: tuple[str, ...] = Field(max_length=200)


class ObservedEvents(_Message):
    """What a tenant's events look like: which types there are, and what kinds of values their properties have.

    Properties are those of a sample of each type; a dot within a key is written as in a path, with a backslash.
    """

    event_types: tuple[str, ...]
    """The most frequent first."""
    complete: bool
    """Whether these are all; a tenant may have more types than are listed."""
    properties: Mapping[str, Mapping[str, tuple[PropertyKind, ...]]]
