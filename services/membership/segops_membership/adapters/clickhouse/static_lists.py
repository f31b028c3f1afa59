"""Static lists: their changes in ClickHouse, the state of each list in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Final

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.adapters.postgres.sessions import reading, transaction
from segops_membership.domain.static_list import StaticListState
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE

_TIMEOUT_S: Final = 300
_STATES: Final = sa.text("""
    SELECT segment_id, since, version, kept, coming, parts, lost FROM membership.static_lists
    WHERE tenant_id = :tenant_id AND segment_id = ANY(:segment_ids)""")
_SAVE: Final = sa.text("""
    INSERT INTO membership.static_lists AS l (tenant_id, segment_id, since, version, kept, coming, parts, lost)
    VALUES (:tenant_id, :segment_id, :since, :version, :kept, :coming, :parts, :lost)
    ON CONFLICT (tenant_id, segment_id) DO UPDATE
    SET since = excluded.since, version = excluded.version, kept = excluded.kept,
        coming = excluded.coming, parts = excluded.parts, lost = excluded.lost
    WHERE (l.version, l.coming, l.parts) <= (excluded.version, excluded.coming, excluded.parts)""")

_FORGET: Final = (
    "DELETE FROM static_members"
    " WHERE tenant_id = {tenant:UInt64} AND segment_id = {segment:UInt64} AND list_version < {before:UInt64}"
)

# Nothing reads the deleted rows any more, so the deletion need not be awaited.
_FORGET_SETTINGS: Final = {"lightweight_deletes_sync": 0}


class StoredStaticLists:
    """See the port `StaticLists`."""

    def __init__(self, *, clickhouse: ClickHouse, engine: AsyncEngine) -> None:
        self._clickhouse = clickhouse
        self._engine = engine

    async def states(self, tenant_id: int, segment_ids: Collection[int]) -> Mapping[int, StaticListState]:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            values = {"tenant_id": tenant_id, "segment_ids": list(segment_ids)}
            rows = (await session.execute(_STATES, values)).mappings().all()
        return {
            row["segment_id"]: StaticListState(**{k: v for k, v in row.items() if k != "segment_id"}) for row in rows
        }

    async def store(self, tenant_id: int, portions: Sequence[StaticMembersChanged]) -> None:
        """See the port."""
        if not any(portion.add or portion.remove for portion in portions):
            return
        with driver_errors():
            await self._clickhouse.insert_json_lines(
                f"{STATIC_MEMBERS_TABLE} (tenant_id, segment_id, list_version, user_id, present)",
                _lines(tenant_id, portions),
                timeout_s=_TIMEOUT_S,
            )

    async def save_state(self, tenant_id: int, segment_id: int, state: StaticListState) -> None:
        """See the port."""
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_SAVE, {"tenant_id": tenant_id, "segment_id": segment_id, **asdict(state)})

    async def forget(self, tenant_id: int, segment_id: int, before: int) -> None:
        """See the port."""
        values = {"tenant": tenant_id, "segment": segment_id, "before": before}
        with driver_errors():
            for shard in self._clickhouse.shards:
                await shard.command(_FORGET, values, settings=_FORGET_SETTINGS, timeout_s=_TIMEOUT_S)


async def _lines(tenant_id: int, portions: Sequence[StaticMembersChanged]) -> AsyncIterator[bytes]:
    """Yield rows a portion at a time: a copy of a large change would not fit in memory."""
    for portion in portions:
        head = b'{"tenant_id":%d,"segment_id":%d,"list_version":%d,' % (
            tenant_id,
            portion.segment_id,
            portion.list_version,
        )
        for present, users in ((b"true", portion.add), (b"false", portion.remove)):
            tail = b'"present":%s,"user_id":' % present
            if users:
                yield b"".join(head + tail + orjson.dumps(user) + b"}\n" for user in users)
