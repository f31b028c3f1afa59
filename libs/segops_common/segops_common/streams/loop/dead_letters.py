"""The side door for records nobody can process: they leave with a reason, and may come back later."""

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
"""How far back a repeated batch looks for its own letters: more than the limit of bad records in a row."""

_OWN_HEADERS = frozenset((TOPIC_HEADER, PARTITION_HEADER, OFFSET_HEADER, CODE_HEADER, REASON_HEADER, GROUP_HEADER))
_REASON_MAX = 500
_QUIET_POLLS = 10
_POLL_WAIT_S = 0.5


class DeadLetters:
    """Writes bad records of any topic to its `.dead` topic, same partition, and replays them from there."""

    def __init__(self, *, log: EventLog) -> None:
        self._log = log

    async def write(self, group: str, topic: Topic, batch: Batch, bad: Sequence[BadRecord], *, repeated: bool) -> int:
        """Put the records aside; on return they are stored. Returns how many were new.

        With `repeated`, letters an earlier attempt left at the end of the dead topic are not written again.
        Raises `LogUnavailable`; call again with `repeated`.
        """
        records = {record.offset: record for record in batch.records}
        letters = [_letter(group, batch, records[each.offset], each) for each in bad]
        if repeated:
            tail = await self._log.tail(topic.dead, batch.partition, TAIL_RECORDS)
            known = {_identity(record) for record in tail}
            letters = [letter for letter in letters if _identity(letter) not in known]
        if letters:
            await self._log.append_many(topic.dead, letters)
        return len(letters)

    async def replay(self, topic: Topic, limit: int) -> int:
        """Append up to `limit` dead letters to `topic` again, oldest first per partition; returns how many.

        Each is replayed once, also over several calls; a crash in between may replay some twice, so readers must
        recognise a message id. Letters that arrive while it runs are left. Raises `LogUnavailable`.
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
                records = [each for each in part.records if each.offset < ends[part.source]][: limit - count]
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
    """Who put it aside and from where, with the value: offsets start again when a topic is made anew."""
    headers = dict(letter.headers)
    return headers.get(GROUP_HEADER), headers.get(OFFSET_HEADER), letter.value


def _original(source: TopicPartition, record: Record) -> Message:
    kept = tuple(header for header in record.headers if header[0] not in _OWN_HEADERS)
    origin = f"{source.topic}:{source.partition}:{record.offset}".encode()
    return Message(key=record.key, value=record.value, headers=(*kept, (REPLAYED_FROM_HEADER, origin)))
