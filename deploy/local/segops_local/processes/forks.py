"""Starts Python programs as forks of one process that has already imported what they need.

A service imports for one to three CPU seconds, and the product has eleven such programs; a fork starts in milliseconds.
`fork_server` is the program of that process, and says how the two talk.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.state.plain_files import open_log

_POLL_S = 0.02
_LOOK_EVERY_S = 0.2
_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class ForkedChild:
    """A program that was started, with the part of the interface of subprocess.Popen that `Process` uses."""

    pid: int
    server: _Server

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self.server.status(self.pid)

    def wait(self) -> int:
        """Return the exit status when it has ended."""
        while (status := self.poll()) is None:
            time.sleep(_POLL_S)
        return status

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal. Has no effect after its end."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def send_request(control: socket.socket, request: Mapping[str, object], *descriptors: int) -> None:
    """Send a request to a fork server; a program comes with the descriptors of its stdout and stderr."""
    body = json.dumps(request).encode()
    socket.send_fds(control, [len(body).to_bytes(4)], descriptors)
    control.sendall(body)


class Forks:
    """Keeps one server, and starts another when it has ended. What a server started ends with it, and with this process."""

    def __init__(self, *, modules: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self._modules = tuple(modules)
        self._environment = dict(environment)
        self._folder = folder
        self._log = log
        self._server: _Server | None = None
        self._lock = threading.Lock()
        self._closed = False

    def preload(self) -> None:
        """Return when the server has imported all modules, or `close` was called. Takes seconds: use a thread.

        Raises LocalError when it cannot import them.
        """
        try:
            with self._lock:
                self._running_server()
        except LocalError:
            if not self._closed:
                raise

    def start(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, output: int
    ) -> ForkedChild:
        """Start `python -m MODULE ...` in a session of its own; `output` is the descriptor for what it prints."""
        request = {"arguments": list(arguments), "env": dict(environment), "cwd": str(folder), "detached": True}
        with self._lock:
            server = self._running_server()
            return ForkedChild(server.fork(request, output), server)

    def close(self) -> None:
        """End the server, also amid its imports, and with it every program that still runs."""
        self._closed = True
        if self._server is not None:
            self._server.close()

    def _running_server(self) -> _Server:
        if self._server is None or self._server.ended:
            if self._server is not None:
                self._server.close()
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            with open_log(self._log) as log:
                self._server = _Server(self._environment, self._folder, log.fileno())
            if self._closed:
                self._server.close()
            try:
                self._server.preload(self._modules)
            except OSError as error:
                raise LocalError(f"The services could not be imported (full log: {self._log}).") from error
        return self._server


class _Server:
    """One server process, and what it has reported."""

    def __init__(self, environment: Mapping[str, str], folder: Path, log: int) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "segops_local.processes.fork_server"],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self._reports = self._process.stdout.fileno()
        os.set_blocking(self._reports, False)
        self._unread = b""
        self._started: list[int] = []
        self._statuses: dict[int, int] = {}
        self._preloaded = False
        self._reading = threading.Lock()
        self.ended = False

    def preload(self, modules: Sequence[str]) -> None:
        """Return when the modules are imported. Raises BrokenPipeError when the server ended instead."""
        send_request(self._control, {"modules": list(modules)})
        while not self._preloaded:
            self._wait_for_report()

    def fork(self, request: Mapping[str, object], output: int) -> int:
        """Start a program; return its process id."""
        send_request(self._control, request, output, output)
        while not self._started:
            self._wait_for_report()
        return self._started.pop()

    def status(self, pid: int) -> int | None:
        """Return the exit status of a program, None while it runs."""
        self._read()
        status = self._statuses.get(pid)
        return -signal.SIGKILL if status is None and self.ended else status

    def close(self) -> None:
        """End the process; what it started ends by SIGKILL."""
        self._control.close()
        self._process.terminate()
        self._process.wait()
        self._read()
        with self._reading:
            # A program that was forked a moment ago may still hold the pipe, so its end is not always seen.
            self.ended = True
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _wait_for_report(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._reports, selectors.EVENT_READ)
            # A descriptor that another thread closes is never ready, so look at `ended` now and then.
            while not self.ended and not selector.select(_LOOK_EVERY_S):
                if time.monotonic() > deadline:
                    raise TimeoutError("the fork server does not answer")
        self._read()
        if self.ended:
            raise BrokenPipeError("the fork server has ended")

    def _read(self) -> None:
        with self._reading:
            while not self.ended:
                try:
                    chunk = os.read(self._reports, 65_536)
                except BlockingIOError:
                    return
                self.ended = not chunk
                *lines, self._unread = (self._unread + chunk).split(b"\n")
                for line in lines:
                    self._note(json.loads(line))
            self._process.poll()

    def _note(self, report: Mapping[str, int]) -> None:
        if "status" in report:
            self._statuses[report["pid"]] = report["status"]
        elif "pid" in report:
            self._started.append(report["pid"])
        else:
            self._preloaded = True
