"""Envoy with the configuration that is made from the route table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.manifests.envoy import EnvoyOptions, envoy_config, program
from segops_local.gateway.nginx import RouteTable
from segops_local.processes.host import child_environment
from segops_local.processes.probe import http
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST


class Envoy(Server):
    """The gateway of clusters and of compose."""

    name = "envoy"
    title = "Envoy"

    def __init__(
        self,
        state_dir: Path,
        *,
        upstreams: Mapping[str, tuple[int, ...]],
        table: RouteTable,
        health_ports: Mapping[int, int] | None = None,
        port: int | None = None,
    ) -> None:
        """`health_ports` are by port: those at which Envoy asks whether a process is ready."""
        super().__init__(state_dir, port)
        self._health_ports = {(HOST, port): health for port, health in (health_ports or {}).items()}
        self._upstreams = {name: tuple((HOST, port) for port in ports) for name, ports in upstreams.items()}
        self._table = table

    @property
    def url(self) -> str:
        return f"http://{self.address(self.port)}"

    def command(self, port: int) -> Command:
        config = self.state_dir / "envoy.json"
        options = EnvoyOptions(upstreams=self._upstreams, health_ports=self._health_ports, host=HOST, port=port)
        config.write_text(envoy_config(self._table, options))
        argv = [str(program()), "--config-path", str(config), "--concurrency", "1", "--disable-hot-restart"]
        return Command(
            argv=[*argv, "--log-level", "warning"], environment=child_environment(), log=self.log, folder=self.state_dir
        )

    async def answers(self) -> bool:
        return (await http("GET", HOST, self.port, "/healthz")).status == 200
