"""Three brokers of Apache Kafka that copy each topic, and ask clients for a password over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from segops_local.state.ports import HOST, remembered_port
from tests.contract.event_log.secured_kafka import SecuredKafka

BROKERS: Final = 3
_CLUSTER: Final = "AAAAAAAAQACAAAAAAAAAAA"
_PROPERTIES: Final = """\
node.id={node}
controller.quorum.voters={voters}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
"""


class _Broker(SecuredKafka):
    """One of the brokers, which is a controller too."""

    def __init__(self, folder: Path, node: int, *, keystore: Path) -> None:
        super().__init__(folder / f"broker-{node}", keystore=keystore)
        self._folder = folder
        self._node = node

    @property
    def cluster(self) -> str:
        return _CLUSTER

    @property
    def storage_options(self) -> Sequence[str]:
        # The voters stand in the settings.
        return [option for option in super().storage_options if option != "--standalone"]

    def settings(self, port: int) -> str:
        voters = (f"{node}@{HOST}:{self._controller(node)}" for node in range(1, BROKERS + 1))
        return super().settings(port) + _PROPERTIES.format(node=self._node, voters=",".join(voters))

    def _controller(self, node: int) -> int:
        folder = self._folder / f"broker-{node}"
        folder.mkdir(parents=True, exist_ok=True)
        return remembered_port(folder / "controller-port")


class KafkaCluster:
    """The brokers start and stop together. An append is acknowledged when two of them have it."""

    def __init__(self, folder: Path, *, keystore: Path) -> None:
        self.brokers = [_Broker(folder, node, keystore=keystore) for node in range(1, BROKERS + 1)]

    @property
    def url(self) -> str:
        """The event log's address, which asks for TLS and a password."""
        return f"kafkas://{','.join(broker.tls_servers for broker in self.brokers)}"

    async def start(self) -> None:
        """Return when all brokers serve."""
        await asyncio.gather(*(broker.start() for broker in self.brokers))

    async def stop(self) -> None:
        """Stop all brokers."""
        await asyncio.gather(*(broker.stop() for broker in self.brokers))
