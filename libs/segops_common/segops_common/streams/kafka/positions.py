"""How far a topic and a group are, seen from outside of the group, over clients kept for the next look."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from segops_common.contracts.topics import Topic
from segops_common.streams.kafka.timeouts import stop_bounded, translated

_LOOK_S = 5.0
_AGAIN_S = 0.1


class KafkaPositions:
    """Connects when first asked; raises `LogUnavailable` when the brokers do not answer."""

    def __init__(self, *, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._reader: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._connecting = asyncio.Lock()

    async def ends(self, topic: Topic) -> Mapping[int, int]:
        """For each partition the offset of the next record."""
        async with translated(within_s=_LOOK_S):
            reader = await self._connected_reader()
            found = await reader.end_offsets([KafkaPartition(topic.name, part) for part in range(topic.partitions)])
        return {source.partition: offset for source, offset in found.items()}

    async def of_group(self, group: str, topic: Topic) -> Mapping[int, int]:
        """For each partition that the group committed in, its position."""
        sources = [KafkaPartition(topic.name, part) for part in range(topic.partitions)]
        async with translated(within_s=_LOOK_S):
            admin = await self._connected_admin()
            coordinator = await self._coordinator(admin, group)
            found = await admin.list_consumer_group_offsets(group, group_coordinator_id=coordinator, partitions=sources)
        return {source.partition: each.offset for source, each in found.items() if each.offset >= 0}

    async def _coordinator(self, admin: AIOKafkaAdminClient, group: str) -> int:
        """A new cluster has none until it has made the topic of positions, which this asks it to."""
        while True:
            try:
                found: int = await admin.find_coordinator(group)
                return found
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(_AGAIN_S)

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
                reader = AIOKafkaConsumer(bootstrap_servers=self._bootstrap)
                await reader.start()
                self._reader = reader
            return self._reader

    async def _connected_admin(self) -> AIOKafkaAdminClient:
        async with self._connecting:
            if self._admin is None:
                admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
                await admin.start()
                self._admin = admin
            return self._admin
