"""ClickHouse: chdb, the same engine in process, behind the HTTP interface of `segops_local.clickhouse`."""

import sys

from segops_local.errors import LocalError
from segops_local.host import child_environment
from segops_local.ports import HOST
from segops_local.probe import http
from segops_local.process import Command
from segops_local.server import Server

_DATABASE = "segops"


class ClickHouseEngine(Server):
    """One server with the database `segops`."""

    name = "clickhouse"
    title = "ClickHouse"

    @property
    def url(self) -> str:
        return f"http://default:@{self.address(self.port)}/{_DATABASE}"

    async def start(self) -> None:
        await super().start()
        made = await http(
            "POST", HOST, self.port, "/", body=f"CREATE DATABASE IF NOT EXISTS {_DATABASE}".encode(), timeout_s=30
        )
        if made.status != 200:
            words = made.body.decode(errors="replace").strip()[:300]
            raise LocalError(f"ClickHouse did not create its database in {self.state_dir}: {words} (log: {self.log}).")

    def command(self, port: int) -> Command:
        data = self.state_dir / "data"
        module = [sys.executable, "-m", "segops_local.clickhouse"]
        return Command(
            argv=[*module, "--data", str(data), "--host", HOST, "--port", str(port)],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
        )

    async def answers(self) -> bool:
        return (await http("GET", HOST, self.port, "/ping")).status == 200
