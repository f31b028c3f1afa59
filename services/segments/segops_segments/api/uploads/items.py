"""What the readers of all formats give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Item(NamedTuple):
    """The value in a line of an upload, not validated yet; or a fault, as code and detail."""

    line: int
    value: object = None
    is_trimmed: bool = False
    fault: tuple[str, str] | None = None


class ListFormat(Protocol):
    """Reads the ids of an upload. What it has understood so far is in its attributes."""

    @property
    def form(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def delimiter(self) -> str | None: ...
    @property
    def heading(self) -> str | None: ...

    def read(self, piece: bytes, *, is_last: bool = False) -> Iterator[Item]:
        """Yield the items that end in this piece."""
        ...
