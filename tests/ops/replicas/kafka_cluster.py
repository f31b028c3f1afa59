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

    def __init__(self, folder: Path, node: int, voters: str, *, keystore: Path) -> None:
        super().__init__(folder, keystore=keystore)
        self._more = _PROPERTIES.format(node=node, voters=voters)

    @property
    def cluster(self) -> str:
        return _CLUSTER

    @property
    def storage_options(self) -> Sequence[str]:
        # The voters stand in the settings.
        return [option for option in super().storage_options if option != "--standalone"]

    def settings(self, port: int) -> str:
        return super().settings(port) + self._more


class KafkaCluster:
    """The brokers start and stop together. An append is acknowledged when two of them have it."""

    def __init__(self, folder: Path, *, keystore: Path) -> None:
        folders = {node: folder / f"broker-{node}" for node in range(1, BROKERS + 1)}
        for own in folders.values():
            own.mkdir(parents=True)
        ports = {node: remembered_port(own / "controller-port") for node, own in folders.items()}
        voters = ",".join(f"{node}@{HOST}:{port}" for node, port in ports.items())
        self.brokers = [_Broker(own, node, voters, keystore=keystore) for node, own in folders.items()]

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
