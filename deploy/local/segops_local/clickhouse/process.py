"""Start and stop the local ClickHouse as a process of its own."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

_POLL_S = 0.02


@dataclass(slots=True, kw_only=True)
class ClickHouseProcess:
    """One process on one folder; `start` may follow `stop` or `kill`."""

    data: Path
    port: int
    arguments: tuple[str, ...] = ()
    ready_within_s: float = 30.0
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Base URL of the HTTP interface."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when /ping answers. Raises RuntimeError with what the process said when it ends before."""
        command = [sys.executable, "-m", "segops_local.clickhouse", "--data", str(self.data), "--port", str(self.port)]
        self._process = subprocess.Popen([*command, *self.arguments], stderr=subprocess.PIPE, text=True)
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
        process, self._process = self._process, None
        return process.communicate()[1].strip() if process else ""

    def _end(self, *, kill: bool) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if kill:
            process.kill()
        else:
            process.terminate()
        process.communicate()
        return process.returncode

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
                return bool(answer.read() == b"Ok.\n")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
