"""Files in folders that belong to an engine's user: a link that a taken-over engine leaves there must not lead root elsewhere."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from segops_local.errors import LocalError

_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Open a folder for calls with `dir_fd`. Raises LocalError for a link, FileNotFoundError when there is none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _PLAIN)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refusal(folder, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_plain(file: Path, flags: int) -> int:
    """Open a file, a new one closed to others. Raises LocalError when it or its folder is a link, or it is no file."""
    with open_folder(file.parent) as folder:
        try:
            descriptor = os.open(file.name, flags | _PLAIN, 0o600, dir_fd=folder)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refusal(file, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refusal(file)
    return descriptor


def open_log(file: Path) -> BinaryIO:
    """Open a log to append to it. A new one is closed to others. Raises LocalError for a link."""
    return os.fdopen(open_plain(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")


def open_entry(name: str, folder: int) -> int | None:
    """Open a file in an open folder to read. Return None for links and everything else that is neither file nor folder."""
    if not _is_plain(os.lstat(name, dir_fd=folder)):
        return None
    descriptor = os.open(name, os.O_RDONLY | _PLAIN, dir_fd=folder)
    if _is_plain(os.fstat(descriptor)):
        return descriptor
    os.close(descriptor)
    return None


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def _refusal(path: Path, error: OSError | None = None) -> LocalError:
    reason = f" ({error.strerror})" if error else ""
    return LocalError(
        f"{path} must be a file or folder and not a link{reason}: move it away, or put the original there."
    )
