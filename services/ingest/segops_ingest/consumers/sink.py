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
from segops_ingest.ports.suppressions import SuppressionsUnavailable
from segops_ingest.ports.warehouse import EventWarehouse, InsertFailed, InsertRefused, InsertTooHeavy
from segops_ingest.service.suppressions import Suppressions


class Sink:
    """Inserts each batch once, with a token that depends on the records only.

    If the warehouse refuses a batch, the consumer loop halves it until one record is left. The lines of that record are
    then halved until one line is left. A bad line is skipped: it goes to the table `dead_letters`, the good lines are
    stored, and the whole record goes to the dead-letter topic. Replaying the record later stores no event twice, because
    its events keep their message ids and times. A batch that is too heavy is halved in the same way, but a single line is
    never skipped for that.

    Events of people who were erased are dropped. The rows of a batch then depend on when it is stored; its token does not, so a
    repetition is still stored once. Whoever erases waits for what the log had before, and deletes once more.

    A batch of imports (`is_import`) is stored by several inserts of a few months each, which a replay repeats exactly. If
    one of them is refused or too heavy, the halves repeat rows of the others: these are equal rows, which are merged.
    """

    def __init__(
        self, *, warehouse: EventWarehouse, is_import: bool = False, suppressions: Suppressions | None = None
    ) -> None:
        """Without `suppressions`, every event is stored."""
        self._warehouse = warehouse
        self._suppressions = suppressions
        self._is_import = is_import

    async def handle(self, batch: Batch) -> None:
        """Insert the batch.

        Raises InsertFailed, after which the loop repeats the same bytes, TooHeavy or DataError, after which it halves the
        batch, or BadRecords for a record with bad lines.
        """
        await self._learn_who_was_erased()
        records = [(record.offset, self._kept(record.value)) for record in batch.records]
        rows = rows_of([record for record in records if record[1]], batch.partition, is_import=self._is_import)
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
            if self._kept(line)
        ]
        if letters:
            await self._warehouse.insert_dead(b"\n".join(letters), f"{batch.token()}#conflicts")

    async def _learn_who_was_erased(self) -> None:
        """Raises InsertFailed if that cannot be known now: the rows of an erased person must not come back."""
        if self._suppressions is None:
            return
        try:
            await self._suppressions.refresh_if_old()
        except SuppressionsUnavailable as error:
            raise InsertFailed(str(error)) from error

    def _kept(self, value: bytes) -> bytes:
        return value if self._suppressions is None else self._suppressions.kept_lines(value)

    async def _insert_halves(self, batch: Batch, record: Record) -> None:
        lines = self._kept(record.value).rstrip(b"\n").split(b"\n")
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
