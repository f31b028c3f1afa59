"""Consumes changes of segments and keeps the current definitions."""

from __future__ import annotations

from pydantic import ValidationError

from segops_common.contracts.jobs import SegmentChanged
from segops_common.core.problems import ValidationFailed
from segops_common.streams.log import Record
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch
from segops_membership.ports.segment_definitions import SegmentDefinitions


class SegmentChanges:
    """See `BatchHandler`. A record that comes again, or late, has no effect."""

    def __init__(self, *, definitions: SegmentDefinitions) -> None:
        self._definitions = definitions

    async def handle(self, batch: Batch) -> None:
        """Apply all changes, then raise BadRecords for records that are none. EngineUnavailable is retried."""
        bad = [fault for record in batch.records if (fault := await self._apply(record)) is not None]
        if bad:
            raise BadRecords(bad)

    async def _apply(self, record: Record) -> BadRecord | None:
        try:
            changes = [SegmentChanged.model_validate_json(line) for line in record.value.splitlines() if line.strip()]
        except ValidationError:
            return BadRecord(record.offset, "not-a-segment-change", "a line must be a change of a segment")
        try:
            await self._definitions.apply(changes)
        except ValidationFailed as error:
            return BadRecord(record.offset, "not-storable", error.detail)
        return None
