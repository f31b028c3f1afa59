"""Kills the processes that a killed supervisor leaves behind: nginx's worker, for one, outlives its master.

It is a small process whose standard input is a pipe from the supervisor. The line `+123` adds the process group 123 and
`-123` removes it. The kernel closes the pipe however the supervisor ends, and then the remaining groups are killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


class OrphanReaper:
    """The supervisor's end of the pipe. Remove groups that have ended: the system may reuse their numbers."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={},
        )

    def watch(self, group: int) -> None:
        self._send(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._send(f"-{group}\n")

    def dismiss(self) -> None:
        """Stop the reaper. The groups that it still watches are killed."""
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        self._child.wait()

    def _send(self, line: str) -> None:
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.write(line.encode())
                self._child.stdin.flush()


def reap_orphans() -> None:
    """Read the pipe to its end, then kill the remaining groups."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    reap_orphans()
