"""The results consumer: applies the reports of compute workers to runs."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from segops_common.contracts.jobs import ComputeResult, ComputeResultMessage
from segops_common.core.problems import ValidationFailed
from segops_common.streams.log import Record
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch
from segops_segments.service.apply_results import ApplyResults


class ResultsHandler:
    """Applies records one by one, in their order. Applying a record again has no effect."""

    def __init__(self, *, results: ApplyResults) -> None:
        self._results = results

    async def handle(self, batch: Batch) -> None:
        """Apply all valid records, then raise BadRecords if there were others."""
        bad = [fault for record in batch.records if (fault := await self._apply(record)) is not None]
        if bad:
            raise BadRecords(bad)

    async def _apply(self, record: Record) -> BadRecord | None:
        try:
            results = _parse(record)
        except ValidationError:
            return BadRecord(record.offset, "malformed-result", "must be lines of compute results")
        try:
            for result in results:
                await self._results.apply(result)
        except ValidationFailed as refusal:
            return BadRecord(record.offset, "not-storable", refusal.detail)
        return None


def _parse(record: Record) -> Sequence[ComputeResult]:
    """Return the results in a record, one a line. Raises ValidationError when a line is not a result."""
    return [ComputeResultMessage.model_validate_json(line).root for line in record.value.splitlines() if line.strip()]
