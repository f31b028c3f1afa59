"""The current definitions of segments, table `membership.segment_definitions`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import SegmentChanged
from segops_language import Group
from segops_membership.adapters.postgres.sessions import reading, transaction
from segops_membership.domain.segment_definition import SegmentDefinition

_APPLY: Final = sa.text("""
    INSERT INTO membership.segment_definitions AS d (tenant_id, segment_id, version, definition, refresh, deleted, name)
    VALUES (:tenant_id, :segment_id, :version, CAST(:definition AS json), :refresh, :deleted, :name)
    ON CONFLICT (tenant_id, segment_id) DO UPDATE
    SET version = excluded.version, definition = excluded.definition, refresh = excluded.refresh,
        deleted = excluded.deleted, name = excluded.name
    WHERE NOT d.deleted AND (
        excluded.deleted OR d.version < excluded.version
        OR (d.version = excluded.version AND d.name IS NULL AND excluded.name IS NOT NULL))""")
# As text, because PostgreSQL's JSON type would change numbers.
_COLUMNS: Final = (
    "SELECT segment_id, version, CAST(definition AS text), refresh, name FROM membership.segment_definitions"
)
_CURRENT: Final = sa.text(f"{_COLUMNS} WHERE tenant_id = :tenant_id AND segment_id = :segment_id AND NOT deleted")
_OF_TENANT: Final = sa.text(f"{_COLUMNS} WHERE tenant_id = :tenant_id AND NOT deleted ORDER BY segment_id")
_OWNER: Final = sa.text("""
    SELECT tenant_id FROM membership.segment_definitions
    WHERE tenant_id = ANY(:tenant_ids) AND segment_id = :segment_id AND NOT deleted""")

Fetch = Callable[[Collection[int], int], Awaitable[SegmentChanged | None]]
"""Asks the service of segments for a segment of one of the tenants. None: none has it, or the service is away."""


class PostgresSegmentDefinitions:
    """See the port `SegmentDefinitions`. With `fetch`, a segment is found before its creation arrives."""

    def __init__(self, *, engine: AsyncEngine, fetch: Fetch | None = None) -> None:
        self._engine = engine
        self._fetch = fetch

    async def apply(self, changes: Sequence[SegmentChanged]) -> None:
        """See the port. All changes in one transaction."""
        values = [
            {
                "tenant_id": change.tenant_id,
                "segment_id": change.segment_id,
                "version": change.version,
                "definition": change.definition.model_dump_json(),
                "refresh": change.refresh,
                "deleted": change.deleted,
                "name": change.name,
            }
            for change in changes
        ]
        async with transaction(self._engine, {change.tenant_id for change in changes}) as session:
            for value in values:
                await session.execute(_APPLY, value)

    async def find(self, tenant_id: int, segment_id: int) -> SegmentDefinition | None:
        """See the port."""
        values = {"tenant_id": tenant_id, "segment_id": segment_id}
        rows = await self._rows(tenant_id, _CURRENT, values)
        if not rows and await self._arrives([tenant_id], segment_id):
            rows = await self._rows(tenant_id, _CURRENT, values)
        return _definition(rows[0]) if rows else None

    async def of_tenant(self, tenant_id: int) -> Mapping[int, SegmentDefinition]:
        """See the port."""
        rows = await self._rows(tenant_id, _OF_TENANT, {"tenant_id": tenant_id})
        return {row.segment_id: _definition(row) for row in rows}

    async def owner(self, tenant_ids: Collection[int], segment_id: int) -> int | None:
        """See the port."""
        values = {"tenant_ids": sorted(tenant_ids), "segment_id": segment_id}
        rows = await self._rows(tenant_ids, _OWNER, values)
        if not rows and await self._arrives(tenant_ids, segment_id):
            rows = await self._rows(tenant_ids, _OWNER, values)
        return int(rows[0].tenant_id) if rows else None

    async def _arrives(self, tenant_ids: Collection[int], segment_id: int) -> bool:
        """Take in a segment that was created a moment ago. Returns whether there is one."""
        change = None if self._fetch is None else await self._fetch(tenant_ids, segment_id)
        if change is None or change.tenant_id not in tenant_ids:
            return False
        await self.apply([change])
        return True

    async def _rows(
        self, tenants: int | Collection[int], query: sa.TextClause, values: Mapping[str, object]
    ) -> Sequence[sa.Row[Any]]:
        async with reading(self._engine, tenants) as session:
            return (await session.execute(query, values)).all()


def _definition(row: sa.Row[Any]) -> SegmentDefinition:
    return SegmentDefinition(
        segment_id=row.segment_id,
        version=row.version,
        definition=Group.model_validate_json(row.definition),
        refresh=row.refresh,
        name=row.name,
    )
