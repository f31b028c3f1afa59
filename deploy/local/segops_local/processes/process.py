"""One child process, which ends when we end, and is killed together with its descendants."""

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from segops_local.errors import LocalError
from segops_local.processes.family import Family, end_family, family_of
from segops_local.processes.forks import Forks
from segops_local.processes.identity import Identity, become
from segops_local.state.plain_files import open_log, open_plain

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02
# Words in lines that explain a failure, best first: after the reason, programs often log a general line about the end.
_FAILURE_WORDS = (
    ("Traceback (most recent call last):\\n", '"error": "Traceback'),
    ("FATAL", "PANIC", "[emerg]", "ERROR", "Error", "DB::Exception", '"level": "error"', '"level": "critical"'),
)


class Child(Protocol):
    """A child of this process, or of a fork server."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def kill(self) -> None: ...
    def send_signal(self, number: int, /) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run. `identity` is set when it must not run as root. `mark` is that of its `Family`.

    With `forks`, `python -m MODULE ...` starts as a fork of a process that has imported the module.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path
    identity: Identity | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0
    mark: str = ""
    forks: Forks | None = None


@dataclass(slots=True)
class Process:
    """A running command, in a session of its own so that Ctrl-C in the terminal reaches only the supervisor."""

    command: Command
    family: Family = field(init=False)
    _child: Child = field(init=False)
    _log_start: int = field(init=False)

    def __post_init__(self) -> None:
        self.command.log.parent.mkdir(parents=True, exist_ok=True)
        with open_log(self.command.log) as log:
            self._log_start = os.fstat(log.fileno()).st_size
            self._child = _start(self.command, log.fileno())
        self.family = family_of(self._child.pid, self.command.mark)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._child.poll()

    @property
    def running(self) -> bool:
        return self.exit_code is None

    @property
    def failure(self) -> str:
        """The signal that killed it, or else the line of its own in the log that best explains why it ended."""
        if self.exit_code == -signal.SIGKILL:
            return f"killed by signal {signal.SIGKILL:d}"
        line = failure_line(self.command.log, self._log_start)
        return f"killed by signal {-self.exit_code}: {line}" if self.exit_code and self.exit_code < 0 else line

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Return whether it ended within the timeout. Without one, wait until it ends."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.running:
            if deadline is not None and time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def stop(self) -> None:
        """Send the stop signal, and SIGKILL after the timeout. A frozen process is resumed first, to receive the signal.

        What outlives it is killed.
        """
        if self.running:
            self.send(signal.SIGCONT)
            self.send(self.command.stop_signal)
        await self.wait(self.command.stop_timeout_s)
        await asyncio.to_thread(self.kill)

    def kill(self) -> None:
        """Send SIGKILL to it and all its family, even if it has ended itself. Return when they have ended."""
        end_family(self.family)
        if self.running:  # without /proc, the family is not known
            self._child.kill()
        self._child.wait()

    def send(self, number: signal.Signals) -> None:
        """Send the signal to the process, not to its descendants. Has no effect after its end."""
        if self.running:
            self._child.send_signal(number)


def _start(command: Command, log: int) -> Child:
    if command.forks is not None:
        return command.forks.start(command.argv[1:], environment=command.environment, folder=command.folder, output=log)
    return subprocess.Popen(
        command.argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=command.folder,
        env=dict(command.environment),
        start_new_session=True,
        preexec_fn=child_setup(command.identity),
    )


def child_setup(identity: Identity | None) -> Callable[[], None]:
    """Return what a forked child runs before the program: drop root, and request SIGKILL when the parent ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform.startswith("linux")
    parent = os.getpid()

    def setup() -> None:
        os.umask(0o077)
        if identity is not None:
            become(identity)
        if linux:  # after the change of user, which clears it
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return setup


def failure_line(log: Path, start: int = 0) -> str:
    """Return the line of a log, from byte `start` on, that best explains why a program ended."""
    try:
        with os.fdopen(open_plain(log, os.O_RDONLY), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            # A log that grew too long was emptied meanwhile.
            file.seek(max(start if start <= size else 0, size - 64_000))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except LocalError as error:
        return str(error)
    except OSError:
        return "there is no log"
    for words in _FAILURE_WORDS:
        matches = [line for line in lines if any(word in line for word in words)]
        if matches:
            return _plain(matches[-1])[:300]
    return _plain((lines or ["the log is empty"])[-1])[:300]


def _plain(line: str) -> str:
    """Return the message of a JSON log line. A traceback is cut to its last line."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "message" not in entry:
        return line
    message = str(entry["message"]).strip()
    message = message.splitlines()[-1] if message.startswith("Traceback") else message
    cause = str(entry.get("error", "")).strip().splitlines()[-1:]
    return ": ".join([message, *cause])
