"""Starts Python programs as forks of one process that has already imported what they need.

A service imports for one to three CPU seconds; a fork of a process that has done so starts in milliseconds.

    async with fork_server() as forks:
        forks.preload("segops_ingest.app")
        process = await forks.start("-m", "segops_ingest", "sink", env=environment, stderr=PIPE)
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from segops_local.processes.forks import send_request

Output = int | IO[bytes] | None
"""PIPE, DEVNULL, STDOUT (for stderr only), an open file, or None for the stream of this process."""


class ForkedProcess:
    """A running program, with the part of the interface of asyncio.subprocess.Process that tests use."""

    def __init__(self, stdout: asyncio.StreamReader | None, stderr: asyncio.StreamReader | None) -> None:
        self.pid = 0
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        """The exit status, negative for a signal; None while the process runs."""
        self._started = asyncio.Event()
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """Return the exit status when the process has ended."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    async def communicate(self) -> tuple[bytes | None, bytes | None]:
        """Return all output of the pipes when the process has ended."""
        stdout, stderr = await asyncio.gather(_read_all(self.stdout), _read_all(self.stderr))
        await self.wait()
        return stdout, stderr

    def send_signal(self, number: int) -> None:
        """Send a signal; no effect when the process has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def started(self) -> ForkedProcess:
        """Return when `pid` is known."""
        await self._started.wait()
        return self

    def note_started(self, pid: int) -> None:
        self.pid = pid
        self._started.set()

    def note_ended(self, returncode: int) -> None:
        self.returncode = returncode
        self._started.set()
        self._ended.set()


class ForkServer:
    """One server process. When it ends, or this process does, everything that it started is killed."""

    def __init__(self, control: socket.socket, server: asyncio.subprocess.Process) -> None:
        self._control = control
        self._server = server
        self._starting: deque[ForkedProcess] = deque()
        self._running: dict[int, ForkedProcess] = {}
        self._reader = asyncio.get_running_loop().create_task(self._read_reports())

    async def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdout: Output = None,
        stderr: Output = None,
    ) -> ForkedProcess:
        """Start `python -m MODULE ...` or `python SCRIPT ...`; without `env`, with the environment of this process."""
        out, reads_out = _descriptor(stdout, 1)
        err, reads_err = (out, None) if stderr == STDOUT else _descriptor(stderr, 2)
        process = ForkedProcess(await _reader(reads_out), await _reader(reads_err))
        env = os.environ if env is None else env  # house: environment a test hands its own on to programs
        request = {"arguments": arguments, "env": dict(env), "cwd": str(cwd or Path.cwd())}
        self._starting.append(process)
        try:
            send_request(self._control, request, out, err)
        finally:
            for descriptor, output in ((out, stdout), (err, stderr)):
                if output in (PIPE, DEVNULL):
                    os.close(descriptor)
        return await process.started()

    def preload(self, *modules: str) -> None:
        """Import modules, such as `segops_ingest.app`, before the next start."""
        send_request(self._control, {"modules": modules})

    async def close(self) -> None:
        """End the server; whatever it started and still runs is killed."""
        self._control.close()
        await self._reader
        await self._server.wait()

    async def _read_reports(self) -> None:
        assert self._server.stdout is not None
        async for line in self._server.stdout:
            report = json.loads(line)
            if "status" in report:
                self._running.pop(report["pid"]).note_ended(report["status"])
            elif "pid" in report:
                process = self._running[report["pid"]] = self._starting.popleft()
                process.note_started(report["pid"])
        for process in (*self._starting, *self._running.values()):
            process.note_ended(-signal.SIGKILL)


@asynccontextmanager
async def fork_server(cwd: Path | None = None) -> AsyncIterator[ForkServer]:
    """Run a server that imports from `cwd` and the environment; closed at the end of the block."""
    ours, theirs = socket.socketpair()
    with theirs:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "segops_local.processes.fork_server", cwd=cwd, stdin=theirs.fileno(), stdout=PIPE
        )
    running = ForkServer(ours, server)
    try:
        yield running
    finally:
        await running.close()


def _descriptor(output: Output, inherited: int) -> tuple[int, int | None]:
    """The descriptor to write to, and the one to read from when it is a pipe."""
    if output is None:
        return inherited, None
    if output == DEVNULL:
        return os.open(os.devnull, os.O_WRONLY), None
    if output == PIPE:
        reads, writes = os.pipe()
        return writes, reads
    assert not isinstance(output, int)
    return output.fileno(), None


async def _reader(descriptor: int | None) -> asyncio.StreamReader | None:
    if descriptor is None:
        return None
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0))
    return reader


async def _read_all(reader: asyncio.StreamReader | None) -> bytes | None:
    return None if reader is None else await reader.read()
