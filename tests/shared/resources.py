"""Engines and stacks as what the host of a run starts, describes and stops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from segops_local.engines import ClickHouseEngine, PostgresEngine
from segops_local.engines.clickhouse_config import USERS
from segops_local.engines.clickhouse_shards import clickhouse_shards, shard_ports, shards_url
from segops_local.processes.server import Server
from segops_local.supervisor.local_stack import LocalStack
from tests.shared.other_clusters import ShardEntry, add_clusters

Reply = dict[str, Any]

LOOPBACK: Final = {
    process: {"SEGOPS_ACTIVATION_NETWORKS": "127.0.0.0/8"} for process in ("membership.api", "membership.worker")
}
"""Activations may send to receivers of tests."""


class Engine:
    """One engine as a resource."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    def describe(self) -> Reply:
        return {"url": self._server.url}


class Cluster:
    """ClickHouse with two shards. Its configuration also has clusters that do not fit, with weights or replicas."""

    def __init__(self, folder: Path) -> None:
        self._servers = clickhouse_shards(folder, 2)
        self._folder = folder

    async def start(self) -> None:
        one, two = shard_ports(self._folder)
        first = ShardEntry((one,))
        add_clusters(
            self._servers,
            {
                "weighted": (first, ShardEntry((two,), weight=2)),
                "replicated": (first, ShardEntry((two, two))),
            },
        )
        for server in self._servers:
            await server.start()

    async def stop(self) -> None:
        for server in self._servers:
            await server.stop()

    def describe(self) -> Reply:
        return {"url": shards_url(self._servers), "users": [shards_url(self._servers, user) for user in USERS]}


class Postgres(Engine):
    """PostgreSQL, with an address for each role."""

    def __init__(self, server: PostgresEngine) -> None:
        super().__init__(server)
        self._postgres = server

    def describe(self) -> Reply:
        owners = {"superuser": self._postgres.url, "owner": self._postgres.owner_url}
        return super().describe() | {"roles": owners | self._postgres.service_urls}


class Product:
    """The whole product as a resource."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack

    async def start(self) -> None:
        await self._stack.start()

    async def stop(self) -> None:
        await self._stack.stop()

    def describe(self) -> Reply:
        return {"url": self._stack.url, "metrics_url": self._stack.metrics_url}

    def process(self, name: str) -> Reply:
        server = self._stack.process(name)
        settings = server.command(server.port).environment
        return {"pid": server.pid, "folder": str(server.state_dir), "log": str(server.log), "settings": dict(settings)}

    def engine(self, name: str) -> Reply:
        return {"url": self._stack.engine(name).url}

    def end_process(self, name: str) -> Reply:
        """Kill a process. It stays down."""
        self._stack.process(name).kill(stay_down=True)
        return {}

    async def begin_process(self, name: str) -> Reply:
        """Start it again; return when it answers."""
        await self._stack.process(name).start()
        return {}


Resource = Engine | Cluster | Product


def in_folder(folder: Path) -> Mapping[str, Resource]:
    """Everything that can be shared, by name."""
    return {
        "postgres": Postgres(PostgresEngine(folder / "postgres")),
        "clickhouse": Engine(ClickHouseEngine(folder / "clickhouse")),
        "clickhouse_cluster": Cluster(folder / "clickhouse-cluster"),
        "valkey_stack": Product(LocalStack(folder / "valkey-stack", env=LOOPBACK)),
        "cluster_stack": Product(LocalStack(folder / "cluster-stack", shards=2, env=LOOPBACK)),
        "kafka_stack": Product(LocalStack(folder / "kafka-stack", event_log="kafka")),
    }
