"""The sink: moves events from the log into the warehouse, and skips lines that the warehouse refuses.

`adapters/clickhouse/warehouse.py` decides which errors are refusals; all others are retried. The common library's
`streams/loop/batch_processor.py` splits a batch that is refused or too heavy, and moves bad records to the dead-letter
topic.
"""

from __future__ import annotations

from collections.abc import Sequence

from segops_common.streams.log import Record
from segops_common.streams.loop.batches import BadRecord, BadRecords, Batch, DataError, TooHeavy
from segops_ingest.domain.messages import conflicting_lines
from segops_ingest.domain.rows import CONFLICT_REASON, CONFLICTING, by_months, dead_row, rows_of, with_source
from segops_ingest.ports.warehouse import EventWarehouse, InsertRefused, InsertTooHeavy


class Sink:
    """Inserts each batch once, with a token that depends on the records only.

    If the warehouse refuses a batch, the consumer loop halves it until one record is left. The lines of that record are
    then halved until one line is left. A bad line is skipped: it goes to the table `dead_letters`, the good lines are
    stored, and the whole record goes to the dead-letter topic. Replaying the record later stores no event twice, because
    its events keep their message ids and times. A batch that is too heavy is halved in the same way, but a single line is
    never skipped for that.

    A batch of imports (`is_import`) is stored by several inserts of a few months each, which a replay repeats exactly. If
    one of them is refused or too heavy, the halves repeat rows of the others: these are equal rows, which are merged.
    """

    def __init__(self, *, warehouse: EventWarehouse, is_import: bool = False) -> None:
        self._warehouse = warehouse
        self._is_import = is_import

    async def handle(self, batch: Batch) -> None:
        """Insert the batch.

        Raises InsertFailed, after which the loop repeats the same bytes, TooHeavy or DataError, after which it halves the
        batch, or BadRecords for a record with bad lines.
        """
        records = [(record.offset, record.value) for record in batch.records]
        rows = rows_of(records, batch.partition, is_import=self._is_import)
        if not rows:
            return
        try:
            await self._insert(rows, batch.token())
        except InsertTooHeavy as error:
            if len(batch.records) > 1:
                raise TooHeavy from error
            await self._insert_halves(batch, batch.records[0])
        except InsertRefused as refusal:
            if len(batch.records) > 1:
                raise DataError(str(refusal.code), refusal.reason) from refusal
            await self._insert_halves(batch, batch.records[0])
        await self._list_conflicts(batch)

    async def _insert(self, rows: bytes, token: str) -> None:
        if not self._is_import:
            await self._warehouse.insert(rows, token)
            return
        for number, months in enumerate(by_months(rows)):
            await self._warehouse.insert(months, f"{token}@{number}")

    async def _list_conflicts(self, batch: Batch) -> None:
        """List events that were delivered before with other content. They stay in the log, and the first one stands."""
        letters = [
            dead_row(line, CONFLICTING, CONFLICT_REASON, batch.source, record.offset)
            for record in batch.records
            for line in conflicting_lines(record.headers, record.value)
        ]
        if letters:
            await self._warehouse.insert_dead(b"\n".join(letters), f"{batch.token()}#conflicts")

    async def _insert_halves(self, batch: Batch, record: Record) -> None:
        lines = record.value.rstrip(b"\n").split(b"\n")
        refused = await self._insert_lines(batch, record, lines, 0)
        if refused:
            raise BadRecords([BadRecord(record.offset, str(refused[0]), f"{len(refused)} of its events were refused")])

    async def _insert_lines(self, batch: Batch, record: Record, lines: Sequence[bytes], first: int) -> list[int]:
        """Insert lines of a record in halves, from the line number `first`. Return the codes of the refused ones."""
        token = f"{batch.token()}#{first}-{first + len(lines)}"
        rows = with_source(b"\n".join(lines), batch.partition, record.offset, is_import=self._is_import)
        try:
            await self._insert(rows, token)
        except (InsertTooHeavy, InsertRefused) as error:
            if len(lines) > 1:
                middle = len(lines) // 2
                refused = await self._insert_lines(batch, record, lines[:middle], first)
                return refused + await self._insert_lines(batch, record, lines[middle:], first + middle)
            if isinstance(error, InsertTooHeavy):
                raise
            letter = dead_row(lines[0], error.code, error.reason, batch.source, record.offset)
            await self._warehouse.insert_dead(letter, token)
            return [error.code]
        return []
