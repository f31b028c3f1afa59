"""The list of a static segment: its size, and the messages that publish a change of the list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from segops_common.contracts.jobs import StaticMembersChanged
from segops_segments.domain.segment import Segment

MAX_USER_IDS: Final = 10_000_000
"""The limit of one upload."""
PORTION_BYTES: Final = 128 * 1024
"""The size of a portion. The event log takes 1 MiB: enough if every character becomes an escape of six bytes."""


def needs_confirmation(size: int, next_size: int) -> bool:
    """Return whether a replacement is so much smaller that it may be a mistake: empty, or less than half of the list."""
    return next_size * 2 < size or (next_size == 0 and size > 0)


def message_bytes(user_id: str) -> int:
    """Return the size of an id in a message, in bytes, with its quotes and comma."""
    return len(user_id.encode()) + 3


def portions_of(user_ids: Iterable[str]) -> Iterator[list[str]]:
    """Split the ids, in their order, into portions that fit into one message each."""
    portion: list[str] = []
    size = 0
    for user_id in user_ids:
        portion.append(user_id)
        size += message_bytes(user_id)
        if size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


@dataclass(frozen=True, slots=True)
class ListChange:
    """A segment at the version that a change of its list gives it, and the version of the list before the change."""

    segment: Segment
    base_version: int

    def to_message(
        self,
        part: int,
        parts: int,
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        is_replacement: bool = False,
        deleted: bool = False,
    ) -> StaticMembersChanged:
        """Return the message that publishes one portion of the change; `part` counts from 1."""
        return StaticMembersChanged(
            tenant_id=self.segment.tenant_id,
            segment_id=self.segment.id,
            list_version=self.segment.version,
            base_version=self.base_version,
            part=part,
            parts=parts,
            replace=is_replacement,
            deleted=deleted,
            add=tuple(add),
            remove=tuple(remove),
        )


def empty_list(segment: Segment, *, deleted: bool = False) -> StaticMembersChanged:
    """Return the message that empties the list as of this version of the segment."""
    return ListChange(segment, 0).to_message(1, 1, is_replacement=True, deleted=deleted)
