"""Kills what a supervisor leaves behind when it is killed itself: nginx's worker, for one, outlives its master.

Runs as a small process of its own with the pipe from the supervisor as standard input: `+123` watches the process group
123, `-123` forgets it, and the end of the pipe, which the kernel makes however the supervisor ends, kills the rest.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


class OrphanReaper:
    """The supervisor's end. Groups that were stopped in good order must be forgotten, for their numbers are used anew."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={},
        )

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def dismiss(self) -> None:
        """End it; what it still watches is killed."""
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        self._child.wait()

    def _tell(self, line: str) -> None:
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.write(line.encode())
                self._child.stdin.flush()


def reap_orphans() -> None:
    """Follow the pipe to its end, then kill."""
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
