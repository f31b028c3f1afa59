"""The engines the event log's contract runs on, each with lines that can be disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from redis.asyncio import Redis

from segops_common.contracts.topics import Topic
from segops_common.core.clock import SystemClock
from segops_common.streams.address import log_address
from segops_common.streams.kafka.brokers import KafkaBrokers
from segops_common.streams.kafka.consumer import GroupTimes
from segops_common.streams.kafka.log import KafkaEventLog
from segops_common.streams.leases import LeaseTimes
from segops_common.streams.log import EventLog, TopicPartition
from segops_common.streams.memory import MemoryEngine, MemoryEventLog
from segops_common.streams.valkey.log import ValkeyEventLog
from segops_common.streams.valkey.store import stream_key
from segops_local.engines import KafkaEngine, ValkeyEngine
from segops_testkit.tcp_proxy import TcpProxy

LEASES = LeaseTimes(lease_s=1.0, beat_s=0.15, trim_s=0.5)
# The broker allows no shorter session.
GROUP = GroupTimes(session_s=6.0, heartbeat_s=0.3, rebalance_s=8.0)


class MemoryHarness:
    """Several logs over one engine in this process."""

    takeover_s = 5.0

    def __init__(self) -> None:
        self._engine = MemoryEngine()
        self._logs: list[MemoryEventLog] = []

    async def connect(self) -> EventLog:
        log = MemoryEventLog(clock=SystemClock(), engine=self._engine, times=LEASES)
        self._logs.append(log)
        return log

    def isolate(self, log: EventLog) -> None:
        self._set_reachable(log, False)

    def reunite(self, log: EventLog) -> None:
        self._set_reachable(log, True)

    async def trim(self, topic: Topic, partition: int, before: int) -> None:
        self._engine.trimmed[TopicPartition(topic.name, partition)] = before

    async def kill_engine(self) -> None:
        for log in self._logs:
            log.reachable = False

    async def start_engine(self) -> None:
        for log in self._logs:
            log.reachable = True

    async def stop(self) -> None:
        for log in self._logs:
            await log.close()

    def _set_reachable(self, log: EventLog, reachable: bool) -> None:
        assert isinstance(log, MemoryEventLog)
        log.reachable = reachable


class _ProxiedHarness:
    def __init__(self) -> None:
        self._lines: list[tuple[EventLog, TcpProxy]] = []

    def isolate(self, log: EventLog) -> None:
        self._line_of(log).freeze()

    def reunite(self, log: EventLog) -> None:
        self._line_of(log).thaw()

    def lose_answer_to(self, log: EventLog, marker: bytes) -> Callable[[], int]:
        line = self._line_of(log)
        line.lose_answer_to(marker)
        return lambda: line.cuts

    async def stop(self) -> None:
        for log, line in self._lines:
            await log.close()
            await line.stop()

    def _line_of(self, log: EventLog) -> TcpProxy:
        return next(line for owner, line in self._lines if owner is log)


class ValkeyHarness(_ProxiedHarness):
    """A server with an append-only file."""

    takeover_s = 5.0

    def __init__(self, engine: ValkeyEngine) -> None:
        super().__init__()
        self._engine = engine

    async def connect(self, *, keep_records: int = 10_000) -> EventLog:
        line = TcpProxy(target_port=self._engine.port)
        await line.start()
        url = log_address(self._engine.event_log_url).target.replace(f":{self._engine.port}/", f":{line.port}/")
        log = ValkeyEventLog(url=url, clock=SystemClock(), times=LEASES, keep_records=keep_records)
        self._lines.append((log, line))
        return log

    async def trim(self, topic: Topic, partition: int, before: int) -> None:
        redis = Redis.from_url(self._engine.event_log_url.replace("valkey://", "redis://", 1))
        await redis.xtrim(stream_key(TopicPartition(topic.name, partition)), minid=f"0-{before + 1}", approximate=False)
        await redis.aclose()

    async def kill_engine(self) -> None:
        self._engine.kill()

    async def start_engine(self) -> None:
        await self._engine.start()


class KafkaHarness(_ProxiedHarness):
    """A real broker, whose answers name the line's port instead of its own."""

    takeover_s = 40.0

    def __init__(self, engine: KafkaEngine) -> None:
        super().__init__()
        self._engine = engine

    async def connect(self) -> EventLog:
        line = _KafkaLine(self._engine.port)
        await line.start()
        log = KafkaEventLog(
            brokers=KafkaBrokers(bootstrap=f"127.0.0.1:{line.port}"), clock=SystemClock(), times=GROUP, silent_s=1.0
        )
        self._lines.append((log, line))
        return log

    async def trim(self, topic: Topic, partition: int, before: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self._engine.port}")
        await admin.start()
        source = KafkaPartition(topic.name, partition)
        await admin.delete_records({source: RecordsToDelete(before_offset=before)})
        await admin.close()

    def refuse_one_produce(self, log: EventLog, topic: Topic, error: int) -> None:
        """The next answer about an append to partition 0 of the topic carries this error code."""
        line = self._line_of(log)
        assert isinstance(line, _KafkaLine)
        line.refuse(topic.name.encode(), error)

    async def kill_engine(self) -> None:
        self._engine.kill()

    async def start_engine(self) -> None:
        await self._engine.start()


class _KafkaLine(TcpProxy):
    """A proxy that puts its own address wherever the broker names itself, so that clients keep using the proxy."""

    def __init__(self, broker_port: int) -> None:
        super().__init__(target_port=broker_port, read_answer=self._renamed)
        self._broker_port = broker_port
        self._accepted, self._refused = b"", b""

    def refuse(self, topic: bytes, error: int) -> None:
        """In an answer to a produce request the topic is followed by: one partition, number 0, its error code."""
        partition = topic + (1).to_bytes(4, "big") + bytes(4)
        self._accepted, self._refused = partition + bytes(2), partition + error.to_bytes(2, "big")

    async def _renamed(self, reader: asyncio.StreamReader) -> bytes:
        length = await reader.readexactly(4)
        answer = await reader.readexactly(int.from_bytes(length, "big"))
        if self._accepted and self._accepted in answer:
            answer = answer.replace(self._accepted, self._refused)
            self._accepted = b""
        return length + answer.replace(_address(self._broker_port), _address(self.port))


def _address(port: int) -> bytes:
    return b"127.0.0.1" + port.to_bytes(4, "big")


def engine_folder(parent: Path, name: str) -> Path:
    """Where an engine of this suite keeps its data."""
    return parent / f"event-log-contract-{name}"
