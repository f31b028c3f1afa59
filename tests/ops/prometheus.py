"""Prometheus and promtool: of the system, or from Debian's package, which is unpacked into the cache."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from segops_local.processes.host import child_environment
from segops_local.processes.probe import http
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from tests.ops.conftest import needs_tools
from tests.ops.images import CACHE, Unavailable

PACKAGE: Final = "prometheus"
_FOLDER: Final = CACHE / PACKAGE


def program(name: str) -> Path:
    """Return `prometheus` or `promtool`. Skip in one line where neither the system nor apt has it."""
    with needs_tools():
        return _found(name)


def _found(name: str) -> Path:
    if (path := shutil.which(name)) is not None:
        return Path(path)
    unpacked = _FOLDER / "files" / "usr" / "bin" / name
    if not unpacked.exists():
        _unpack()
    return unpacked


def _unpack() -> None:
    """Fetch the package by apt, as its lists say, and unpack it without installing it. Raises Unavailable."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    missing = Unavailable(
        f"{PACKAGE} must be on PATH or in the lists of apt: apt-get update, apt-get install {PACKAGE}"
    )
    try:
        subprocess.run(["apt-get", "download", "-q", PACKAGE], cwd=_FOLDER, capture_output=True, check=True)
        [package] = _FOLDER.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", package, _FOLDER / "files"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise missing from error


class Prometheus(Server):
    """A Prometheus with a configuration of the test."""

    name = "prometheus"
    title = "Prometheus"
    ready_timeout_s = 60.0

    def __init__(self, state_dir: Path, config: Path) -> None:
        super().__init__(state_dir)
        self._program = program("prometheus")
        self._config = config

    @property
    def url(self) -> str:
        return f"http://{self.address(self.port)}"

    def command(self, port: int) -> Command:
        return Command(
            argv=[
                str(self._program),
                f"--config.file={self._config}",
                f"--storage.tsdb.path={self.state_dir / 'data'}",
                f"--web.listen-address={HOST}:{port}",
            ],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
        )

    async def answers(self) -> bool:
        return (await http("GET", HOST, self.port, "/-/ready")).status == 200

    async def ask(self, path: str, **query: str) -> Any:
        """Return the data of an answer of its API."""
        answer = await http("GET", HOST, self.port, f"/api/v1/{path}?{urlencode(query)}", timeout_s=10.0)
        document = json.loads(answer.body)
        assert document["status"] == "success", document
        return document["data"]

    async def query(self, expression: str) -> list[Any]:
        """Return the present samples of an expression."""
        samples: list[Any] = (await self.ask("query", query=expression))["result"]
        return samples
