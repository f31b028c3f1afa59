"""Keeping an upload outside of memory until it is complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol


class Spool(Protocol):
    """Collects user ids, then returns them in portions."""

    @property
    def count(self) -> int:
        """The number of ids so far."""
        ...

    @property
    def parts(self) -> int:
        """The number of portions so far, at least one."""
        ...

    def add(self, user_ids: Sequence[str]) -> None:
        """Append ids."""
        ...

    def portions(self) -> Iterator[Sequence[str]]:
        """Return all ids, in their order, in portions that fit into one message each. Nothing can be added afterwards."""
        ...
