"""Reads on in one partition, outside any group, over the store of a log with leases."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from segops_common.core.waiting import check_cancelled
from segops_common.streams.leases import LeaseStore
from segops_common.streams.log import OffsetOutOfRange, Record, TopicPartition

MAX_RECORDS: Final = 1_000
MAX_BYTES: Final = 4 * 1024 * 1024
_WAIT_S: Final = 1.0


async def followed(store: LeaseStore, source: TopicPartition, offset: int) -> AsyncGenerator[Sequence[Record], None]:
    """Yield records from `offset` on, as in `EventLog.follow`. Offsets have no gaps, so a gap shows what was trimmed."""
    end = (await store.end_offsets([source]))[source]
    if offset > end:
        raise OffsetOutOfRange(f"{source} ends at {end}, before {offset}")
    while True:
        batch = await store.read({source: offset}, max_records=MAX_RECORDS, max_bytes=MAX_BYTES, wait_s=_WAIT_S)
        check_cancelled()
        records = batch.get(source, ())
        if records[0].offset > offset if records else offset < end:
            raise OffsetOutOfRange(f"{source} no longer has {offset}")
        if records:
            yield records
            offset = records[-1].offset + 1
