"""Stores quarantined events as dead letters."""

from __future__ import annotations

from pydantic import ValidationError

from segops_common.contracts.events import QuarantinedEvent
from segops_common.streams.loop.batches import BadRecord, BadRecords, Batch
from segops_ingest.domain.rows import quarantined_row
from segops_ingest.ports.warehouse import EventWarehouse


class QuarantineSink:
    """Inserts each batch of quarantined events into `dead_letters`, with a token that depends on the records only."""

    def __init__(self, *, warehouse: EventWarehouse) -> None:
        self._warehouse = warehouse

    async def handle(self, batch: Batch) -> None:
        """Insert the batch.

        Raises InsertFailed, after which the loop repeats the same bytes, or BadRecords for records that are damaged.
        """
        rows: list[bytes] = []
        damaged: list[BadRecord] = []
        for record in batch.records:
            try:
                events = [QuarantinedEvent.model_validate_json(line) for line in record.value.splitlines()]
            except ValidationError:
                damaged.append(BadRecord(record.offset, "unreadable", "it has a line that is no quarantined event"))
                continue
            rows += [quarantined_row(event, batch.source) for event in events]
        if damaged:
            raise BadRecords(damaged)
        if rows:
            await self._warehouse.insert_dead(b"\n".join(rows), batch.token())
