"""Segments in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from segops_language.lint.values import instant_properties_of
from segops_segments.adapters.postgres.hourly import is_due
from segops_segments.adapters.postgres.incomplete import must_be_repeated
from segops_segments.adapters.postgres.references import edge_rows, select_shown_segments
from segops_segments.adapters.postgres.rows import segment_of, segment_values
from segops_segments.adapters.postgres.sessions import SessionReads, SessionWrites
from segops_segments.adapters.postgres.tables import segment_references, segments
from segops_segments.domain.segment import EVERY_SEGMENT, NewSegment, Segment, SegmentFilter, searched_text
from segops_segments.ports.segments import NameTaken

_INSTANT_OPERATORS: Final = r'"operator": *"(before|after|within_last|not_within_last)"'


def _is_selected(tenants: Collection[int], only: SegmentFilter) -> sa.ColumnElement[bool]:
    columns = segments.c
    conditions: list[sa.ColumnElement[bool]] = [columns.tenant_id.in_(tenants), columns.deleted_at.is_(None)]
    if only.text is not None:
        text = searched_text(only.text)
        # A process of an earlier version leaves no searched text. The next save by a later one makes it exact.
        unsearched = sa.func.lower(sa.func.normalize(columns.description))
        description = sa.case((columns.searched_description == "", unsearched), else_=columns.searched_description)
        has_text = (column.contains(text, autoescape=True) for column in (columns.searched_name, description))
        conditions.append(sa.or_(*has_text, columns.id == only.segment_id))
    if only.tag is not None:
        conditions.append(columns.tags.contains([only.tag]))
    if only.owner is not None:
        conditions.append(columns.created_by == only.owner)
    return sa.and_(*conditions)


class SegmentReads(SessionReads):
    """See the port `SegmentReader`."""

    async def find_segment(self, tenants: Collection[int], segment_id: int) -> Segment | None:
        query = select_shown_segments().where(
            segments.c.tenant_id.in_(tenants), segments.c.id == segment_id, segments.c.deleted_at.is_(None)
        )
        row = (await self._execute(tenants, query)).mappings().one_or_none()
        return None if row is None else segment_of(row)

    async def list_segments(
        self,
        tenants: Collection[int],
        after: int,
        limit: int,
        *,
        offset: int = 0,
        among: Collection[int] | None = None,
        only: SegmentFilter = EVERY_SEGMENT,
    ) -> Sequence[Segment]:
        query = (
            select_shown_segments()
            .where(_is_selected(tenants, only), segments.c.id > after)
            .where(sa.true() if among is None else segments.c.id.in_(among))
            .order_by(segments.c.id)
            .limit(limit)
            .offset(offset)
        )
        return [segment_of(row) for row in (await self._execute(tenants, query)).mappings()]

    async def segment_count(self, tenants: Collection[int], only: SegmentFilter = EVERY_SEGMENT) -> int:
        query = sa.select(sa.func.count()).where(_is_selected(tenants, only))
        return int((await self._execute(tenants, query)).scalar_one())

    async def due_segments(self, tenant_id: int, not_after: datetime, limit: int) -> Sequence[Segment]:
        own = (segments.c.tenant_id == tenant_id, is_due(not_after))
        query = select_shown_segments().where(*own).order_by(segments.c.id).limit(limit)
        return [segment_of(row) for row in (await self._execute(tenant_id, query)).mappings()]

    async def incomplete_segments(self, tenant_id: int, limit: int) -> Sequence[Segment]:
        own = (segments.c.tenant_id == tenant_id, must_be_repeated())
        query = select_shown_segments().where(*own).order_by(segments.c.id).limit(limit)
        return [segment_of(row) for row in (await self._execute(tenant_id, query)).mappings()]

    async def segments_with_definition(self, tenant_id: int, definition_hash: str, limit: int) -> Sequence[int]:
        query = (
            sa.select(segments.c.id)
            .where(
                segments.c.tenant_id == tenant_id,
                segments.c.definition_hash == definition_hash,
                segments.c.segment_type != "static",
                segments.c.deleted_at.is_(None),
            )
            .order_by(segments.c.id)
            .limit(limit)
        )
        return (await self._execute(tenant_id, query)).scalars().all()

    async def segments_with_instants(self, tenant_id: int, limit: int) -> Sequence[Segment]:
        # The text finds all of them, and others that compare the times of events: these are dropped when they are parsed.
        document = sa.cast(segments.c.definition, sa.Text)
        query = (
            select_shown_segments()
            .where(segments.c.tenant_id == tenant_id, segments.c.deleted_at.is_(None))
            .where(document.regexp_match(_INSTANT_OPERATORS))
            .order_by(segments.c.id)
        )
        rows = (await self._execute(tenant_id, query)).mappings()
        with_instants = (segment for segment in map(segment_of, rows) if instant_properties_of(segment.definition))
        return list(islice(with_instants, limit))


class SegmentWrites(SessionWrites, SegmentReads):
    """See the port `SegmentWriter`."""

    async def add_segment(self, tenant_id: int, new: NewSegment, at: datetime) -> Segment:
        values = {
            **segment_values(new),
            "tenant_id": tenant_id,
            "segment_type": new.segment_type,
            "created_by": new.created_by,
            "version": 1,
            "created_at": at,
            "updated_at": at,
        }
        try:
            inserted = await self._execute(tenant_id, sa.insert(segments).values(values).returning(segments))
        except IntegrityError as error:
            raise NameTaken from error
        segment = segment_of(inserted.mappings().one())
        await self._write_references(tenant_id, segment.id, segment.references)
        return segment

    async def save_segment(self, tenant_id: int, segment: Segment) -> None:
        own = (segments.c.tenant_id == tenant_id, segments.c.id == segment.id)
        values = {
            **segment_values(segment),
            "version": segment.version,
            "updated_at": segment.updated_at,
            "list_size": segment.list_size,
        }
        try:
            await self._execute(tenant_id, sa.update(segments).where(*own).values(values))
        except IntegrityError as error:
            raise NameTaken from error
        await self._write_references(tenant_id, segment.id, segment.references)

    async def delete_segment(self, tenant_id: int, segment_id: int, at: datetime) -> None:
        own = (segments.c.tenant_id == tenant_id, segments.c.id == segment_id)
        await self._execute(tenant_id, sa.update(segments).where(*own).values(deleted_at=at))
        await self._write_references(tenant_id, segment_id, ())

    async def _write_references(self, tenant_id: int, segment_id: int, refers_to: Collection[int]) -> None:
        edges = segment_references.c
        own = (edges.tenant_id == tenant_id, edges.segment_id == segment_id)
        await self._execute(tenant_id, sa.delete(segment_references).where(*own))
        if refers_to:
            await self._execute(tenant_id, sa.insert(segment_references), edge_rows(tenant_id, segment_id, refers_to))
