"""Requests exports, and finds them and their files."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.pagination import Page, PageQuery, decode_cursor, encode_cursor, invalid_cursor
from segops_common.core.problems import Conflict, Gone, NotFound, RateLimited
from segops_membership.domain.members.exports import MAX_OPEN, Export, ExportStatus
from segops_membership.domain.members.sets import MemberFormat
from segops_membership.ports.members.export_files import ExportFiles, FileLink, StoredFile
from segops_membership.ports.members.exports import Exports
from segops_membership.ports.members.sets import MemberSets
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.segment_checks import existing
from segops_membership.service.members.member_lists import computed, read_errors

_RETRY_AFTER_S: Final = 10


class SegmentExports:
    """The use case of exports. `files` is None where the settings name no place for them."""

    def __init__(
        self,
        *,
        definitions: SegmentDefinitions,
        sets: MemberSets,
        exports: Exports,
        files: ExportFiles | None,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._definitions = definitions
        self._sets = sets
        self._exports = exports
        self._files = files
        self._clock = clock
        self._ids = ids

    async def request(self, tenant_ids: Collection[int], segment_id: int, member_format: MemberFormat) -> Export:
        """Queue an export of the newest publication.

        Raises NotFound, Conflict (never-computed, exports-not-configured), RateLimited or Unavailable.
        """
        self._require_files()
        with read_errors():
            tenant_id = existing(await self._definitions.owner(tenant_ids, segment_id))
            members = computed(await self._sets.newest(tenant_id, segment_id))
            export = Export(
                tenant_id=tenant_id,
                id=self._ids.uuid7(),
                segment_id=segment_id,
                member_format=member_format,
                publication=members.attempt,
                total=members.size,
                created_at=self._clock.now(),
            )
            if not await self._exports.add(tenant_id, export, max_open=MAX_OPEN):
                raise RateLimited(
                    f"The tenant has {MAX_OPEN} exports that have not ended. Wait until one has ended.",
                    retry_after_s=_RETRY_AFTER_S,
                )
        return export

    async def find(self, tenant_ids: Collection[int], segment_id: int, export_id: str) -> Export:
        """Return an export of the segment. Raises NotFound or Unavailable."""
        export = await self._find(tenant_ids, export_id)
        if export.segment_id != segment_id:
            raise _not_found()
        return export

    async def list(self, tenant_ids: Collection[int], segment_id: int, query: PageQuery) -> Page[Export]:
        """Return the exports of a segment, newest first. Raises NotFound, MalformedRequest or Unavailable."""
        before = _position(query)
        with read_errors():
            tenant_id = existing(await self._definitions.owner(tenant_ids, segment_id))
            count = await self._exports.count_of_segment(tenant_id, segment_id)
            exports = await self._exports.of_segment(
                tenant_id, segment_id, before=before, limit=query.limit + 1, offset=query.offset
            )
        results = tuple(exports[: query.limit])
        return Page(results, encode_cursor([results[-1].id]) if len(exports) > query.limit else None, count)

    async def download(self, tenant_ids: Collection[int], export_id: str) -> tuple[Export, StoredFile | FileLink]:
        """Return the file. Raises NotFound, Conflict (export-not-complete), Gone (export-expired) or Unavailable."""
        export = await self._find(tenant_ids, export_id)
        if export.status is not ExportStatus.COMPLETE:
            raise Conflict(
                f"The export must be complete before it can be downloaded; it is {export.status}.",
                slug="export-not-complete",
            )
        files = self._require_files()
        with read_errors():
            has_expired = export.expires_at is None or export.expires_at <= self._clock.now()
            file = None if has_expired else await files.open(export.tenant_id, export)
        if file is None:
            raise Gone("The file of the export has expired. Request a new export.", slug="export-expired")
        return export, file

    async def _find(self, tenant_ids: Collection[int], export_id: str) -> Export:
        with read_errors():
            export = await self._exports.find(tenant_ids, export_id)
        if export is None:
            raise _not_found()
        return export

    def _require_files(self) -> ExportFiles:
        if self._files is None:
            raise Conflict(
                "SEGOPS_EXPORTS_URL must name a place for the files of exports.", slug="exports-not-configured"
            )
        return self._files


def _not_found() -> NotFound:
    return NotFound("There is no such export.")


def _position(query: PageQuery) -> str | None:
    if query.cursor is None:
        return None
    (position,) = decode_cursor(query.cursor, str)
    try:
        return str(UUID(str(position)))
    except ValueError as error:
        raise invalid_cursor() from error
