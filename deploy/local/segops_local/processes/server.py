"""What every part of a stack is: one process with a port, that is ready or says why not."""

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from segops_local.errors import LocalError
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.processes.process import Command, Process, last_words
from segops_local.state.ports import HOST, is_free, remembered_port

_POLL_S = 0.03
_ATTEMPTS = 3


class Server(ABC):
    """A program with its files in `state_dir`. Without `port` a free one is chosen and kept over restarts.

    `wanted` says whether it should be running: a supervisor starts it again when it ended although it is wanted.
    """

    name: str
    title: str
    ready_timeout_s: ClassVar[float] = 60.0
    ready_poll_s: ClassVar[float] = 0.03

    def __init__(self, state_dir: Path, port: int | None = None) -> None:
        self.state_dir = state_dir.absolute()
        self.log = self.state_dir / f"{self.name}.log"
        self.wanted = False
        self.orphan_reaper: OrphanReaper | None = None
        self._given_port = port
        self._port: int | None = port
        self._process: Process | None = None
        self._starting = asyncio.Lock()

    @property
    def port(self) -> int:
        """The port it listens on; known once it was started, and kept as long as this object lives."""
        if self._port is None:
            raise LocalError(f"{self.title} was not started yet.")
        return self._port

    @property
    @abstractmethod
    def url(self) -> str:
        """The address in the form a client takes it."""

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
    def last_words(self) -> str:
        """The line of its log that best says how it ended."""
        return last_words(self.log)

    async def start(self) -> None:
        """Return when it answers; nothing to do when it runs. Raises LocalError with one line that says why not."""
        async with self._starting:
            self.wanted = True
            if self.running:
                return
            known = self._port
            try:
                await self._start(known)
            except BaseException:
                self._kill()
                self._port = known
                raise

    async def stop(self) -> None:
        """End it in good order; nothing to do when it does not run."""
        self.wanted = False
        if self._process is not None:
            await self._process.stop()
            self._forget()

    async def restart(self) -> None:
        """Stop, then start on the same port."""
        await self.stop()
        await self.start()

    async def ready(self, timeout_s: float = 30.0) -> None:
        """Return when it answers, whoever starts it; raises LocalError after the time."""
        deadline = time.monotonic() + timeout_s
        while not (self.running and await self.answers()):
            if time.monotonic() > deadline:
                raise LocalError(f"{self.title} does not answer: {self.last_words}")
            await asyncio.sleep(_POLL_S)

    async def missed(self) -> None:
        """Return when it is wanted and does not run."""
        while True:
            if self.wanted and not self.running:
                return
            await asyncio.sleep(_POLL_S)

    def kill(self, *, stay_down: bool = False) -> None:
        """SIGKILL to the whole of it at once; a supervisor starts it again unless it shall stay down."""
        self.wanted = self.wanted and not stay_down
        self._kill()

    def suspend(self) -> None:
        """Freeze it as it is (SIGSTOP): its connections stay open and nobody answers."""
        self._send(signal.SIGSTOP)

    @abstractmethod
    def command(self, port: int) -> Command:
        """The program on that port, in the foreground."""

    @abstractmethod
    async def answers(self) -> bool:
        """Whether a client would be served now."""

    def prepare(self) -> None:  # noqa: B027 - most programs make their files themselves
        """Lay out the folder; called before every start."""

    def may_pass(self, words: str) -> bool:
        """Whether a failed start is worth another try, judged by the program's last words."""
        return "in use" in words.lower()

    @staticmethod
    def address(port: int) -> str:
        return f"{HOST}:{port}"

    async def _start(self, known: int | None) -> None:
        await asyncio.to_thread(self._make_folder)
        await asyncio.to_thread(self.prepare)
        for attempt in range(1, _ATTEMPTS + 1):
            self._port = self._choose_port(known)
            said = self.log.stat().st_size if self.log.exists() else 0
            self._forget()
            self._process = process = Process(self.command(self._port))
            self._watch(process.pid)
            if await self._until_ready(process):
                return
            self._kill()
            if attempt == _ATTEMPTS or not self.may_pass(last_words(self.log, said)):
                raise LocalError(self._why_not(last_words(self.log, said)))
            await asyncio.sleep(attempt)

    def _choose_port(self, known: int | None) -> int:
        """Clients hold on to a port that was once announced, so a restart never moves."""
        if known is None:
            return remembered_port(self.state_dir / "port")
        if not is_free(known):
            raise LocalError(
                f"Port {known} for {self.title} is already taken: stop that program or choose another port."
            )
        return known

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
                f"The folder {self.state_dir} cannot be made ({error.strerror}): choose another with STATE=."
            ) from error

    def _why_not(self, words: str) -> str:
        return f"{self.title} could not start: {words} (all it said is in {self.log}; `make reset` starts afresh and deletes the data)."

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._forget()

    def _watch(self, pid: int) -> None:
        if self.orphan_reaper is not None:
            self.orphan_reaper.watch(pid)

    def _forget(self) -> None:
        """Done with the process; its number may be used anew."""
        if self.orphan_reaper is not None and self._process is not None:
            self.orphan_reaper.forget(self._process.pid)
        self._process = None

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send(number)
