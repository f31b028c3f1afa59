"""Output in the terminal while the stack runs: one short line for each warning that a process logs."""

import asyncio
import contextlib
import json
import shutil
import sys
from pathlib import Path

_POLL_S = 0.5
_LEVELS = frozenset({"warning", "error", "critical"})


def say(line: str) -> None:
    """Print a line and flush it, so that it also passes a pipe at once. Has no effect when its reader is gone, such as a closed terminal."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


class LogFollower:
    """Prints warnings from the processes' logs as `ingest.sink | message`. Empties a log that exceeds `max_bytes`."""

    def __init__(self, folder: Path, *, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._read_to = {file: file.stat().st_size for file in folder.glob("*.log")}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            for line in await asyncio.to_thread(self.new_lines):
                say(line)

    def new_lines(self) -> list[str]:
        """Return a line for each warning since the last call."""
        lines: list[str] = []
        for file in sorted(self._folder.glob("*.log")):
            start = self._read_to.get(file, 0)
            with file.open("rb") as log:
                log.seek(start)
                text = log.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._read_to[file] = start + len(whole)
            lines += [short for line in whole.splitlines() if (short := _short(file.stem, line)) is not None]
            if self._read_to[file] > self._max_bytes:
                self._empty(file)
        return lines

    def _empty(self, file: Path) -> None:
        """Copy the log and truncate it: the writer keeps its open file, so it cannot be moved."""
        shutil.copyfile(file, file.with_suffix(".log.1"))
        with file.open("r+b") as log:
            log.truncate(0)
        self._read_to[file] = 0


def _short(name: str, line: bytes) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or str(entry.get("level", "")).lower() not in _LEVELS:
        return None
    return f"{name} | {entry.get('message') or entry.get('event') or entry}"[
        : max(shutil.get_terminal_size().columns, 100)
    ]


def print_error(line: str) -> None:
    """Print a line to standard error and flush it, if anybody reads it."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
