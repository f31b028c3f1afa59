"""Repairs deduplication logs after a kill, before the server opens the folder.

The server writes the token of an insert to the table's log before it moves the part into place. A kill between the two
leaves a token without data: the client's retry would be acknowledged and dropped as a duplicate.

It runs in the server's process, with the server's rights and no more. The folder may contain anything: links are never
followed, and what cannot be read is left out with a warning, so that it does not stop the start. The module imports
nothing of the project.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

_PART = re.compile(r"(?P<partition>[^_]+)_(?P<first>[0-9]{1,20})_(?P<last>[0-9]{1,20})_[0-9]+(?:_[0-9]+)?")
_LOG = re.compile(r"deduplication_log_(?P<number>[0-9]{1,20})\.txt")
_LINE = re.compile(r"(?P<operation>[12])\t(?P<part>[^\t]+)\t(?P<token>[^\t]*)")
_ADDED, _DROPPED = "1", "2"


def forget_tokens_without_parts(data: str) -> list[str]:
    """Revoke each token whose part does not exist, alone or merged. Return a warning for each log that is not repaired.

    Nothing else may use the folder.
    """
    warnings: list[str] = []
    stores = [folder for folder in _folders(Path(data)) if folder.name == "store"]
    for table in (table for store in stores for group in _folders(store) for table in _folders(group)):
        try:
            _repair(table, warnings)
        except OSError as error:
            warnings.append(f"The deduplication logs in {table} are not repaired: {error.strerror}.")
    return warnings


def _repair(table: Path, warnings: list[str]) -> None:
    logs = table / "deduplication_logs"
    if logs not in _folders(table):
        return
    names = sorted(filter(_LOG.fullmatch, os.listdir(logs)), key=_number)
    part_by_token: dict[str, str] = {}
    for match in (match for name in names for match in _entries(logs / name, warnings)):
        if match["operation"] == _ADDED:
            part_by_token[match["token"]] = match["part"]
        else:
            part_by_token.pop(match["token"], None)
    ranges = _ranges(part.name for part in _folders(table))
    orphans = [(part, token) for token, part in part_by_token.items() if not _exists(part, ranges)]
    if orphans:
        with os.fdopen(_open(logs / names[-1], os.O_WRONLY | os.O_APPEND), "ab") as log:
            lines = "".join(f"{_DROPPED}\t{part}\t{token}\n" for part, token in orphans)
            log.write(lines.encode(errors="surrogateescape"))


def _number(name: str) -> int:
    return int(name.removeprefix("deduplication_log_").removesuffix(".txt"))


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, links left out. Empty when there is none."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _entries(file: Path, warnings: list[str]) -> Iterator[re.Match[str]]:
    """Return the entries of a log. An incomplete last line is removed from the file."""
    with os.fdopen(_open(file, os.O_RDWR), "r+b") as log:
        content = log.read()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            log.truncate(len(whole))
    lines = whole.decode(errors="surrogateescape").split("\n")[:-1]
    matches = [_LINE.fullmatch(line) for line in lines]
    if None in matches:
        warnings.append(f"The deduplication log {file} has damaged lines, which are left out: {matches.count(None)}.")
    return filter(None, matches)


def _open(file: Path, flags: int) -> int:
    """Open a file. Raises OSError for a link and for everything that is not a file."""
    descriptor = os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(0, "it is not a file")


def _ranges(parts: Iterator[str]) -> Mapping[str, list[tuple[int, int]]]:
    """Return the first and last blocks of parts by partition."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for match in filter(None, map(_PART.fullmatch, parts)):
        ranges.setdefault(match["partition"], []).append((int(match["first"]), int(match["last"])))
    return ranges


def _exists(part: str, ranges: Mapping[str, list[tuple[int, int]]]) -> bool:
    """Return whether a part is there, alone or merged."""
    own = _PART.fullmatch(part)
    return own is None or any(first <= int(own["first"]) <= last for first, last in ranges.get(own["partition"], ()))
