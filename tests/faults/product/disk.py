"""A disk of limited size, and a file that fills it."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "600m"
_PORTIONS = (16 * 1024**2, 1024**2, 4096)
_REFILL_S = 0.02
CANNOT = "only root may mount the tmpfs that becomes the full disk"


@contextmanager
def limited_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk on the folder, if this process may: the value says so."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and _run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0711", "segops", str(folder))
    try:
        yield mounted
    finally:
        if mounted:
            _run("umount", "--lazy", str(folder))


async def fill(file: Path, *, for_s: float) -> int:
    """Fill the disk of the file, keep it full for that long, and free it again. Return how often it was filled."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    os.unlink(file)  # so that the space is free again however this process ends
    loop, fillings = asyncio.get_running_loop(), 0
    try:
        fillings += await asyncio.to_thread(_write_all, descriptor)
        end = loop.time() + for_s
        while loop.time() < end:
            fillings += await asyncio.to_thread(_write_all, descriptor)
            await asyncio.sleep(_REFILL_S)
    finally:
        os.close(descriptor)
    return fillings


def _write_all(descriptor: int) -> bool:
    """Take all free space, first in large portions, and return True."""
    for portion in _PORTIONS:
        while _take(descriptor, portion):
            pass
    return True


def _take(descriptor: int, portion: int) -> bool:
    try:
        os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, portion)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
