"""The sink: moves events from the log into the warehouse, and skips lines that the warehouse refuses.

`stores/clickhouse.py` of the common library decides which errors are refusals; all others are retried. Its
`streams/loop/batch_processor.py` splits a refused batch and moves bad records to the dead-letter topic.
"""

from __future__ import annotations

from segops_common.streams.log import Record
from segops_common.streams.loop.batches import BadRecord, BadRecords, Batch, DataError
from segops_ingest.domain.messages import conflicting_lines
from segops_ingest.domain.rows import CONFLICT_REASON, CONFLICTING, dead_row, rows_of, with_source
from segops_ingest.ports.warehouse import EventWarehouse, InsertRefused


class Sink:
    """Inserts each batch once, with a token that depends on the records only.

    If the warehouse refuses a batch, the consumer loop halves it until one record is left. The lines of that record are
    then inserted one by one. A bad line is skipped: it goes to the table `dead_letters`, the good lines are stored, and the
    whole record goes to the dead-letter topic. Replaying the record later stores no event twice, because its events keep
    their message ids and times.
    """

    def __init__(self, *, warehouse: EventWarehouse) -> None:
        self._warehouse = warehouse

    async def handle(self, batch: Batch) -> None:
        """Insert the batch.

        Raises InsertFailed, after which the loop repeats the same bytes, DataError, after which it halves the batch, or
        BadRecords for a record with bad lines.
        """
        rows = rows_of([(record.offset, record.value) for record in batch.records], batch.partition)
        if not rows:
            return
        try:
            await self._warehouse.insert(rows, batch.token())
        except InsertRefused as refusal:
            if len(batch.records) > 1:
                raise DataError(str(refusal.code), refusal.reason) from refusal
            await self._insert_line_by_line(batch, batch.records[0])
        await self._list_conflicts(batch)

    async def _list_conflicts(self, batch: Batch) -> None:
        """List events that were delivered before with other content. They stay in the log, and the first one stands."""
        letters = [
            dead_row(line, CONFLICTING, CONFLICT_REASON, batch.partition, record.offset)
            for record in batch.records
            for line in conflicting_lines(record.headers, record.value)
        ]
        if letters:
            await self._warehouse.insert_dead(b"\n".join(letters), f"{batch.token()}#conflicts")

    async def _insert_line_by_line(self, batch: Batch, record: Record) -> None:
        refusals: list[InsertRefused] = []
        for number, line in enumerate(record.value.rstrip(b"\n").split(b"\n")):
            row = with_source(line, batch.partition, record.offset)
            try:
                await self._warehouse.insert(row, f"{batch.token()}#{number}")
            except InsertRefused as refusal:
                refusals.append(refusal)
                letter = dead_row(line, refusal.code, refusal.reason, batch.partition, record.offset)
                await self._warehouse.insert_dead(letter, f"{batch.token()}#{number}")
        if refusals:
            raise BadRecords(
                [BadRecord(record.offset, str(refusals[0].code), f"{len(refusals)} of its events were refused")]
            )
