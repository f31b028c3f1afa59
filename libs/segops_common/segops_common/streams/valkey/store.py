"""Streams, leases and positions of the Valkey event log, as keys and atomic scripts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from segops_common.streams.deadline import answering
from segops_common.streams.leases import Claim, Grant
from segops_common.streams.log import Committed, Header, Record, TopicPartition
from segops_common.streams.valkey import scripts

_COMMAND_S = 3.0
_BLOCK_MOST_S = 2.0
_FORGET_GROUP_S = 30 * 24 * 3600
_TYPICAL_RECORD_BYTES = 8 * 1024
_FENCE = "log:fence"

Entries = list[tuple[bytes, dict[bytes, bytes]]]
_Streams = list[tuple[bytes, Entries]]


def stream_key(source: TopicPartition) -> str:
    """Return the key of the partition's stream."""
    return f"log:{source.topic}:{source.partition}"


def _positions_key(source: TopicPartition) -> str:
    return f"log:positions:{source.topic}:{source.partition}"


def _groups_key(topic: str) -> str:
    return f"log:groups:{topic}"


def _lease_key(group: str, source: TopicPartition) -> str:
    return f"log:lease:{group}:{source.topic}:{source.partition}"


def _members_key(claim: Claim) -> str:
    topics = ",".join(sorted({source.topic for source in claim.sources}))
    return f"log:members:{claim.group}:{topics}"


def encode_headers(headers: Sequence[Header]) -> bytes:
    """Return the headers as JSON. Values may be any bytes, so they are encoded as Latin-1 text."""
    return orjson.dumps([(name, value.decode("latin-1")) for name, value in headers])


def record_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Record:
    """Return the record of a stream entry."""
    return Record(
        offset=int(entry_id[2:]) - 1,
        key=fields[b"k"],
        value=fields[b"v"],
        headers=tuple((name, value.encode("latin-1")) for name, value in orjson.loads(fields[b"h"])),
        timestamp_ms=int(fields[b"t"]),
    )


class ValkeyStore:
    """A `LeaseStore` in one Valkey database."""

    def __init__(self, *, redis: Redis, keep_records: int) -> None:
        self._redis = redis
        self._keep_records = keep_records
        self._record_bytes = float(_TYPICAL_RECORD_BYTES)
        self._beat = redis.register_script(scripts.BEAT)
        self._release = redis.register_script(scripts.RELEASE)
        self._commit = redis.register_script(scripts.COMMIT)
        self._trim = redis.register_script(scripts.TRIM)
        self._alive = redis.register_script(scripts.ALIVE)
        self._end = redis.register_script(scripts.END)

    async def beat(self, claim: Claim) -> Grant:
        """See `LeaseStore`. The engine's clock counts, so members need no common one."""
        keys = [_members_key(claim), _FENCE, *(_lease_key(claim.group, source) for source in claim.sources)]
        args: list[str | int] = [
            claim.member,
            int(claim.lease_s * 1000),
            *(claim.held.get(source, 0) for source in claim.sources),
        ]
        async with answering(_COMMAND_S, RedisError):
            quota, *tokens = await self._beat(keys=keys, args=args)
        held = {source: int(token) for source, token in zip(claim.sources, tokens, strict=True) if int(token)}
        return Grant(held, quota)

    async def release(self, claim: Claim, given_up: Collection[TopicPartition], *, leave: bool) -> None:
        """See `LeaseStore`."""
        held = [source for source in given_up if source in claim.held]
        keys = [_members_key(claim), *(_lease_key(claim.group, source) for source in held)]
        args: list[str | int] = [claim.member if leave else "", *(claim.held[source] for source in held)]
        async with answering(_COMMAND_S, RedisError):
            await self._release(keys=keys, args=args)

    async def commit(self, group: str, source: TopicPartition, token: int, committed: Committed) -> bool:
        """See `LeaseStore`."""
        progress = f"{committed.position} {committed.metadata}"
        async with answering(_COMMAND_S, RedisError):
            stored: int = await self._commit(
                keys=[_lease_key(group, source), _positions_key(source)], args=[token, group, progress]
            )
        return stored == 1

    async def committed(self, group: str, source: TopicPartition) -> Committed | None:
        """See `LeaseStore`."""
        async with answering(_COMMAND_S, RedisError):
            progress = cast(bytes | None, await self._redis.hget(_positions_key(source), group))
        if progress is None:
            return None
        position, _, metadata = progress.decode().partition(" ")
        return Committed(int(position), metadata)

    async def read(
        self, cursors: Mapping[TopicPartition, int], *, max_records: int, max_bytes: int, wait_s: float
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """See `LeaseStore`. The engine limits records, not bytes, so the limit follows the recent average size."""
        streams: dict[Any, Any] = {stream_key(source): f"0-{cursor}" for source, cursor in cursors.items()}
        room = min(max_records, max(1, int(max_bytes / self._record_bytes)))
        block_ms = max(1, int(min(wait_s, _BLOCK_MOST_S) * 1000))
        async with answering(_BLOCK_MOST_S + _COMMAND_S, RedisError):
            count = max(1, room // len(streams))
            response = cast(_Streams, await self._redis.xread(streams, count=count, block=block_ms))
        sources = {stream_key(source).encode(): source for source in cursors}
        records = {sources[name]: [record_of(*entry) for entry in entries] for name, entries in response}
        self._learn_sizes(records)
        return records

    def _learn_sizes(self, records_by_source: Mapping[TopicPartition, Sequence[Record]]) -> None:
        sizes = [record.size for records in records_by_source.values() for record in records]
        if sizes:
            self._record_bytes = max(1.0, (self._record_bytes + sum(sizes) / len(sizes)) / 2)

    async def end_offsets(self, sources: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """See `LeaseStore`."""
        async with answering(_COMMAND_S, RedisError):
            return {source: int(await self._end(keys=[stream_key(source)])) for source in sources}

    async def trim(self, claim: Claim) -> None:
        """See `LeaseStore`, and the trimming rule in `log.py`."""
        topics = sorted({source.topic for source in claim.sources})
        async with answering(_COMMAND_S, RedisError):
            await self._alive(keys=[_groups_key(topic) for topic in topics], args=[claim.group])
            for source in claim.held:
                keys = [stream_key(source), _positions_key(source), _groups_key(source.topic)]
                await self._trim(keys=keys, args=[self._keep_records, _FORGET_GROUP_S])
