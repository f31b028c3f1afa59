"""One child process: started so that it dies with us, stopped in good order, killed as a whole."""

import asyncio
import contextlib
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

from segops_local.processes.identity import Identity, become

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02
# What tells why, best first: a program that gives up often says so once more, in general terms, after the reason.
_TELLING = (
    ("Traceback (most recent call last):\\n", '"error": "Traceback'),
    ("FATAL", "PANIC", "[emerg]", "ERROR", "Error", "DB::Exception", '"level": "error"', '"level": "critical"'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run. `identity` is set when the process must not run as root."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path
    identity: Identity | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0


@dataclass(slots=True)
class Process:
    """A running command, in a session of its own so that Ctrl-C in the terminal reaches only the supervisor."""

    command: Command
    _child: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.command.log.parent.mkdir(parents=True, exist_ok=True)
        with self.command.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.command.folder,
                env=dict(self.command.environment),
                start_new_session=True,
                preexec_fn=child_setup(self.command.identity),
            )

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

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Whether it ended within the time; without one, waits for ever."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.running:
            if deadline is not None and time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def stop(self) -> None:
        """Ask it to end; after the time-out, kill it. A suspended process is resumed first, or it would never hear."""
        if self.running:
            self.send(signal.SIGCONT)
            self.send(self.command.stop_signal)
        if not await self.wait(self.command.stop_timeout_s):
            self.kill()

    def kill(self) -> None:
        """SIGKILL to it and all its descendants; returns when it is gone."""
        family = (self.pid, *descendants(self.pid)) if self.running else ()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._child.wait()
        deadline = time.monotonic() + 5
        while any(map(_alive, family)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def send(self, number: signal.Signals) -> None:
        """Deliver the signal to the process alone, unless it has already ended."""
        if self.running:
            self._child.send_signal(number)


def child_setup(identity: Identity | None) -> Callable[[], None]:
    """What a forked child does before it becomes the program: drop root, and ask to die when its parent dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform.startswith("linux")
    parent = os.getpid()

    def setup() -> None:
        if identity is not None:
            become(identity)
        if linux:  # after the change of user, which clears it
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return setup


def descendants(pid: int) -> tuple[int, ...]:
    """Children, grandchildren and so on, as the kernel lists them now; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found: list[int] = []
    pending = [pid]
    while pending:
        born = children.get(pending.pop(), [])
        found += born
        pending += born
    return tuple(found)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def last_words(log: Path, start: int = 0) -> str:
    """The line of a log, from byte `start` on, that best says why a program ended."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, log.stat().st_size - 64_000))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "it wrote no log"
    for telling in _TELLING:
        told = [line for line in lines if any(word in line for word in telling)]
        if told:
            return _plain(told[-1])[:300]
    return _plain((lines or ["it wrote nothing"])[-1])[:300]


def _plain(line: str) -> str:
    """What a JSON log line says: its message, and of a traceback only the error."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "message" not in entry:
        return line
    said = str(entry["message"]).strip()
    message = said.splitlines()[-1] if said.startswith("Traceback") else said
    cause = str(entry.get("error", "")).strip().splitlines()[-1:]
    return ": ".join([message, *cause])
