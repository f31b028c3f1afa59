"""Server-sent events, as the HTML standard describes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; `id` is the last one that the stream gave, also by an earlier event."""

    id: str
    name: str
    data: str


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a stream. Only line feeds end them: JSON may contain every other separator of Unicode."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode(errors="replace")


def server_events(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """Yield the events of a stream's lines. Comments, which keep the connection open, are skipped."""
    last_id, name, data = "", "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield ServerEvent(last_id, name, "\n".join(data))
            name, data = "message", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "id":
            last_id = value
        elif key == "event":
            name = value
        elif key == "data":
            data.append(value)
