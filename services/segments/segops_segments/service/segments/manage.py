"""Creating, changing and showing segments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from segops_common.core.clock import Clock
from segops_common.core.pagination import Page, decode_cursor, encode_cursor
from segops_common.core.problems import Conflict, Fault, NotAvailableYet, NotFound, PreconditionFailed, ValidationFailed
from segops_language import Group
from segops_segments.domain.segment import NOBODY, Change, NewSegment, Refresh, Segment, SegmentType, Version
from segops_segments.domain.static_list import ListChange, no_members
from segops_segments.domain.version_diff import VersionDiff, difference
from segops_segments.ports.transactions import NameTaken, ReadUnit, Store, WriteUnit
from segops_segments.service.call_coalescing import JoinedCalls
from segops_segments.service.segments.references import check_references
from segops_segments.service.validation.definition_checks import not_yet, size_faults

NEWEST = 2**63 - 1
T = TypeVar("T")


class SegmentService:
    """Segments and their versions. Whoever may not see a segment is told that there is none."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shared: JoinedCalls[Segment] = JoinedCalls()

    async def create(self, new: NewSegment, *, by: str) -> Segment:
        """Store a segment; raises Conflict (name-taken), NotAvailableYet or ValidationFailed."""
        _check_available(new.refresh, new.definition)
        _check_kind(new)
        _check_refresh(new.segment_type, new.refresh)
        now = self._clock.now()
        try:
            async with self._store.writing(new.tenant_id) as unit:
                await check_references(unit, new.tenant_id, new.definition, None)
                segment = await unit.add_segment(new.tenant_id, new, now)
                await _record(unit, None, segment, by)
                if segment.segment_type == "static":
                    await unit.announce_members(new.tenant_id, no_members(segment))
                return segment
        except NameTaken:
            raise _name_taken() from None

    async def get(self, tenants: Collection[int], segment_id: int) -> Segment:
        """The segment; raises NotFound."""
        wanted = frozenset(tenants)

        async def read() -> Segment:
            async with self._store.reading() as unit:
                return await require_segment(unit, wanted, segment_id)

        return await self._shared.join((wanted, segment_id), read)

    async def list(self, tenants: Collection[int], *, cursor: str | None, limit: int) -> Page[Segment]:
        """Segments by rising id; raises MalformedRequest for a cursor of another list."""
        after = _position(cursor, start=0)
        async with self._store.reading() as unit:
            found = await unit.list_segments(tenants, after, limit + 1)
        return _page(found, limit, [segment.id for segment in found])

    async def change(
        self, tenant_id: int, segment_id: int, change: Change, *, expected: int | None, by: str
    ) -> Segment:
        """Make a change; `expected` is the version the caller saw, or None for any.

        Raises NotFound, PreconditionFailed, Conflict (name-taken), NotAvailableYet or ValidationFailed.
        """
        _check_available(change.refresh or "manual", change.definition)
        try:
            async with self._store.writing(tenant_id) as unit:
                segment = await require_segment(unit, (tenant_id,), segment_id)
                check_version(segment, expected)
                if segment.segment_type == "static" and change.definition is not None:
                    raise Conflict("A static segment has a list and no definition.", slug="static-segment")
                _check_refresh(segment.segment_type, change.refresh or "manual")
                changed = segment.changed(change, self._clock.now())
                if changed is not segment:
                    if change.definition is not None:
                        await check_references(unit, tenant_id, change.definition, segment)
                    await unit.save_segment(tenant_id, changed)
                    await _record(unit, segment, changed, by)
                    if changed.segment_type == "static":
                        # Nothing of the list: so that every version of the segment is one of its list.
                        await unit.announce_members(tenant_id, ListChange(changed, segment.version).portion(1, 1))
                return changed
        except NameTaken:
            raise _name_taken() from None

    async def versions(self, tenant_id: int, segment_id: int, *, cursor: str | None, limit: int) -> Page[Version]:
        """The definitions the segment has had, newest first."""
        before = _position(cursor, start=NEWEST)
        async with self._store.reading() as unit:
            found = await unit.list_versions(tenant_id, segment_id, before, limit + 1)
        return _page(found, limit, [version.number for version in found])

    async def version(self, tenant_id: int, segment_id: int, number: int) -> Version:
        """The definition that the segment got with that version; raises NotFound for one that changed another thing."""
        async with self._store.reading() as unit:
            version = (await unit.versions(tenant_id, {segment_id: number})).get(segment_id)
        if version is None or version.number != number:
            raise NotFound("The segment has no such version.")
        return version

    async def diff(self, tenant_id: int, segment_id: int, number: int, *, against: int | None) -> VersionDiff:
        """What that version changed since another one, or since the one before it; raises NotFound."""
        after = await self.version(tenant_id, segment_id, number)
        if against is not None:
            return difference(await self.version(tenant_id, segment_id, against), after)
        async with self._store.reading() as unit:
            return difference((await unit.versions(tenant_id, {segment_id: number - 1})).get(segment_id), after)

    async def restore(self, tenant_id: int, segment_id: int, number: int, *, expected: int | None, by: str) -> Segment:
        """Give the segment the definition it had in that version, as a new version; raises as `change`."""
        version = await self.version(tenant_id, segment_id, number)
        return await self.change(tenant_id, segment_id, Change(definition=version.definition), expected=expected, by=by)


async def require_segment(unit: ReadUnit, tenants: Collection[int], segment_id: int) -> Segment:
    """The segment, or NotFound in words that do not say whether somebody else has it."""
    segment = await unit.find_segment(tenants, segment_id)
    if segment is None:
        raise NotFound("There is no such segment.")
    return segment


async def _record(unit: WriteUnit, before: Segment | None, after: Segment, by: str) -> None:
    """Keep the definition if it is a new one, and tell the other services."""
    if before is None or before.definition_hash != after.definition_hash:
        version = Version(
            segment_id=after.id,
            number=after.version,
            definition=after.definition,
            created_at=after.updated_at,
            created_by=by,
        )
        await unit.add_version(after.tenant_id, version)
    await unit.announce_change(after.tenant_id, after.announcement())


def _check_kind(new: NewSegment) -> None:
    if new.segment_type == "static" and new.definition != NOBODY:
        fault = Fault("definition", "not-allowed", "a static segment has a list and no definition")
        raise ValidationFailed("A static segment has no definition.", errors=[fault])


def _check_refresh(segment_type: SegmentType, refresh: Refresh) -> None:
    if segment_type == "static" and refresh != "manual":
        fault = Fault("refresh", "not-allowed", "a static segment is computed when its list changes")
        raise ValidationFailed("A static segment has no refresh.", errors=[fault])


def _check_available(refresh: str, definition: Group | None) -> None:
    if definition is not None and (faults := size_faults(definition)):
        raise ValidationFailed("The definition is too large.", errors=faults)
    missing = [not_yet("refresh", f"The refresh {refresh}")] if refresh == "live" else []
    if missing:
        raise NotAvailableYet("This is valid, but not available yet.", errors=missing)


def check_version(segment: Segment, expected: int | None) -> None:
    """Raises PreconditionFailed unless the segment is as the caller saw it; None is any."""
    if expected is not None and expected != segment.version:
        raise PreconditionFailed("The segment has changed since; read it again.")


def _name_taken() -> Conflict:
    fault = Fault("name", "name-taken", "another segment of the tenant has this name")
    return Conflict("The name is taken.", slug="name-taken", errors=[fault])


def _position(cursor: str | None, *, start: int) -> int:
    return start if cursor is None else int(decode_cursor(cursor, int)[0])


def _page(found: Sequence[T], limit: int, positions: Sequence[int]) -> Page[T]:
    more = len(found) > limit
    return Page(tuple(found[:limit]), encode_cursor([positions[limit - 1]]) if more else None)
