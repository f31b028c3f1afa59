"""The processes that a program has started, and how they are ended when the program itself is gone already.

nginx's workers and PostgreSQL's backends outlive a killed master: they hold its port and its memory. They are found by
their process group, their session, or a mark in their command line, and never by a number alone: the system uses numbers
again, so a process must have begun after the program, in the same boot, and run the same program.

The module is also a small process of its own, the reaper: `python -I -S family.py`. Its standard input is a pipe from the
supervisor. The line `+{family}` adds a family and `-PID` removes it. The kernel closes the pipe however the supervisor
ends, and then the remaining families are killed. It imports nothing of the project, so that it starts within milliseconds.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_POLL_S = 0.02
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Family:
    """A program by its process id, start (clock ticks since boot) and name, and what marks its descendants.

    `mark` is in the command lines of descendants that leave the program's group and session; empty when none does.
    """

    pid: int
    started: int
    name: str
    boot: str
    mark: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the kernel's table of processes."""

    pid: int
    name: str
    parent: int
    group: int
    session: int
    started: int
    alive: bool


def family_of(pid: int, mark: str = "") -> Family:
    """Return the family of a running process, which may have ended meanwhile."""
    entry = _read(pid)
    started, name = (entry.started, entry.name) if entry is not None else (0, "")
    return Family(pid, started, name, _boot(), mark)


def from_json(text: str) -> Family | None:
    """Return a family that was written before, None for a damaged text."""
    with contextlib.suppress(ValueError, TypeError):
        return Family(**json.loads(text))
    return None


def members(family: Family) -> frozenset[int]:
    """Return the living processes of the family. Empty after a reboot and on systems without /proc."""
    if family.boot != _boot():
        return frozenset()
    table = {entry.pid: entry for entry in _table()}
    leader = table.get(family.pid)
    if leader is not None and leader.started != family.started:
        return _marked(family, table)
    own = {entry.pid for entry in table.values() if _belongs(entry, family)}
    return frozenset(_with_descendants(own | _marked(family, table), table))


def _belongs(entry: _Entry, family: Family) -> bool:
    if entry.pid == family.pid:
        return True
    of_group = family.pid in (entry.group, entry.session)
    return of_group and entry.started >= family.started and entry.name == family.name


def end_family(family: Family) -> None:
    """Send SIGKILL to the whole family. Return when it has ended."""
    deadline = time.monotonic() + _PATIENCE_S
    while (rest := members(family)) and time.monotonic() < deadline:
        for pid in rest:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def _marked(family: Family, table: Mapping[int, _Entry]) -> frozenset[int]:
    mark = family.mark.encode()
    later = (entry.pid for entry in table.values() if mark and entry.started >= family.started)
    return frozenset(pid for pid in later if mark in _command_line(pid))


def _with_descendants(pids: set[int] | frozenset[int], table: Mapping[int, _Entry]) -> set[int]:
    family = {pid for pid in pids if pid in table}
    while born := {entry.pid for entry in table.values() if entry.parent in family} - family:
        family |= born
    return {pid for pid in family if table[pid].alive}


def _table() -> Iterator[_Entry]:
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit() and (entry := _read(int(name))) is not None:
            yield entry


def _read(pid: int) -> _Entry | None:
    try:
        start, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    words = rest.split()
    return _Entry(
        pid, start.partition("(")[2], int(words[1]), int(words[2]), int(words[3]), int(words[19]), words[0] not in "ZX"
    )


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def reap(lines: Iterable[str]) -> None:
    """Read the lines to their end, then kill the remaining families."""
    families: dict[int, Family] = {}
    for line in lines:
        family = from_json(line[1:]) if line[0] == "+" else None
        if family is not None:
            families[family.pid] = family
        else:
            families.pop(int(line[1:]), None)
    for family in families.values():
        end_family(family)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    reap(sys.stdin)
