"""Segments, runs and the writing side of the outbox in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import ComputeJob, SegmentChanged, StaticMembersChanged
from segops_common.stores.postgres import ReadSession, WriteSession, read_session, write_session
from segops_common.telemetry.tracing import current_traceparent
from segops_language import content_hash, to_json
from segops_segments.adapters.postgres.reference_queries import (
    above,
    below,
    edges_of,
    graph_below,
    graph_of,
    shown_segments,
)
from segops_segments.adapters.postgres.tables import (
    SERVED,
    SETTLED,
    is_due,
    lanes,
    outbox,
    row_of_new_run,
    row_of_run,
    row_of_segment,
    run_of,
    runs,
    segment_of,
    segment_references,
    segments,
    version_of,
    versions,
)
from segops_segments.domain.references import Graph
from segops_segments.domain.run import NewRun, Run
from segops_segments.domain.segment import NewSegment, Segment, Version, definition_bytes
from segops_segments.ports.transactions import NameTaken, TopicName

_NEXT_RUN_ID: Final = sa.text("SELECT nextval(pg_get_serial_sequence('segments.runs', 'id'))")


class PostgresReadUnit:
    """Reads in one transaction."""

    def __init__(self, session: ReadSession | WriteSession) -> None:
        self._session = session

    async def find_segment(self, tenants: Collection[int], segment_id: int) -> Segment | None:
        query = shown_segments().where(
            segments.c.tenant_id.in_(tenants), segments.c.id == segment_id, segments.c.deleted_at.is_(None)
        )
        row = (await self._session.execute(query)).mappings().one_or_none()
        return None if row is None else segment_of(row)

    async def list_segments(
        self, tenants: Collection[int], after: int, limit: int, *, among: Collection[int] | None = None
    ) -> Sequence[Segment]:
        query = (
            shown_segments()
            .where(segments.c.tenant_id.in_(tenants), segments.c.id > after, segments.c.deleted_at.is_(None))
            .where(sa.true() if among is None else segments.c.id.in_(among))
            .order_by(segments.c.id)
            .limit(limit)
        )
        return [segment_of(row) for row in (await self._session.execute(query)).mappings()]

    async def due_segments(self, tenant_id: int, before: datetime, limit: int) -> Sequence[Segment]:
        own = (segments.c.tenant_id == tenant_id, is_due(before))
        query = shown_segments().where(*own).order_by(segments.c.id).limit(limit)
        return [segment_of(row) for row in (await self._session.execute(query)).mappings()]

    async def referring_to(self, tenant_id: int, segment_id: int) -> Collection[int]:
        return [row.id for row in await self._session.execute(above(tenant_id, segment_id))]

    async def reference_graph(self, tenant_id: int, segment_ids: Collection[int]) -> Graph:
        return graph_of((await self._session.execute(graph_below(tenant_id, segment_ids))).mappings())

    async def list_referred(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Segment]:
        query = shown_segments().where(below(tenant_id, segment_ids)).order_by(segments.c.id)
        return [segment_of(row) for row in (await self._session.execute(query)).mappings()]

    async def with_definition(self, tenant_id: int, definition_hash: str, limit: int) -> Sequence[int]:
        query = (
            sa.select(segments.c.id)
            .where(
                segments.c.tenant_id == tenant_id,
                segments.c.definition_hash == definition_hash,
                segments.c.segment_type == "rule",
                segments.c.deleted_at.is_(None),
            )
            .order_by(segments.c.id)
            .limit(limit)
        )
        return (await self._session.execute(query)).scalars().all()

    async def list_versions(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[Version]:
        own = (versions.c.tenant_id == tenant_id, versions.c.segment_id == segment_id, versions.c.number < before)
        query = sa.select(versions).where(*own).order_by(versions.c.number.desc()).limit(limit)
        return [version_of(row) for row in (await self._session.execute(query)).mappings()]

    async def versions(self, tenant_id: int, at_most: Mapping[int, int]) -> Mapping[int, Version]:
        query = _newest_versions(tenant_id, at_most)
        return {row["segment_id"]: version_of(row) for row in (await self._session.execute(query)).mappings()}

    async def list_runs(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[Run]:
        query = (
            sa.select(runs)
            .where(runs.c.tenant_id == tenant_id, runs.c.segment_id == segment_id, runs.c.id < before)
            .order_by(runs.c.id.desc())
            .limit(limit)
        )
        return [run_of(row) for row in (await self._session.execute(query)).mappings()]

    async def find_runs(self, tenant_id: int, run_id: int) -> Sequence[Run]:
        own = (runs.c.tenant_id == tenant_id, runs.c.id == run_id)
        query = sa.select(runs).where(*own).order_by(runs.c.segment_id)
        return [run_of(row) for row in (await self._session.execute(query)).mappings()]

    async def served_run(self, tenant_id: int, segment_id: int) -> Run | None:
        return await self._newest_run(tenant_id, segment_id, SERVED)

    async def settled_run(self, tenant_id: int, segment_id: int) -> Run | None:
        return await self._newest_run(tenant_id, segment_id, SETTLED)

    async def _newest_run(self, tenant_id: int, segment_id: int, such: sa.TextClause) -> Run | None:
        query = (
            sa.select(runs)
            .where(runs.c.tenant_id == tenant_id, runs.c.segment_id == segment_id, such)
            .order_by(runs.c.id.desc())
            .limit(1)
        )
        row = (await self._session.execute(query)).mappings().one_or_none()
        return None if row is None else run_of(row)


def _newest_versions(tenant_id: int, at_most: Mapping[int, int]) -> sa.Select[Any]:
    keys = sa.literal(list(at_most), ARRAY(sa.BigInteger)), sa.literal(list(at_most.values()), ARRAY(sa.BigInteger))
    names = [sa.column(name, sa.BigInteger) for name in ("segment_id", "number")]
    wanted = sa.func.unnest(*keys).table_valued(*names, name="wanted").render_derived()
    own = (versions.c.tenant_id == tenant_id, versions.c.segment_id == wanted.c.segment_id)
    newest = (
        sa.select(versions)
        .where(*own, versions.c.number <= wanted.c.number)
        .order_by(versions.c.number.desc())
        .limit(1)
        .lateral("newest")
    )
    return sa.select(newest).select_from(wanted.join(newest, sa.true()))


class PostgresWriteUnit(PostgresReadUnit):
    """Reads and writes in one transaction that holds the tenant's lock."""

    def __init__(self, session: WriteSession) -> None:
        super().__init__(session)
        self._session: WriteSession = session

    async def add_segment(self, tenant_id: int, new: NewSegment, at: datetime) -> Segment:
        values = {
            "tenant_id": tenant_id,
            "name": new.name,
            "segment_type": new.segment_type,
            "definition": to_json(new.definition),
            "definition_bytes": definition_bytes(new.definition),
            "definition_hash": content_hash(new.definition),
            "description": new.description,
            "refresh": new.refresh,
            "version": 1,
            "created_at": at,
            "updated_at": at,
        }
        try:
            made = await self._session.execute(sa.insert(segments).values(values).returning(segments))
        except IntegrityError as error:
            raise NameTaken from error
        segment = segment_of(made.mappings().one())
        await self._write_references(tenant_id, segment.id, segment.references)
        return segment

    async def save_segment(self, tenant_id: int, segment: Segment) -> None:
        own = (segments.c.tenant_id == tenant_id, segments.c.id == segment.id)
        try:
            await self._session.execute(sa.update(segments).where(*own).values(row_of_segment(segment)))
        except IntegrityError as error:
            raise NameTaken from error
        await self._write_references(tenant_id, segment.id, segment.references)

    async def delete_segment(self, tenant_id: int, segment_id: int, at: datetime) -> None:
        own = (segments.c.tenant_id == tenant_id, segments.c.id == segment_id)
        await self._session.execute(sa.update(segments).where(*own).values(deleted_at=at))
        await self._write_references(tenant_id, segment_id, ())

    async def _write_references(self, tenant_id: int, segment_id: int, refers_to: Collection[int]) -> None:
        edges = segment_references.c
        own = (edges.tenant_id == tenant_id, edges.segment_id == segment_id)
        await self._session.execute(sa.delete(segment_references).where(*own))
        if refers_to:
            await self._session.execute(sa.insert(segment_references), edges_of(tenant_id, segment_id, refers_to))

    async def add_version(self, tenant_id: int, version: Version) -> None:
        values = {
            "segment_id": version.segment_id,
            "number": version.number,
            "tenant_id": tenant_id,
            "definition": to_json(version.definition),
            "created_at": version.created_at,
            "created_by": version.created_by,
        }
        await self._session.execute(sa.insert(versions).values(values))

    async def add_run(self, tenant_id: int, together: Sequence[NewRun]) -> Sequence[Run]:
        run_id = (await self._session.execute(_NEXT_RUN_ID)).scalar_one()
        rows = [row_of_new_run(run_id, tenant_id, new) for new in together]
        made = await self._session.execute(sa.insert(runs).returning(runs), rows)
        return sorted((run_of(row) for row in made.mappings()), key=lambda run: run.segment_id)

    async def save_runs(self, tenant_id: int, saved: Sequence[Run]) -> None:
        if not saved:
            return
        named = {"its_tenant": runs.c.tenant_id, "its_id": runs.c.id, "its_segment": runs.c.segment_id}
        own = [column == sa.bindparam(name, type_=sa.BigInteger) for name, column in named.items()]
        rows = [
            {"its_tenant": tenant_id, "its_id": run.id, "its_segment": run.segment_id, **row_of_run(run)}
            for run in saved
        ]
        await self._session.execute(sa.update(runs).where(*own), rows)

    async def queued_runs(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Run]:
        query = (
            sa.select(runs)
            .where(runs.c.tenant_id == tenant_id, runs.c.segment_id.in_(segment_ids))
            .where(runs.c.state == "queued", sa.not_(runs.c.fixed))
            .order_by(runs.c.id)
        )
        return [run_of(row) for row in (await self._session.execute(query)).mappings()]

    async def announce_change(self, tenant_id: int, change: SegmentChanged) -> None:
        await self._put(tenant_id, "segops.segments", change.model_dump_json().encode())

    async def announce_members(self, tenant_id: int, portion: StaticMembersChanged) -> None:
        await self._put(tenant_id, "segops.static-members", portion.model_dump_json().encode())

    async def announce_job(self, tenant_id: int, job: ComputeJob) -> int:
        return await self._put(tenant_id, "segops.compute-jobs", job.model_dump_json().encode())

    async def recall_job(self, tenant_id: int, message_id: int) -> bool:
        own = (outbox.c.tenant_id == tenant_id, outbox.c.id == message_id, sa.not_(outbox.c.claimed))
        taken = await self._session.execute(sa.delete(outbox).where(*own).returning(outbox.c.id))
        return taken.scalar_one_or_none() is not None

    async def _put(self, tenant_id: int, topic: TopicName, value: bytes) -> int:
        await self._session.execute(insert(lanes).values(tenant_id=tenant_id).on_conflict_do_nothing())
        message = {
            "tenant_id": tenant_id,
            "topic": topic,
            "value": value + b"\n",
            "traceparent": current_traceparent(),
        }
        made = await self._session.execute(sa.insert(outbox).values(message).returning(outbox.c.id))
        message_id: int = made.scalar_one()
        return message_id


class PostgresStore:
    """The store of one database."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[PostgresReadUnit]:
        async with read_session(self._engine) as session:
            yield PostgresReadUnit(session)

    @asynccontextmanager
    async def writing(self, tenant_id: int) -> AsyncIterator[PostgresWriteUnit]:
        async with write_session(self._engine) as session:
            # Ids are drawn under the lock, so they rise in the order in which the tenant's transactions commit.
            lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"segops.segments:{tenant_id}", 0))
            await session.execute(sa.select(lock))
            yield PostgresWriteUnit(session)

    async def find_runs(self, wanted: Collection[tuple[int, int]]) -> Sequence[Run]:
        query = sa.select(runs).where(sa.tuple_(runs.c.tenant_id, runs.c.id).in_(list(wanted)))
        async with read_session(self._engine) as session:
            return [run_of(row) for row in (await session.execute(query)).mappings()]

    async def due_tenants(self, before: datetime, limit: int) -> Sequence[int]:
        query = sa.select(segments.c.tenant_id).where(is_due(before)).distinct().limit(limit)
        async with read_session(self._engine) as session:
            return (await session.execute(query)).scalars().all()

    async def overdue_runs(self, now: datetime, limit: int) -> Sequence[tuple[int, int]]:
        waiting = sa.exists().where(outbox.c.id == runs.c.message_id, outbox.c.sent_at.is_(None))
        query = (
            sa.select(runs.c.tenant_id, runs.c.id)
            .where(runs.c.state.in_(("queued", "running")), runs.c.lease_until <= now, sa.not_(waiting))
            .group_by(runs.c.tenant_id, runs.c.id)
            .order_by(sa.func.min(runs.c.lease_until))
            .limit(limit)
        )
        async with read_session(self._engine) as session:
            return [(row.tenant_id, row.id) for row in await session.execute(query)]
