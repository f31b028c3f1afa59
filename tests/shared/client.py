"""The side of the test processes: the first starts the host of the run, and all of them ask it for what they need."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.shared.host import READY

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class StackProcess:
    """A process of a running stack."""

    pid: int
    folder: Path
    log: Path
    settings: Mapping[str, str]
    """Its environment. A fork has one of its own, which /proc does not show."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """The whole product behind its gateway, shared by all tests of the run, so a test makes its own tenant."""

    name: str
    url: str
    shared: Shared

    @property
    def metrics_url(self) -> str:
        """The address of the metrics of all processes."""
        return str(self.shared.ask(do="start", name=self.name)["metrics_url"])

    def process(self, name: str) -> StackProcess:
        """A service's process such as `ingest.sink`, or `gateway`."""
        reply = self.shared.ask(do="process", name=self.name, process=name)
        return StackProcess(reply["pid"], Path(reply["folder"]), Path(reply["log"]), reply["settings"])

    def engine(self, name: str) -> str:
        """The address of `postgres` or `clickhouse`, for the owner of its tables."""
        return str(self.shared.ask(do="engine", name=self.name, process=name)["url"])

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Kill a process, and keep it down meanwhile. Other tests must not use the stack at the same time."""
        self.shared.ask(do="end_process", name=self.name, process=name)
        try:
            yield
        finally:
            self.shared.ask(do="begin_process", name=self.name, process=name)


@dataclass(frozen=True, slots=True)
class Shared:
    """Engines and stacks of one run, in a folder that all its test processes know."""

    folder: Path

    def engine(self, name: str) -> str:
        """Start an engine unless it runs; its address."""
        url: str = self.ask(do="start", name=name)["url"]
        return url

    def postgres(self) -> dict[str, str]:
        """Start PostgreSQL unless it runs; its address for `superuser`, `owner` and each service."""
        roles: dict[str, str] = self.ask(do="start", name="postgres")["roles"]
        return roles

    def stack(self, name: str) -> RunningStack:
        """Start a stack unless it runs."""
        return RunningStack(name, self.ask(do="start", name=name)["url"], self)

    def note_use(self, name: str, uses: int) -> None:
        """Count a test that is done; the last of `uses` stops the resource."""
        self.ask(do="note_use", name=name, uses=uses)

    def ask(self, **request: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "socket"))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answer:
                reply: dict[str, Any] = json.loads(answer.readline() or b'{"error": "the host of the run has ended"}')
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply


class SharedOwner:
    """The run's first process: starts the host, and leaves nothing behind."""

    def __init__(self) -> None:
        self.shared = Shared(Path(tempfile.mkdtemp(prefix="segops-tests-")))
        self._host = subprocess.Popen(
            [sys.executable, "-m", "tests.shared.host", str(self.shared.folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches only the run, whose end then stops the host in order
        )
        assert self._host.stdout is not None
        if self._host.stdout.read(1) != READY:
            raise RuntimeError("The host of the shared engines did not start.")

    def close(self) -> None:
        """Return when the host has stopped everything and ended."""
        for pipe in (self._host.stdin, self._host.stdout):
            if pipe is not None:
                pipe.close()
        self._host.wait()
