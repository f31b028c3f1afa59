"""The dead-letter topic: whole records that no handler can process, with the reason, to be replayed later.

Bad lines within a record of events are also rows of the ClickHouse table `dead_letters`, which belongs to ingest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segops_common.contracts.topics import Topic
from segops_common.streams.log import EventLog, Fetched, Header, LogConsumer, Message, Record, TopicPartition
from segops_common.streams.loop.batches import BadRecord, Batch

TOPIC_HEADER = "dead-letter-topic"
PARTITION_HEADER = "dead-letter-partition"
OFFSET_HEADER = "dead-letter-offset"
CODE_HEADER = "dead-letter-code"
REASON_HEADER = "dead-letter-reason"
GROUP_HEADER = "dead-letter-group"
REPLAYED_FROM_HEADER = "replayed-from"

REPLAY_GROUP = "dead-letter-replay"
TAIL_RECORDS = 2_048
"""How far back a repeated batch looks for its own dead letters: more than the limit of bad records in a row."""

_OWN_HEADERS = frozenset((TOPIC_HEADER, PARTITION_HEADER, OFFSET_HEADER, CODE_HEADER, REASON_HEADER, GROUP_HEADER))
_REASON_MAX = 500
_QUIET_POLLS = 10
_POLL_WAIT_S = 0.5


class DeadLetterTopic:
    """Appends bad records of any topic to its `.dead` topic, at the same partition, and replays them from there."""

    def __init__(self, *, log: EventLog) -> None:
        self._log = log

    async def write(self, group: str, topic: Topic, batch: Batch, bad: Sequence[BadRecord], *, repeated: bool) -> int:
        """Store the bad records, and return how many were new.

        With `repeated`, dead letters that an earlier attempt wrote are not written again. Raises `LogUnavailable`; then
        call again with `repeated`.
        """
        records = {record.offset: record for record in batch.records}
        letters = [_letter(group, batch, records[reason.offset], reason) for reason in bad]
        if repeated:
            tail = await self._log.tail(topic.dead, batch.partition, TAIL_RECORDS)
            stored = {_identity(record) for record in tail}
            letters = [letter for letter in letters if _identity(letter) not in stored]
        if letters:
            await self._log.append_many(topic.dead, letters)
        return len(letters)

    async def replay(self, topic: Topic, limit: int) -> int:
        """Append at most `limit` dead letters to `topic` again, oldest first per partition, and return how many.

        Each is replayed once, also over several calls. A crash may replay some twice, so readers must recognise message
        ids. Dead letters that arrive during the replay are left. Raises `LogUnavailable`.
        """
        async with self._log.consumer(REPLAY_GROUP, [topic.dead]) as consumer:
            ends = await consumer.end_offsets([TopicPartition(topic.dead.name, p) for p in range(topic.partitions)])
            return await self._replay_until(consumer, topic, ends, limit)

    async def _replay_until(
        self, consumer: LogConsumer, topic: Topic, ends: Mapping[TopicPartition, int], limit: int
    ) -> int:
        count = quiet = 0
        left = {source for source, end in ends.items() if end > 0}
        while count < limit and quiet < _QUIET_POLLS and left:
            fetched = await consumer.poll(max_records=limit - count, max_bytes=1 << 20, wait_s=_POLL_WAIT_S)
            for part in fetched:
                records = [record for record in part.records if record.offset < ends[part.source]][: limit - count]
                await self._put_back(consumer, topic, part, records)
                count += len(records)
            left = {source for source in left if await _behind(consumer, source, ends[source])}
            quiet = 0 if fetched else quiet + 1
        return count

    async def _put_back(self, consumer: LogConsumer, topic: Topic, part: Fetched, records: Sequence[Record]) -> None:
        if not records:
            return
        await self._log.append_many(topic, [_original(part.source, record) for record in records])
        await consumer.commit(part.source, records[-1].offset + 1)


async def _behind(consumer: LogConsumer, source: TopicPartition, end: int) -> bool:
    committed = await consumer.committed(source)
    return committed is None or committed.position < end


def _letter(group: str, batch: Batch, record: Record, bad: BadRecord) -> Message:
    own: tuple[Header, ...] = (
        (TOPIC_HEADER, batch.topic.encode()),
        (PARTITION_HEADER, b"%d" % batch.partition),
        (OFFSET_HEADER, b"%d" % bad.offset),
        (CODE_HEADER, bad.code.encode()),
        (REASON_HEADER, bad.detail[:_REASON_MAX].encode(errors="replace")),
        (GROUP_HEADER, group.encode()),
    )
    kept = tuple(header for header in record.headers if header[0] not in _OWN_HEADERS)
    return Message(key=record.key, value=record.value, headers=kept + own, partition=batch.partition)


def _identity(letter: Message | Record) -> tuple[bytes | None, bytes | None, bytes]:
    """Return group, offset and value: the value too, because offsets start again when a topic is made anew."""
    headers = dict(letter.headers)
    return headers.get(GROUP_HEADER), headers.get(OFFSET_HEADER), letter.value


def _original(source: TopicPartition, record: Record) -> Message:
    kept = tuple(header for header in record.headers if header[0] not in _OWN_HEADERS)
    origin = f"{source.topic}:{source.partition}:{record.offset}".encode()
    return Message(key=record.key, value=record.value, headers=(*kept, (REPLAYED_FROM_HEADER, origin)))
