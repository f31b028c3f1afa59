"""Changes of segments from the topic, kept as the present definitions."""

from __future__ import annotations

from pydantic import ValidationError

from segops_common.contracts.jobs import SegmentChanged
from segops_common.core.problems import ValidationFailed
from segops_common.streams.log import Record
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch
from segops_membership.ports import Definitions


class SegmentChanges:
    """See `BatchHandler`. Taking a record in again, or late, changes nothing."""

    def __init__(self, *, definitions: Definitions) -> None:
        self._definitions = definitions

    async def handle(self, batch: Batch) -> None:
        """Raises BadRecords for records that are no changes, when all others are kept; an Outage is tried again."""
        bad = [fault for record in batch.records if (fault := await self._keep(record)) is not None]
        if bad:
            raise BadRecords(bad)

    async def _keep(self, record: Record) -> BadRecord | None:
        try:
            changes = [SegmentChanged.model_validate_json(line) for line in record.value.splitlines() if line.strip()]
        except ValidationError:
            return BadRecord(record.offset, "not-a-segment-change", "a line is not a change of a segment")
        try:
            await self._definitions.keep(changes)
        except ValidationFailed as refusal:
            return BadRecord(record.offset, "not-storable", refusal.detail)
        return None
