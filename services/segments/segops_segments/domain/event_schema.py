"""A stored event schema, what may be changed of it, and its history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from segops_common.event_schemas.model import EventSchema, Mode, PropertyRule


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """New values of a schema; None keeps the present one. The event type of a schema never changes."""

    mode: Mode | None = None
    properties: tuple[PropertyRule, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSchema:
    """The schema of an event type of a tenant. `changed_by` is `user:<id>` or `key:<id>`."""

    id: int
    tenant_id: int
    rules: EventSchema
    version: int
    created_at: datetime
    updated_at: datetime
    changed_by: str

    def apply(self, change: SchemaChange, *, by: str, at: datetime) -> StoredSchema:
        """Return the changed schema with the next version, or this one if the change changes nothing."""
        rules = replace(
            self.rules,
            mode=self.rules.mode if change.mode is None else change.mode,
            properties=self.rules.properties if change.properties is None else change.properties,
        )
        if rules == self.rules:
            return self
        return replace(self, rules=rules, version=self.version + 1, updated_at=at, changed_by=by)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVersion:
    """What a schema said from an instant on, and who said so. `deleted` ends the history."""

    number: int
    rules: EventSchema
    created_at: datetime
    created_by: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class TenantSchemas:
    """All schemas of a tenant as of the change with this number. Numbers ascend over all tenants."""

    tenant_id: int
    number: int
    schemas: tuple[EventSchema, ...]
