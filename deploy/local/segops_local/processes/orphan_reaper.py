"""Ends what a supervisor leaves behind: at once when it is killed, and at the next start when its reaper was killed too."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from segops_local.processes import family as families
from segops_local.processes.family import Family, end_family, from_json
from segops_local.state.secrets import write_private


class OrphanReaper:
    """The supervisor's end of the pipe to the reaper. The file lists the families that run, for the next start.

    The caller must hold the state folder: what the file lists is ended when this object is made.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._families: dict[int, Family] = {}
        _end_all_in(file)
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(families.__file__)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={},
        )

    @property
    def pid(self) -> int:
        """The reaper's process id."""
        return self._child.pid

    def watch(self, family: Family) -> None:
        """Add the family of a process that has just been started. Raises OSError when the file cannot be written."""
        self._families[family.pid] = family
        self._send(f"+{family.to_json()}\n")
        self._write()

    def forget(self, family: Family) -> None:
        """Remove a family that has ended. In a file that cannot be written it stays, where it does no harm."""
        if self._families.pop(family.pid, None) is not None:
            self._send(f"-{family.pid}\n")
            self._write_if_possible()

    def dismiss(self) -> None:
        """Stop the reaper. The families that it still watches are killed."""
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        self._child.wait()
        self._families.clear()
        self._write_if_possible()

    def _send(self, line: str) -> None:
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.write(line.encode())
                self._child.stdin.flush()

    def _write_if_possible(self) -> None:
        # The disk may be full, or the folder itself deleted by `make reset` or a test.
        with contextlib.suppress(OSError):
            self._write()

    def _write(self) -> None:
        write_private(self._file, json.dumps([family.to_json() for family in self._families.values()]))


def _end_all_in(file: Path) -> None:
    try:
        texts = json.loads(file.read_text())
    except (OSError, ValueError):
        return
    for text in texts if isinstance(texts, list) else ():
        family = from_json(str(text))
        if family is not None:
            end_family(family)
