"""The product with two processes of every role, on engines that ask for TLS and passwords, behind Envoy."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from segops_local.engines.clickhouse_shards import shards_url
from segops_local.gateway.nginx import Route, load_routes
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.processes.server import Server
from segops_local.state.folder import StateFolder
from segops_local.state.ports import HOST, free_port
from segops_local.supervisor.migrations import Migrations
from segops_local.supervisor.services import ROLES, SERVICES, Role, ServiceProcess, service_forks
from segops_local.supervisor.topology import Options, Topology
from segops_testkit.tcp_proxy import TcpProxy
from tests.contract.event_log.secured_kafka import PASSWORD, USER
from tests.ops.replicas.kafka_cluster import KafkaCluster
from tests.shared.certificates import Authority
from tests.shared.envoy import Envoy
from tests.shared.tls_lines import ClickHouseTlsLine, PostgresTlsLine

REPLICAS: Final = 2
SHARDS: Final = 2
DRAIN_S: Final = 4
"""Longer than the gateway takes to see that a process is not ready."""
_INNER: Final = {"auth": "SEGOPS_AUTH_URL", "membership": "SEGOPS_MEMBERSHIP_URL", "segments": "SEGOPS_SEGMENTS_URL"}
"""The services that others call, at the address of this setting."""


class _Engines(Topology):
    """Engines without TLS of their own, whose addresses lead over lines that have it."""

    _more: dict[str, str]
    _lines: dict[int, TcpProxy]

    def secure(self, authority: Authority, kafka: KafkaCluster, inner: Mapping[str, str]) -> None:
        """Make the lines. `inner` are addresses by setting that take the place of the usual ones."""
        self._more = {
            "SEGOPS_CA_FILE": str(authority.ca_file),
            "SEGOPS_EVENT_LOG_URL": kafka.url,
            "SEGOPS_KAFKA_USER": USER,
            "SEGOPS_KAFKA_PASSWORD": PASSWORD,
            "SEGOPS_DRAIN_S": str(DRAIN_S),
            **inner,
        }
        context = authority.server_context(HOST)
        shards = [ClickHouseTlsLine(target_port=shard.port, tls=context) for shard in self.shards]
        self._lines = dict(zip((shard.port for shard in self.shards), shards, strict=True))
        self._lines[self.postgres.port] = PostgresTlsLine(target_port=self.postgres.port, context=context)
        self._lines[self.valkey.port] = TcpProxy(target_port=self.valkey.port, tls=context)

    async def start_lines(self) -> None:
        for line in self._lines.values():
            await line.start()

    async def stop_lines(self) -> None:
        for line in self._lines.values():
            await line.stop()

    def environment(self, process: str) -> dict[str, str]:
        usual = super().environment(process)
        more = {name: value for name, value in self._more.items() if name not in _INNER.values() or name in usual}
        return {name: self._secured(name, value) for name, value in usual.items()} | more

    def _secured(self, name: str, value: str) -> str:
        if name.endswith("POSTGRES_URL"):
            return f"{self._moved(value)}?sslmode=verify-full"
        if "CLICKHOUSE" in name and name.endswith("URL"):
            return self._moved(value).replace("http://", "https://")
        if name.endswith("REDIS_URL"):
            return self._moved(value).replace("redis://", "rediss://")
        return value

    def _moved(self, url: str) -> str:
        for port, line in self._lines.items():
            url = re.sub(rf":{port}(?=[/,])", f":{line.port}", url)
        return url


class Replicas:
    """Two processes of each role. `url` is the gateway's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = AsyncExitStack()
        self._authority = Authority(folder)
        self._kafka = KafkaCluster(folder / "kafka", keystore=self._authority.issue(HOST))
        self.processes: defaultdict[str, list[ServiceProcess]] = defaultdict(list)
        """By role, such as `ingest.sink`."""
        self._ports = {role.name: [(free_port(), free_port()) for _ in range(REPLICAS)] for role in ROLES}
        self._gateways: list[Envoy] = []
        self.engines: _Engines

    @property
    def url(self) -> str:
        return self._gateways[0].url

    @property
    def clickhouse_url(self) -> str:
        """The warehouse's address for its owner, without TLS."""
        return shards_url(self.engines.shards)

    def gateway_log(self) -> str:
        """Return what the gateway logged."""
        return self._gateways[0].log.read_text(errors="replace")

    async def start(self) -> None:
        """Start engines, tables, services and gateways."""
        state = StateFolder(self._folder / "state")
        self._held.enter_context(state.hold())
        reaper = await asyncio.to_thread(OrphanReaper, state.root / "processes.json")
        self._held.callback(reaper.dismiss)
        forks = service_forks(state, {})
        self._held.callback(forks.close)
        await asyncio.to_thread(forks.preload)
        options = Options(port=0, event_log="valkey", env={}, shards=SHARDS)
        self.engines = topology = _Engines(state=state, options=options, orphan_reaper=reaper, forks=forks)
        self._held.push_async_callback(self._kafka.stop)
        await self._run(topology.engines.values())
        await self._kafka.start()
        inner = self._make_gateways()
        await self._run(self._gateways)
        topology.secure(self._authority, self._kafka, inner)
        self._held.push_async_callback(topology.stop_lines)
        await topology.start_lines()
        await Migrations(topology).run()
        for role in ROLES:
            for port, internal in self._ports[role.name]:
                self._add(role, port, internal)
        await self._run([process for replicas in self.processes.values() for process in replicas])

    async def stop(self) -> None:
        """Stop everything, what started last first."""
        await self._held.aclose()

    async def _run(self, servers: Iterable[Server]) -> None:
        """Start servers that stop together."""
        servers = list(servers)

        async def stop() -> None:
            await asyncio.gather(*(server.stop() for server in servers))

        self._held.push_async_callback(stop)
        await asyncio.gather(*(server.start() for server in servers))

    def _add(self, role: Role, port: int, internal: int) -> None:
        topology, number = self.engines, len(self.processes[role.name]) + 1
        process = ServiceProcess(
            role,
            port=port if role.is_api else internal,
            internal_port=internal,
            environment=topology.environment(role.name),
            state=topology.state,
            forks=topology.forks,
        )
        process.orphan_reaper = topology.orphan_reaper
        process.log = topology.state.logs / f"{role.name}-{number}.log"
        self.processes[role.name].append(process)

    def _make_gateways(self) -> dict[str, str]:
        """Make the gateway, and one for each service that others call: in clusters, a name leads to all processes.

        Return the addresses of the latter by setting.
        """
        apis = {service: self._ports[f"{service}.api"] for service in SERVICES}
        health = dict(pair for pairs in apis.values() for pair in pairs)
        ports = {service: tuple(port for port, _ in pairs) for service, pairs in apis.items()}
        gateway = Envoy(self._folder / "gateway", upstreams=ports, table=load_routes(), health_ports=health)
        self._gateways, addresses = [gateway], {}
        for service, setting in _INNER.items():
            internal = tuple(internal for _, internal in apis[service])
            routes = tuple(Route(prefix=prefix, service=service) for prefix in ("/internal/", "/api/auth/"))
            table = replace(load_routes(), routes=routes)
            own = {port: port for port in internal}
            folder, port = self._folder / f"inner-{service}", free_port()
            inner = Envoy(folder, upstreams={service: internal}, table=table, health_ports=own, port=port)
            self._gateways.append(inner)
            addresses[setting] = f"http://{HOST}:{port}"
        return addresses
