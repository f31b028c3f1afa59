"""The base of every engine, service and gateway: one process with a port."""

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from segops_local.errors import LocalError, reason_of
from segops_local.processes.identity import Identity, settle
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.processes.process import Command, Process, failure_line
from segops_local.state.ports import HOST, is_free, let_go, remembered_port

_POLL_S = 0.03
_ATTEMPTS = 3


class Server(ABC):
    """A program with its files in `state_dir`. Without `port`, it gets a free one and keeps it over restarts.

    `should_run` is true from `start` to `stop`: a supervisor restarts a program that has ended and should run.
    """

    name: str
    title: str
    ready_timeout_s: ClassVar[float] = 60.0
    ready_poll_s: ClassVar[float] = 0.03

    def __init__(self, state_dir: Path, port: int | None = None) -> None:
        self.state_dir = state_dir.resolve()
        self.log = self.state_dir / f"{self.name}.log"
        self.should_run = False
        self.orphan_reaper: OrphanReaper | None = None
        self.identity: Identity | None = None
        self._given_port = port
        self._port: int | None = port
        self._process: Process | None = None
        self._starting = asyncio.Lock()

    @property
    def port(self) -> int:
        """The port it listens on, the same for as long as this object lives. Raises LocalError before the first start."""
        if self._port is None:
            raise LocalError(f"{self.title} has not been started yet.")
        return self._port

    @property
    @abstractmethod
    def url(self) -> str:
        """The address, in the form that clients expect."""

    @property
    def process(self) -> Process | None:
        """The process that was started last; None after an ordered stop."""
        return self._process

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def failure(self) -> str:
        """Why the process that was started last ended."""
        return failure_line(self.log) if self._process is None else self._process.failure

    async def start(self) -> None:
        """Return when it answers, at once if it runs. Raises LocalError with the reason in one line."""
        async with self._starting:
            self.should_run = True
            if self.running:
                return
            former_port = self._port
            try:
                await self._start(former_port)
            except BaseException as error:
                self._kill()
                self._port = former_port
                if isinstance(error, OSError):
                    raise LocalError(f"{self.title} could not start: {reason_of(error)}.") from error
                raise

    async def stop(self) -> None:
        """Stop it in good order. Has no effect when it does not run."""
        self.should_run = False
        if self._process is not None:
            await self._process.stop()
            self._forget()

    async def restart(self) -> None:
        """Stop, then start on the same port."""
        await self.stop()
        await self.start()

    async def ready(self, timeout_s: float = 30.0) -> None:
        """Return when it answers, whoever starts it. Raises LocalError after the timeout."""
        deadline = time.monotonic() + timeout_s
        while not (self.running and await self.answers()):
            if time.monotonic() > deadline:
                raise LocalError(f"{self.title} does not answer: {self.failure}")
            await asyncio.sleep(_POLL_S)

    async def wait_until_down(self) -> None:
        """Return when it should run and does not."""
        while True:
            if self.should_run and not self.running:
                return
            await asyncio.sleep(_POLL_S)

    def kill(self, *, stay_down: bool = False) -> None:
        """Send SIGKILL to the process and its descendants. A supervisor restarts it, unless it must stay down."""
        self.should_run = self.should_run and not stay_down
        self._kill()

    def suspend(self) -> None:
        """Freeze it with SIGSTOP: its connections stay open and get no answer."""
        self._send(signal.SIGSTOP)

    @abstractmethod
    def command(self, port: int) -> Command:
        """Return the command that runs the program on the port, in the foreground."""

    @abstractmethod
    async def answers(self) -> bool:
        """Return whether a client would be served now."""

    def prepare(self) -> None:  # noqa: B027 - most programs make their files themselves
        """Prepare the folder. Called before every start."""

    def programs(self) -> tuple[Path, ...]:
        """Return the programs and folders that its own user must reach. Empty for one that runs as its supervisor does."""
        return ()

    def is_transient(self, reason: str) -> bool:
        """Return whether another attempt may succeed after a start that failed for this reason."""
        return "in use" in reason.lower()

    @staticmethod
    def address(port: int) -> str:
        return f"{HOST}:{port}"

    async def _start(self, former_port: int | None) -> None:
        # What a killed program has left behind holds its port and its files.
        await asyncio.to_thread(self._kill)
        await asyncio.to_thread(self._make_folder)
        if programs := self.programs():
            self.identity = await asyncio.to_thread(settle, self.state_dir, programs)
        await asyncio.to_thread(self.prepare)
        for attempt in range(1, _ATTEMPTS + 1):
            self._port = self._choose_port(former_port)
            log_start = self.log.stat().st_size if self.log.exists() else 0
            self._process = process = Process(self.command(self._port))
            if self.orphan_reaper is not None:
                self.orphan_reaper.watch(process.family)
            if await self._until_ready(process):
                let_go([self._port])
                return
            self._kill()
            reason = failure_line(self.log, log_start)
            if attempt == _ATTEMPTS or not self.is_transient(reason):
                raise LocalError(self._refusal(reason))
            await asyncio.sleep(attempt)

    def _choose_port(self, former_port: int | None) -> int:
        """Return the former port if there is one: clients hold on to it, so a restart must not move."""
        if former_port is None:
            return remembered_port(self.state_dir / "port")
        if not is_free(former_port):
            raise LocalError(
                f"Port {former_port} for {self.title} is already taken: stop that program or choose another port."
            )
        return former_port

    async def _until_ready(self, process: Process) -> bool:
        deadline = time.monotonic() + self.ready_timeout_s
        while process.running and time.monotonic() < deadline:
            if await self.answers():
                return True
            await asyncio.sleep(self.ready_poll_s)
        return False

    def _make_folder(self) -> None:
        try:
            self.state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(
                f"The folder {self.state_dir} cannot be created ({error.strerror}): choose another with STATE=."
            ) from error

    def _refusal(self, reason: str) -> str:
        full = "no space left" in reason.lower()
        remedy = "free some space" if full else "`make reset` deletes the data and starts afresh"
        return f"{self.title} could not start: {reason} (full log: {self.log}; {remedy})."

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._forget()

    def _forget(self) -> None:
        """Drop the ended process: the system may reuse its number."""
        if self.orphan_reaper is not None and self._process is not None:
            self.orphan_reaper.forget(self._process.family)
        self._process = None

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send(number)
