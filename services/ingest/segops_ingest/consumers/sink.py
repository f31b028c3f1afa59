"""From the log into the warehouse: what the consumer loop asks of each batch."""

from __future__ import annotations

from segops_common.streams.log import Record
from segops_common.streams.loop.batches import BadRecord, BadRecords, Batch, DataError
from segops_ingest.domain.rows import dead_row, rows_of, with_source
from segops_ingest.ports import EventWarehouse, InsertRefused


class Sink:
    """Inserts each batch once, under a token that depends on nothing but the records.

    When the warehouse refuses the data, the loop halves the batch down to the record, and the record's events are then
    inserted one by one: the good ones are stored, the bad ones are shown in `dead_letters`, and the whole record goes to
    the dead topic. Replaying it later stores no event twice, since its events have the identity they had before.
    """

    def __init__(self, *, warehouse: EventWarehouse) -> None:
        self._warehouse = warehouse

    async def handle(self, batch: Batch) -> None:
        """Insert the batch. Raises InsertFailed for the loop to repeat it with equal bytes, or names the bad record."""
        rows = rows_of([(record.offset, record.value) for record in batch.records], batch.partition)
        if not rows:
            return
        try:
            await self._warehouse.insert(rows, batch.token())
        except InsertRefused as refusal:
            if len(batch.records) > 1:
                raise DataError(str(refusal.code), refusal.reason) from refusal
            await self._salvage(batch, batch.records[0])

    async def _salvage(self, batch: Batch, record: Record) -> None:
        bad: list[InsertRefused] = []
        for number, line in enumerate(record.value.rstrip(b"\n").split(b"\n")):
            row = with_source(line, batch.partition, record.offset)
            try:
                await self._warehouse.insert(row, f"{batch.token()}#{number}")
            except InsertRefused as refusal:
                bad.append(refusal)
                letter = dead_row(line, refusal.code, refusal.reason, batch.partition, record.offset)
                await self._warehouse.insert_dead(letter, f"{batch.token()}#{number}")
        if bad:
            raise BadRecords([BadRecord(record.offset, str(bad[0].code), f"{len(bad)} of its events were refused")])
