"""The results worker: each record of the topic is word from a worker about a run."""

from __future__ import annotations

from pydantic import ValidationError

from segops_common.contracts.jobs import ComputeResult, ComputeResultMessage
from segops_common.core.problems import ValidationFailed
from segops_common.streams.log import Record
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch
from segops_segments.service.request_runs import RunService


class ResultsHandler:
    """Takes records in one by one, in their order; taking one in again changes nothing."""

    def __init__(self, *, runs: RunService) -> None:
        self._runs = runs

    async def handle(self, batch: Batch) -> None:
        """Raises BadRecords for records that are no results, when all others are taken in."""
        bad = [fault for record in batch.records if (fault := await self._take_in(record)) is not None]
        if bad:
            raise BadRecords(bad)

    async def _take_in(self, record: Record) -> BadRecord | None:
        results = _results(record)
        if results is None:
            return BadRecord(record.offset, "malformed-result", "not a result")
        try:
            for result in results:
                await self._runs.apply(result)
        except ValidationFailed as refusal:
            return BadRecord(record.offset, "not-storable", refusal.detail)
        return None


def _results(record: Record) -> list[ComputeResult] | None:
    """The results of a record, one a line; None when a line is none."""
    try:
        return [
            ComputeResultMessage.model_validate_json(line).root for line in record.value.splitlines() if line.strip()
        ]
    except ValidationError:
        return None
