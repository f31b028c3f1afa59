"""Storing event schemas, their history, and the changes that ingestion has to learn of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from segops_common.event_schemas.model import EventSchema
from segops_segments.domain.event_schema import SchemaVersion, StoredSchema, TenantSchemas


class EventTypeTaken(Exception):
    """The tenant has a schema for this event type."""


class SchemaUnit(Protocol):
    """A transaction over the schemas of one tenant: committed when its block ends, undone when the block raises.

    Each writing method gives the tenant the next number of `changes`.
    """

    async def count(self, tenant_id: int) -> int:
        """Return how many schemas the tenant has."""
        ...

    async def find(self, tenant_id: int, schema_id: int) -> StoredSchema | None:
        """Return the schema, None if the tenant does not have it."""
        ...

    async def add(self, tenant_id: int, rules: EventSchema, *, by: str, at: datetime) -> StoredSchema:
        """Store a new schema with version 1. Raises EventTypeTaken."""
        ...

    async def save(self, tenant_id: int, schema: StoredSchema) -> None:
        """Store the changed schema, and its version in the history."""
        ...

    async def delete(self, tenant_id: int, schema: StoredSchema, *, by: str, at: datetime) -> None:
        """Delete the schema. Its history stays, and ends with a deletion."""
        ...


class SchemaStore(Protocol):
    """Stores event schemas. Every method may raise `core.problems.Unavailable`."""

    def writing(self, tenant_id: int) -> AbstractAsyncContextManager[SchemaUnit]:
        """Begin a transaction, waiting for the one before it, of any tenant: numbers ascend in the order of commits."""
        ...

    async def find(self, tenants: Collection[int], schema_id: int) -> StoredSchema | None:
        """Return the schema, None if none of the tenants has it."""
        ...

    async def of_event_type(self, tenant_id: int, event_type: str) -> StoredSchema | None:
        """Return the tenant's schema for an event type."""
        ...

    async def list(
        self, tenants: Collection[int], after: int, limit: int, *, offset: int = 0, event_type: str | None = None
    ) -> Sequence[StoredSchema]:
        """Return schemas with an id greater than `after`, ascending by id; with an event type, only those for it."""
        ...

    async def count(self, tenants: Collection[int], *, event_type: str | None = None) -> int:
        """Return how many schemas `list` would return without a limit."""
        ...

    async def versions(
        self, tenant_id: int, schema_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[SchemaVersion]:
        """Return the history of a schema with a number less than `before`, newest first."""
        ...

    async def version_count(self, tenant_id: int, schema_id: int) -> int:
        """Return the length of the history."""
        ...

    async def changes(self, after: int, limit: int) -> Sequence[TenantSchemas]:
        """Return the tenants whose schemas changed after this number, of all tenants, ascending by number."""
        ...

    async def last_number(self) -> int:
        """Return the number of the latest change, 0 without any."""
        ...
