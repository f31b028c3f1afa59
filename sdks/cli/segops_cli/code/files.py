"""A segment as a file: a header of `key: value` lines, an empty line, and the definition in its text form."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from segops_cli.code.references import names_in
from segops_cli.errors import usage

SUFFIX: Final = ".segment"
_KEYS: Final = ("name", "description", "tags", "refresh", "type")
_REFRESH: Final = ("manual", "hourly", "live")
_TYPES: Final = ("rule", "ai")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a file says about a segment. `text` names other segments by their names, and begins at `first_line`."""

    name: str
    text: str
    description: str = ""
    tags: tuple[str, ...] = ()
    refresh: str = "manual"
    segment_type: str = "rule"
    first_line: int = field(default=1, compare=False)

    @property
    def references(self) -> frozenset[str]:
        """The names of the segments that the definition refers to."""
        return frozenset(names_in(self.text))


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A file and what it says."""

    path: Path
    declared: Declared


def read_folder(folder: Path) -> list[SegmentFile]:
    """Return the files of a folder by their names. Raises CliError for a bad file, or two with one segment."""
    if not folder.is_dir():
        raise usage(f"{folder} must be a folder", "Write your segments into it with `segops segments export FOLDER`.")
    files = [SegmentFile(path, read_file(path)) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    first: dict[str, Path] = {}
    for file in files:
        if file.declared.name in first:
            raise usage(f"{file.path}: {first[file.declared.name]} has the same name: {file.declared.name!r}")
        first[file.declared.name] = file.path
    return files


def read_file(path: Path) -> Declared:
    """Return what a file says. Raises CliError with the line of the fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{path} cannot be read: {error}") from None
    try:
        return parsed(text)
    except _Fault as fault:
        raise usage(f"{path}:{fault.line}: {fault.detail}") from None


def parsed(text: str) -> Declared:
    """Return what the content of a file says."""
    lines = text.splitlines()
    header_end = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    fields = _header(lines[:header_end])
    if not fields.get("name"):
        raise _Fault(1, "the header must have a line `name: …`")
    body = "\n".join(lines[header_end:])
    definition = body.strip()
    if not definition:
        raise _Fault(header_end + 1, "the definition must follow the header, after an empty line")
    try:
        names_in(definition)
    except ValueError:
        raise _Fault(header_end + 1, "the name of a segment must be a JSON string") from None
    first_line = header_end + 1 + body[: body.index(definition)].count("\n")
    return Declared(text=definition, first_line=first_line, **fields)


def written(declared: Declared) -> str:
    """Return the content of a file. Reading it returns the same."""
    fields: dict[str, str] = {"name": _quoted(declared.name)}
    if declared.description:
        fields["description"] = _quoted(declared.description)
    if declared.tags:
        fields["tags"] = _quoted_list(declared.tags)
    fields["refresh"] = declared.refresh
    if declared.segment_type != "rule":
        fields["type"] = declared.segment_type
    header = "".join(f"{key}: {value}\n" for key, value in fields.items())
    return f"{header}\n{declared.text.strip()}\n"


def file_names(names: Mapping[int, str], taken: Mapping[str, Path]) -> Iterator[tuple[int, str]]:
    """Yield a file name for each segment by its id: the one that it has (`taken`, by the segment's name), or a new one."""
    used = {path.name for path in taken.values()}
    for segment_id, name in names.items():
        if name in taken:
            yield segment_id, taken[name].name
            continue
        file_name = f"{_slug(name)}{SUFFIX}"
        if file_name in used:
            file_name = f"{_slug(name)}-{segment_id}{SUFFIX}"
        used.add(file_name)
        yield segment_id, file_name


class _Fault(Exception):
    def __init__(self, line: int, detail: str) -> None:
        super().__init__(detail)
        self.line = line
        self.detail = detail


def _header(lines: Iterable[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        key, colon, value = line.partition(":")
        if not colon or key.strip() not in _KEYS:
            raise _Fault(number, f"a line of the header must begin with one of {', '.join(_KEYS)}, and a colon")
        try:
            fields |= _field(key.strip(), value.strip())
        except ValueError as error:
            raise _Fault(number, f"{key.strip()}: {error}") from None
    return fields


def _field(key: str, value: str) -> dict[str, Any]:
    if key == "tags":
        return {"tags": _tags(value)}
    text = json.loads(value) if value.startswith('"') else value
    allowed = {"refresh": _REFRESH, "type": _TYPES}.get(key)
    if allowed is not None and text not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return {"segment_type" if key == "type" else key: text}


def _tags(value: str) -> tuple[str, ...]:
    if not value.startswith("["):
        return tuple(tag.strip() for tag in value.split(",") if tag.strip())
    tags = json.loads(value)
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("must be tags separated by commas, or a JSON list of strings")
    return tuple(tags)


def _quoted(text: str) -> str:
    is_plain = text == text.strip() and text.isprintable() and not text.startswith('"')
    return text if is_plain else json.dumps(text)


def _quoted_list(tags: tuple[str, ...]) -> str:
    line = ", ".join(tags)
    is_plain = line.isprintable() and not line.startswith("[") and _tags(line) == tags
    return line if is_plain else json.dumps(tags)


def _slug(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:60] or "segment"
