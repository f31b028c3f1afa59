"""Creating, reading and changing segments and their versions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from segops_common.core.clock import Clock
from segops_common.core.pagination import LARGEST_ID, Page, PageQuery, id_position, page_of
from segops_common.core.problems import Conflict, Fault, NotAvailableYet, NotFound, ValidationFailed
from segops_language import Group
from segops_segments.domain.segment import (
    EVERY_SEGMENT,
    NOBODY,
    Change,
    NewSegment,
    Refresh,
    Segment,
    SegmentFilter,
    SegmentType,
    Version,
)
from segops_segments.domain.static_list import ListChange, empty_list
from segops_segments.domain.version_diff import VersionDiff, version_diff
from segops_segments.ports.segments import NameTaken
from segops_segments.ports.transactions import Store, WriteUnit
from segops_segments.service.call_coalescing import CallCoalescer
from segops_segments.service.segments.access import require_segment, require_version
from segops_segments.service.segments.references import require_valid_references
from segops_segments.service.validation.definition_checks import not_available_yet, size_faults


class ManageSegments:
    """Creates, reads and changes segments. A segment of another tenant looks like one that does not exist."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._reads: CallCoalescer[Segment] = CallCoalescer()

    async def create(self, new: NewSegment, *, by: str) -> Segment:
        """Store a segment. Raises Conflict (name-taken), NotAvailableYet or ValidationFailed."""
        _require_available(new.refresh, new.definition)
        _require_definition_fits_type(new)
        _require_refresh_fits_type(new.segment_type, new.refresh)
        now = self._clock.now()
        try:
            async with self._store.writing(new.tenant_id) as unit:
                await require_valid_references(unit, new.tenant_id, new.definition, None)
                segment = await unit.add_segment(new.tenant_id, replace(new, created_by=by), now)
                await _record_change(unit, None, segment, by)
                if segment.segment_type == "static":
                    await unit.put_list_change(new.tenant_id, empty_list(segment))
                return segment
        except NameTaken:
            raise _name_taken() from None

    async def get(self, tenants: Collection[int], segment_id: int) -> Segment:
        """Return the segment. Raises NotFound."""
        visible = frozenset(tenants)

        async def read() -> Segment:
            async with self._store.reading() as unit:
                return await require_segment(unit, visible, segment_id)

        return await self._reads.run((visible, segment_id), read)

    async def list(
        self, tenants: Collection[int], query: PageQuery, only: SegmentFilter = EVERY_SEGMENT
    ) -> Page[Segment]:
        """Return segments that the filter selects, ascending by id. Raises MalformedRequest for a cursor of another list."""
        after = id_position(query, start=0)
        async with self._store.reading() as unit:
            count = await unit.segment_count(tenants, only)
            segments = await unit.list_segments(tenants, after, query.limit + 1, offset=query.offset, only=only)
        return page_of(segments, query, lambda segment: segment.id, count=count)

    async def change(
        self, tenant_id: int, segment_id: int, change: Change, *, expected: int | None, by: str
    ) -> Segment:
        """Change a segment; `expected` is the version that the caller saw, or None for any.

        Raises NotFound, PreconditionFailed, Conflict (name-taken), NotAvailableYet or ValidationFailed.
        """
        _require_available(change.refresh or "manual", change.definition)
        try:
            async with self._store.writing(tenant_id) as unit:
                segment = await require_segment(unit, (tenant_id,), segment_id)
                require_version(segment, expected)
                if segment.segment_type == "static" and change.definition is not None:
                    raise Conflict(
                        "A static segment must not have a definition: change its list at `members/` instead.",
                        slug="static-segment",
                    )
                _require_refresh_fits_type(segment.segment_type, change.refresh or "manual")
                changed = segment.apply(change, self._clock.now())
                if changed is not segment:
                    if change.definition is not None:
                        await require_valid_references(unit, tenant_id, change.definition, segment)
                    await _save_change(unit, segment, changed, by)
                return changed
        except NameTaken:
            raise _name_taken() from None

    async def versions(self, tenant_id: int, segment_id: int, query: PageQuery) -> Page[Version]:
        """Return the present and past definitions of the segment, newest first."""
        before = id_position(query, start=LARGEST_ID)
        async with self._store.reading() as unit:
            count = await unit.version_count(tenant_id, segment_id)
            versions = await unit.list_versions(tenant_id, segment_id, before, query.limit + 1, offset=query.offset)
        return page_of(versions, query, lambda version: version.number, count=count)

    async def version(self, tenant_id: int, segment_id: int, number: int) -> Version:
        """Return a version that changed the definition. Raises NotFound for any other number."""
        async with self._store.reading() as unit:
            version = (await unit.newest_versions(tenant_id, {segment_id: number})).get(segment_id)
        if version is None or version.number != number:
            raise NotFound("The segment has no version with this number that changed its definition.")
        return version

    async def diff(self, tenant_id: int, segment_id: int, number: int, *, against: int | None) -> VersionDiff:
        """Return what the version changed since `against`, by default the version before it. Raises NotFound."""
        after = await self.version(tenant_id, segment_id, number)
        if against is not None:
            return version_diff(await self.version(tenant_id, segment_id, against), after)
        async with self._store.reading() as unit:
            before = await unit.newest_versions(tenant_id, {segment_id: number - 1})
        return version_diff(before.get(segment_id), after)

    async def restore(self, tenant_id: int, segment_id: int, number: int, *, expected: int | None, by: str) -> Segment:
        """Set the definition of that version again, as a new version. Raises the same errors as `change`."""
        version = await self.version(tenant_id, segment_id, number)
        return await self.change(tenant_id, segment_id, Change(definition=version.definition), expected=expected, by=by)


async def _save_change(unit: WriteUnit, before: Segment, after: Segment, by: str) -> None:
    await unit.save_segment(after.tenant_id, after)
    await _record_change(unit, before, after, by)
    if after.segment_type == "static":
        # Without any ids: every version of the segment must also be a version of its list.
        await unit.put_list_change(after.tenant_id, ListChange(after, before.version).to_message(1, 1))


async def _record_change(unit: WriteUnit, before: Segment | None, after: Segment, by: str) -> None:
    """Store the definition if it is new, and publish the segment."""
    if before is None or before.definition_hash != after.definition_hash:
        version = Version(
            segment_id=after.id,
            number=after.version,
            definition=after.definition,
            created_at=after.updated_at,
            created_by=by,
        )
        await unit.add_version(after.tenant_id, version)
    await unit.put_segment_change(after.tenant_id, after.to_message())


def _require_definition_fits_type(new: NewSegment) -> None:
    if new.segment_type == "static" and new.definition != NOBODY:
        fault = Fault("definition", "not-allowed", "must be left out for a static segment, which has a list instead")
        raise ValidationFailed("A static segment must not have a definition.", errors=[fault])


def _require_refresh_fits_type(segment_type: SegmentType, refresh: Refresh) -> None:
    if segment_type == "static" and refresh != "manual":
        fault = Fault(
            "refresh", "not-allowed", "must be `manual` for a static segment: it is computed when its list changes"
        )
        raise ValidationFailed("The refresh of a static segment must be `manual`.", errors=[fault])


def _require_available(refresh: Refresh, definition: Group | None) -> None:
    if definition is not None and (faults := size_faults(definition)):
        raise ValidationFailed("The definition is too large.", errors=faults)
    if refresh == "live":
        raise NotAvailableYet(
            "The request is valid, but uses what is not available yet.",
            errors=[not_available_yet("refresh", "The refresh `live`")],
        )


def _name_taken() -> Conflict:
    fault = Fault("name", "name-taken", "must be unique in the tenant")
    return Conflict(
        "Another segment of the tenant has this name. Choose another name.", slug="name-taken", errors=[fault]
    )
