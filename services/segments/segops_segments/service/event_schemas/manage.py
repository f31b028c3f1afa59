"""Creating, reading, changing and deleting event schemas, and publishing them to ingestion."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from segops_common.audit.trail import AuditTrail, AuditUnavailable, record_act
from segops_common.contracts.http import ForeignAction
from segops_common.core.clock import Clock
from segops_common.core.pagination import LARGEST_ID, Page, PageQuery, id_position, page_of
from segops_common.core.problems import Conflict, Fault, NotFound, PreconditionFailed, Unavailable
from segops_common.event_schemas.model import MAX_SCHEMAS, EventSchema
from segops_common.security.principal import Principal
from segops_segments.domain.event_schema import SchemaChange, SchemaVersion, StoredSchema, TenantSchemas
from segops_segments.ports.event_schemas import EventTypeTaken, SchemaStore, SchemaUnit
from segops_segments.service.actors import actor

CHANGED_TENANTS: Final = 20
"""Tenants in one answer to ingestion."""
_RETRY_AFTER_S: Final = 5


class ManageSchemas:
    """Manages the event schemas of tenants. A schema of another tenant looks like one that does not exist.

    Each change is checked first, then it is in the audit log, then it takes effect. The log is not asked within a
    transaction: one that is slow would let the changes of all tenants wait.
    """

    def __init__(self, *, store: SchemaStore, audit: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock

    async def create(self, tenant_id: int, rules: EventSchema, caller: Principal) -> StoredSchema:
        """Store a schema. Raises Conflict (event-type-taken, schema-limit) and Unavailable."""
        _check_limit(await self._store.count((tenant_id,)))
        if await self._store.of_event_type(tenant_id, rules.event_type) is not None:
            raise _event_type_taken()
        await self._record(tenant_id, caller, "event_schema.created", rules)
        try:
            async with self._store.writing(tenant_id) as unit:
                _check_limit(await unit.count(tenant_id))
                return await unit.add(tenant_id, rules, by=actor(caller), at=self._clock.now())
        except EventTypeTaken:
            raise _event_type_taken() from None

    async def get(self, tenants: Collection[int], schema_id: int) -> StoredSchema:
        """Return the schema. Raises NotFound."""
        schema = await self._store.find(tenants, schema_id)
        if schema is None:
            raise _not_found()
        return schema

    async def list(self, tenants: Collection[int], query: PageQuery, *, event_type: str | None) -> Page[StoredSchema]:
        """Return schemas, ascending by id. Raises MalformedRequest for a cursor of another list."""
        after = id_position(query, start=0)
        count = await self._store.count(tenants, event_type=event_type)
        schemas = await self._store.list(tenants, after, query.limit + 1, offset=query.offset, event_type=event_type)
        return page_of(schemas, query, lambda schema: schema.id, count=count)

    async def change(
        self, tenant_id: int, schema_id: int, change: SchemaChange, caller: Principal, *, expected: int | None
    ) -> StoredSchema:
        """Change a schema; `expected` is the version that the caller saw, None for any.

        Raises NotFound, PreconditionFailed or Unavailable.
        """
        by = actor(caller)
        schema = _required(await self._store.find((tenant_id,), schema_id), expected)
        changed = schema.apply(change, by=by, at=self._clock.now())
        if changed is schema:
            return schema
        await self._record(tenant_id, caller, "event_schema.updated", changed.rules)
        async with self._store.writing(tenant_id) as unit:
            schema = await _locked(unit, tenant_id, schema_id, expected)
            changed = schema.apply(change, by=by, at=self._clock.now())
            if changed is not schema:
                await unit.save(tenant_id, changed)
            return changed

    async def delete(self, tenant_id: int, schema_id: int, caller: Principal, *, expected: int | None) -> None:
        """Delete a schema. Raises NotFound, PreconditionFailed or Unavailable."""
        schema = _required(await self._store.find((tenant_id,), schema_id), expected)
        await self._record(tenant_id, caller, "event_schema.deleted", schema.rules)
        async with self._store.writing(tenant_id) as unit:
            schema = await _locked(unit, tenant_id, schema_id, expected)
            await unit.delete(tenant_id, schema, by=actor(caller), at=self._clock.now())

    async def versions(self, tenant_id: int, schema_id: int, query: PageQuery) -> Page[SchemaVersion]:
        """Return what the schema says and said, newest first."""
        before = id_position(query, start=LARGEST_ID)
        count = await self._store.version_count(tenant_id, schema_id)
        versions = await self._store.versions(tenant_id, schema_id, before, query.limit + 1, offset=query.offset)
        return page_of(versions, query, lambda version: version.number, count=count)

    async def changes(self, after: int) -> tuple[Sequence[TenantSchemas], int]:
        """Return tenants whose schemas changed after this number, ascending, and the number of the latest change."""
        last = await self._store.last_number()
        return await self._store.changes(after, CHANGED_TENANTS), last

    async def _record(self, tenant_id: int, caller: Principal, action: ForeignAction, rules: EventSchema) -> None:
        target = f"event_schema:{rules.event_type}"
        details = {"name": rules.event_type, "mode": rules.mode, "properties": str(len(rules.properties))}
        try:
            await record_act(self._audit, tenant_id, caller, action, target, details)
        except AuditUnavailable as error:
            raise Unavailable(
                "The change cannot be audited now, so it was not made. Retry.", retry_after_s=_RETRY_AFTER_S
            ) from error


async def _locked(unit: SchemaUnit, tenant_id: int, schema_id: int, expected: int | None) -> StoredSchema:
    return _required(await unit.find(tenant_id, schema_id), expected)


def _required(schema: StoredSchema | None, expected: int | None) -> StoredSchema:
    if schema is None:
        raise _not_found()
    if expected is not None and expected != schema.version:
        raise PreconditionFailed("The schema has changed since you read it. Read it again and repeat the request.")
    return schema


def _check_limit(count: int) -> None:
    if count >= MAX_SCHEMAS:
        raise Conflict(
            f"A tenant must have at most {MAX_SCHEMAS} schemas. Delete one that is not needed.", slug="schema-limit"
        )


def _event_type_taken() -> Conflict:
    fault = Fault("event_type", "event-type-taken", "must have no schema in the tenant")
    return Conflict(
        "The tenant has a schema for this event type. Change that one instead.",
        slug="event-type-taken",
        errors=[fault],
    )


def _not_found() -> NotFound:
    return NotFound("There is no such schema.")
