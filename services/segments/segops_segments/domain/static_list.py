"""The list of a static segment: whom it may hold, and what the other services are told of its changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from segops_common.contracts.jobs import StaticMembersChanged
from segops_segments.domain.segment import Segment

MAX_USER_ID_CHARS: Final = 256
MAX_USER_IDS: Final = 10_000_000
"""In one upload."""
PORTION_BYTES: Final = 128 * 1024
"""Of a message; the event log takes 1 MiB, which is room for every character written as an escape of six."""


def user_id_fault(value: object) -> tuple[str, str] | None:
    """The code and words for what can be nobody's id; the same ids as those that events may carry."""
    if type(value) is not str:
        return "wrong-type", "must be text"
    if not 0 < len(value) <= MAX_USER_ID_CHARS:
        return "wrong-length", f"must have 1 to {MAX_USER_ID_CHARS} characters"
    if "\0" in value:
        return "nul-character", "no text may hold U+0000"
    return ("blank", "may not be blank") if value.isspace() else None


def room_of(user_id: str) -> int:
    """The bytes of an id in a message, between quotes and with its comma."""
    return len(user_id.encode()) + 3


def portions_of(user_ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in their order, in portions that a message has room for."""
    portion: list[str] = []
    size = 0
    for user_id in user_ids:
        portion.append(user_id)
        size += room_of(user_id)
        if size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


@dataclass(frozen=True, slots=True)
class ListChange:
    """A segment at the version that a change gives it, and its version before; each is a version of its list."""

    segment: Segment
    base_version: int

    def portion(
        self,
        part: int,
        parts: int,
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        replacing: bool = False,
        deleted: bool = False,
    ) -> StaticMembersChanged:
        """What the other services are told of it in one message."""
        return StaticMembersChanged(
            tenant_id=self.segment.tenant_id,
            segment_id=self.segment.id,
            list_version=self.segment.version,
            base_version=self.base_version,
            part=part,
            parts=parts,
            replace=replacing,
            deleted=deleted,
            add=tuple(add),
            remove=tuple(remove),
        )


def no_members(segment: Segment, *, deleted: bool = False) -> StaticMembersChanged:
    """Word that from this version of the segment on its list is empty."""
    return ListChange(segment, 0).portion(1, 1, replacing=True, deleted=deleted)
