"""Paths, headers and messages of HTTP that more than one service relies on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from segops_common.event_schemas.model import Mode, PropertyType
from segops_language.lint.values import MAX_PROPERTIES, ValueCounts

PROBLEM_MEDIA_TYPE = "application/problem+json"
REQUEST_ID_HEADER = "X-Request-Id"
IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"

AUTH_PREFIX = "/api/auth"
SESSION_PATH = f"{AUTH_PREFIX}/session/"
"""Where a publishable key begins a session. Web pages of any origin may call it: the key decides."""
INGESTION_PREFIX = "/api/ingestion"
IMPORT_PATH = f"{INGESTION_PREFIX}/import/"
"""Takes events of any age. The other routes of ingestion refuse old ones."""
SEGMENTS_PREFIX = "/api/segments"
MEMBERSHIP_PREFIX = "/api/segments/membership"
EXPLORER_PREFIX = "/api/explorer"
IDENTITY_PREFIX = "/api/identity"
ACTIVATIONS_PREFIX = "/api/activations"
ANALYTICS_PREFIX = "/api/analytics"
SCHEMAS_PREFIX = "/api/schemas"
STATUS_PATH = "/api/status/"

JWKS_PATH = "/api/auth/.well-known/jwks.json"
INTROSPECT_PATH = "/internal/introspect/"
SESSION_KEY_PATH = "/internal/session-key/"
"""Where auth describes the key that began a session."""
KEY_OWNER_PATH = "/internal/key-owner/"
"""Where auth says whose key this is or was."""
AUDIT_PATH = "/internal/audit/"
"""Where auth appends what another service did to the audit log of a tenant."""
OBSERVED_PATH = "/internal/observed/"
KNOWN_USERS_PATH = "/internal/known-users/"
"""Where membership describes a tenant's events."""
RECENT_PAYLOADS_PATH = "/internal/recent-payloads/"
"""Where membership returns the payloads of a tenant's newest events of a type."""
SCHEMA_CHANGES_PATH = "/internal/event-schemas/changes/"
"""Where segments lists the tenants whose event schemas have changed."""
OPEN_RUNS_PATH = "/internal/open-runs/"
"""Where segments counts the runs of a tenant that have not ended."""
SEGMENT_PATH = "/internal/segment/"
"""Where segments returns the present state of a segment, as `SegmentChanged`."""
AUTH_INVALIDATION_CHANNEL = "segops:auth:purge"
"""The Redis channel on which auth publishes changed credentials (`key:<key id>`), users (`user:<id>`) and tenants
(`tenant:<id>`)."""


def memberships_path(user_id: int, session_id: int | None) -> str:
    """Return the path at which auth lists a user's tenants and roles, and answers 404 if the session has ended."""
    query = "" if session_id is None else f"?session={session_id}"
    return f"/internal/users/{user_id}/memberships/{query}"


def sandbox_tenant_path(tenant_id: int) -> str:
    """Return the path at which auth names the test tenant of a tenant."""
    return f"/internal/tenants/{tenant_id}/test-tenant/"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TenantMembership(_Message):
    """A user's role in one tenant."""

    tenant_id: int
    role: str
    slug: str | None = None
    """None from a version of auth that does not send it."""


class Memberships(_Message):
    """All tenants of a user."""

    memberships: tuple[TenantMembership, ...]


class IntrospectRequest(_Message):
    """An API key in plain text, for the internal network only."""

    key: str


class SessionKeyRequest(_Message):
    """The hash of a publishable key, as a session token names it."""

    key_hash: str


class KeyIntrospection(_Message):
    """What auth knows about an API key. Only `active` is set when it is unknown or revoked."""

    active: bool
    key_id: int | None = None
    tenant_id: int | None = None
    tenant_slug: str | None = None
    kind: str | None = None
    scopes: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    """As browsers send them, or `*` alone."""
    requires_signed_user_id: bool = False
    joins_unsigned_ids: bool = True
    """Whether the tenant lets publishable keys join ids that nobody signed."""
    expires_in_s: float | None = None
    """Seconds for which the secret still works; None without an end. Relative, because two clocks may differ."""


class KeyOwnership(_Message):
    """Whose key it is or was. Both are None for an unknown key."""

    tenant_id: int | None = None
    key_id: int | None = None


class SandboxTenant(_Message):
    """The test tenant of a tenant, None without one."""

    tenant_id: int | None = None


ForeignAction = Literal[
    "identity.merged",
    "identity.unmerged",
    "profile.exported",
    "profile.erasure_requested",
    "profile.suppression_lifted",
    "tenant.suppression_policy_changed",
    "tenant.retention_changed",
    "event_schema.created",
    "event_schema.updated",
    "event_schema.deleted",
]
"""What services other than auth record in the audit log. Auth refuses any other action, and what it refuses must not be done."""


class AuditRequest(_Message):
    """What was done in a tenant by a user, or by a key if `actor_id` is None."""

    tenant_id: int
    actor_id: int | None
    action: ForeignAction
    target: str
    details: dict[str, str]


class OpenRunsRequest(_Message):
    """Asks for the runs of a tenant that have not ended."""

    tenant_id: int


class SegmentRequest(_Message):
    """Asks for a segment of one of the tenants."""

    tenant_ids: tuple[int, ...]
    segment_id: int


class SchemaVersion(_Message):
    """The version of a service's tables in a store: the number of its last migration.

    `applied` is None when it cannot be read. `expected` is what the running process was made for.
    """

    applied: int | None
    expected: int


class ProcessVersions(_Message):
    """What a process says about the stores of its service, by the name of the store."""

    schemas: Mapping[str, SchemaVersion]


class OpenRuns(_Message):
    """How many runs of a tenant wait, and how many a worker has begun."""

    queued: int
    running: int


PropertyKind = Literal["string", "number", "boolean", "array", "object"]


MAX_KNOWN_USERS: Final = 1_000


class KnownUsersRequest(_Message):
    """Asks how many of these users a tenant has events of."""

    tenant_id: int
    user_ids: tuple[str, ...] = Field(max_length=MAX_KNOWN_USERS)


class KnownUsers(_Message):
    """How many of the users have events."""

    known: int


class ObservedRequest(_Message):
    """Asks for the properties of events of these types. The properties of `$identify` are traits.

    `values` are the properties whose values to count, as pairs of event type and path.
    """

    tenant_id: int
    event_types: tuple[str, ...] = Field(max_length=200)
    values: tuple[tuple[str, str], ...] = Field(default=(), max_length=MAX_PROPERTIES)


class ObservedValues(_Message):
    """The values of one property in a sample of events."""

    event_type: str
    property: str
    counts: ValueCounts


class ObservedRetention(_Message):
    """For how many days events are kept, by type and for all others, and how many were removed."""

    default_days: int | None = None
    days: Mapping[str, int] = Field(default_factory=dict)
    removed: Mapping[str, int] = Field(default_factory=dict)


class ObservedEvents(_Message):
    """The event types of a tenant, and the kinds of values that their properties have.

    Properties come from a sample of each type. A dot within a key is escaped by a backslash, as in a path.
    """

    event_types: tuple[str, ...]
    """The most frequent first."""
    complete: bool
    """Whether all types are listed; a tenant may have more."""
    properties: Mapping[str, Mapping[str, tuple[PropertyKind, ...]]]
    values: tuple[ObservedValues, ...] = ()
    retention: ObservedRetention = ObservedRetention()


MAX_RECENT_EVENTS: Final = 200


class RecentPayloadsRequest(_Message):
    """Asks for the payloads of a tenant's newest events of a type, at most MAX_RECENT_EVENTS."""

    tenant_id: int
    event_type: str


class RecentPayloads(_Message):
    """The payloads, the newest first."""

    payloads: tuple[dict[str, Any], ...]


class SchemaChangesRequest(_Message):
    """Asks for tenants whose event schemas have changed after the change with this number; 0 for all tenants."""

    after: int = Field(ge=0)


class PropertyMessage(_Message):
    """What an event schema expects of one property."""

    name: str
    type: PropertyType
    required: bool


class EventSchemaMessage(_Message):
    """The schema of one event type."""

    event_type: str
    mode: Mode
    properties: tuple[PropertyMessage, ...]


class TenantSchemasMessage(_Message):
    """All event schemas of a tenant as of the change with this number."""

    tenant_id: int
    number: int
    schemas: tuple[EventSchemaMessage, ...]


class SchemaChanges(_Message):
    """Some of the tenants with changes, ascending by number, and the number of the latest change of all tenants."""

    tenants: tuple[TenantSchemasMessage, ...]
    last: int
