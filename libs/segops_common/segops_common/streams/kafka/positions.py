"""Ends of topics and committed positions of groups, read without joining them over connections that are reused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from segops_common.contracts.topics import Topic
from segops_common.streams.deadline import answering
from segops_common.streams.kafka.brokers import KafkaBrokers
from segops_common.streams.kafka.timeouts import stop_bounded

_REQUEST_S = 5.0
_RETRY_S = 0.1


class KafkaPositions:
    """Reads positions. Connects on first use; every method raises `LogUnavailable`."""

    def __init__(self, *, brokers: KafkaBrokers) -> None:
        self._brokers = brokers
        self._reader: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._connecting = asyncio.Lock()

    async def ends(self, topic: Topic) -> Mapping[int, int]:
        """Return the offset of the next record of each partition."""
        async with answering(_REQUEST_S, KafkaError):
            reader = await self._connected_reader()
            ends = await reader.end_offsets([KafkaPartition(topic.name, part) for part in range(topic.partitions)])
        return {source.partition: offset for source, offset in ends.items()}

    async def of_group(self, group: str, topic: Topic) -> Mapping[int, int]:
        """Return the group's position in each partition that it has committed in."""
        sources = [KafkaPartition(topic.name, part) for part in range(topic.partitions)]
        async with answering(_REQUEST_S, KafkaError):
            admin = await self._connected_admin()
            coordinator = await self._coordinator(admin, group)
            positions = await admin.list_consumer_group_offsets(
                group, group_coordinator_id=coordinator, partitions=sources
            )
        return {source.partition: entry.offset for source, entry in positions.items() if entry.offset >= 0}

    async def _coordinator(self, admin: AIOKafkaAdminClient, group: str) -> int:
        """Return the group's coordinator. A new cluster has none until it has created the positions topic."""
        while True:
            try:
                coordinator: int = await admin.find_coordinator(group)
                return coordinator
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(_RETRY_S)

    async def close(self) -> None:
        """Free the connections within a bounded time."""
        reader, self._reader = self._reader, None
        admin, self._admin = self._admin, None
        if reader is not None:
            await stop_bounded(reader.stop, reader._client.close)
        if admin is not None:
            await admin.close()

    async def _connected_reader(self) -> AIOKafkaConsumer:
        async with self._connecting:
            if self._reader is None:
                reader = AIOKafkaConsumer(**self._brokers.options)
                await reader.start()
                self._reader = reader
            return self._reader

    async def _connected_admin(self) -> AIOKafkaAdminClient:
        async with self._connecting:
            if self._admin is None:
                admin = AIOKafkaAdminClient(**self._brokers.options)
                await admin.start()
                self._admin = admin
            return self._admin
