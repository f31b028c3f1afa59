"""Repair of deduplication logs after a kill, before the engine opens the folder.

The engine writes the token of an insert to its table's log before it puts the part in place. A kill between the two
leaves a token without data, and the client's retry would be acknowledged and dropped as a duplicate.
"""

import re
from pathlib import Path

_PART = re.compile(r"(?P<partition>[^_]+)_(?P<first>\d+)_(?P<last>\d+)_\d+(?:_\d+)?")
_ADDED, _DROPPED = "1", "2"


def forget_tokens_without_parts(data: Path) -> None:
    """Withdraw every token whose part is neither there nor merged into another. Nothing else may use the folder."""
    for logs in (data / "store").glob("*/*/deduplication_logs"):
        files = sorted(logs.glob("deduplication_log_*.txt"), key=lambda file: int(file.stem.rsplit("_", 1)[1]))
        if files:
            _repair(files, parts=[part.name for part in logs.parent.iterdir() if part.is_dir()])


def _repair(files: list[Path], *, parts: list[str]) -> None:
    lines = [line for file in files for line in _complete_lines(file)]
    known: dict[str, str] = {}
    for operation, part, token in (line.split("\t") for line in lines):
        if operation == _ADDED:
            known[token] = part
        else:
            known.pop(token, None)
    ranges = [found for found in map(_PART.fullmatch, parts) if found is not None]
    orphans = [(part, token) for token, part in known.items() if not _is_there(part, ranges)]
    if orphans:
        with files[-1].open("a") as log:
            log.writelines(f"{_DROPPED}\t{part}\t{token}\n" for part, token in orphans)


def _complete_lines(file: Path) -> list[str]:
    """The lines of a log; a last line cut by the kill is taken out of the file."""
    text = file.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole)
    return whole.splitlines()


def _is_there(part: str, ranges: list[re.Match[str]]) -> bool:
    own = _PART.fullmatch(part)
    return own is None or any(
        own["partition"] == other["partition"] and int(other["first"]) <= int(own["first"]) <= int(other["last"])
        for other in ranges
    )
