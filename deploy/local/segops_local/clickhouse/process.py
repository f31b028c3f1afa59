"""Start and stop the local ClickHouse as a process of its own."""

import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_POLL_S = 0.02


@dataclass(slots=True, kw_only=True)
class ClickHouseProcess:
    """One process on one folder; `start` may follow `stop` or `kill`."""

    data: Path
    port: int
    arguments: tuple[str, ...] = ()
    ready_within_s: float = 30.0
    _stderr: IO[bytes] | None = field(default=None, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Base URL of the HTTP interface."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when /ping answers. Raises RuntimeError with what the process said when it ends before."""
        command = [sys.executable, "-m", "segops_local.clickhouse", "--data", str(self.data), "--port", str(self.port)]
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process, closed in _end
        self._process = subprocess.Popen([*command, *self.arguments], stderr=self._stderr)
        deadline = time.monotonic() + self.ready_within_s
        while not self._answers():
            if self._process.poll() is not None:
                raise RuntimeError(self._said())
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"not ready within {self.ready_within_s} s")
            time.sleep(_POLL_S)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(kill=False)

    def kill(self) -> int:
        """SIGKILL; the exit code."""
        return self._end(kill=True)

    def _said(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace").strip()

    def _end(self, *, kill: bool) -> int:
        process, self._process = self._process, None
        stderr, self._stderr = self._stderr, None
        if stderr is not None:
            stderr.close()
        if process is None:
            return 0
        if kill:
            process.kill()
        else:
            process.terminate()
        return process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
                return bool(answer.read() == b"Ok.\n")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
