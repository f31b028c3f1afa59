"""The event log on Valkey or Redis streams, for one machine: one stream per partition, leases for consumers.

The engine must run with `appendonly yes` and `appendfsync always`: then a response means that the record is on disk.

Trimming: a record is dropped only when every known group has committed past it and 10,000 newer such records exist. A
group is known from its first start until it has been silent for 30 days. A topic that no group reads is never trimmed.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from segops_common.contracts.topics import Topic
from segops_common.core.clock import Clock
from segops_common.core.retry import full_jitter
from segops_common.streams.append_guard import AppendGuard
from segops_common.streams.deadline import answering
from segops_common.streams.follow import followed
from segops_common.streams.leases import LeasedConsumer, LeaseTimes
from segops_common.streams.log import (
    APPEND_DEADLINE_S,
    Header,
    LogConsumer,
    Message,
    Position,
    Record,
    TopicMismatch,
    TopicPartition,
)
from segops_common.streams.valkey import scripts
from segops_common.streams.valkey.store import Entries, ValkeyStore, encode_headers, record_of, stream_key

_CONNECTIONS = 100
"""Further appends wait for a connection. Each consumer's blocking read holds one."""
_CONNECT_S = 1.0
_COMMAND_S = 4.0
_ATTEMPT_S = 1.5
_REMEMBER_MS = 30_000
_TOPICS = "log:topics"
_DURABLE = {"appendonly": "yes", "appendfsync": "always"}

_log = logging.getLogger(__name__)


def tls_options(ca_file: Path | None) -> Mapping[str, Any]:
    """Return the driver's options that check the server's certificate and name."""
    authorities = {"ssl_ca_certs": str(ca_file)} if ca_file is not None else {}
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **authorities}


class ValkeyEventLog:
    """An `EventLog` at `redis://host:port/db`, or with TLS at `rediss://host:port/db`."""

    def __init__(
        self,
        *,
        url: str,
        clock: Clock,
        times: LeaseTimes | None = None,
        keep_records: int = 10_000,
        ca_file: Path | None = None,
    ) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            **(tls_options(ca_file) if url.startswith("rediss://") else {}),
            max_connections=_CONNECTIONS,
            timeout=None,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=_COMMAND_S,
            retry=None,
            retry_on_error=[],
        )
        self._redis = Redis.from_pool(pool)
        self._clock = clock
        self._times = times or LeaseTimes()
        self._store = ValkeyStore(redis=self._redis, keep_records=keep_records)
        self._append = self._redis.register_script(scripts.APPEND)
        self._guard = AppendGuard(clock=clock)
        self._producer = uuid.uuid4().hex
        self._sequence = itertools.count()
        self._bytes_in_flight = 0
        self._appending: set[asyncio.Future[None]] = set()

    async def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """See `EventLog`. A topic keeps its number of partitions. Logs a warning when the engine may lose records."""
        await self._warn_if_volatile()
        for topic in topics:
            async with answering(APPEND_DEADLINE_S, RedisError):
                await self._redis.hsetnx(_TOPICS, topic.name, str(topic.partitions))
                stored = await self._redis.hget(_TOPICS, topic.name)
            if stored is None or int(stored) != topic.partitions:
                raise TopicMismatch(f"{topic.name} has {stored!r} partitions, not {topic.partitions}")

    async def _warn_if_volatile(self) -> None:
        try:
            async with asyncio.timeout(_ATTEMPT_S):
                settings = await self._redis.config_get("appendonly", "appendfsync")
        except (RedisError, OSError, TimeoutError):
            # Hosted engines may refuse CONFIG. An engine that is down fails in the next command.
            return
        if settings != _DURABLE:
            _log.warning("the event log's engine may lose acknowledged records: set %s", _DURABLE)

    async def append(
        self,
        topic: Topic,
        key: bytes,
        value: bytes,
        *,
        headers: Sequence[Header] = (),
        partition: int | None = None,
    ) -> Position:
        """See `EventLog`."""
        message = Message(key=key, value=value, headers=tuple(headers), partition=partition)
        return (await self.append_many(topic, [message]))[0]

    async def append_many(self, topic: Topic, messages: Sequence[Message]) -> Sequence[Position]:
        """See `EventLog`. Here either all messages are stored or none, in one round trip."""
        if not messages:
            return ()
        sizes = [message.size for message in messages]
        self._guard.admit(sizes, in_flight=self._bytes_in_flight)
        self._bytes_in_flight += sum(sizes)
        finished = asyncio.get_running_loop().create_future()
        self._appending.add(finished)
        try:
            return await self._append_within_deadline(topic, messages)
        finally:
            self._bytes_in_flight -= sum(sizes)
            self._appending.discard(finished)
            finished.set_result(None)

    async def _append_within_deadline(self, topic: Topic, messages: Sequence[Message]) -> Sequence[Position]:
        partitions = [message.partition_in(topic) for message in messages]
        keys = [f"log:done:{self._producer}:{next(self._sequence)}"]
        keys += [stream_key(TopicPartition(topic.name, partition)) for partition in partitions]
        args: list[bytes | int] = [int(self._clock.now().timestamp() * 1000), _REMEMBER_MS]
        for message in messages:
            args += [message.key, message.value, encode_headers(message.headers)]
        async with self._guard.deadline():
            offsets_text = await self._append_with_retries(keys, args)
        offsets = [int(offset) for offset in offsets_text.split(b",")]
        return [Position(topic.name, part, offset) for part, offset in zip(partitions, offsets, strict=True)]

    async def _append_with_retries(self, keys: list[str], args: list[bytes | int]) -> bytes:
        """Retry after each failure. The script remembers what it stored, so losing its response does no harm."""
        deadline = self._clock.monotonic() + APPEND_DEADLINE_S
        delays = full_jitter(base_s=0.02, cap_s=0.3)
        while self._clock.monotonic() < deadline:
            try:
                async with asyncio.timeout(_ATTEMPT_S):
                    response: bytes = await self._append(keys=keys, args=args)
                    return response
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(next(delays))
        raise TimeoutError

    @asynccontextmanager
    async def consumer(self, group: str, topics: Sequence[Topic]) -> AsyncIterator[LogConsumer]:
        """See `EventLog`."""
        consumer = LeasedConsumer(
            store=self._store,
            group=group,
            sources=[TopicPartition(topic.name, part) for topic in topics for part in range(topic.partitions)],
            member=uuid.uuid4().hex,
            times=self._times,
            clock=self._clock,
        )
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.close()

    async def ends(self, topic: Topic) -> Mapping[int, int]:
        """See `EventLog`."""
        ends = await self._store.end_offsets([TopicPartition(topic.name, part) for part in range(topic.partitions)])
        return {source.partition: offset for source, offset in ends.items()}

    async def positions(self, group: str, topic: Topic) -> Mapping[int, int]:
        """See `EventLog`."""
        sources = [TopicPartition(topic.name, part) for part in range(topic.partitions)]
        progress = await asyncio.gather(*(self._store.committed(group, source) for source in sources))
        return {
            source.partition: committed.position
            for source, committed in zip(sources, progress, strict=True)
            if committed
        }

    async def tail(self, topic: Topic, partition: int, limit: int) -> Sequence[Record]:
        """See `EventLog`."""
        async with answering(_COMMAND_S, RedisError):
            response = await self._redis.xrevrange(stream_key(TopicPartition(topic.name, partition)), count=limit)
        return tuple(record_of(*entry) for entry in reversed(cast(Entries, response)))

    async def first_at(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """See `EventLog`."""
        key = stream_key(TopicPartition(topic.name, partition))
        async with answering(_COMMAND_S, RedisError):
            response = cast(Entries, await self._redis.xrange(key, min=f"0-{offset + 1}", count=1))
        return record_of(*response[0]) if response else None

    @asynccontextmanager
    async def follow(self, topic: Topic, partition: int, offset: int) -> AsyncIterator[AsyncIterator[Sequence[Record]]]:
        """See `EventLog`."""
        async with aclosing(followed(self._store, TopicPartition(topic.name, partition), offset)) as batches:
            yield batches

    async def check(self) -> None:
        """See `EventLog`."""
        async with answering(_ATTEMPT_S, RedisError):
            await self._redis.ping()

    async def close(self) -> None:
        """See `EventLog`."""
        if self._appending:
            await asyncio.wait(self._appending, timeout=APPEND_DEADLINE_S)
        await self._redis.aclose()
