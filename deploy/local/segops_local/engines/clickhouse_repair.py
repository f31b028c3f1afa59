"""Repairs deduplication logs after a kill, before the server opens the folder.

The server writes the token of an insert to the table's log before it moves the part into place. A kill between the two
leaves a token without data: the client's retry would be acknowledged and dropped as a duplicate.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_PART = re.compile(r"(?P<partition>[^_]+)_(?P<first>\d+)_(?P<last>\d+)_\d+(?:_\d+)?")
_ADDED, _DROPPED = "1", "2"


def forget_tokens_without_parts(data: Path) -> None:
    """Revoke each token whose part does not exist, alone or merged. Nothing else may use the folder."""
    for logs in (data / "store").glob("*/*/deduplication_logs"):
        files = sorted(logs.glob("deduplication_log_*.txt"), key=lambda file: int(file.stem.rsplit("_", 1)[1]))
        if files:
            _repair(files, parts=[part.name for part in logs.parent.iterdir() if part.is_dir()])


def _repair(files: list[Path], *, parts: list[str]) -> None:
    lines = [line for file in files for line in _complete_lines(file)]
    part_by_token: dict[str, str] = {}
    for operation, part, token in (line.split("\t") for line in lines):
        if operation == _ADDED:
            part_by_token[token] = part
        else:
            part_by_token.pop(token, None)
    ranges: dict[str, list[tuple[int, int]]] = {}
    for match in filter(None, map(_PART.fullmatch, parts)):
        ranges.setdefault(match["partition"], []).append((int(match["first"]), int(match["last"])))
    orphans = [(part, token) for token, part in part_by_token.items() if not _exists(part, ranges)]
    if orphans:
        with files[-1].open("a") as log:
            log.writelines(f"{_DROPPED}\t{part}\t{token}\n" for part, token in orphans)


def _complete_lines(file: Path) -> list[str]:
    """Return the lines of a log. An incomplete last line is removed from the file."""
    text = file.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole)
    return whole.splitlines()


def _exists(part: str, ranges: Mapping[str, list[tuple[int, int]]]) -> bool:
    """Return whether a part is there, alone or merged. `ranges` are the first and last blocks of parts by partition."""
    own = _PART.fullmatch(part)
    return own is None or any(first <= int(own["first"]) <= last for first, last in ranges.get(own["partition"], ()))
